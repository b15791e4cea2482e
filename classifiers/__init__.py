"""Classifiers: from rows to decisions. One file a classifier; the folder is the registry."""
