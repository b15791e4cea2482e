"""Estimators of our own, beside the classifiers that build them, and what is done with any estimator.

They stand apart because scikit-learn takes a second to import, and what lists the classifiers should not.
Every one passes scikit-learn's estimator checks.
"""
