"""Features: numbers from one utterance. One file a feature; the folder is the registry."""
