"""The utterances of a corpus and the manifest file that lists them."""
