"""Colours and sizes that the parts of a contact sheet share.

The colours are those of Okabe and Ito (Color Universal Design, 2008), which colour-blind people can distinguish. A lost
face is also hatched and dashed, so that it is visible in print without colours.
"""

FOUND, LOST, MARK, OUTLINE = "#0072B2", "#D55E00", "#F0E442", "black"

#: Of the classes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")

#: The width of a sheet, the margin around the pictures, and the gap between them, in.
WIDTH, MARGIN, GAP = 14.0, 0.1, 0.1
