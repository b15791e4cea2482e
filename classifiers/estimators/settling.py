"""Settling: the arrow from a fitted estimator to an unfitted one with the hyperparameters that its search chose."""

from typing import Any

from sklearn.base import clone
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline


def settled(fitted: Any) -> Any:
    """Return an unfitted copy of an estimator in which nothing that a search chose is left open.

    A search becomes the best of the estimators that it tried. An estimator of this project is given its own choice,
    and stops a search for the number of epochs or rounds (``patience``). A part that searches in another way, such as
    `LogisticRegressionCV`, stays as it is, and searches again.
    """
    if isinstance(fitted, BaseSearchCV):
        return clone(fitted.best_estimator_)
    if isinstance(fitted, Pipeline):
        return clone(fitted).set_params(**{name: settled(step) for name, step in fitted.steps if hasattr(step, "fit")})
    copy = clone(fitted)
    if not hasattr(fitted, "search_axes") or not hasattr(fitted, "best_params_"):
        return copy
    open_ = copy.get_params(deep=False)
    chosen = {name: value for name, value in fitted.best_params_.items() if name in open_}
    return copy.set_params(**chosen | ({"patience": 0} if "patience" in open_ else {}))
