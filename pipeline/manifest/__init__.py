"""The utterances of a corpus, and the file that lists them."""
