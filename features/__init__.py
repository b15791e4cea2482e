"""Features: numbers from one clip. One file a feature; the folder is the registry."""
