"""The grammar of specs, and the features, classifiers and corpora that a spec may name."""
