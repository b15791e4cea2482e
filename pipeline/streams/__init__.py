"""The arrow from the cache to the rows of a corpus, ready for training."""
