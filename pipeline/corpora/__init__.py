"""Corpora: from files on disk to utterances. One file a corpus; the folder is the registry."""
