"""Features: each turns one utterance into numbers. One file per feature; every file of this folder is discovered."""
