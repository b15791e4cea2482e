"""Statistics of a corpus before any model: the arrow from utterances and their rows to numbers and warnings."""
