"""Soundness: from a fitted estimator read from a file to an error if it is not consistent.

Swapped, cut or overwritten arrays would lead to an error deep inside a library, to NaN, or, if native code uses an
index from them, to the end of the process. The checks concern the form and not the truth: an estimator that was made
to mislead may pass them.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectPercentile
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from sklearn.svm._base import BaseLibSVM
from sklearn.utils import get_tags

from affex.classifiers.estimators import native
from affex.classifiers.estimators.fisher import FisherMachine
from affex.classifiers.estimators.gmm import ClassMixtures
from affex.classifiers.estimators.inspection import answer_of, parts
from affex.classifiers.estimators.kernel import KernelMachine
from affex.classifiers.estimators.native import UnsoundError
from affex.classifiers.estimators.principal import PrincipalFeatures
from affex.classifiers.estimators.space import Space
from affex.classifiers.estimators.xgboost import BoostedRegressor, BoostedTrees

Floats = NDArray[np.float64]

#: How many rows of each spread an estimator is tried on.
TRIALS = 4


def require_sound(estimator: Any, *, trial: bool = True) -> None:
    """Refuse a fitted estimator with inconsistent parts, or with no usable output for rows.

    Parameters
    ----------
    trial
        Whether it is tried on rows: zeros, missing values, and random rows of several spreads.

    Raises
    ------
    UnsoundError
        If the estimator is not sound. Any other exception means that a part is missing, or has another type.
    """
    for part in filter(_is_fitted, parts(estimator)):
        for kind, check in CHECKS.items():
            if isinstance(part, kind):
                check(part)
    if isinstance(estimator, KernelMachine | ClassMixtures):
        _require_scales(estimator)
    if hasattr(estimator, "classes_"):
        _require_classes(estimator)
    if trial:
        _try(estimator)


def _is_fitted(part: Any) -> bool:
    """Return whether a part is fitted; scikit-learn refuses to predict with an unfitted part."""
    return not isinstance(part, BaseEstimator) or any(name.endswith("_") for name in vars(part))


def _require_scales(estimator: Any) -> None:
    """Check that all scalers of an estimator of this project have its number of columns."""
    for part in parts(estimator):
        if isinstance(part, StandardScaler):
            _require("a scaler's mean", part.mean_, (estimator.n_features_in_,), finite=False)


def _require(
    what: str, array: Any, shape: tuple[int, ...], *, finite: bool = True, least: float = -np.inf, kinds: str = "fiu"
) -> None:
    """Refuse an array of another shape or type, or with values that are not finite or are too small."""
    found = np.asarray(array)
    if found.shape != shape or found.dtype.kind not in kinds:
        raise UnsoundError(f"{what} is {found.dtype} of the shape {found.shape}, expected numbers of {shape}")
    if finite and not np.isfinite(found).all():
        raise UnsoundError(f"{what} holds values that are not numbers")
    if (found < least).any():
        raise UnsoundError(f"{what} holds {found.min():g}, expected {least:g} at the least")


def _require_classes(estimator: Any) -> None:
    classes = np.asarray(estimator.classes_)
    if classes.ndim != 1 or classes.dtype.kind != "U" or len(classes) < 2 or len(np.unique(classes)) < len(classes):
        raise UnsoundError(f"its classes are {classes.dtype} of the shape {classes.shape}, expected two names or more")
    priors = getattr(estimator, "class_log_prior_", None)
    if priors is not None:
        _require("the classes' prior", priors, classes.shape)
    mixtures = getattr(estimator, "mixtures_", None)
    if mixtures is not None and len(mixtures) != len(classes):
        raise UnsoundError(f"it has {len(mixtures)} mixtures for {len(classes)} classes")
    machine = getattr(estimator, "machine_", None)
    if machine is not None and not np.array_equal(machine.classes_, classes):
        raise UnsoundError("its machine has other classes")


def _check_scale(scale: StandardScaler) -> None:
    shape, seen = (scale.n_features_in_,), np.asarray(scale.n_samples_seen_)
    known = np.broadcast_to(seen > 0, shape)
    for name in ("mean_", "scale_", "var_"):
        _require(f"a scaler's {name}", getattr(scale, name), shape, finite=False)
        if not np.isfinite(getattr(scale, name)[known]).all():
            raise UnsoundError(f"a scaler's {name} holds values that are not numbers")
    deviation, scales = np.sqrt(np.abs(scale.var_[known])), scale.scale_[known]
    if (scale.var_[known] < 0).any() or not ((scales == 1) | np.isclose(scales, deviation, rtol=1e-5)).all():
        raise UnsoundError("a scaler's scales are not the roots of its variances")


def _check_space(space: Space) -> None:
    n_kept = space.scale.n_features_in_ if space.choice is None else _n_kept(space.choice)
    _require("the training rows", space.rows, (len(space.rows), n_kept))


def _n_kept(choice: Any) -> int:
    return int(choice.n_components_ if isinstance(choice, PCA) else choice.get_support().sum())


def _check_machine(machine: BaseLibSVM) -> None:
    """Check that a libsvm machine refers to existing rows, because libsvm itself does not check."""
    support, n_support = np.asarray(machine.support_), np.asarray(machine._n_support)
    n_classes = len(machine.classes_) if is_classifier(machine) else 2
    n_machines = n_classes * (n_classes - 1) // 2
    _require("a machine's support", support, (len(support),), least=0, kinds="i")
    _require("a machine's counts of support", n_support, n_support.shape, least=0, kinds="i")
    of_machine = n_support.sum() if is_classifier(machine) else n_support[0]
    if len(n_support) != n_classes or of_machine != len(support):
        raise UnsoundError(f"a machine counts {n_support.tolist()} rows of support, and has {len(support)}")
    for name, shape in (("dual_coef_", (n_classes - 1, len(support))), ("intercept_", (n_machines,))):
        _require(f"a machine's {name}", getattr(machine, name), shape)
        _require(f"a machine's _{name}", getattr(machine, f"_{name}"), shape)
        if not np.array_equal(np.abs(getattr(machine, name)), np.abs(getattr(machine, f"_{name}"))):
            raise UnsoundError(f"a machine has {name} twice, and they differ")
    (_check_kernel_rows if machine.kernel == "precomputed" else _check_own_rows)(machine, support, n_machines)


def _check_kernel_rows(machine: BaseLibSVM, support: NDArray[Any], _: int) -> None:
    """Check that a machine on a kernel refers to existing training rows."""
    n_train, n_fit = machine.shape_fit_
    there = (support < n_train).all() and len(np.unique(support)) == len(support)
    if n_fit != n_train or not there:
        raise UnsoundError("a machine refers to training rows that are not there")
    if len(np.atleast_2d(machine.support_vectors_)) not in (0, 1) or np.size(machine._probA) or np.size(machine._probB):
        raise UnsoundError("a machine on a kernel has rows of its own")


def _check_own_rows(machine: BaseLibSVM, support: NDArray[Any], n_machines: int) -> None:
    """Check that a machine on rows holds its support vectors, with the right number of columns."""
    _require("a machine's rows of support", machine.support_vectors_, (len(support), machine.n_features_in_))
    for name in ("_probA", "_probB"):
        if np.size(getattr(machine, name)):
            _require(f"a machine's {name}", getattr(machine, name), (n_machines,))


def _check_machine_in_space(estimator: Any) -> None:
    """Check that an estimator's machine was fitted on the rows of its space."""
    if hasattr(estimator, "machine_"):
        n_train, _ = estimator.machine_.shape_fit_
        n_rows = len(estimator.space_.rows)
        if estimator.precomputed or n_train != n_rows:
            raise UnsoundError(f"its machine was fitted on {n_train} rows, and its space has {n_rows}")
        gamma = estimator.best_params_["gamma"]
        if not (np.isfinite(gamma) and gamma > 0):
            raise UnsoundError(f"gamma is {gamma}, expected more than 0")


def _check_mixture(mixture: GaussianMixture) -> None:
    shape = (mixture.n_components, mixture.n_features_in_)
    if mixture.covariance_type != "diag":
        raise UnsoundError(f"a mixture's covariances are {mixture.covariance_type}, expected diag")
    _require("a mixture's weights", mixture.weights_, shape[:1], least=0)
    _require("a mixture's means", mixture.means_, shape)
    for name in ("covariances_", "precisions_cholesky_"):
        _require(f"a mixture's {name}", getattr(mixture, name), shape, least=float(np.finfo(np.float32).tiny))
    expected = 1 / np.sqrt(np.asarray(mixture.covariances_, np.float64))
    if not np.isclose(mixture.weights_.sum(), 1, atol=1e-3) or not np.allclose(
        mixture.precisions_cholesky_, expected, rtol=1e-3
    ):
        raise UnsoundError("a mixture's weights do not sum to 1, or its precisions are not those of its covariances")


def _check_fisher(machine: FisherMachine) -> None:
    """Check that the scale, the components, the mixture and the machine of Fisher vectors fit each other."""
    n_columns = machine.n_features_in_
    n_seen = n_columns if machine.pca_ is None else int(machine.pca_.n_components_)
    n_numbers = machine.mixture_.n_components * (2 * n_seen + 1)
    given = [machine.scale_, machine.mixture_, machine.svm_, *filter(None, [machine.pca_])]
    wanted = [n_columns, n_seen, n_numbers, n_columns]
    if any(part.n_features_in_ != n for part, n in zip(given, wanted, strict=False)):
        raise UnsoundError("the parts of Fisher vectors are of other columns than each other")
    _require_scales(machine.svm_)
    _require_classes(machine.svm_)
    if not np.array_equal(machine.svm_.classes_, machine.classes_):
        raise UnsoundError("its machine has other classes")


def _check_directions(directions: PCA) -> None:
    shape = (int(directions.n_components_), int(directions.n_features_in_))
    _require("the directions", directions.components_, shape)
    _require("the directions' mean", directions.mean_, shape[1:])
    _require("the directions' variance", directions.explained_variance_, shape[:1], least=0)
    lengths = np.linalg.norm(directions.components_, axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):
        raise UnsoundError("the directions are not of length 1")


def _check_support(choice: Any) -> None:
    name = "scores_" if isinstance(choice, SelectPercentile) else "support_"
    kinds = "f" if isinstance(choice, SelectPercentile) else "b"
    found = np.asarray(getattr(choice, name))
    _require(f"a choice's {name}", found, (choice.n_features_in_,), finite=False, kinds=kinds)
    if np.isnan(found.astype(np.float64)).any():
        raise UnsoundError(f"a choice's {name} hold values that are not numbers")


def _check_booster(estimator: BoostedTrees | BoostedRegressor) -> None:
    """Check that trees refer to existing columns, nodes and classes, because XGBoost itself does not check."""
    learner = json.loads(estimator.booster_.save_raw("json"))["learner"]
    n_columns, n_classes = (int(learner["learner_model_param"][name]) for name in ("num_feature", "num_class"))
    wanted = len(estimator.classes_) if isinstance(estimator, BoostedTrees) else 0
    if n_columns != estimator.n_features_in_ or n_classes != wanted:
        raise UnsoundError(f"the trees are of {n_columns} columns and {n_classes} classes, expected "
                           f"{estimator.n_features_in_} and {wanted}")  # fmt: skip
    model = learner["gradient_booster"]["model"]
    of_class = np.asarray(model["tree_info"])
    _require("the trees' classes", of_class, (len(model["trees"]),), least=0, kinds="i")
    if (of_class >= max(1, n_classes)).any():
        raise UnsoundError("a tree is of a class that is not there")
    for tree in model["trees"]:
        _check_tree(tree, n_columns)


def _check_tree(tree: Mapping[str, Any], n_columns: int) -> None:
    left, right, columns = (np.asarray(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    n_nodes = len(left)
    for name, array, least in (("left", left, -1), ("right", right, -1), ("column", columns, 0)):
        _require(f"a tree's {name}", array, (n_nodes,), least=least, kinds="i")
    for name in ("split_conditions", "base_weights"):
        _require(f"a tree's {name}", tree[name], (n_nodes,))
    _require("a tree's default", tree["default_left"], (n_nodes,), kinds="iub")
    children = np.concatenate([left[left >= 0], right[right >= 0]])
    leads = (children < n_nodes).all() and 0 not in children and len(np.unique(children)) == len(children)
    if not n_nodes or not leads or ((left < 0) != (right < 0)).any() or (columns >= n_columns).any():
        raise UnsoundError("a tree refers to nodes or columns that are not there")
    if tree["categories"] or any(tree["split_type"]):
        raise UnsoundError("a tree has categories, and no column of ours is one")


def _try(estimator: Any) -> None:
    """Refuse an estimator without usable output for rows."""
    rows = _trial_rows(estimator)
    predicted = np.asarray(estimator.predict(rows))
    if not hasattr(estimator, "classes_"):
        _require("its prediction of rows", predicted, (len(rows),))
        return
    if predicted.shape != (len(rows),) or not np.isin(predicted, estimator.classes_).all():
        raise UnsoundError("its prediction of a row is none of its classes")
    answer, shape = answer_of(estimator), (len(rows), len(estimator.classes_))
    if answer == "probabilities":
        _require("its probabilities", estimator.predict_proba(rows), shape, least=0)
    elif answer == "decision values":
        _require("its decision values", estimator.decision_function(rows), shape if shape[1] > 2 else shape[:1])


def _trial_rows(estimator: Any) -> NDArray[np.float32]:
    """Return rows to try an estimator on: zeros, several spreads, and missing values if it accepts them."""
    rng, n = np.random.default_rng(0), estimator.n_features_in_
    spreads = [rng.normal(scale=spread, size=(TRIALS, n)) for spread in (0.1, 1.0, 30.0)]
    missing = [np.full((1, n), np.nan)] if get_tags(estimator).input_tags.allow_nan else []
    return np.concatenate([np.zeros((1, n)), *missing, *spreads]).astype(np.float32)


CHECKS: dict[type | tuple[type, ...], Callable[[Any], None]] = {
    StandardScaler: _check_scale,
    Space: _check_space,
    BaseLibSVM: _check_machine,
    BaseEstimator: _check_machine_in_space,
    GaussianMixture: _check_mixture,
    PCA: _check_directions,
    FisherMachine: _check_fisher,
    (SelectPercentile, PrincipalFeatures): _check_support,
    (BoostedTrees, BoostedRegressor): _check_booster,
    **native.CHECKS,
}
