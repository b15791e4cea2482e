"""Estimators of our own, beside the classifiers that build them.

They stand apart because scikit-learn takes a second to import, and what lists the classifiers should not.
Every one passes scikit-learn's estimator checks.
"""

#: All that a saved model of ours may hold beside what skops trusts by itself: ``skops.io.loads(..., trusted=TRUSTED)``.
TRUSTED = (
    "affex.classifiers.estimators.gmm.ClassMixtures",
    "affex.classifiers.estimators.principal.PrincipalFeatures",
    "affex.classifiers.estimators.selection.along_values",
    "affex.classifiers.estimators.selection.between_classes",
    "affex.classifiers.estimators.selection.spread",
    "affex.classifiers.estimators.space.Space",
    "affex.classifiers.estimators.svm.RBFMachine",
    "affex.classifiers.estimators.svr.RBFRegressor",
    "affex.classifiers.estimators.xgboost.BoostedRegressor",
    "affex.classifiers.estimators.xgboost.BoostedTrees",
    "numpy.dtype",
)
