"""Evaluate: the arrow from a matrix and a protocol card to scores.

Each fold fits one estimator on the rows of its training speakers and scores the rows left out. All that
learns happens in that fit (scaling, imputation, the search for hyperparameters, calibration); nothing else
sees more than one fold's training rows but the normalisation by speaker, which no label enters and which is
called transductive wherever its figures appear. Folds run in processes of their own, with one numerical
thread each, so that neither the number of processes nor that of cores changes a result.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from classifiers.base import Classifier
from pipeline import registry
from pipeline.corpora.base import LOSO, Card
from pipeline.errors import AffexError, UsageError
from pipeline.matrix import Matrix, normalised_by_speaker, rows_of
from pipeline.splits import Fold, folds, in_parts, notes, select

Numbers = NDArray[np.int64]
Labels = NDArray[np.str_]
Floats = NDArray[np.float64]

#: Told how many folds are done, and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is evaluated, and how; equal settings on an equal matrix give equal results.

    Parameters
    ----------
    corpus
        The corpus's name.
    features
        The features' specs.
    keys
        The cache key of each feature.
    classifier
        The classifier with its settings.
    card
        The protocol.
    target
        The field of an utterance that is predicted.
    classes
        The classes that count, as in ``"ang,neu,sad,hap+exc"``; empty for all.
    speaker_norm
        Whether each column is z-scored within each speaker (transductive).
    seed
        Seeds all that is random.
    device
        ``"cpu"`` or ``"cuda"``.
    """

    corpus: str
    features: tuple[str, ...]
    classifier: Classifier
    keys: tuple[str, ...] = ()
    card: Card = LOSO
    target: str = "label"
    classes: str = ""
    speaker_norm: bool = False
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Examples:
    """What folds are cut from; a process needs no more.

    Parameters
    ----------
    X : (n_rows, n_columns) float32
        The rows of all utterances, one utterance after another.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``.
    y, speakers : (n_utterances,) str
        The class and the speaker of each utterance.
    """

    X: NDArray[np.float32]
    offsets: Numbers
    y: Labels
    speakers: Labels


@dataclass(frozen=True, eq=False)
class Task:
    """A matrix cut to what counts, with its folds.

    Parameters
    ----------
    ids
        The id of each utterance.
    examples
        Rows, classes and speakers.
    classes
        All classes, in the order in which results show them.
    folds
        Who is learned from and who is tested.
    left_out
        How many of the matrix's utterances do not count, by reason.
    notes
        What the folds cannot do justice to, a sentence each.
    """

    ids: tuple[str, ...]
    examples: Examples
    classes: tuple[str, ...]
    folds: tuple[Fold, ...]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one fold said.

    Parameters
    ----------
    predicted : (n_tested,) str
        The estimator's own decision on each tested utterance.
    scores : (n_tested, n_classes) float64
        One score a class; 0 for a class that the fold never learned.
    best_params
        What the search inside the training speakers chose.
    """

    predicted: Labels
    scores: Floats
    best_params: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Scores:
    """What was said of each tested utterance, in the order of the manifest.

    Parameters
    ----------
    ids, speakers, folds, true, predicted : (n_tested,) str
        Which utterance, whose, tested in which fold, its class, and the estimator's own decision.
    classes
        The classes, as the columns of `values`.
    values : (n_tested, n_classes) float64
        One score a class; the largest may belong to another class than `predicted`.
    """

    ids: Labels
    speakers: Labels
    folds: Labels
    true: Labels
    predicted: Labels
    classes: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, eq=False)
class FoldSummary:
    """One fold: who was tested, on how many utterances learned and tested, and what the search chose."""

    name: str
    n_train: int
    n_test: int
    best_params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Result:
    """All that a report needs."""

    settings: Settings
    scores: Scores
    folds: tuple[FoldSummary, ...]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


def evaluate(matrix: Matrix, settings: Settings, *, jobs: int = 1, progress: Progress | None = None) -> Result:
    """Score every utterance that counts with an estimator that never saw it.

    Parameters
    ----------
    matrix
        The rows of a corpus.
    settings
        What is evaluated, and how.
    jobs
        How many folds run at a time, each in a process of its own; 1 runs them in this process.
    progress
        Called after each fold.

    Raises
    ------
    UsageError
        If the settings do not fit together, or name something that does not exist.
    AffexError
        If the matrix cannot be evaluated so, or a fold cannot be fitted.
    """
    task = prepare(matrix, settings)
    outcomes = []
    for outcome in _outcomes(task, settings, jobs):
        outcomes.append(outcome)
        if progress:
            progress(len(outcomes), len(task.folds))
    summaries = tuple(
        FoldSummary(fold.name, len(fold.train), len(fold.test), outcome.best_params)
        for fold, outcome in zip(task.folds, outcomes, strict=True)
    )
    return Result(settings, _scores(task, outcomes), summaries, task.left_out, task.notes)


def prepare(matrix: Matrix, settings: Settings) -> Task:
    """Cut a matrix to what counts and draw the folds.

    The normalisation by speaker rests on all utterances of the card's parts, so that no label, not even the
    choice of classes, enters it.

    Raises
    ------
    UsageError, AffexError
        As `evaluate`.
    """
    heard, in_card = matrix.present.any(axis=1), in_parts(matrix.utterances, settings.card.parts)
    left_out = {"in another part": int((~in_card).sum()), "without features": int((in_card & ~heard).sum())}
    matrix = matrix.take(np.flatnonzero(heard & in_card))
    _require_rows(matrix, settings)
    if settings.speaker_norm:
        matrix = normalised_by_speaker(matrix)
    selection = select(matrix.utterances, settings.target, settings.classes)
    matrix = matrix.take(selection.chosen)
    rounds = folds(settings.card, matrix.utterances)
    return Task(
        ids=tuple(utterance.id for utterance in matrix.utterances),
        examples=Examples(matrix.X, matrix.offsets, selection.y, matrix.speakers),
        classes=selection.classes,
        folds=rounds,
        left_out={reason: n for reason, n in left_out.items() if n} | dict(selection.left_out),
        notes=notes(selection.y, rounds),
    )


def fit(estimator: Any, examples: Examples, train: Numbers) -> Any:
    """Fit an estimator on the rows of the training utterances, and on nothing else; return it."""
    rows = rows_of(examples.offsets, train)
    owner = np.repeat(train, np.diff(examples.offsets)[train])
    return estimator.fit(examples.X[rows], examples.y[owner], groups=examples.speakers[owner])


def pool(
    log_likelihood: Floats, log_prior: Floats, offsets: Numbers, rule: Literal["sum", "vote"]
) -> tuple[Numbers, Floats]:
    """Pool what is said of frames to what is said of clips.

    Parameters
    ----------
    log_likelihood : (n_rows, n_classes)
        ``log p(row | class)``.
    log_prior : (n_classes,)
        ``log P(class)``.
    offsets : (n_clips + 1,) int64
        Clip ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``, one at least.
    rule
        ``"sum"``: the clip's posterior with frames taken as independent, ``log P(class)`` once a clip plus
        the sum of ``log p(row | class)``. ``"vote"``: each frame votes for its most probable class; the
        scores are the shares of the votes.

    Returns
    -------
    decision : (n_clips,) int64
        The number of the class with the largest score, the first of equal ones.
    scores : (n_clips, n_classes) float64
        They sum to 1 in each clip.
    """
    from scipy.special import softmax

    if rule == "sum":
        joint = np.add.reduceat(log_likelihood, offsets[:-1], axis=0) + log_prior
        return joint.argmax(axis=1), softmax(joint, axis=1)
    votes = np.eye(len(log_prior))[(log_likelihood + log_prior).argmax(axis=1)]
    shares = np.add.reduceat(votes, offsets[:-1], axis=0) / np.diff(offsets)[:, None]
    return shares.argmax(axis=1), shares


def _outcomes(task: Task, settings: Settings, jobs: int) -> Iterable[Outcome]:
    from joblib import Parallel, delayed

    run = delayed(_run_fold)
    rounds = (run(task.examples, fold, task.classes, settings) for fold in task.folds)
    try:
        yield from Parallel(n_jobs=min(jobs, len(task.folds)), return_as="generator")(rounds)
    except BrokenProcessPool as error:
        raise AffexError(
            f"A process died while it fitted {settings.classifier.name}, most likely for lack of memory.\n"
            f"Try fewer at a time: JOBS={max(1, jobs // 2)}."
        ) from error


def _run_fold(examples: Examples, fold: Fold, classes: tuple[str, ...], settings: Settings) -> Outcome:
    from threadpoolctl import threadpool_limits

    estimator = settings.classifier.build(seed=settings.seed, device=settings.device)
    try:
        with threadpool_limits(limits=1):  # after `build`: only libraries already loaded are limited
            predicted, scores = _score(fit(estimator, examples, fold.train), examples, fold.test, settings.classifier)
    except ValueError as error:
        raise AffexError(
            f"Fold {fold.name}: {settings.classifier.name} could not learn from {len(fold.train)} utterances "
            f"and score {len(fold.test)}.\n{error}"
        ) from error
    values = np.zeros((len(fold.test), len(classes)))
    values[:, [classes.index(name) for name in estimator.classes_]] = scores
    return Outcome(predicted, values, getattr(estimator, "best_params_", {}))


def _score(estimator: Any, examples: Examples, test: Numbers, classifier: Any) -> tuple[Labels, Floats]:
    X = examples.X[rows_of(examples.offsets, test)]
    if classifier.rows == "utterance":
        return estimator.predict(X), estimator.predict_proba(X)
    offsets = np.concatenate([[0], np.cumsum(np.diff(examples.offsets)[test])])
    decision, scores = pool(estimator.log_likelihood(X), estimator.class_log_prior_, offsets, classifier.pool)
    return estimator.classes_[decision], scores


def _scores(task: Task, outcomes: Iterable[Outcome]) -> Scores:
    tested = np.concatenate([fold.test for fold in task.folds])
    order = np.argsort(tested, kind="stable")
    outcomes = tuple(outcomes)
    numbers = tested[order]
    return Scores(
        ids=np.array(task.ids)[numbers],
        speakers=task.examples.speakers[numbers],
        folds=np.repeat([fold.name for fold in task.folds], [len(fold.test) for fold in task.folds])[order],
        true=task.examples.y[numbers],
        predicted=np.concatenate([outcome.predicted for outcome in outcomes]).astype(np.str_)[order],
        classes=task.classes,
        values=np.concatenate([outcome.scores for outcome in outcomes])[order],
    )


def _require_rows(matrix: Matrix, settings: Settings) -> None:
    if not len(matrix):
        raise AffexError(f"No utterance of {settings.corpus} has {' or '.join(settings.features)}: none to test.")
    if is_framewise(matrix) != (settings.classifier.rows == "frame"):
        raise UsageError(_misfit(settings, framewise=is_framewise(matrix)))
    complete = np.repeat(matrix.present.all(axis=1), matrix.lengths)
    wrong = np.isinf(matrix.X) | (np.isnan(matrix.X) & complete[:, None])
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        owner = matrix.utterances[int(np.searchsorted(matrix.offsets, row, side="right")) - 1]
        raise AffexError(
            f"{owner.id}: column {matrix.columns[column]} is {matrix.X[row, column]}; expected a number.\n"
            "A feature that an utterance lacks is marked as absent, never NaN: check the cache (affex cache)."
        )


def is_framewise(matrix: Matrix) -> bool:
    """Tell whether any utterance has more, or fewer, rows than one."""
    return bool((matrix.lengths != 1).any())


def _misfit(settings: Settings, *, framewise: bool) -> str:
    name, features = settings.classifier.name, " ".join(settings.features)
    reads, gives = ("an utterance", "a frame") if framewise else ("a frame", "an utterance")
    fitting = [n for n, feature in registry.feature_presets().items() if feature.framewise != framewise]
    readers = [n for n, other in registry.classifier_presets().items() if (other.rows == "frame") == framewise]
    return (
        f"CLASSIFIER={name} reads one row {reads}, but FEATURES='{features}' gives one {gives}.\n"
        f"Features that fit {name}: {', '.join(fitting) or 'none'}.\n"
        f"Classifiers that fit {features}: {', '.join(readers) or 'none'}."
    )
