"""Contact sheets: from one utterance to a picture of all there is to look at: its face as it is cached, and its sound.

What is shown is gathered into a record (`gather`, `record`), drawn (`draw`: the `frames` above, the `tracks` below),
and written (`write`). Nothing is added to the cache by looking.
"""
