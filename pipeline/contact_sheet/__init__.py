"""Contact sheets: the arrow from one utterance to a picture of its cached face and its sound.

`gather` collects the content into a `record`, `draw` draws it (`frames` above, `tracks` below), and `write` writes the
file. A contact sheet adds nothing to the cache.
"""
