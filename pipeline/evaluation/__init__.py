"""The arrows from a table to scores: folds, the audit before them, training, metrics, intervals, tests."""
