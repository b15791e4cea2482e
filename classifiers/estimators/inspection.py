"""Inspection of any scikit-learn estimator: its parts, its target, its kind of scores and its settings as JSON.

No function here fits or scores.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, is_regressor

#: The output of an estimator for a row besides its decision.
Answer = Literal["probabilities", "decision values", "decisions"]

#: Content of ``score_<class>`` columns, by the output of the estimator.
SCORES: dict[Answer, str] = {
    "probabilities": "class probabilities as the estimator gives them (predict_proba); not calibrated by affex",
    "decision values": "softmax of the estimator's decision values (decision_function): only their order counts",
    "decisions": "1 for the class that the estimator decides on, 0 for the others",
}


def takes(function: Callable[..., Any], name: str) -> bool:
    """Return whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters


def target_of(estimator: Any) -> Literal["classes", "values"]:
    """Return what an estimator predicts."""
    return "values" if is_regressor(estimator) else "classes"


def answer_of(estimator: Any) -> Answer:
    """Return the output that a classifier, fitted or not, has for a row besides its decision."""
    if hasattr(estimator, "predict_proba"):
        return "probabilities"
    settings = parameters(estimator)
    # One value per pair of classes is not one value per class.
    pairwise = any(name.endswith("decision_function_shape") and value == "ovo" for name, value in settings.items())
    return "decision values" if hasattr(estimator, "decision_function") and not pairwise else "decisions"


def is_linear_or_trees(estimator: Any) -> bool:
    """Return whether a fitted estimator, or the last step of a Pipeline, is linear or made of trees.

    So is a search, an ensemble or a calibration if all that it fitted is.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    steps = getattr(estimator, "steps", None)
    if steps or hasattr(estimator, "best_estimator_"):
        return is_linear_or_trees(steps[-1][1] if steps else estimator.best_estimator_)
    if any(hasattr(estimator, name) for name in ("coef_", "feature_importances_", "booster_")):
        return True
    if isinstance(estimator, HistGradientBoostingClassifier | HistGradientBoostingRegressor):
        return True
    inside = [one.estimator for one in getattr(estimator, "calibrated_classifiers_", ())]
    members = getattr(estimator, "estimators_", ())
    inside += members.ravel().tolist() if isinstance(members, np.ndarray) else members
    return bool(inside) and all(map(is_linear_or_trees, inside))


def parameters(estimator: Any) -> dict[str, Any]:
    """Return the settings of an estimator and of all its parts, by path (``step__name``)."""
    found: dict[str, Any] = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    return found


def open_seeds(estimator: Any) -> list[str]:
    """Return the paths of the random seeds (``random_state``) that were left open."""
    settings = parameters(estimator)
    return [name for name, value in settings.items() if name.rpartition("__")[2] == "random_state" and value is None]


def seeded(estimator: Any, seed: int) -> Any:
    """Set the seed of each part that leaves its own open and return the estimator."""
    left_open = open_seeds(estimator)
    return estimator.set_params(**dict.fromkeys(left_open, seed)) if left_open else estimator


def cross_validations(estimator: Any) -> dict[str, Any]:
    """Return the parts that cross-validate inside their fit (searches, calibration, stacking), by path.

    These parts have a setting ``cv``; with ``prefit`` a part does not cross-validate. The path of the estimator itself
    is empty.
    """
    settings = parameters(estimator)
    owners = {
        name.rpartition("cv")[0].removesuffix("__"): value
        for name, value in settings.items()
        if name.rpartition("__")[2] == "cv"
    }
    return {path: settings[path] if path else estimator for path, value in owners.items() if not _is_prefit(value)}


def _is_prefit(value: Any) -> bool:
    return isinstance(value, str) and value == "prefit"


def random_splits(estimator: Any) -> Iterator[str]:
    """Yield a sentence for each part that sets rows aside at random, without regard to speakers.

    Such a part has no setting for folds. This does not affect the test speakers: the part may only stop, or calibrate,
    in a way that suits the speakers that it learns from.
    """
    for path, part in _with_settings(estimator):
        own = part.get_params(deep=False)
        name = path or type(part).__name__
        if own.get("early_stopping") in (True, "auto") and "validation_fraction" in own:
            when = "" if own["early_stopping"] is True else ", where it learns from more than 10 000 rows,"
            yield f"{name} stops early{when} on training rows drawn at random, of speakers that it learns from"
        if own.get("n_iter_no_change") is not None and "early_stopping" not in own and "validation_fraction" in own:
            yield f"{name} stops early on training rows drawn at random, of speakers that it learns from"
        if own.get("probability") is True:
            yield f"{name} calibrates its probabilities on training rows drawn at random, of speakers it learns from"


def _with_settings(estimator: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(estimator, "get_params"):
        yield "", estimator
        for path, value in parameters(estimator).items():
            if isinstance(value, BaseEstimator):
                yield path, value


def name_of(estimator: Any) -> str:
    """Return the class name of an estimator, of a pipeline's last step, or of the estimator inside a search."""
    settings = estimator.get_params(deep=False)
    if "steps" in settings:
        return name_of(settings["steps"][-1][1])
    if "cv" in settings and hasattr(settings.get("estimator"), "get_params"):
        return name_of(settings["estimator"])
    return type(estimator).__name__


def spelled(value: Any) -> Any:
    """Return a setting as JSON can hold it, equal for equal settings, in every process.

    Raises
    ------
    ValueError
        If it has no such form, because its text would contain a memory address.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    return _spelled_many(value) if isinstance(value, Mapping | list | tuple | np.ndarray) else _spelled_object(value)


def _spelled_many(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): spelled(one) for key, one in value.items()}
    if isinstance(value, list | tuple) or value.dtype == object:
        return [spelled(one) for one in value]
    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return f"{value.dtype} array {value.shape} sha256:{digest}"


def _spelled_object(value: Any) -> Any:
    if isinstance(value, np.generic):
        return spelled(value.item())
    if isinstance(value, type) or inspect.isroutine(value) or isinstance(value, np.ufunc):
        return f"{getattr(value, '__module__', 'numpy')}.{getattr(value, '__qualname__', value.__name__)}"
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "get_params"):
        return {"class": kind, **{name: spelled(one) for name, one in value.get_params(deep=False).items()}}
    if hasattr(value, "dist") and hasattr(value, "kwds"):  # a frozen distribution of scipy
        return {"class": f"scipy.stats.{value.dist.name}", "args": spelled(value.args), "kwds": spelled(value.kwds)}
    text = repr(value)
    if " at 0x" in text or " object at " in text:
        raise ValueError(
            f"the setting {kind} has no fixed text form, so runs with other values could not be distinguished"
        )
    return text


def parts(whole: Any) -> Iterator[Any]:
    """Yield an estimator, fitted or not, and every object with attributes inside it, each once."""
    met: set[int] = set()
    waiting = [whole]
    while waiting:
        one = waiting.pop()
        if id(one) in met:
            continue
        met.add(id(one))
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple) or (isinstance(one, np.ndarray) and one.dtype == object):
            waiting.extend(one if not isinstance(one, np.ndarray) else one.ravel())
        elif _is_part(one):
            yield one
            waiting.extend(getattr(one, "__dict__", {}).values())


def _is_part(one: Any) -> bool:
    kind = type(one)
    if isinstance(one, type) or inspect.isroutine(one):
        return False
    return kind.__module__.startswith(("sklearn.", "affex.")) or hasattr(one, "get_params")
