"""Estimators of our own, beside the classifiers that build them.

They stand apart because scikit-learn takes a second to import, and what lists the classifiers should not.
Every one passes scikit-learn's estimator checks.
"""

#: All that a saved model of ours may hold beside what skops trusts by itself: ``skops.io.loads(..., trusted=TRUSTED)``.
TRUSTED = (
    "classifiers.estimators.gmm.ClassMixtures",
    "classifiers.estimators.principal.PrincipalFeatures",
    "classifiers.estimators.selection.along_values",
    "classifiers.estimators.selection.between_classes",
    "classifiers.estimators.selection.spread",
    "classifiers.estimators.space.Space",
    "classifiers.estimators.svm.RBFMachine",
    "classifiers.estimators.svr.RBFRegressor",
    "classifiers.estimators.xgboost.BoostedRegressor",
    "classifiers.estimators.xgboost.BoostedTrees",
    "numpy.dtype",
)
