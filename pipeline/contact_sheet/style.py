"""What the parts of a contact sheet have in common.

Colours are Okabe and Ito's (Color Universal Design, 2008), which colour-blind people tell apart; what is lost is
hatched and dashed as well, so that it shows in print.
"""

FOUND, LOST, MARK, OUTLINE = "#0072B2", "#D55E00", "#F0E442", "black"

#: A sheet's width, what is between its edge and the pictures, and what is between those, in.
WIDTH, MARGIN, GAP = 14.0, 0.1, 0.1
