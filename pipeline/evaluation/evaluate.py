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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import inner_folds
from affex.pipeline.evaluation import speakers, training_limits
from affex.pipeline.evaluation.folds import Fold, require_variety
from affex.pipeline.evaluation.results import FoldSummary, Result, Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import Task, built, folds_hash, prepare
from affex.pipeline.execution.proof import CODE, Likeness
from affex.pipeline.execution.runner import Inline, Runner, carry_out, survived
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Needs, Piece, Stage, Work
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.readers import Scored, reader_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
Targets = NDArray[Any]
Floats = NDArray[np.float64]

#: How many copies of all rows a fold holds at a time, at most: those of its training utterances as they come, scaled,
#: and with the columns that were selected.
COPIES = 3

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
        The utterances of a corpus and their rows.
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

    def kept(piece: Piece, outcome: Any) -> None:
        [(number, _)] = piece.jobs
        done[number] = survived(outcome)
        if keep:
            keep(number, done[number])

    if missing:
        build(plan, task.examples)  # what it refuses, it refuses at once
        where = runner or Inline()
        work = fold_work(_with_distances(task.examples, plan, where, likeness), plan, likeness, inner=inner)
        pieces = [Piece(((number, fold),)) for number, fold in missing.items()]
        carry_out(where, work, pieces, kept, lambda _: progress and progress(len(done), len(task.folds)))
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
    return built(plan, precomputed=examples.distances is not None)


def fit(estimator: Any, examples: Examples, fold: Fold, plan: Plan) -> Any:
    """Fit an estimator on the rows of a fold's training utterances, and on nothing else; return it."""
    from affex.classifiers.estimators import fitting

    training = reader_of(plan.classifier).training(examples, fold.train, fold.inner)
    return fitting.fit(estimator, training.X, training.y, **training.given)


def score(estimator: Any, examples: Examples, fold: Fold, plan: Plan) -> Scored:
    """Return the decisions on a fold's tested utterances, and one score a class, ``(n_tested, n_classes)``.

    Where values are predicted there are no scores, ``(n_tested, 0)``.
    """
    reader = reader_of(plan.classifier)
    decided, scores, n_noise = reader.scored(estimator, examples, fold.test, fold.train)
    if not examples.classes:
        return Scored(decided, scores)
    values = np.zeros((len(fold.test), len(examples.classes)))
    values[:, [examples.classes.index(name) for name in estimator.classes_]] = scores
    if plan.settings.reweight:
        values = reweighted(values, examples.y[fold.train], examples.classes)
        decided = np.array(examples.classes)[values.argmax(axis=1)]
    return Scored(decided.astype(np.str_), values, n_noise)


def _decided(estimator: Any, X: Floats) -> Scored:
    """Return the decision on each row, and scores that sum to 1 as `inspection.answer_of` says what they are."""
    from scipy.special import softmax

    from affex.classifiers.estimators import inspection

    decided, answer = estimator.predict(X), inspection.answer_of(estimator)
    if answer == "probabilities":
        return Scored(decided, estimator.predict_proba(X))
    if answer == "decisions":
        return Scored(decided, (decided[:, None] == estimator.classes_).astype(np.float64))
    values = estimator.decision_function(X)
    return Scored(decided, softmax(values if values.ndim == 2 else np.column_stack([-values, values]), axis=1))


def reweighted(scores: Floats, trained: Labels, classes: Sequence[str]) -> Floats:
    """Return scores times the square root of how often their class was trained on, summing to 1 as before."""
    weighted = scores * np.sqrt([np.mean(trained == name) for name in classes])
    shares: Floats = weighted / weighted.sum(axis=1, keepdims=True)
    return shares


def fold_work(examples: Examples, plan: Plan, likeness: Likeness = CODE, *, inner: bool = False) -> Work:
    """Return what is done with each fold, a piece of one job: its number, and the fold."""
    on_gpu = _is_on_gpu(plan) and examples.distances is None
    needs = Needs(gpu=float(on_gpu), memory=COPIES * examples.X.nbytes)
    in_threads = plan.classifier.in_threads
    return Work((Stage(_run_fold, needs),), likeness, (examples, plan, inner), in_threads)


def _is_on_gpu(plan: Plan) -> bool:
    return plan.settings.device != "cpu" and plan.classifier.on_device


def _run_fold(piece: Piece, examples: Examples, plan: Plan, inner: bool) -> Outcome:
    [(_, fold)] = piece.jobs
    said, estimator = _said(examples, plan, fold)
    parts = [_said(examples, plan, part) for part in inner_parts(examples, fold)] if inner else []
    met = limits_of(estimator) | training_limits.of_inner([limits_of(fitted) for _, fitted in parts])
    if inner and not parts:
        met[training_limits.INNER] = "1 training speaker"
    return Outcome(said, _joined([part for part, _ in parts]) if parts else None, best_params(estimator), met)


def limits_of(estimator: Any) -> dict[str, str]:
    """Return for what a fitted estimator's training rows were too few; empty where it does not say."""
    from affex.classifiers.estimators import fitting

    return dict(fitting.limits(estimator))


def best_params(estimator: Any) -> Mapping[str, Any]:
    """Return what a fitted estimator's search chose; empty where nothing was searched."""
    from affex.classifiers.estimators import fitting

    return fitting.best_params(estimator)


def _said(examples: Examples, plan: Plan, fold: Fold) -> tuple[FoldScores, Any]:
    estimator = build(plan, examples)
    try:
        with one_thread():  # after `build`: only libraries already loaded are limited
            fitted = fit(estimator, examples, fold, plan)
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


def _with_distances(examples: Examples, plan: Plan, runner: Runner, likeness: Likeness) -> Examples:
    """Return the examples with the distances of all rows in the place of the rows, where no fold fits the scaling."""
    if (
        plan.settings.speaker_norm is not True
        or plan.settings.soft
        or reader_of(plan.classifier).framewise is not False
    ):
        return examples
    needs = Needs(gpu=float(_is_on_gpu(plan)))
    work = Work((Stage(_distances, needs),), likeness, (plan,), in_threads=True)
    try:
        [(_, distances)] = runner.run(work, [Piece((examples.X,))])
    except ValueError as error:
        raise AffexError(f"{plan.classifier.name}: {error}.") from error
    return examples if survived(distances) is None else replace(examples, distances=distances)


def _distances(piece: Piece, plan: Plan) -> Floats | None:
    [X] = piece.jobs
    with one_thread():
        found: Floats | None = plan.classifier.distances(X, device=plan.settings.device)
    return found


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
