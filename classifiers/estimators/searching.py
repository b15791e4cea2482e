"""Searching: what an estimator, fitted or not, tries of each hyperparameter, in the names of `fitting.best_params`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from affex.classifiers.base import Axis
from affex.classifiers.estimators.inspection import spelled


def search_axes(estimator: Any) -> tuple[Axis, ...]:
    """Return what the searches inside an estimator try; empty if there is none.

    An estimator of this project reports its own axes. Values that depend on the training rows are not known here.
    """
    if hasattr(estimator, "search_axes"):
        own: tuple[Axis, ...] = estimator.search_axes
        return own
    if isinstance(estimator, BaseSearchCV):
        return tuple(_of_grid(estimator))
    if path := tuple(_of_path(estimator)):
        return path
    inside = {name: search_axes(part) for name, part in _parts(estimator)}
    inside = {name: axes for name, axes in inside.items() if axes}
    if len(inside) == 1:
        return next(iter(inside.values()))
    return tuple(replace(axis, name=f"{name}__{axis.name}") for name, axes in inside.items() for axis in axes)


def _of_grid(search: BaseSearchCV) -> Iterator[Axis]:
    """Yield the axes of a grid, or of several; of a distribution its text."""
    settings = search.get_params(deep=False)
    grids = settings.get("param_grid", settings.get("param_distributions", {}))
    tried: dict[str, list[Any]] = {}
    for grid in [grids] if isinstance(grids, Mapping) else grids:
        for name, values in grid.items():
            own = list(values) if isinstance(values, Sequence | np.ndarray) else [values]
            tried.setdefault(name, []).extend(spelled(value) for value in own)
    for name, values in tried.items():
        yield Axis(name, tuple(value for n, value in enumerate(values) if value not in values[:n]))


def _of_path(estimator: Any) -> Iterator[Axis]:
    """Yield the axes of scikit-learn's searches along a path, such as `LogisticRegressionCV`."""
    settings = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    if "cv" not in settings:
        return
    for name, given in (("C", "Cs"), ("alpha", "alphas"), ("l1_ratio", "l1_ratios"), ("l1_ratio", "l1_ratio")):
        values = settings.get(given)
        if given == "Cs" and isinstance(values, int):
            values = np.logspace(-4, 4, values)  # as its documentation has it
        if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str):
            yield Axis(name, tuple(spelled(value) for value in np.asarray(values).tolist()))


def _parts(estimator: Any) -> list[tuple[str, Any]]:
    """Return the named parts that `fitting.best_params` looks into."""
    if isinstance(estimator, Pipeline):
        return list(estimator.steps)
    return [(name, part) for name, part in getattr(estimator, "estimators", None) or () if part != "drop"]
