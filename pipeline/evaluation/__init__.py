"""The arrows from a matrix to scores: folds, the audit before them, training, metrics, intervals, tests."""
