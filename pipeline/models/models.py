"""Models: the arrow from a table to a fitted model, and from new rows to its predictions.

`fit` learns from all utterances that count, in the same way as a fold of an evaluation learns from its training
utterances, with the hyperparameter search inside (inner folds by speaker). `predict` returns for new rows what that
fold would have predicted. Neither function measures performance: an evaluation with the same settings gives figures on
unknown speakers, and `evaluation` is the name of its run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching.cache import differences, recipe
from affex.pipeline.evaluation import folds, training_limits
from affex.pipeline.evaluation.evaluate import best_params, build, limits_of, reweighted, score
from affex.pipeline.evaluation.evaluate import fit as fit_fold
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.outcomes import FoldScores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import versions
from affex.pipeline.evaluation.task import Task, beside, prepare
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting.report import run_name
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.streams.examples import Examples, turns
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.table import Table, normalised_by_speaker
from affex.pipeline.text import names
from affex.pipeline.text.errors import AffexError, UsageError

Numbers = NDArray[np.int64]

#: Note for an utterance without a prediction because it is its speaker's only row.
ALONE = "its speaker has no other row here: normalised within the speaker it is all 0"


@dataclass(frozen=True)
class Learned:
    """The training data of a model.

    Parameters
    ----------
    n_utterances
        How many utterances.
    n_clusters, unit
        How many speakers, or other units of that name.
    counts
        How many utterances of each class, all classes in the order of the scores; empty for values.
    sexes
        How many of these speakers are of each sex, where it is known; empty for other units.
    excluded
        The speakers who were excluded on request.
    left_out
        How many other utterances do not count, by reason.
    notes
        Further notes, one sentence each.
    """

    n_utterances: int
    n_clusters: int
    unit: str = "speaker"
    counts: Mapping[str, int] = field(default_factory=dict)
    sexes: Mapping[str, int] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted estimator with everything needed to use it.

    Parameters
    ----------
    plan
        The fitted features, classifier and settings.
    recipes
        The recipe behind each feature's key: canonical JSON (`pipeline.caching.store.Recipe`), one per feature.
    columns
        `columns_digest` of the training rows.
    learned
        The training data.
    estimator
        The fitted estimator.
    chosen
        The chosen hyperparameters.
    versions
        Versions of the packages that may change a score, by package.
    """

    plan: Plan
    recipes: tuple[str, ...]
    columns: str
    learned: Learned
    estimator: Any
    chosen: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the scores; empty for values."""
        return tuple(self.learned.counts)

    @property
    def evaluation(self) -> str:
        """The name of the run that evaluates such models."""
        return run_name(self.plan.about())

    @property
    def name(self) -> str:
        """The name of its file, without the suffix: the name of the evaluation, and the excluded speakers."""
        about, excluded = self.plan.about(), self.learned.excluded
        return run_name(replace(about, model=(*about.model, f"without-{'-'.join(excluded)}")) if excluded else about)


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of a model for some utterances, with notes.

    Parameters
    ----------
    fold_scores
        The utterances of the table with a prediction, their predictions, and the scores.
    notes
        By id: why an utterance has no prediction, or which of its features are missing.
    """

    fold_scores: FoldScores
    notes: Mapping[str, str]


def fit(
    table: Table,
    plan: Plan,
    *,
    exclude: Sequence[str] = (),
    recipes: Sequence[str] = (),
) -> Model:
    """Learn from all utterances that count under the protocol of the plan.

    The model predicts the same as a fold of an evaluation with the same training utterances. With normalisation by
    speaker there are small differences: an evaluation may compute the distances of rows once for all folds, while a
    model for new rows must scale the rows once more.

    Parameters
    ----------
    exclude
        Speakers who are not used for training.
    recipes
        The recipes behind the features' keys.

    Raises
    ------
    UsageError
        If the settings do not fit together, or no speaker has one of the names in `exclude`.
    AffexError
        If there are not enough training data.
    """
    require_saved(plan)
    task = prepare(table, plan)
    others = task.examples.unlabelled
    counted = set(task.clusters.of.tolist())
    heard = set() if others is None else {*others.speakers.tolist()} - counted - {""}  # without any label
    exclude = [names.resolved(name, counted | heard) for name in exclude]
    fold = folds.all_but(task.folds, task.clusters, [name for name in exclude if name not in heard])
    if others is not None:
        task = replace(task, examples=replace(task.examples, unlabelled=others.without(exclude)))
    estimator = build(plan, task.examples)
    try:
        with one_thread():  # as in an evaluation, so that the results are equal to the bit
            fit_fold(estimator, task.examples, fold, plan)
    except ValueError as error:
        raise AffexError(
            f"{plan.classifier.name} could not be trained on {len(fold.train)} utterances of {plan.corpus}.\n{error}"
        ) from error
    return Model(
        plan=plan,
        recipes=tuple(recipes),
        columns=columns_digest(_columns(reader_of(plan.classifier).arranged(table))),
        learned=_learned(task, fold, exclude, estimator),
        estimator=estimator,
        chosen=best_params(estimator),
        versions=versions(),
    )


def require_saved(plan: Plan) -> None:
    """Refuse settings that are about an evaluation and not about a model.

    Raises
    ------
    UsageError
        If test utterances are to be enrolled.
    """
    if is_enrolment(plan.settings.speaker_norm):
        raise UsageError(
            f"SPEAKER_NORM={plan.settings.speaker_norm} says how test utterances are normalised, and changes no model: "
            "its training speakers are normalised with all of theirs. Fit it with SPEAKER_NORM=1: `make predict` then "
            "normalises each speaker with all of the speaker's recordings that it is given: give those to enrol, too."
        )


def columns_digest(columns: Sequence[str]) -> str:
    """Return the sha256 of the columns' names in their order."""
    return hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()


def require_features(model: Model, specs: Sequence[FeatureSpec]) -> None:
    """Refuse features that differ from those that the model was fitted on.

    Raises
    ------
    AffexError
        If features differ; the message names the feature, the keys and the difference.
    """
    for spec, key, stated in zip(specs, model.plan.keys, model.recipes, strict=True):
        here = recipe(spec.feature)
        if here.key != key:
            changes = differences(stated, here.spec)
            raise AffexError(
                f"The model was fitted on {spec} under the key {key[:12]}, and here {spec} has the key "
                f"{here.key[:12]}: {changes}.\nOther keys are other numbers, for which the model was not trained. "
                "Use the versions that it was fitted with, or fit it anew with `make fit`."
            )


def predict(model: Model, table: Table, failures: Sequence[Mapping[str, str]] = ()) -> Predictions:
    """Return the predictions of a model for the utterances of a table.

    With normalisation by speaker each column is z-scored (or centred) within each speaker, over all rows given here:
    **transductive**. An utterance without features gets no prediction. With this normalisation a speaker's only row
    gets none, either.

    Parameters
    ----------
    failures
        For each feature, the reason why an utterance lacks it, by id.

    Raises
    ------
    AffexError
        If the rows differ in form from the training rows, or if speakers are needed and have no names.
    """
    table = reader_of(model.plan.classifier).arranged(table)
    _require_columns(model, table)
    n_columns = len(_columns(table))
    n_fitted = getattr(model.estimator, "n_features_in_", n_columns)
    if model.plan.classifier.streams == 1 and n_fitted != n_columns:
        raise AffexError(
            f"The model was fitted on {n_fitted} columns, and the rows here have "
            f"{n_columns}: its file is not whole. Fit it anew with `make fit`."
        )
    alone = np.zeros(len(table), dtype=bool)
    if model.plan.settings.speaker_norm:
        require_speakers(table.utterances)
        alone = _alone(table)
        table = normalised_by_speaker(table, model.plan.settings.speaker_norm)
    numbers = np.flatnonzero(_has_rows(table) & ~alone)
    notes = _notes(model, table, failures) | {table.utterances[i].id: ALONE for i in np.flatnonzero(alone)}
    return Predictions(_fold_scores(model, table.take(numbers), numbers), notes)


def require_speakers(utterances: Sequence[Utterance]) -> None:
    """Refuse utterances without a speaker's name, for a model that needs it.

    Raises
    ------
    UsageError
        If a name is missing; the message names the first such utterance.
    """
    nameless = [utterance.id for utterance in utterances if not utterance.speaker]
    if nameless:
        raise UsageError(
            "This model was fitted on rows normalised within each speaker, so it needs speakers, "
            f"and {len(nameless)} of {len(utterances)} utterances have no speaker (the first: {nameless[0]}).\n"
            "Give a table that names the speaker of each file, as in DATA=new.csv with the columns file and speaker."
        )


def _learned(task: Task, fold: Fold, exclude: Sequence[str], estimator: Any) -> Learned:
    y = task.examples.y[fold.train]
    met = (best_params(estimator), limits_of(estimator))
    of_folds = folds.notes(task.examples.y, task.folds) if task.examples.classes else ()
    of_folds = (*of_folds, *beside(task.examples, task.folds))
    return Learned(
        n_utterances=len(fold.train),
        n_clusters=len(np.unique(task.clusters.of[fold.train])),
        unit=task.clusters.unit,
        counts={name: int((y == name).sum()) for name in task.examples.classes},
        sexes=_sexes(task, fold),
        excluded=tuple(exclude),
        left_out=dict(task.left_out),
        notes=(
            *(note for note in task.notes if note not in of_folds),
            *beside(task.examples, [fold]),
            *training_limits.sentences([met], folds=False),
            *_alike(task),
        ),
    )


def _sexes(task: Task, fold: Fold) -> dict[str, int]:
    """Return how many speakers of each sex a fold learns from; empty where clusters are no speakers."""
    if task.clusters.unit != "speaker":
        return {}
    pairs = {(task.clusters.of[number], task.utterances[number].sex) for number in fold.train.tolist()}
    return dict(sorted(Counter(sex for _, sex in pairs if sex).items()))


def _alike(task: Task) -> Iterator[str]:
    """Yield a sentence for each two speakers who may be one person, of whom one is excluded and the other is not."""
    for group in names.alike(task.clusters.of.tolist()):
        yield f"{task.clusters.unit}s {names.quoted(group)} may be one: they count as {len(group)}"


def _require_columns(model: Model, table: Table) -> None:
    if columns_digest(_columns(table)) != model.columns:
        raise AffexError(
            f"The rows have {len(_columns(table))} columns under other names than those that the model was fitted on "
            f"({' '.join(model.plan.features)}). Fit it anew with `make fit`."
        )


def _columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns of all streams."""
    return tuple(name for stream in table.streams for name in stream.columns)


def _has_rows(table: Table) -> NDArray[np.bool_]:
    """Return which utterances have any feature, ``(n_utterances,) bool``."""
    return np.asarray(table.present.any(axis=1))


def _alone(table: Table) -> NDArray[np.bool_]:
    """Return which utterances are their speaker's only row, ``(n_utterances,) bool``; normalised, they are all 0."""
    n_rows = Counter[str]()
    for name, n_own in zip(
        table.speakers.tolist(), (table.streams[0].lengths * _has_rows(table)).tolist(), strict=True
    ):
        n_rows[name] += n_own
    return np.array([n_rows[name] == 1 for name in table.speakers.tolist()], dtype=bool)


def _notes(model: Model, table: Table, failures: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the features that an utterance lacks, and why, by id."""
    lacking: dict[str, list[str]] = {}
    for number, (feature, reasons) in enumerate(zip(model.plan.features, failures, strict=False)):
        for utterance, has in zip(table.utterances, table.present[:, number], strict=True):
            if not has:
                lacking.setdefault(utterance.id, []).append(
                    f"no {feature}: {reasons.get(utterance.id, 'not extracted')}"
                )
    with_rows = {table.utterances[i].id for i in np.flatnonzero(_has_rows(table))}
    filled = f"its columns were {model.plan.classifier.fills}"
    return {id_: "; ".join([*reasons, *([filled] if id_ in with_rows else [])]) for id_, reasons in lacking.items()}


def _fold_scores(model: Model, table: Table, numbers: Numbers) -> FoldScores:
    """Return the estimator's predictions for a table's rows, in the form of a fold of an evaluation."""
    if not len(table):
        return FoldScores(numbers, np.array([]), np.empty((0, len(model.classes))))
    examples = Examples(
        table.streams,
        np.array([]),
        table.speakers,
        model.classes,
        turns=turns(table.utterances, len(table), model.plan.classifier.context),
    )
    all_rows = Fold("new", np.array([], dtype=np.int64), np.arange(len(table)))
    unweighted = replace(model.plan, settings=replace(model.plan.settings, reweight=False))
    try:
        with one_thread():
            # The fold has no training utterances, so results that depend on them are set below.
            decided, scores, _ = score(model.estimator, examples, all_rows, unweighted)
    except (ValueError, IndexError, TypeError, KeyError, RuntimeError) as error:
        raise AffexError(f"The model cannot predict these {len(table)} utterances: {error}.") from error
    if not np.isfinite(scores).all() or (not model.classes and not np.isfinite(decided).all()):
        raise AffexError(
            f"The model's scores for some of these {len(table)} utterances are not finite: its file is damaged, or "
            "rows have extreme values."
        )
    if model.plan.settings.reweight:
        trained = np.repeat(model.classes, list(model.learned.counts.values()))
        scores = reweighted(scores, trained, model.classes)
        decided = np.array(model.classes)[scores.argmax(axis=1)]
    return FoldScores(numbers, decided, scores)
