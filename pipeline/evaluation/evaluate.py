"""Evaluate: the arrow from a table and a protocol to scores.

Each fold fits one estimator on the rows of its training utterances and scores the test rows. Everything that learns
from data is part of that fit (scaling, imputation, feature selection, hyperparameter search, calibration). Only the
normalisation by speaker uses rows outside the training utterances of a fold; it uses no label, and reports call its
figures transductive, or enrolled where other utterances than the tested one normalise it. Folds run in the same workers
as extraction, with one numerical thread each, so neither the number of processes nor the number of cores changes a
result.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Axis, Wrapped, inner_folds
from affex.pipeline.evaluation import controls, drops, enrolment, importance, searches, speakers, training_limits
from affex.pipeline.evaluation.dawid_skene import soft_targets
from affex.pipeline.evaluation.folds import Fold, require_classes, require_variety
from affex.pipeline.evaluation.groups import attributes_of
from affex.pipeline.evaluation.outcomes import (
    FoldScores,
    Outcome,
    controls_of,
    draws_of,
    joined,
    moments_of,
    n_removed,
    noisy,
    order_of,
    scores_of,
    shares_met,
)
from affex.pipeline.evaluation.results import FoldSummary, Result
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import Task, built, folds_hash, inner_pairs, prepare
from affex.pipeline.execution.proof import CODE, Likeness
from affex.pipeline.execution.runner import Inline, Runner, carry_out, survived
from affex.pipeline.execution.stopwatch import Timer
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Needs, Piece, Stage, Work
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.moments import Moments
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.scored import Scored
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import AffexError

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
Targets = NDArray[Any]
Floats = NDArray[np.float64]

#: The largest number of copies of all rows that a fold holds at a time: the training rows as read, after scaling, and
#: after feature selection.
COPIES = 3

#: A function that takes the number of finished folds and the number of all folds.
Progress = Callable[[int, int], None]


def evaluate(
    table: Table,
    plan: Plan,
    *,
    runner: Runner | None = None,
    inner: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Score every selected utterance with an estimator that was not trained on it.

    Parameters
    ----------
    table
        The utterances of a corpus and their rows.
    plan
        The model and the settings of the evaluation.
    runner
        Runs the folds; with None, this process does.
    inner
        Whether each fold also returns inner scores: models fitted on a part of its training utterances score the rest.
    progress
        Called after each fold.

    Raises
    ------
    UsageError
        If the settings do not fit together, or name something that does not exist.
    AffexError
        If the table does not allow this evaluation, or a fold cannot be fitted.
    """
    return evaluate_task(prepare(table, plan), plan, runner=runner, inner=inner, progress=progress)


def evaluate_task(
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
        Finished outcomes by fold number; these folds are not computed again.
    keep
        Called with the fold number and the outcome at the end of each fold.
    likeness
        The properties that workers must share with this process.
    """
    for fold in task.folds:
        require_variety(fold, task.examples.y, task.clusters)
        require_classes(plan.protocol, fold, task.examples.classes, task.examples.y)
    done = dict(known)
    missing = {number: fold for number, fold in enumerate(task.folds) if number not in done}

    def kept(piece: Piece, outcome: Any) -> None:
        [(number, _)] = piece.jobs
        done[number] = survived(outcome)
        if keep:
            keep(number, done[number])

    if missing:
        build(plan, task.examples)  # raises errors before any fold runs
        where = runner or Inline()
        work = fold_work(_with_distances(task.examples, plan, where, likeness), plan, likeness, inner=inner)
        pieces = [Piece(((number, fold),)) for number, fold in missing.items()]
        carry_out(where, work, pieces, kept, lambda _: progress and progress(len(done), len(task.folds)))
    outcomes = [done[number] for number in range(len(task.folds))]
    pairs = list(zip(task.folds, outcomes, strict=True))
    axes = tuple(axis for axis in search_axes(built(plan)) if any(axis.name in one.best_params for one in outcomes))
    scores = scores_of(task, [(fold, outcome.fold_scores) for fold, outcome in pairs])
    number = {utterance.id: place for place, utterance in enumerate(task.utterances)}
    tested = [task.utterances[number[id_]] for id_ in scores.ids.tolist()]
    drawn = draws_of(task, plan, outcomes)
    return Result(
        about=plan.about(task.clusters.unit),
        scores=scores,
        folds=tuple(
            FoldSummary(
                f.name, len(f.train), len(f.test), o.best_params, n_noise=o.fold_scores.n_noise, limits=o.limits
            )
            for f, o in pairs
        ),
        left_out=task.left_out,
        notes=(
            *task.notes,
            *training_limits.sentences([(o.best_params, o.limits) for o in outcomes]),
            *searches.sentences(axes, [(o.best_params, o.limits) for o in outcomes]),
            *noisy(outcomes),
            *(enrolment.notes(drawn) if drawn else ()),
        ),
        folds_hash=folds_hash(task),
        inner=tuple(scores_of(task, [(fold, outcome.inner)]) for fold, outcome in pairs if outcome.inner),
        ceiling=task.ceiling,
        against_shares=shares_met(task, scores),
        spread=task.spread,
        class_lost=speakers.taken_away(task.spread, plan.settings.speaker_norm, task.examples.y),
        attributes=attributes_of(tested, plan.protocol.target),
        moments=moments_of(outcomes),
        dialogs=task.dialogs,
        searched=axes,
        seconds=tuple(outcome.seconds for outcome in outcomes),
        n_kept=len(known),
        importance=drops.importance_of(
            task.examples, plan, scores, [o.permuted for o in outcomes], order_of(outcomes), task.clusters.unit
        ),
        controls=controls_of(outcomes),
        n_removed=n_removed(task, plan),
        enrolled=drawn,
    )


def search_axes(estimator: Any) -> tuple[Axis, ...]:
    """Return what the searches inside an unfitted estimator try of each hyperparameter; empty if there is none."""
    from affex.classifiers.estimators import searching

    return searching.search_axes(estimator)


def build(plan: Plan, examples: Examples) -> Any:
    """Return an unfitted estimator that suits these examples.

    Raises
    ------
    UsageError
        If the classifier's settings do not suit them.
    """
    return built(plan, precomputed=examples.distances is not None)


def fit(estimator: Any, examples: Examples, fold: Fold, plan: Plan) -> Any:
    """Fit an estimator on the rows of a fold's training utterances, and on nothing else; return it."""
    from affex.classifiers.estimators import fitting

    own = soft_targets(examples, fold.train)
    training = reader_of(plan.classifier).training(own, fold.train, inner_pairs(examples, fold))
    return fitting.fit(estimator, training.X, training.y, **training.given)


def score(estimator: Any, examples: Examples, fold: Fold, plan: Plan) -> Scored:
    """Return the decisions on a fold's test utterances, and one score per class, ``(n_tested, n_classes)``.

    For a continuous target there are no scores, ``(n_tested, 0)``.
    """
    reader = reader_of(plan.classifier)
    decided, scores, n_noise = reader.scored(estimator, examples, fold.test, fold.train)
    if np.shape(decided) != fold.test.shape:
        raise ValueError(f"its predictions have the shape {np.shape(decided)}: expected {fold.test.shape}")
    if not examples.classes:
        return Scored(decided, scores)
    if not np.isin(decided, estimator.classes_).all():
        strange = sorted({*map(str, decided)} - {*map(str, estimator.classes_)})
        raise ValueError(
            f"it predicts {', '.join(strange)}: expected some of {', '.join(map(str, estimator.classes_))}"
        )
    values = np.zeros((len(fold.test), len(examples.classes)))
    values[:, [examples.classes.index(name) for name in estimator.classes_]] = scores
    if plan.settings.reweight:
        values = reweighted(values, examples.y[fold.train], examples.classes)
        decided = np.array(examples.classes)[values.argmax(axis=1)]
    return Scored(decided.astype(np.str_), values, n_noise)


def reweighted(scores: Floats, trained: Labels, classes: Sequence[str]) -> Floats:
    """Return the scores times the square root of their class's training frequency, scaled to a sum of 1."""
    weighted = scores * np.sqrt([np.mean(trained == name) for name in classes])
    shares: Floats = weighted / weighted.sum(axis=1, keepdims=True)
    return shares


def fold_work(examples: Examples, plan: Plan, likeness: Likeness = CODE, *, inner: bool = False) -> Work:
    """Return the function that processes one fold, given its number and the fold; each fold is a part of one job."""
    on_gpu = _is_on_gpu(plan) and examples.distances is None
    needs = Needs(gpu=float(on_gpu), memory=COPIES * examples.X.nbytes)
    in_threads = plan.classifier.in_threads
    return Work((Stage(_run_fold, needs),), likeness, (examples, plan, inner), in_threads)


def _is_on_gpu(plan: Plan) -> bool:
    return plan.settings.device != "cpu" and plan.classifier.on_device


def _run_fold(piece: Piece, examples: Examples, plan: Plan, inner: bool) -> Outcome:
    ((number, fold),), timer = piece.jobs, Timer()
    fold_scores, estimator = _fold_scores(examples, plan, fold)
    permuted = _permuted(estimator, enrolment.as_tested(examples, fold, plan), plan, fold, number)
    drawn = _drawn(estimator, examples, plan, fold)
    parts = [_fold_scores(examples, plan, part) for part in inner_parts(examples, fold)] if inner else []
    met = limits_of(estimator) | training_limits.of_inner([limits_of(fitted) for _, fitted in parts])
    if inner and not parts:
        met[training_limits.INNER] = "1 training speaker"
    inner_scores = joined([part for part, _ in parts]) if parts else None
    matched = _matched(estimator, examples, plan, fold, number, fold_scores)
    moments = _moments(estimator, examples, plan, fold) if plan.settings.moments else None
    return Outcome(
        fold_scores,
        inner_scores,
        best_params(estimator),
        met,
        permuted,
        moments,
        timer.seconds(),
        controls=matched,
        drawn=drawn,
    )


def _matched(
    estimator: Any, examples: Examples, plan: Plan, fold: Fold, number: int, own: FoldScores
) -> NDArray[Any] | None:
    """Return the decisions of a fold's size-matched controls, ``(n_draws, n_tested)``; None where none are asked for.

    Where the fold's texts take nothing away, a control is the fold itself.
    """
    n_draws = plan.settings.controls
    if not n_draws:
        return None
    from affex.classifiers.estimators.inspection import cross_validations
    from affex.classifiers.estimators.settling import settled

    like = settled(estimator)
    # Decisions need no inner folds, unless scores make them or the estimator learns from cross-validation.
    inner = None if cross_validations(like) or plan.settings.reweight else ()
    found = [
        _fold_scores(examples, plan, replace(fold, train=train, inner=inner), settled(estimator))[0].predicted
        for train in controls.drawn(examples, fold, n_draws, (plan.settings.seed, number))
    ]
    return np.stack(found or [own.predicted] * n_draws)


def _drawn(estimator: Any, examples: Examples, plan: Plan, fold: Fold) -> NDArray[Any] | None:
    """Return a fitted model's decisions under each draw of enrolled utterances; None where no utterance is enrolled."""
    if examples.enrolled is None:
        return None
    with one_thread():
        return np.stack([
            score(estimator, enrolment.as_tested(examples, fold, plan, *trial), fold, plan).decided
            for trial in enrolment.each_draw(examples.enrolled)
        ])  # fmt: skip


def _moments(estimator: Any, examples: Examples, plan: Plan, fold: Fold) -> Moments:
    """Return the scores of the rows of a fold's test utterances, one column per class; 0 for one it never learned."""
    with one_thread():
        found = reader_of(plan.classifier).moments(estimator, examples, fold.test, fold.train)
    if not examples.classes:
        return found
    values = np.zeros((len(found.values), len(examples.classes)))
    values[:, [examples.classes.index(name) for name in estimator.classes_]] = found.values
    return replace(found, values=values)


def _permuted(estimator: Any, examples: Examples, plan: Plan, fold: Fold, number: int) -> NDArray[Any] | None:
    """Return a fold's decisions with groups of columns permuted; None for a model that none is asked of."""
    from affex.classifiers.estimators.inspection import is_linear_or_trees

    groups = list(drops.groups_of(examples, plan).values())
    if not groups or not is_linear_or_trees(estimator):
        return None

    def decide(own: Examples, alone: Fold) -> Targets:
        weighted = plan.settings.reweight  # else the scores, which cost as much again, do not matter
        return score(estimator, own, alone, plan).decided if weighted else np.asarray(estimator.predict(own.X))

    with one_thread():
        return importance.permuted(decide, examples, fold, groups, (plan.settings.seed, number))


def limits_of(estimator: Any) -> dict[str, str]:
    """Return the steps for which a fitted estimator had too few training rows; empty if it reports none."""
    from affex.classifiers.estimators import fitting

    return dict(fitting.limits(estimator))


def best_params(estimator: Any) -> Mapping[str, Any]:
    """Return the hyperparameters that a fitted estimator's search chose; empty if there was no search."""
    from affex.classifiers.estimators import fitting

    return fitting.best_params(estimator)


def _fold_scores(examples: Examples, plan: Plan, fold: Fold, like: Any = None) -> tuple[FoldScores, Any]:
    """Return the scores of a fold and the fitted estimator: that of the plan, or `like` if it is given."""
    estimator = build(plan, examples) if like is None else like
    # An estimator that was passed may raise anything; in those of affex another error than ValueError is a fault.
    failure = Exception if isinstance(plan.classifier, Wrapped) else ValueError
    try:
        with one_thread():  # after `build`: only libraries already loaded are limited
            fitted = fit(estimator, examples, fold, plan)
            tested = enrolment.as_tested(examples, fold, plan)
            return FoldScores(fold.test, *score(fitted, tested, fold, plan)), fitted
    except failure as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise AffexError(
            f"Fold {fold.name}: {plan.classifier.name} could not be trained on {len(fold.train)} utterances "
            f"and score {len(fold.test)}.\n{kind}{error}"
        ) from error


def inner_parts(examples: Examples, fold: Fold) -> list[Fold]:
    """Return the inner folds of a fold's training utterances: the protocol's own, or folds over the training speakers.

    There are none if all training utterances are from one speaker.
    """
    own = inner_pairs(examples, fold)
    if own is not None:
        return [
            Fold(f"{fold.name}, inner{f' {number}' if len(own) > 1 else ''}", *pair)
            for number, pair in enumerate(own, 1)
        ]
    if len(np.unique(examples.groups[fold.train])) < 2:
        return []
    pairs = inner_folds(examples.groups[fold.train])
    return [
        Fold(f"{fold.name}, inner {number}", fold.train[train], fold.train[test])
        for number, (train, test) in enumerate(pairs, 1)
    ]


def _with_distances(examples: Examples, plan: Plan, runner: Runner, likeness: Likeness) -> Examples:
    """Return the examples with the distances between all rows instead of the rows, if no fold fits the scaling."""
    if (
        not (plan.settings.speaker_norm is True or is_enrolment(plan.settings.speaker_norm))
        or plan.settings.soft
        or plan.classifier.reads != "utterance"
        or len(examples.X) != len(examples.y)
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
