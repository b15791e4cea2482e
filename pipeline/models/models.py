"""Models: the arrow from a table to what is taken away, and from new rows to what it says of them.

`fit` learns from all utterances that count just as a fold of an evaluation learns from its training utterances, the
search for hyperparameters inside (inner folds by speaker). `predict` says of new rows what that fold would have said of
them. How good it is, neither can tell: figures on speakers that were never heard come from an evaluation with the same
settings, whose run has the name that `evaluation` gives.
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
from affex.pipeline.evaluation.evaluate import FoldScores, best_params, build, limits_of, reweighted, score
from affex.pipeline.evaluation.evaluate import fit as fit_fold
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import versions
from affex.pipeline.evaluation.task import Task, prepare
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.reporting.report import run_name
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.streams.examples import Examples, turns
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.streams.table import Table, normalised_by_speaker
from affex.pipeline.text import names
from affex.pipeline.text.errors import AffexError, UsageError

Numbers = NDArray[np.int64]

#: Said of an utterance that lacks some of the features.
FILLED = "its columns were filled with what the training rows have there on average"

#: Said of an utterance that nothing is said of because it is its speaker's only row.
ALONE = "its speaker has no other row here: normalised within the speaker it says nothing"


@dataclass(frozen=True)
class Learned:
    """Whom a model learned from.

    Parameters
    ----------
    n_utterances
        How many utterances.
    n_clusters, unit
        How many speakers, or what stands for them.
    counts
        How many utterances of each class, all classes in the order of the scores; empty for values.
    excluded
        The speakers left out because somebody said so.
    left_out
        How many other utterances do not count, by reason.
    notes
        What else is to be known of them, a sentence each.
    """

    n_utterances: int
    n_clusters: int
    unit: str = "speaker"
    counts: Mapping[str, int] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted estimator with all that must be known to use it.

    Parameters
    ----------
    plan
        What was fitted, and how.
    recipes
        What each feature's key stands for: canonical JSON (`pipeline.caching.store.Recipe`), one a feature.
    columns
        `columns_digest` of the rows it learned from.
    learned
        Whom it learned from.
    estimator
        Fitted.
    chosen
        What the search chose.
    versions
        Of what may change a score, package to version.
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
        """The name of the run that says how good such models are."""
        return run_name(self.plan.about())

    @property
    def name(self) -> str:
        """The name of its file, without the suffix: that of the evaluation, and who was left out."""
        about, excluded = self.plan.about(), self.learned.excluded
        return run_name(replace(about, model=(*about.model, f"without-{'-'.join(excluded)}")) if excluded else about)


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of some utterances, and what is to be known of it.

    Parameters
    ----------
    said
        Which utterances of the table, what was predicted of each, and the scores.
    notes
        By id: why nothing is said of an utterance, or what is wanting in what is said.
    """

    said: FoldScores
    notes: Mapping[str, str]


def fit(
    table: Table,
    plan: Plan,
    *,
    exclude: Sequence[str] = (),
    recipes: Sequence[str] = (),
) -> Model:
    """Learn from all utterances that count under the protocol of the plan.

    It says what a fold of an evaluation says that learned from the same utterances. Under normalisation by speaker it
    does so but for little: an evaluation may then take the distances of rows as they are, which serve all folds, where
    this scales the rows once more, as a model that meets new ones must.

    Parameters
    ----------
    exclude
        Speakers who are not learned from.
    recipes
        What the features' keys stand for.

    Raises
    ------
    UsageError
        If its settings do not fit together, or nobody is called as one of `exclude`.
    AffexError
        If nothing can be learned from what is there.
    """
    task = prepare(table, plan)
    exclude = [names.meant(name, task.clusters.of.tolist()) for name in exclude]
    fold = folds.all_but(task.folds, task.clusters, exclude)
    estimator = build(plan, task.examples)
    try:
        with one_thread():  # as in an evaluation, so that it learns the same to the bit
            fit_fold(estimator, task.examples, fold, plan)
    except ValueError as error:
        raise AffexError(
            f"{plan.classifier.name} could not learn from the {len(fold.train)} utterances of {plan.corpus}.\n{error}"
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


def columns_digest(columns: Sequence[str]) -> str:
    """Return the sha256 of the columns' names in their order."""
    return hashlib.sha256(json.dumps(list(columns)).encode()).hexdigest()


def require_features(model: Model, specs: Sequence[FeatureSpec]) -> None:
    """Refuse features that are made otherwise here than where the model was fitted.

    Raises
    ------
    AffexError
        Naming feature, keys and what differs.
    """
    for spec, key, stated in zip(specs, model.plan.keys, model.recipes, strict=True):
        here = recipe(spec.feature)
        if here.key != key:
            changes = differences(stated, here.spec)
            raise AffexError(
                f"The model was fitted on {spec} under the key {key[:12]}, and here {spec} has the key "
                f"{here.key[:12]}: {changes}.\nOther keys are other numbers, so the model says nothing of them. Use "
                "the versions that it was fitted with, or fit it anew with `make fit`."
            )


def predict(model: Model, table: Table, failures: Sequence[Mapping[str, str]] = ()) -> Predictions:
    """Say what a model says of the utterances of a table.

    Under normalisation by speaker each column is z-scored (or its mean taken away) within each speaker, over all the
    rows given here: **transductive**. Nothing is said of an utterance without features, nor, there, of the only row of
    a speaker.

    Parameters
    ----------
    failures
        For each feature, by id, why utterances lack it.

    Raises
    ------
    AffexError
        If the rows are not like those it was fitted on, or if speakers are to be told apart and have no names.
    """
    table = reader_of(model.plan.classifier).arranged(table)
    _require_columns(model, table)
    n_columns = len(_columns(table))
    n_fitted = getattr(model.estimator, "n_features_in_", n_columns)
    if n_fitted != n_columns:
        raise AffexError(
            f"The model was fitted on {n_fitted} columns, and the rows here have "
            f"{n_columns}: its file is not whole. Fit it anew with `make fit`."
        )
    alone = np.zeros(len(table), dtype=bool)
    if model.plan.settings.speaker_norm:
        require_speakers(table.utterances)
        alone = _alone(table)
        table = normalised_by_speaker(table, model.plan.settings.speaker_norm)
    numbers = np.flatnonzero(_heard(table) & ~alone)
    notes = _notes(model, table, failures) | {table.utterances[i].id: ALONE for i in np.flatnonzero(alone)}
    return Predictions(_said(model, table.take(numbers), numbers), notes)


def require_speakers(utterances: Sequence[Utterance]) -> None:
    """Refuse utterances whose speaker has no name, for a model that needs it.

    Raises
    ------
    UsageError
        Naming the first of them.
    """
    nameless = [utterance.id for utterance in utterances if not utterance.speaker]
    if nameless:
        raise UsageError(
            "This model was fitted on rows normalised within each speaker, so it must be told who "
            f"speaks, and {len(nameless)} of {len(utterances)} utterances have no speaker (the first: {nameless[0]}).\n"
            "Give a table that names the speaker of each file, as in DATA=new.csv with the columns file and speaker."
        )


def _learned(task: Task, fold: Fold, exclude: Sequence[str], estimator: Any) -> Learned:
    y = task.examples.y[fold.train]
    met = (best_params(estimator), limits_of(estimator))
    of_folds = folds.notes(task.examples.y, task.folds) if task.examples.classes else ()
    return Learned(
        n_utterances=len(fold.train),
        n_clusters=len(np.unique(task.clusters.of[fold.train])),
        unit=task.clusters.unit,
        counts={name: int((y == name).sum()) for name in task.examples.classes},
        excluded=tuple(exclude),
        left_out=dict(task.left_out),
        notes=(
            *(note for note in task.notes if note not in of_folds),
            *training_limits.sentences([met], folds=False),
            *_alike(task),
        ),
    )


def _alike(task: Task) -> Iterator[str]:
    """Yield a sentence for each two speakers who may be one, of whom one may be left out and the other learned from."""
    for group in names.alike(task.clusters.of.tolist()):
        yield f"{task.clusters.unit}s {names.quoted(group)} may be one: they count as {len(group)}"


def _require_columns(model: Model, table: Table) -> None:
    if columns_digest(_columns(table)) != model.columns:
        raise AffexError(
            f"The rows have {len(_columns(table))} columns under other names than those that the model was fitted on "
            f"({' '.join(model.plan.features)}): it says nothing of them. Fit it anew with `make fit`."
        )


def _columns(table: Table) -> tuple[str, ...]:
    """Return the names of the columns of all streams."""
    return tuple(name for stream in table.streams for name in stream.columns)


def _heard(table: Table) -> NDArray[np.bool_]:
    """Tell which utterances have any feature, ``(n_utterances,) bool``."""
    return np.asarray(table.present.any(axis=1))


def _alone(table: Table) -> NDArray[np.bool_]:
    """Tell whose only row an utterance is, ``(n_utterances,) bool``: normalised within itself it is 0 throughout."""
    n_rows = Counter[str]()
    for name, n_own in zip(table.speakers.tolist(), (table.streams[0].lengths * _heard(table)).tolist(), strict=True):
        n_rows[name] += n_own
    return np.array([n_rows[name] == 1 for name in table.speakers.tolist()], dtype=bool)


def _notes(model: Model, table: Table, failures: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return, by id, which features an utterance lacks, and why."""
    lacking: dict[str, list[str]] = {}
    for number, (feature, reasons) in enumerate(zip(model.plan.features, failures, strict=False)):
        for utterance, has in zip(table.utterances, table.present[:, number], strict=True):
            if not has:
                lacking.setdefault(utterance.id, []).append(
                    f"no {feature}: {reasons.get(utterance.id, 'not extracted')}"
                )
    heard = {table.utterances[i].id for i in np.flatnonzero(_heard(table))}
    return {id_: "; ".join([*reasons, *([FILLED] if id_ in heard else [])]) for id_, reasons in lacking.items()}


def _said(model: Model, table: Table, numbers: Numbers) -> FoldScores:
    """Return what the estimator says of a table's rows, as a fold of an evaluation says it."""
    if not len(table):
        return FoldScores(numbers, np.array([]), np.empty((0, len(model.classes))))
    examples = Examples(
        table.streams,
        np.array([]),
        table.speakers,
        model.classes,
        turns=turns(table.utterances, len(table), model.plan.classifier.context),
    )
    everyone = Fold("new", np.array([], dtype=np.int64), np.arange(len(table)))
    unweighted = replace(model.plan, settings=replace(model.plan.settings, reweight=False))
    try:
        with one_thread():
            # The fold holds nobody who was learned from, so that what rests on them is left for below.
            decided, scores, _ = score(model.estimator, examples, everyone, unweighted)
    except (ValueError, IndexError, TypeError, KeyError, RuntimeError) as error:
        raise AffexError(f"The model can say nothing of these {len(table)} utterances: {error}.") from error
    if not np.isfinite(scores).all() or (not model.classes and not np.isfinite(decided).all()):
        raise AffexError(
            f"The model's scores for some of these {len(table)} utterances are no numbers: its file is not whole, or "
            "rows lie beyond all measure."
        )
    if model.plan.settings.reweight:
        trained = np.repeat(model.classes, list(model.learned.counts.values()))
        scores = reweighted(scores, trained, model.classes)
        decided = np.array(model.classes)[scores.argmax(axis=1)]
    return FoldScores(numbers, decided, scores)
