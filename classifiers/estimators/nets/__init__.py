"""Neural networks on sequences: the estimators behind the classifier `net`, and the parts that they are built of."""
