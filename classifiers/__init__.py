"""Classifiers: the arrow from rows to decisions. Each file is one classifier, and the folder is the registry."""
