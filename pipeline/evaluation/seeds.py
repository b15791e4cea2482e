"""Seeds: the arrow from one evaluation to several, which differ in nothing but the seed of the model's random numbers.

A figure that depends on a seed has two spreads: over speakers, which its interval holds, and over seeds. Predictions
with several seeds are not averaged: their mean is another model, an ensemble. The figure is the mean of the figures.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from affex.pipeline.evaluation.results import Result, Scores, SeedScores
from affex.pipeline.evaluation.settings import MOST_SEED, Plan
from affex.pipeline.evaluation.task import built
from affex.pipeline.text.errors import UsageError


def require_able(plan: Plan) -> None:
    """Refuse more seeds than there are.

    Raises
    ------
    UsageError
        If the last seed is larger than a seed may be.
    """
    settings = plan.settings
    if settings.seed + settings.seeds - 1 > MOST_SEED:
        raise UsageError(
            f"SEED={settings.seed} SEEDS={settings.seeds}: the last seed would be larger than {MOST_SEED}. "
            "Begin with a smaller seed."
        )


def takes_seed(plan: Plan) -> bool:
    """Return whether any setting of the model's estimator depends on the seed."""
    first, other = (_spelled(replace(plan, settings=replace(plan.settings, seed=seed))) for seed in (0, 1))
    return first != other


def with_others(result: Result, plan: Plan, evaluated: Callable[[Plan], Result]) -> Result:
    """Return a result with the scores of all seeds that its settings ask for.

    Parameters
    ----------
    result
        With the first seed.
    evaluated
        Returns the result of a plan that differs in its seed.

    Returns
    -------
    Result
        With a note instead where the model has no random numbers, or where a second seed changes no score: one seed
        is then all there is.
    """
    settings = plan.settings
    if settings.seeds == 1:
        return result
    if not takes_seed(plan):
        return _alone(result, f"SEEDS={settings.seeds}: {plan.classifier.name} has no random numbers, so it ran once")
    every = [SeedScores(settings.seed, result.scores)]
    for seed in range(settings.seed + 1, settings.seed + settings.seeds):
        scores = evaluated(replace(plan, settings=replace(settings, seed=seed, inner=False))).scores
        if len(every) == 1 and _equal(scores, result.scores):
            words = f"SEEDS={settings.seeds}: with the seed {seed} every score is that with {settings.seed}"
            return _alone(result, f"{words}, so {plan.classifier.name} with these settings ran no further")
        every.append(SeedScores(seed, scores))
    return replace(result, seeds=tuple(every))


def _alone(result: Result, note: str) -> Result:
    return replace(result, notes=(*result.notes, note))


def _spelled(plan: Plan) -> dict[str, str]:
    settings = built(plan).get_params(deep=True)
    return {name: repr(value) for name, value in settings.items() if not hasattr(value, "get_params")}


def _equal(one: Scores, other: Scores) -> bool:
    return np.array_equal(one.predicted, other.predicted) and np.array_equal(one.values, other.values)
