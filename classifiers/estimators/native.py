"""Checks of data that scikit-learn's compiled code reads unchecked: trees, neighbours and the indices into them.

The compiled code trusts the indices of nodes, columns and rows in a file: an invalid index ends the process.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import BaseEnsemble
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import TREE_LEAF


class UnsoundError(ValueError):
    """An estimator is not consistent; the message says what is wrong."""


def check_nodes(left: NDArray[Any], right: NDArray[Any], columns: NDArray[Any], n_columns: int) -> None:
    """Check that the inner nodes of a tree refer to existing nodes and columns.

    Parameters
    ----------
    left, right : (n_nodes,)
        The children of each node, which come after it; below 0 for a leaf.
    columns : (n_nodes,)
        The column that each node splits.

    Raises
    ------
    UnsoundError
        If a reference is invalid.
    """
    inner = (left >= 0) | (right >= 0)  # child number 0 would lead back to the root, an endless loop
    numbers = np.arange(len(left))[inner]
    for children in (left[inner], right[inner]):
        if (children <= numbers).any() or (children >= len(left)).any():
            raise UnsoundError("a tree refers to nodes that are not there")
    if not len(left) or (columns[inner] < 0).any() or (columns[inner] >= n_columns).any():
        raise UnsoundError("a tree refers to columns that are not there")


def _check_tree(part: Any) -> None:
    """Check that a decision tree is consistent and uses the estimator's columns."""
    tree = part.tree_
    if tree.n_features != part.n_features_in_ or not np.isfinite(tree.value).all():
        raise UnsoundError("a tree is of other columns than its estimator, or has values that are not numbers")
    left, right = tree.children_left, tree.children_right
    if ((left == TREE_LEAF) != (right == TREE_LEAF)).any():
        raise UnsoundError("a tree refers to nodes that are not there")
    check_nodes(left, right, tree.feature, tree.n_features)


def _check_grown(part: Any) -> None:
    """Check that all trees of an ensemble use the columns of the ensemble."""
    trees = [tree for tree in np.ravel(getattr(part, "estimators_", [])) if isinstance(tree, BaseDecisionTree)]
    drawn = getattr(part, "estimators_features_", None)
    # If columns are drawn, each tree checks its own columns.
    if drawn is None and any(tree.n_features_in_ != part.n_features_in_ for tree in trees):
        raise UnsoundError("a tree is of other columns than its ensemble")


def _check_histogram_trees(part: Any) -> None:
    """Check that the trees of a histogram boosting are consistent."""
    for tree in (tree for trees in part._predictors for tree in trees):
        nodes = tree.nodes
        left, right = (np.where(nodes["is_leaf"], -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
        if nodes["is_categorical"].any() or not isinstance(tree, TreePredictor):
            raise UnsoundError("a tree has categories, and no column of ours is one")
        check_nodes(left, right, nodes["feature_idx"].astype(np.int64), part.n_features_in_)
        if (left < 0).sum() != np.count_nonzero(nodes["is_leaf"]):
            raise UnsoundError("a tree refers to nodes that are not there")


def _check_neighbours(part: Any) -> None:
    """Check that the training rows, their classes and the search tree fit each other."""
    rows = np.asarray(part._fit_X)
    shape = (part.n_samples_fit_, part.n_features_in_)
    if rows.dtype.kind != "f" or rows.shape != shape or not np.isfinite(rows).all():
        raise UnsoundError(f"the training rows are of the shape {rows.shape}, or hold values that are not numbers")
    classes = getattr(part, "classes_", None)
    if classes is not None:
        own = np.asarray(part._y)
        if own.shape != (len(rows),) or own.dtype.kind != "i" or (own < 0).any() or (own >= len(classes)).any():
            raise UnsoundError("the training rows are of classes that are not there")
    if part._tree is not None:
        _check_lookup(part._tree, rows)


def _check_lookup(tree: KDTree | BallTree, rows: NDArray[Any]) -> None:
    data, order, nodes, bounds = (np.asarray(array) for array in tree.get_arrays())
    last = np.arange(len(nodes)) * 2 + 2 >= len(nodes)
    spans = np.stack([nodes["idx_start"], nodes["idx_end"]])
    if (
        data.shape != rows.shape
        or not np.array_equal(np.sort(order), np.arange(len(rows)))
        or bounds.shape[1:] != (len(nodes), rows.shape[1])
        or (spans < 0).any()
        or (spans > len(rows)).any()
        or (nodes["is_leaf"][last] == 0).any()
    ):
        raise UnsoundError("the tree that training rows are looked up in refers to rows or nodes that are not there")


#: The check of each class.
CHECKS: dict[type | tuple[type, ...], Callable[[Any], None]] = {
    BaseDecisionTree: _check_tree,
    BaseEnsemble: _check_grown,
    BaseHistGradientBoosting: _check_histogram_trees,
    NeighborsBase: _check_neighbours,
}
