"""Summary: the arrow from a result to all its figures; computed once, and the only source of all reports.

Terminal tables, pictures, ``metrics.json``, comparisons and fusions read a `Summary`, never the scores again. All of
it is frozen. A figure that is undefined is None (null in JSON), neither 0 nor 1.
"""

import dataclasses
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Axis
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.abstaining import Abstaining, abstaining_of
from affex.pipeline.evaluation.calibration import Calibration, calibration_of
from affex.pipeline.evaluation.controls import Control, control_of
from affex.pipeline.evaluation.enrolment import Curve, curve_of
from affex.pipeline.evaluation.figures import (
    confusion_of,
    figure_of,
    for_others,
    given_models,
    mean_overall,
    n_folds,
    number,
    overall,
    recall_of,
)
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.groups import GroupFigures, of_groups
from affex.pipeline.evaluation.importance import Importance
from affex.pipeline.evaluation.intervals import Interval, ShareInterval, wilson
from affex.pipeline.evaluation.label_errors import LabelErrors, label_errors_of
from affex.pipeline.evaluation.moments import of_moments
from affex.pipeline.evaluation.prediction_sets import PredictionSets, prediction_sets
from affex.pipeline.evaluation.raters import AgainstShares, Ceiling
from affex.pipeline.evaluation.results import About, FoldSummary, MomentFigures, RecognisedClasses, Result, Scores
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.evaluation.training_variation import method
from affex.pipeline.storage.provenance import versions as versions_of
from affex.pipeline.storage.records import plain, restored
from affex.pipeline.text.errors import unknown

#: The packages whose versions may change a result.
DISTRIBUTIONS = ("affex", "joblib", "numpy", "scikit-learn", "scipy", "xgboost")
#: How intervals for given models are computed.
METHOD = "delete-one-cluster jackknife of the pooled figure, t with S - 1 degrees of freedom, clipped to its range"


@dataclass(frozen=True)
class Figure:
    """A figure of all tested utterances.

    Parameters
    ----------
    value
        None if it is undefined.
    chance
        The figure of a predictor that ignores the input (`Summary.chance_is`); None if undefined or not a headline
        figure.
    interval
        Over clusters, for models trained on others (`Summary.interval_method`); None if this is not a headline figure.
    interval_given_models
        Over clusters, for these fitted models; None if this is not a headline figure.
    of_seeds
        The figure with each of `Summary.seeds`, whose mean `value` is; empty with one seed.
    """

    value: float | None
    chance: float | None = None
    interval: Interval | None = None
    interval_given_models: Interval | None = None
    of_seeds: tuple[float | None, ...] = ()

    @property
    def spread_over_seeds(self) -> float | None:
        """The standard deviation over seeds (n - 1); None with one seed, or where a seed's figure is undefined."""
        known = [one for one in self.of_seeds if one is not None]
        return float(np.std(known, ddof=1)) if len(known) == len(self.of_seeds) > 1 else None


@dataclass(frozen=True)
class ClassFigures:
    """The figures of one class: utterances, those recognised, and shares (None where undefined).

    `interval` is that of the recall over speakers (or what `About.unit` is).
    """

    name: str
    n: int
    correct: int
    recall: float | None
    precision: float | None
    f1: float | None
    interval: Interval


@dataclass(frozen=True)
class SpeakerFigures:
    """The figures of one speaker, or of another cluster.

    Parameters
    ----------
    name, n
        The speaker, and how many utterances were tested.
    n_classes
        How many classes the speaker has; UAR is over these. 0 where values are predicted.
    figures
        UAR and WAR, or all figures of values, by name.
    correct_of
        By class that the speaker has: how many utterances were recognised, and how many there are.
    war_interval
        WAR with Wilson's interval over the speaker's utterances, which it takes as independent; None where values are
        predicted.
    """

    name: str
    n: int
    n_classes: int
    figures: Mapping[str, float | None]
    correct_of: Mapping[str, tuple[int, int]]
    war_interval: ShareInterval | None = None


@dataclass(frozen=True)
class LargestScore:
    """How often the largest score belongs to another class than the decision.

    Parameters
    ----------
    differs, of
        For how many of how many utterances.
    uar
        The UAR if the largest score decided; None where it is unknown.
    """

    differs: int
    of: int
    uar: float | None = None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All figures of a result, with their settings and warnings.

    Parameters
    ----------
    about
        What was evaluated, and how.
    protocol_hash
        The sha256 of the protocol, of its split file's content, too.
    folds_hash
        The sha256 of each fold's training and test utterances.
    depends_on
        The sha256 of all that the result depends on; empty where it is unknown.
    made_from
        The sha256 of each thing that the result depends on besides settings and versions: the code that computed it,
        the utterances, the rows; empty where they are unknown.
    n_utterances, n_clusters
        How many utterances were tested, and of how many speakers (or what `About.unit` is).
    classes
        The classes; empty where values are predicted.
    figures
        All figures by name; the first is the main figure.
    chance_is
        What chance is, in words.
    interval_method, given_models_method
        How intervals are computed: the headline's, and those for the given models.
    seeds
        The seeds whose figures were averaged; empty with one. All else is of the first: classes, speakers, groups,
        calibration, confusion, and ``predictions.csv``.
    largest_score
        None where values are predicted.
    per_class, per_speaker
        The figures of each class, and of each speaker.
    calibration
        How far the scores can be trusted as probabilities, or why they are none.
    label_errors
        How many labels are likely wrong according to the scores, or why that is not known.
    abstaining
        How accurate the model is where it decides only on what it is most confident of; None for predicted values.
    sets
        How often prediction sets hold the true class; None where none were asked for.
    importance
        The groups of columns that the decisions on unheard speakers need, or why they are not known.
    groups
        The figures of each value of what is known of the utterances, such as the sex of their speakers.
    confusion
        Counts of utterances: rows are the true classes, columns the predicted ones; empty where values are predicted.
    recognised
        Which classes each member of a fusion recognises by itself.
    moments
        Which part of an utterance tells the class: of a single model, or of each member of a fusion, that kept the
        scores of rows over time.
    folds
        One summary a fold.
    searched
        What searches for hyperparameters tried in each fold; empty without a search.
    transductive
        How the fitted model used test utterances without labels; empty if it did not.
    enrolment
        What each number of other utterances of a tested speaker is worth that normalise its rows; None where nobody is
        enrolled.
    leaks
        The leaks that make the figures too good, a sentence each.
    class_lost
        The class information that normalisation by speaker removes; None if it removes nothing.
    speakers_by_classes
        The number of speakers by their number of classes.
    ceiling
        The figure of a human rater, if raters' votes are known.
    against_shares
        How near the scores come to the raters' shares of the classes; None without votes, and for a fusion.
    control
        What models reach that heard the tested texts and learned from equally many utterances; None if not asked for.
    left_out
        How many utterances did not count, by reason.
    notes
        Important notes for the reader, a sentence each.
    versions
        The versions of all that may change a result.
    """

    about: About
    protocol_hash: str
    folds_hash: str
    depends_on: str
    made_from: Mapping[str, str]
    n_utterances: int
    n_clusters: int
    classes: tuple[str, ...]
    figures: Mapping[str, Figure]
    chance_is: str
    interval_method: str
    given_models_method: str
    seeds: tuple[int, ...]
    largest_score: LargestScore | None
    per_class: tuple[ClassFigures, ...]
    per_speaker: tuple[SpeakerFigures, ...]
    groups: tuple[GroupFigures, ...]
    calibration: Calibration
    label_errors: LabelErrors
    abstaining: Abstaining | None
    sets: PredictionSets | None
    importance: Importance
    confusion: tuple[tuple[int, ...], ...]
    recognised: tuple[RecognisedClasses, ...]
    moments: tuple[MomentFigures, ...]
    folds: tuple[FoldSummary, ...]
    searched: tuple[Axis, ...]
    transductive: str
    enrolment: Curve | None
    leaks: tuple[str, ...]
    class_lost: ClassLost | None
    speakers_by_classes: Mapping[int, int]
    ceiling: Ceiling | None
    against_shares: AgainstShares | None
    control: Control | None
    left_out: Mapping[str, int]
    notes: tuple[str, ...]
    versions: Mapping[str, str]

    @property
    def uar(self) -> float | None:
        """The unweighted average recall."""
        return self.figure("uar").value

    @property
    def war(self) -> float | None:
        """The weighted average recall: the share of utterances that were recognised."""
        return self.figure("war").value

    @property
    def ccc(self) -> float | None:
        """The concordance correlation coefficient."""
        return self.figure("ccc").value

    def figure(self, name: str) -> Figure:
        """Return a figure by its name.

        Raises
        ------
        UsageError
            If there is no such figure; it names those there are.
        """
        if name not in self.figures:
            raise unknown("figure", name, self.figures)
        return self.figures[name]

    def interval(self, name: str) -> Interval:
        """Return a headline figure with its interval.

        Raises
        ------
        UsageError
            If there is no such headline figure; it names those there are.
        """
        interval = self.figures[name].interval if name in self.figures else None
        if interval is None:
            raise unknown("figure with an interval", name, self.headlines)
        return interval

    def given_models(self, name: str) -> Interval:
        """Return a headline figure with its interval for these fitted models.

        Raises
        ------
        UsageError
            As `interval`.
        """
        found = self.figures[name].interval_given_models if name in self.figures else None
        return self.interval(name) if found is None else found

    def fold(self, name: str) -> FoldSummary | None:
        """Return the fold of this name; None where there is none."""
        return next((fold for fold in self.folds if fold.name == name), None)

    @property
    def headlines(self) -> "dict[str, metrics.Metric[Any]]":
        """The figures that have an interval, by name; the first is the main figure."""
        return metrics.headlines(self.classes)

    @property
    def counts(self) -> metrics.Counts:
        """The confusion matrix, ``(n_classes, n_classes) int64``."""
        return np.array(self.confusion, dtype=np.int64)


def to_json(summary: Summary) -> dict[str, Any]:
    """Return what ``metrics.json`` holds of a summary."""
    record: dict[str, Any] = plain(summary)
    return record


def from_json(record: Mapping[str, Any]) -> Summary:
    """Return the summary that ``metrics.json`` holds.

    Raises
    ------
    ValueError
        If a member is missing, unknown, or of another kind: it is of another version of affex.
    """
    return restored(Summary, record)


def summarise(result: Result, depends_on: str = "", made_from: Mapping[str, str] | None = None) -> Summary:
    """Return the summary of a result.

    Parameters
    ----------
    depends_on
        The sha256 of all that the result depends on (`pipeline.reporting.report.depends_on`).
    made_from
        The sha256 of each thing that it depends on (`pipeline.reporting.report.digests`).
    """
    scores, about = result.scores, result.about
    confusion = confusion_of(scores) if scores.classes else np.empty((0, 0), dtype=np.int64)
    curve = curve_of(result)
    return Summary(
        about=about,
        protocol_hash=protocol_hash(about.protocol),
        folds_hash=result.folds_hash,
        depends_on=depends_on,
        made_from=dict(made_from or {}),
        n_utterances=len(scores),
        n_clusters=len(np.unique(scores.clusters)),
        classes=scores.classes,
        figures=_figures(scores, about.unit, [own.scores for own in result.seeds[1:]])
        | _of_draws(scores, curve if about.enrolled else None),
        chance_is=_chance(scores)[1],
        interval_method=method_of(scores),
        given_models_method=METHOD,
        seeds=tuple(own.seed for own in result.seeds),
        largest_score=largest_score(scores) if scores.classes else None,
        per_class=_per_class(scores, confusion, about.unit),
        per_speaker=tuple(_per_speaker(scores)),
        groups=of_groups(scores, result.attributes, about.unit),
        calibration=calibration_of(scores, about, result.folds),
        label_errors=label_errors_of(scores, about, result.folds),
        abstaining=abstaining_of(scores, about.unit),
        sets=prediction_sets(scores, result.inner, result.alpha, about.unit, about.settings.every_seed[0]),
        importance=result.importance,
        confusion=tuple(map(tuple, confusion.tolist())),
        recognised=result.recognised,
        moments=result.of_members or _moments(result),
        folds=tuple(dataclasses.replace(fold, best_params=plain(fold.best_params)) for fold in result.folds),
        searched=result.searched,
        transductive=about.transductive,
        enrolment=curve,
        leaks=tuple(result.leaks),
        class_lost=result.class_lost,
        speakers_by_classes=dict(result.spread),
        ceiling=result.ceiling,
        against_shares=result.against_shares,
        control=_control(result),
        left_out=dict(result.left_out),
        notes=tuple(result.notes),
        versions=versions(),
    )


def _control(result: Result) -> Control | None:
    if result.controls is None:
        return None
    return control_of(result.scores, result.controls, result.about.unit, result.n_removed)


def _moments(result: Result) -> tuple[MomentFigures, ...]:
    return () if result.moments is None else (of_moments(result.moments, result.scores, result.about.unit),)


def versions() -> dict[str, str]:
    """Return the versions of all that may change a result."""
    return {"python": platform.python_version()} | versions_of(DISTRIBUTIONS)


def largest_score(scores: Scores) -> LargestScore:
    """Return how often the largest score belongs to another class than the decision, and the UAR it would give."""
    by_score = dataclasses.replace(scores, predicted=scores.best_scored)
    differs = int((by_score.predicted != scores.predicted).sum())
    return LargestScore(differs, len(scores), overall(by_score, "uar"))


def method_of(scores: Scores) -> str:
    """Return how the intervals of headline figures are computed, in words."""
    return method(of_values=not scores.classes) if n_folds(scores) > 1 else METHOD


def _figures(scores: Scores, unit: str, others: Sequence[Scores]) -> dict[str, Figure]:
    """Return all figures by name: their means over seeds, where there are scores of other seeds."""
    chance, headlines = _chance(scores)[0], metrics.headlines(scores.classes)
    names: Mapping[str, Any] = metrics.CLASS_METRICS if scores.classes else metrics.VALUE_METRICS
    found = {}
    for name in names:
        of_seeds = tuple(overall(own, name) for own in (scores, *others)) if others else ()
        value = mean_overall((scores, *others), name)
        if name in headlines:
            given = given_models(scores, name, unit, others)
            bounds = (headlines[name].low, headlines[name].high)
            interval = for_others(given, scores, bounds=bounds)
            found[name] = Figure(value, overall(chance, name), interval, given, of_seeds)
        else:
            found[name] = Figure(value, of_seeds=of_seeds)
    return found


def _of_draws(scores: Scores, curve: Curve | None) -> dict[str, Figure]:
    """Return the headline figures of a run with enrolment, means over draws; empty for another run."""
    chance, means = _chance(scores)[0], curve.points[-1].figures if curve else {}
    return {
        name: Figure(number(of.mean.value), overall(chance, name), of.mean, of.given_models)
        for name, of in means.items()
    }


def _chance(scores: Scores) -> tuple[Scores, str]:
    """Return the chance prediction (the most frequent class, or the mean) and its description."""
    if not scores.classes:
        mean = np.mean(scores.true.astype(np.float64))
        return dataclasses.replace(scores, predicted=np.full(len(scores), mean)), "always the mean"
    frequent = scores.classes[confusion_of(scores).sum(axis=1).argmax()]
    return dataclasses.replace(scores, predicted=np.full(len(scores), frequent)), f"always '{frequent}'"


def _per_class(scores: Scores, confusion: metrics.Counts, unit: str) -> tuple[ClassFigures, ...]:
    if not scores.classes:
        return ()
    counts = zip(confusion.sum(axis=1).tolist(), np.diag(confusion).tolist(), strict=True)
    shares = zip(metrics.recalls(confusion), metrics.precisions(confusion), metrics.f1s(confusion), strict=True)
    return tuple(
        ClassFigures(name, n, correct, number(recall), number(precision), number(f1), recall_of(scores, name, unit))
        for name, (n, correct), (recall, precision, f1) in zip(scores.classes, counts, shares, strict=True)
    )


def _per_speaker(scores: Scores) -> Iterator[SpeakerFigures]:
    one = _of_classes if scores.classes else _of_values
    for name in np.unique(scores.clusters):
        yield one(str(name), scores, np.flatnonzero(scores.clusters == name))


def _of_classes(speaker: str, scores: Scores, own: NDArray[np.int64]) -> SpeakerFigures:
    """Return a speaker's own averages; UAR is over the classes that the speaker has."""
    confusion = metrics.confusion_matrix(scores.true[own], scores.predicted[own], scores.classes)
    n = confusion.sum(axis=1)
    figures = {"uar": metrics.uar(confusion), "war": metrics.war(confusion)}
    correct_of = {name: (int(confusion[i, i]), int(n[i])) for i, name in enumerate(scores.classes) if n[i]}
    n_right = int(np.diag(confusion).sum())
    return SpeakerFigures(speaker, len(own), len(correct_of), figures, correct_of, wilson(n_right, len(own)))


def _of_values(speaker: str, scores: Scores, own: NDArray[np.int64]) -> SpeakerFigures:
    figures = {name: number(figure_of(scores, name)(own)) for name in metrics.VALUE_METRICS}
    return SpeakerFigures(speaker, len(own), 0, figures, {})
