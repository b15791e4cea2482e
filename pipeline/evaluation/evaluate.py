"""Evaluate: the arrow from a table and a protocol to scores.

Each fold fits one estimator on the rows of its training utterances and scores the rows left out. All that
learns happens in that fit (scaling, imputation, selection, the search for hyperparameters, calibration); nothing else
sees more than one fold's training rows but the normalisation by speaker, which no label enters and which is
called transductive wherever its figures appear. Folds run where extraction runs, with one numerical
thread each, so that neither the number of processes nor that of cores changes a result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import inner_folds
from affex.pipeline.evaluation import speakers, training_limits
from affex.pipeline.evaluation.folds import Fold, require_variety
from affex.pipeline.evaluation.results import FoldSummary, Result, Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import Examples, Task, folds_hash, prepare
from affex.pipeline.execution.proof import CODE, Likeness
from affex.pipeline.execution.runner import Inline, Runner
from affex.pipeline.streams.table import Table, rows_of
from affex.pipeline.text.errors import AffexError, UsageError

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
Targets = NDArray[Any]
Floats = NDArray[np.float64]

#: Told how many folds are done, and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class FoldScores:
    """What a model said of some utterances.

    Parameters
    ----------
    numbers : (n,) int64
        Which utterances.
    predicted : (n,) str or float64
        The estimator's own decision, or its value.
    scores : (n, n_classes) float64
        One score a class; 0 for a class that the model never learned.
    n_noise
        How many of the utterances are noise alone to the model; None where it knows none.
    """

    numbers: Numbers
    predicted: Targets
    scores: Floats
    n_noise: int | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one fold said of those it tests, what its inner models said of those it learns from, and what was chosen.

    `limits` says for what its training utterances were too few.
    """

    said: FoldScores
    inner: FoldScores | None = None
    best_params: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


def evaluate(
    table: Table,
    plan: Plan,
    *,
    runner: Runner | None = None,
    inner: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Score every utterance that counts with an estimator that never saw it.

    Parameters
    ----------
    table
        The rows of a corpus.
    plan
        What is evaluated, and how.
    runner
        Where folds run; none is this process.
    inner
        Whether each fold also says what models fitted on a part of its training utterances say of the others.
    progress
        Called after each fold.

    Raises
    ------
    UsageError
        If its settings do not fit together, or name something that does not exist.
    AffexError
        If the table cannot be evaluated so, or a fold cannot be fitted.
    """
    return judge(prepare(table, plan), plan, runner=runner, inner=inner, progress=progress)


def judge(
    task: Task,
    plan: Plan,
    *,
    runner: Runner | None = None,
    inner: bool = False,
    progress: Progress | None = None,
    known: Mapping[int, Outcome] = MappingProxyType({}),
    keep: Callable[[int, Outcome], None] | None = None,
    likeness: Likeness = CODE,
) -> Result:
    """Run the folds of a prepared task, as `evaluate` does.

    Parameters
    ----------
    known
        Outcomes of folds, by number, that are not computed again.
    keep
        Is given each outcome, by number, as its fold ends.
    likeness
        What workers must share with this process.
    """
    for fold in task.folds:
        require_variety(fold, task.examples.y, task.clusters)
    done = dict(known)
    missing = {number: fold for number, fold in enumerate(task.folds) if number not in done}
    shared = (_with_distances(task.examples, plan), plan, inner) if missing else None
    for number, outcome in (runner or Inline()).map(_run_fold, shared, missing, likeness):
        done[number] = outcome
        if keep:
            keep(number, outcome)
        if progress:
            progress(len(done), len(task.folds))
    outcomes = [done[number] for number in range(len(task.folds))]
    pairs = list(zip(task.folds, outcomes, strict=True))
    return Result(
        about=plan.about(task.clusters.unit),
        scores=_scores(task, [(fold, outcome.said) for fold, outcome in pairs]),
        folds=tuple(
            FoldSummary(f.name, len(f.train), len(f.test), o.best_params, n_noise=o.said.n_noise, limits=o.limits)
            for f, o in pairs
        ),
        left_out=task.left_out,
        notes=(
            *task.notes,
            *training_limits.sentences([(o.best_params, o.limits) for o in outcomes]),
            *_noisy(outcomes),
        ),
        folds_hash=folds_hash(task),
        inner=tuple(_scores(task, [(fold, outcome.inner)]) for fold, outcome in pairs if outcome.inner),
        ceiling=task.ceiling,
        spread=task.spread,
        class_lost=speakers.taken_away(task.spread, plan.settings.speaker_norm, task.examples.y),
    )


def _noisy(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return a sentence that says how many utterances are noise alone, if any is."""
    n_noise = sum(outcome.said.n_noise or 0 for outcome in outcomes)
    n = sum(len(outcome.said.numbers) for outcome in outcomes)
    sentence = (
        f"{n_noise} of {n} tested utterances are noise alone to the model, which explains each of their frames best by "
        "noise: they are evaluated by all their frames"
    )
    return (sentence,) if n_noise else ()


def build(plan: Plan, examples: Examples) -> Any:
    """Return the unfitted estimator that fits these examples.

    Raises
    ------
    UsageError
        If the classifier's settings are not for them.
    """
    try:
        return plan.classifier.build(
            target="classes" if examples.classes else "values",
            precomputed=examples.precomputed,
            seed=plan.settings.seed,
            device=plan.settings.device,
        )
    except ValueError as error:
        raise UsageError(f"CLASSIFIER={plan.classifier.name}: {error}.") from error


def fit(estimator: Any, examples: Examples, fold: Fold) -> Any:
    """Fit an estimator on the rows of a fold's training utterances, and on nothing else; return it."""
    owner, targets, weight = fold.train, examples.y[fold.train], None
    if examples.shares is not None:
        which, chosen = np.nonzero(examples.shares[fold.train])
        owner, targets = fold.train[which], np.array(examples.classes)[chosen]
        weight = examples.shares[owner, chosen]
    repeats = np.diff(examples.offsets)[owner]
    rows = rows_of(examples.offsets, owner)
    return estimator.fit(
        _block(examples, rows, rows),
        np.repeat(targets, repeats),
        groups=np.repeat(examples.groups[owner], repeats),
        sample_weight=None if weight is None else np.repeat(weight, repeats),
        inner=None if fold.inner is None else [_inner_rows(fold.inner, np.repeat(owner, repeats))],
    )


def pool(
    log_likelihood: Floats,
    log_prior: Floats,
    offsets: Numbers,
    rule: Literal["sum", "vote"],
    noise: Floats | None = None,
) -> tuple[Numbers, Floats]:
    """Pool what is said of frames to what is said of utterances.

    Parameters
    ----------
    log_likelihood : (n_rows, n_classes)
        ``log p(row | class)``.
    log_prior : (n_classes,)
        ``log P(class)``.
    offsets : (n_clips + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    rule
        ``"sum"``: the utterance's posterior with frames taken as independent, ``log P(class)`` once an utterance plus
        the sum of ``log p(row | class)``. ``"vote"``: each frame votes for its most probable class; the
        scores are the shares of the votes.
    noise : (n_rows,)
        ``log p(row | noise)``, where there is a model of noise: a frame that it explains better than any class does
        not count. An utterance of which no frame is left is evaluated by all of them.

    Returns
    -------
    decision : (n_clips,) int64
        The number of the class with the largest score, the first of equal ones.
    scores : (n_clips, n_classes) float64
        They sum to 1 in each utterance.
    """
    from scipy.special import softmax

    counts = np.ones((len(log_likelihood), 1), dtype=np.bool_)
    if noise is not None:
        alone = np.repeat(noise_alone(log_likelihood, offsets, noise), np.diff(offsets))
        counts = (_is_speech(log_likelihood, noise) | alone)[:, None]
    if rule == "sum":
        joint = np.add.reduceat(np.where(counts, log_likelihood, 0), offsets[:-1], axis=0) + log_prior
        return joint.argmax(axis=1), softmax(joint, axis=1)
    votes = counts * np.eye(len(log_prior))[(log_likelihood + log_prior).argmax(axis=1)]
    n_votes = np.add.reduceat(votes, offsets[:-1], axis=0)
    return n_votes.argmax(axis=1), n_votes / n_votes.sum(axis=1, keepdims=True)


def noise_alone(log_likelihood: Floats, offsets: Numbers, noise: Floats) -> NDArray[np.bool_]:
    """Return which utterances contain noise only, ``(n_utterances,) bool``; see `pool`."""
    alone: NDArray[np.bool_] = ~np.logical_or.reduceat(_is_speech(log_likelihood, noise), offsets[:-1])
    return alone


def _is_speech(log_likelihood: Floats, noise: Floats) -> NDArray[np.bool_]:
    speech: NDArray[np.bool_] = noise <= log_likelihood.max(axis=1)
    return speech


class Scored(NamedTuple):
    """What `score` says: decisions, scores, and how many utterances are noise alone, None where nobody asked."""

    decided: Targets
    scores: Floats
    n_noise: int | None = None


def score(estimator: Any, examples: Examples, fold: Fold, plan: Plan) -> Scored:
    """Return the decisions on a fold's tested utterances, and one score a class, ``(n_tested, n_classes)``.

    Where values are predicted there are no scores, ``(n_tested, 0)``.
    """
    X = _block(examples, rows_of(examples.offsets, fold.test), rows_of(examples.offsets, fold.train))
    if not examples.classes:
        return Scored(estimator.predict(X).astype(np.float64), np.empty((len(fold.test), 0)))
    if plan.classifier.rows == "utterance":
        decided, scores, n_noise = Scored(estimator.predict(X), estimator.predict_proba(X))
    else:
        decided, scores, n_noise = _pooled(estimator, X, np.diff(examples.offsets)[fold.test], plan.classifier)
    values = np.zeros((len(fold.test), len(examples.classes)))
    values[:, [examples.classes.index(name) for name in estimator.classes_]] = scores
    if plan.settings.reweight:
        values = reweighted(values, examples.y[fold.train], examples.classes)
        decided = np.array(examples.classes)[values.argmax(axis=1)]
    return Scored(decided.astype(np.str_), values, n_noise)


def reweighted(scores: Floats, trained: Labels, classes: Sequence[str]) -> Floats:
    """Return scores times the square root of how often their class was trained on, summing to 1 as before."""
    weighted = scores * np.sqrt([np.mean(trained == name) for name in classes])
    shares: Floats = weighted / weighted.sum(axis=1, keepdims=True)
    return shares


def _run_fold(shared: tuple[Examples, Plan, bool], fold: Fold) -> Outcome:
    examples, plan, inner = shared
    said, estimator = _said(examples, plan, fold)
    parts = [_said(examples, plan, part) for part in inner_parts(examples, fold)] if inner else []
    met = limits_of(estimator) | training_limits.of_inner([limits_of(fitted) for _, fitted in parts])
    if inner and not parts:
        met[training_limits.INNER] = "1 training speaker"
    return Outcome(said, _joined([part for part, _ in parts]) if parts else None, best_params(estimator), met)


def limits_of(estimator: Any) -> dict[str, str]:
    """Return for what a fitted estimator's training rows were too few; empty where it does not say."""
    return dict(getattr(estimator, "limits_", {}))


def best_params(estimator: Any) -> Mapping[str, Any]:
    """Return what a fitted estimator's search chose; empty where it does not say."""
    found: Mapping[str, Any] = getattr(estimator, "best_params_", {})
    return found


def _said(examples: Examples, plan: Plan, fold: Fold) -> tuple[FoldScores, Any]:
    from threadpoolctl import threadpool_limits

    estimator = build(plan, examples)
    try:
        with threadpool_limits(limits=1):  # after `build`: only libraries already loaded are limited
            fitted = fit(estimator, examples, fold)
            return FoldScores(fold.test, *score(fitted, examples, fold, plan)), fitted
    except ValueError as error:
        raise AffexError(
            f"Fold {fold.name}: {plan.classifier.name} could not learn from {len(fold.train)} utterances "
            f"and score {len(fold.test)}.\n{error}"
        ) from error


def inner_parts(examples: Examples, fold: Fold) -> list[Fold]:
    """Return the folds inside a fold's training utterances: the protocol's own, or some over the training speakers.

    There is none where these are one speaker.
    """
    if fold.inner is not None:
        return [Fold(f"{fold.name}, inner", *fold.inner)]
    if len(np.unique(examples.groups[fold.train])) < 2:
        return []
    pairs = inner_folds(examples.groups[fold.train])
    return [
        Fold(f"{fold.name}, inner {number}", fold.train[train], fold.train[test])
        for number, (train, test) in enumerate(pairs, 1)
    ]


def _joined(parts: Sequence[FoldScores]) -> FoldScores:
    return FoldScores(
        numbers=np.concatenate([part.numbers for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
    )


def _pooled(estimator: Any, X: Floats, lengths: Numbers, classifier: Any) -> Scored:
    offsets, likelihood = np.concatenate([[0], np.cumsum(lengths)]), estimator.log_likelihood(X)
    noise = estimator.noise_log_likelihood(X) if classifier.needs_level else None
    decision, scores = pool(likelihood, estimator.class_log_prior_, offsets, classifier.pool, noise)
    n_noise = None if noise is None else int(noise_alone(likelihood, offsets, noise).sum())
    return Scored(estimator.classes_[decision], scores, n_noise)


def _block(examples: Examples, rows: Numbers, columns: Numbers) -> NDArray[Any]:
    """Return the rows, or, of distances, those of the rows to the training rows in `columns`."""
    return examples.X[np.ix_(rows, columns)] if examples.precomputed else examples.X[rows]


def _inner_rows(inner: tuple[Numbers, Numbers], owner: Numbers) -> tuple[Numbers, Numbers]:
    """Return the places of utterances' rows among the training rows, whose owners are given."""
    train, validation = (np.flatnonzero(np.isin(owner, part)) for part in inner)
    return train, validation


def _with_distances(examples: Examples, plan: Plan) -> Examples:
    """Return the examples with the distances of all rows in the place of the rows, where no fold fits the scaling."""
    from threadpoolctl import threadpool_limits

    if plan.settings.speaker_norm is not True or plan.settings.soft or plan.classifier.rows != "utterance":
        return examples
    with threadpool_limits(limits=1):
        distances = plan.classifier.distances(examples.X, device=plan.settings.device)
    return examples if distances is None else replace(examples, X=distances, precomputed=True)


def _scores(task: Task, said: Sequence[tuple[Fold, FoldScores]]) -> Scores:
    """Return what was said, in the order of the manifest."""
    numbers = np.concatenate([part.numbers for _, part in said])
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    ids = np.array([utterance.id for utterance in task.utterances])
    return Scores(
        ids=ids[numbers],
        clusters=task.clusters.of[numbers],
        folds=np.repeat([fold.name for fold, _ in said], [len(part.numbers) for _, part in said])[order],
        true=task.examples.y[numbers],
        predicted=np.concatenate([part.predicted for _, part in said])[order],
        classes=task.examples.classes,
        values=np.concatenate([part.scores for _, part in said])[order],
    )
