"""Outcomes: what a fold returns, and the arrow from the outcomes of all folds to the columns of a result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import controls, enrolment
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.raters import AgainstShares, against_shares
from affex.pipeline.evaluation.results import Draws, Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import Task
from affex.pipeline.execution.stopwatch import Seconds
from affex.pipeline.streams.moments import Moments, together

Numbers = NDArray[np.int64]
Targets = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FoldScores:
    """A model's decisions and scores for some utterances.

    Parameters
    ----------
    numbers : (n,) int64
        The numbers of the utterances.
    predicted : (n,) str or float64
        The estimator's own decision, or its value.
    scores : (n, n_classes) float64
        One score per class; 0 for a class that the training utterances lack.
    n_noise
        The number of utterances that contain only noise according to the model; None if the model has no noise class.
    """

    numbers: Numbers
    predicted: Targets
    scores: Floats
    n_noise: int | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """One fold's scores: of its test utterances, and of its training utterances by inner models; and what was chosen.

    `limits` lists the steps for which the fold had too few training utterances; `permuted` holds the decisions with
    groups of columns permuted, as `importance.permuted` returns them; `moments` the scores of the rows of the test
    utterances, if they were asked for; `seconds` is what it took; `controls` holds the decisions of size-matched
    controls, ``(n_draws, n_tested)``, if there are any; `drawn` holds the decisions under each draw of enrolled
    utterances, ``(n_trials, n_tested)``, if any are enrolled.
    """

    fold_scores: FoldScores
    inner: FoldScores | None = None
    best_params: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    permuted: NDArray[Any] | None = None
    moments: Moments | None = None
    seconds: Seconds = Seconds(0.0, 0.0)  # noqa: RUF009 - it is frozen
    controls: NDArray[Any] | None = None
    drawn: NDArray[Any] | None = None


def controls_of(outcomes: Sequence[Outcome]) -> Targets | None:
    """Return what size-matched controls decided, ``(n_draws, n_tested)``, in the order of the manifest."""
    found = [outcome.controls for outcome in outcomes if outcome.controls is not None]
    return np.concatenate(found, axis=1)[:, order_of(outcomes)] if found else None


def n_removed(task: Task, plan: Plan) -> float:
    """Return how many utterances a fold leaves out of training because of their text, on average."""
    if plan.protocol.scheme != controls.SCHEME:
        return 0.0
    return float(np.mean([len(controls.removed(task.examples, fold)) for fold in task.folds]))


def draws_of(task: Task, plan: Plan, outcomes: Sequence[Outcome]) -> Draws | None:
    """Return the decisions under each draw, in the order of the manifest; None where no utterance is enrolled."""
    found = [outcome.drawn for outcome in outcomes if outcome.drawn is not None]
    if task.examples.enrolled is None or not found:
        return None
    order = order_of(outcomes)
    tested = np.concatenate([outcome.fold_scores.numbers for outcome in outcomes])[order]
    decided = np.concatenate(found, axis=1)[:, order]
    return enrolment.draws_of(str(plan.settings.speaker_norm), task.examples.enrolled, tested, decided)


def shares_met(task: Task, scores: Scores) -> AgainstShares | None:
    """Return how near the scores come to the raters' shares, if votes are known."""
    if task.shares is None:
        return None
    number = {utterance.id: place for place, utterance in enumerate(task.utterances)}
    return against_shares(task.shares[[number[id_] for id_ in scores.ids.tolist()]], scores.values)


def noisy(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return a sentence with the number of utterances that contain only noise, if there are any."""
    n_noise = sum(outcome.fold_scores.n_noise or 0 for outcome in outcomes)
    n = sum(len(outcome.fold_scores.numbers) for outcome in outcomes)
    sentence = (
        f"{n_noise} of {n} test utterances contain only noise according to the model: all their frames are used "
        "to classify them"
    )
    return (sentence,) if n_noise else ()


def moments_of(outcomes: Sequence[Outcome]) -> Moments | None:
    """Return the moments of all tested utterances in the order of the manifest; None if none were asked for."""
    parts = [outcome.moments for outcome in outcomes if outcome.moments is not None]
    return together(parts).take(order_of(outcomes)) if parts else None


def order_of(outcomes: Sequence[Outcome]) -> Numbers:
    """Return where each tested utterance, in the order of the manifest, stands in the folds, one after another."""
    return np.argsort(np.concatenate([outcome.fold_scores.numbers for outcome in outcomes]), kind="stable")


def scores_of(task: Task, fold_scores: Sequence[tuple[Fold, FoldScores]]) -> Scores:
    """Return the scores in the order of the manifest."""
    numbers = np.concatenate([part.numbers for _, part in fold_scores])
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    ids = np.array([utterance.id for utterance in task.utterances])
    return Scores(
        ids=ids[numbers],
        clusters=task.clusters.of[numbers],
        folds=np.repeat([fold.name for fold, _ in fold_scores], [len(part.numbers) for _, part in fold_scores])[order],
        true=task.examples.y[numbers],
        predicted=np.concatenate([part.predicted for _, part in fold_scores])[order],
        classes=task.examples.classes,
        values=np.concatenate([part.scores for _, part in fold_scores])[order],
    )


def joined(parts: Sequence[FoldScores]) -> FoldScores:
    """Return the scores of several models on different utterances as one."""
    return FoldScores(
        numbers=np.concatenate([part.numbers for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )
