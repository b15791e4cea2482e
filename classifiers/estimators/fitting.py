"""Fitting any estimator: from rows and targets to a fitted estimator, with only the arguments that it accepts.

Groups, weights, inner folds and offsets are passed if the signature of ``fit`` has them, through the steps of a
`Pipeline` (``step__sample_weight``), or by scikit-learn's metadata routing if a part of the estimator requests them.
Each part that cross-validates inside (a setting ``cv``: searches, calibration, stacking) uses the inner folds, which
keep each speaker whole, instead of folds over rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import _num_samples

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.inspection import (
    answer_of,
    cross_validations,
    name_of,
    parameters,
    parts,
    spelled,
    takes,
)

Numbers = NDArray[np.int64]
Pairs = Sequence[tuple[Numbers, Numbers]]

#: Attributes in which scikit-learn's searches along a path, such as `LogisticRegressionCV`, store their choice.
CHOSEN = ("C_", "alpha_", "l1_ratio_", "best_threshold_")


def fit(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    groups: NDArray[Any],
    sample_weight: NDArray[np.float64] | None = None,
    inner: Pairs | None = None,
    offsets: Numbers | list[Numbers] | None = None,
    widths: Sequence[int] | None = None,
    dialogs: Numbers | None = None,
) -> Any:
    """Fit an estimator in place and return it.

    Parameters
    ----------
    X : (n_rows, n_columns) float32
        Cached rows; or distances in float64, if the estimator was built for them.
    y : (n_rows,) str or float64
        Classes, or values.
    groups : (n_rows,)
        The speaker of each row.
    sample_weight : (n_rows,) float64
        How many times each row counts; None means once. Every step that accepts weights receives them, scaling too.
    inner
        Inner folds, as pairs of (train, test) row numbers; None uses `inner_folds` over the groups.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``; a list, one item per stream, if `X` is one.
    widths : (n_features,)
        How many columns each feature has, where columns of several are side by side.
    dialogs : (n_dialogs + 1,) int64
        Dialog ``i`` holds utterances ``dialogs[i]`` to ``dialogs[i + 1]``.

    Raises
    ------
    ValueError
        If rows are weighted and it accepts no weights, if it cross-validates inside and there are fewer than two
        groups, if a part that cross-validates inside receives other rows than these, or if ``fit`` returns nothing.
    """
    given: dict[str, Any] = {"groups": groups, "sample_weight": sample_weight, "inner": inner, "offsets": offsets}
    given |= {"widths": widths, "dialogs": dialogs}
    given = {name: value for name, value in given.items() if value is not None}
    if sample_weight is not None:
        require_weights(estimator)
    with _speaker_folds(estimator, groups, inner, len(groups)):
        fitted = _fitted(estimator, X, y, given)
    if fitted is None:
        raise ValueError(
            f"the fit of {type(estimator).__name__} returned nothing: expected the estimator (return self)"
        )
    return without_times(fitted)


def _fitted(estimator: Any, X: ArrayLike, y: ArrayLike, given: Mapping[str, Any]) -> Any:
    if not _has_requests(estimator):
        return estimator.fit(X, y, **{at: value for name, value in given.items() for at in places(estimator, name)})
    with config_context(enable_metadata_routing=True):
        wanted = get_routing_for_object(estimator).consumes("fit", list(given))
        return estimator.fit(X, y, **{name: given[name] for name in wanted})


def without_times(estimator: Any) -> Any:
    """Remove the durations of the trials of searches and return the estimator, so that equal fits are equal bytes."""
    for part in parts(estimator):
        if isinstance(part, BaseSearchCV) and hasattr(part, "cv_results_"):
            kept = {
                name: value
                for name, value in part.cv_results_.items()
                if not name.endswith(("_fit_time", "_score_time"))
            }
            part.cv_results_ = kept
            vars(part).pop("refit_time_", None)
    return estimator


def takes_weights(estimator: Any) -> bool:
    """Return whether the predicting step of an estimator accepts row weights, not only a step before it."""
    if _has_requests(estimator):
        with config_context(enable_metadata_routing=True):
            return bool(get_routing_for_object(estimator).consumes("fit", ["sample_weight"]))
    while isinstance(estimator, Pipeline | BaseSearchCV):
        estimator = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator.estimator
    return bool(places(estimator, "sample_weight"))


def require_weights(estimator: Any) -> None:
    """Refuse an estimator that takes no weights.

    Raises
    ------
    ValueError
        If the estimator accepts no weights; the message names its class.
    """
    if not takes_weights(estimator):
        raise ValueError(
            f"{type(estimator).__name__} takes no sample_weight, so that no row can count in part, as soft labels "
            "(SOFT=1) ask"
        )


def places(estimator: Any, name: str) -> list[str]:
    """Return the names under which the ``fit`` of an estimator accepts an argument; empty if it does not.

    Raises
    ------
    ValueError
        If it accepts groups, and a search around it would not pass them on.
    """
    if isinstance(estimator, Pipeline):
        steps = [(step, part) for step, part in estimator.steps if hasattr(part, "fit")]
        return [f"{step}__{place}" for step, part in steps for place in places(part, name)]
    if isinstance(estimator, BaseSearchCV):
        return _inside_search(estimator, name)
    members = _members(estimator)
    by_keyword = bool(members) and name == "sample_weight" and takes(estimator.fit, "fit_params")
    if not takes(estimator.fit, name) and not by_keyword:
        return []
    return [name] if name != "sample_weight" or all(takes(member.fit, name) for member in members) else []


def _inside_search(search: Any, name: str) -> list[str]:
    if name in ("inner", "offsets"):  # row numbers, of which each trial receives a part
        return []
    found = places(search.estimator, name)
    if "groups" in found:
        raise ValueError(
            f"{type(search).__name__} does not pass on groups, which {type(search.estimator).__name__} takes: make "
            "it a step of a Pipeline"
        )
    return found


def _members(estimator: Any) -> list[Any]:
    """Return the estimators that another estimator fits."""
    own = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    several = [one for _, one in own.get("estimators") or ()]
    return [one for one in (own.get("estimator"), *several) if hasattr(one, "fit")]


def _has_requests(estimator: Any) -> bool:
    """Return whether a part has metadata requests, from ``set_fit_request`` or a similar method."""
    return any("_metadata_request" in getattr(part, "__dict__", {}) for part in parts(estimator))


class SpeakerFolds:
    """Inner folds as the ``cv`` of an estimator that cross-validates inside its fit.

    Parameters
    ----------
    pairs
        Pairs of (train, test) row numbers.
    n_rows
        How many rows there are.
    path
        Path of the part of the estimator that uses the folds, for messages.
    before
        The setting that the folds replace.
    """

    def __init__(self, pairs: Pairs, n_rows: int, path: str, before: Any) -> None:
        self.pairs = pairs
        self.n_rows = n_rows
        self.path = path
        self.before = before

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Numbers, Numbers]]:  # noqa: ARG002 - the form of scikit-learn's splitters
        """Yield the folds.

        Raises
        ------
        ValueError
            If the rows differ from those of the folds.
        """
        if (n := _num_samples(X)) != self.n_rows:
            raise ValueError(
                f"{self.path} gets {n} of {self.n_rows} training rows, whose speakers are unknown: expected a "
                "search, or another cross-validation, that is fitted on all of them"
            )
        yield from self.pairs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of folds."""
        return len(self.pairs)


def require_speaker_folds(estimator: Any) -> None:
    """Refuse an estimator with a cross-validation that cannot use folds by speaker.

    Raises
    ------
    ValueError
        If a cross-validation stands inside another one, or inside a part that draws rows; the message names it.
    """
    found = cross_validations(estimator)
    known = {id(part) for part in found.values()}
    hidden = [part for part in parts(estimator) if _cross_validates(part) and id(part) not in known]
    inside = [part for path, part in found.items() if any(_is_inside(path, outer) for outer in _show_a_part(estimator))]
    for part in (*inside, *hidden):
        raise ValueError(
            f"{type(part).__name__} cross-validates inside another part of {name_of(estimator)} that passes on "
            "only some of the rows, whose speakers are unknown: expected no cross-validation inside another one"
        )


def _cross_validates(part: Any) -> bool:
    return hasattr(part, "get_params") and "" in cross_validations(part)


def _show_a_part(estimator: Any) -> set[str]:
    """Return the paths of the parts that fit their own estimators on a part of the rows: other folds, or drawn rows."""
    drawing = [name for name in parameters(estimator) if name.rpartition("__")[2] == "max_samples"]
    return {*cross_validations(estimator), *(name.rpartition("max_samples")[0].removesuffix("__") for name in drawing)}


def _is_inside(path: str, outer: str) -> bool:
    return path != outer and (not outer or path.startswith(f"{outer}__"))


@contextmanager
def _speaker_folds(estimator: Any, groups: NDArray[Any], inner: Pairs | None, n_rows: int) -> Iterator[None]:
    """Use the inner folds in all cross-validations inside an estimator; restore the previous settings afterwards."""
    found = cross_validations(estimator)
    if not found:
        yield
        return
    require_speaker_folds(estimator)
    pairs = list(inner_folds(groups) if inner is None else inner)
    for path, part in found.items():
        part.set_params(cv=SpeakerFolds(pairs, n_rows, path or type(part).__name__, part.get_params(deep=False)["cv"]))
    try:
        yield
    finally:
        for part in parts(estimator):  # a fitted part holds copies of the settings
            for name, value in getattr(part, "__dict__", {}).items():
                if isinstance(value, SpeakerFolds):
                    setattr(part, name, value.before)


def limits(estimator: Any) -> Mapping[str, str]:
    """Return what the training rows of a fitted estimator were too few for; see `classifiers.base.LIMITS`.

    Scores that are not probabilities cannot be compared with those of another model, whatever the number of rows.
    """
    answer = answer_of(estimator)
    if is_classifier(estimator) and answer != "probabilities":
        return {"calibration": f"the estimator gives {answer} only"}
    found: Mapping[str, str] = getattr(estimator, "limits_", {})
    return found


def best_params(estimator: Any) -> Mapping[str, Any]:
    """Return the choices of searches inside a fitted estimator, as JSON can hold them; empty if there are none.

    An estimator of this project reports its own choice.
    """
    if hasattr(estimator, "best_params_"):
        found: Mapping[str, Any] = estimator.best_params_
        return spelled(found) if isinstance(estimator, BaseSearchCV) else found
    if any(hasattr(estimator, name) for name in CHOSEN) and "cv" in estimator.get_params(deep=False):
        return {name.removesuffix("_"): spelled_choice(estimator, name) for name in CHOSEN if hasattr(estimator, name)}
    chosen = {name: best_params(part) for name, part in _fitted_parts(estimator)}
    chosen = {name: params for name, params in chosen.items() if params}
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    return {f"{name}__{key}": value for name, params in chosen.items() for key, value in params.items()}


def spelled_choice(estimator: Any, name: str) -> Any:
    """Return a number, or a list of numbers with one per class."""
    value = np.asarray(getattr(estimator, name)).tolist()
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _fitted_parts(estimator: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(estimator, Pipeline):
        yield from estimator.steps
    elif hasattr(estimator, "named_estimators_"):
        yield from estimator.named_estimators_.items()
