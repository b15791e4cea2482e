"""Estimators of this project, which the classifiers build, and functions for any scikit-learn estimator.

They have a folder of their own because scikit-learn takes a second to import, and listing the classifiers should not.
Every estimator passes scikit-learn's estimator checks.
"""
