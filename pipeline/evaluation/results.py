"""Results: the arrow from an evaluation (of one model, or of several fused models) to its reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Axis
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.dialogs import NO_DIALOGS, Dialogs
from affex.pipeline.evaluation.importance import OF_MEMBERS, Importance
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.raters import AgainstShares, Ceiling
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.execution.stopwatch import Seconds
from affex.pipeline.streams.enrolment import Enrolment, enrolment_of, is_enrolment
from affex.pipeline.streams.moments import Moments
from affex.pipeline.streams.table import SpeakerNorm

#: The warning for figures on rows that are normalised by speaker, by kind of normalisation.
TRANSDUCTIVE: Mapping[SpeakerNorm, str] = {
    True: "transductive: every column is z-scored within each speaker, over all utterances of the speaker, "
    "those tested among them (not their labels)",
    "mean": "transductive: every column has the mean of each speaker taken away, over all utterances of the speaker, "
    "those tested among them (not their labels)",
}

#: Whether training targets are the shares of the raters' votes, or what a model of the raters makes of the votes.
Soft = bool | Literal["dawid-skene"]

Labels = NDArray[np.str_]
#: Classes as str, or values as float64.
Targets = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """The decision and scores of each test utterance, in the order of the manifest.

    Parameters
    ----------
    ids, folds : (n_tested,) str
        The id of each utterance, and the fold that tested it.
    clusters : (n_tested,) str
        Its cluster: the speaker, or a substitute (`About.unit`).
    true, predicted : (n_tested,) str or float64
        Its class and the model's own decision; or its value and the predicted value.
    classes
        The classes, in the order of the columns of `values`; empty for a continuous target.
    values : (n_tested, n_classes) float64
        One score per class; the largest may belong to another class than `predicted`.
    """

    ids: Labels
    clusters: Labels
    folds: Labels
    true: Targets
    predicted: Targets
    classes: tuple[str, ...]
    values: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self, unit: str = "speaker") -> dict[str, Targets]:
        """Return the columns of the table of predictions, ``(n_tested,)`` each, by name, as ``score_<class>``."""
        names = ("id", unit, "fold", "true", "predicted")
        own = (self.ids, self.clusters, self.folds, self.true, self.predicted)
        scores = {f"score_{name}": column for name, column in zip(self.classes, self.values.T, strict=True)}
        return dict(zip(names, own, strict=True)) | scores

    @property
    def best_scored(self) -> Labels:
        """The class with the largest score, ``(n_tested,)``; the decision if no other class has a larger score."""
        return best_scored(self.predicted, self.values, self.classes)


def best_scored(predicted: Labels, values: Floats, classes: Sequence[str]) -> Labels:
    """Return the class with the largest score, ``(n,)``; the decision if no other class has a larger score."""
    place = np.array([classes.index(name) for name in predicted.tolist()], dtype=np.int64)
    decided = values[np.arange(len(values)), place] >= values.max(axis=1)
    return np.where(decided, predicted, np.array(classes)[values.argmax(axis=1)])


@dataclass(frozen=True, eq=False)
class SeedScores:
    """The scores with one seed."""

    seed: int
    scores: Scores


@dataclass(frozen=True)
class FoldSummary:
    """One fold: what was tested, the numbers of training and test utterances, and the chosen hyperparameters.

    Parameters
    ----------
    n_noise
        The number of test utterances that contain only noise according to the model; None without a noise class.
    limits
        The steps with too few training utterances, and the reasons; see `pipeline.evaluation.training_limits`.
    """

    name: str
    n_train: int
    n_test: int
    best_params: Mapping[str, Any] = field(default_factory=dict)
    n_noise: int | None = None
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The settings of one model; fields as in `pipeline.evaluation.settings.Settings`.

    Parameters
    ----------
    features, feature_keys
        The features' specs, and the cache key of each.
    classifier, classifier_settings
        The classifier's name, and its fields.
    """

    features: tuple[str, ...]
    feature_keys: tuple[str, ...]
    classifier: str
    classifier_settings: Mapping[str, Any]
    system: str | None = None
    speaker_norm: SpeakerNorm = False
    reweight: bool = False
    soft: Soft = False
    seed: int = 0
    seeds: int = 1
    device: str = "cpu"

    @property
    def passed(self) -> Mapping[str, Any] | None:
        """The class and the parameters of an estimator that was passed as an object; None for a named classifier."""
        return self.classifier_settings if "class" in self.classifier_settings else None

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seed; where several ran, `Summary.seeds` has them."""
        return (self.seed,)

    @property
    def speaker_norms(self) -> tuple[SpeakerNorm, ...]:
        """The normalisation by speaker; empty where there is none."""
        return (self.speaker_norm,) if self.speaker_norm else ()


@dataclass(frozen=True)
class Member:
    """A finished run that was fused.

    Parameters
    ----------
    run
        The run's name.
    model
        As `About.model`.
    depends_on
        The sha256 of all that its result depends on.
    settings
        How it was made.
    """

    run: str
    model: tuple[str, ...]
    depends_on: str
    settings: "ModelSettings | FusionSettings"


@dataclass(frozen=True)
class FusionSettings:
    """Which finished runs were fused, by which rule, as in ``late:mean``, and the published system that this is."""

    fusion: str
    members: tuple[Member, ...]
    system: str | None = None

    @property
    def passed(self) -> Mapping[str, Any] | None:
        """The first estimator among the members' that was passed as an object; None where there is none."""
        return next((found for member in self.members if (found := member.settings.passed)), None)

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The members' seeds, each once."""
        return tuple(dict.fromkeys(seed for member in self.members for seed in member.settings.every_seed))

    @property
    def speaker_norms(self) -> tuple[SpeakerNorm, ...]:
        """The members' normalisations by speaker, each once."""
        return tuple(dict.fromkeys(norm for member in self.members for norm in member.settings.speaker_norms))


@dataclass(frozen=True)
class About:
    """What was evaluated, and how.

    Parameters
    ----------
    corpus
        The corpus's name (several joined with a plus).
    protocol
        The protocol.
    model
        The model in two or three words for titles and names: features, classifier, normalisation and the like.
    settings
        All settings of the result.
    scores
        The kind of the ``score_<class>`` columns.
    unit
        The kind of cluster for intervals and comparisons.
    probabilities
        Whether these columns are probabilities of the classes, calibrated or not.
    """

    corpus: str
    protocol: Protocol
    model: tuple[str, ...]
    settings: ModelSettings | FusionSettings
    scores: str
    unit: str = "speaker"
    probabilities: bool = False

    @property
    def transductive(self) -> str:
        """How the model, or a fusion's member, used test utterances without labels; empty if it used none."""
        return "; ".join(TRANSDUCTIVE[norm] for norm in self.settings.speaker_norms if norm in TRANSDUCTIVE)

    @property
    def enrolled(self) -> str:
        """By what test utterances, or those of a fusion's member, are normalised; empty if no utterance is enrolled."""
        return "; ".join(f"{mark}: {words}" for mark, words in map(enrolled, self._enrolments))

    @property
    def enrolled_mark(self) -> str:
        """The same in a few words, for a mark beside a figure."""
        return "; ".join(mark for mark, _ in map(enrolled, self._enrolments))

    @property
    def _enrolments(self) -> tuple[str, ...]:
        return tuple(norm for norm in self.settings.speaker_norms if is_enrolment(norm))


def enrolled(spec: str) -> tuple[str, str]:
    """Return by what test utterances are normalised under a spec of enrolment: in a few words, and in a sentence."""
    how = enrolment_of(spec)
    n, label = how.n[-1], f" labelled {how.from_}" if how.from_ else ""
    drawn = "" if n is None else f", drawn {how.draws} times"
    known = "which needs that label of them" if how.from_ else "without their labels"
    return (
        f"enrolled on {'all' if n is None else n} other utterances of the speaker{label}",
        "every column of a test utterance is z-scored with the mean and the standard deviation of these utterances"
        f"{drawn}, {known}, and cut at the largest z-score that so many rows can have; training speakers are z-scored "
        "with all of theirs",
    )


@dataclass(frozen=True)
class RecognisedClasses:
    """Which classes one member of a fusion recognises by itself.

    Parameters
    ----------
    member
        Its features and its classifier.
    n
        How many of the fused utterances it has scores of.
    recalls, false_alarms
        By class: the proportion that it assigned to the class, of the utterances with this class and of the utterances
        with other classes; NaN without any.
    informedness
        By class: recall minus false alarms. 0: its decisions contain no information on the class; 1: full information.
        Youden, "Index for rating diagnostic tests",
        doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """

    member: str
    n: int
    recalls: Mapping[str, float]
    false_alarms: Mapping[str, float]
    informedness: Mapping[str, float]


@dataclass(frozen=True)
class PartFigures:
    """The figures of one part of utterances, by its rows alone.

    Parameters
    ----------
    begin, end
        Where it lies, as shares of the utterance.
    n
        How many utterances have rows there.
    figure
        The main figure, over speakers; None without an utterance.
    recalls
        By class; empty for a continuous target, and without an utterance.
    """

    begin: float
    end: float
    n: int
    figure: Interval | None
    recalls: Mapping[str, Interval]


@dataclass(frozen=True)
class MomentFigures:
    """The figures of all parts of utterances.

    Parameters
    ----------
    member
        The features and the classifier of a fusion's member; empty for a single model.
    metric
        The name of the main figure.
    parts
        From the beginning to the end.
    """

    member: str
    metric: str
    parts: tuple[PartFigures, ...]


@dataclass(frozen=True, eq=False)
class Draws:
    """Decisions on the test utterances under each draw.

    Parameters
    ----------
    how
        What was drawn.
    decided : each (n_draws, n_tested) str or float64
        The decisions, for each number of enrolled utterances.
    n_enrolled : each (n_tested,) int64
        How many are enrolled for each test utterance, for each number that was asked for.
    n_without
        For each number, of how many test utterances the enrolled ones have one row at most, which does not vary.
    """

    how: Enrolment
    decided: tuple[Targets, ...]
    n_enrolled: tuple[NDArray[np.int64], ...]
    n_without: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Result:
    """All that a report needs.

    Parameters
    ----------
    about
        What was evaluated.
    scores
        The decisions and scores of the test utterances.
    folds
        One summary per fold.
    left_out
        How many utterances did not count, by reason.
    notes
        Important notes for the reader, a sentence each.
    leaks
        The leaks that make the figures too good, a sentence each.
    folds_hash
        The sha256 of each fold's training and test utterances, by id, with their targets.
    inner
        For each fold, the inner scores: models fitted on a part of its training utterances score the rest. A fusion
        rule may learn from them. Empty if not requested.
    ceiling
        The figure of a human rater, if raters' votes are known.
    against_shares
        How near the scores come to the raters' shares of the classes; None without votes, and for a fusion.
    recognised
        Which classes each member of a fusion recognises; empty for one model, and for a continuous target.
    spread
        The number of speakers by their number of classes, tested or not; empty if not counted.
    class_lost
        For how many of all speakers normalisation removes the class (or the value); None if it removes nothing.
    attributes
        What is known of the test utterances and makes groups, such as ``"sex"``: by attribute, the value of each,
        ``(n_tested,) str``; empty where it is not known.
    dialogs
        Which utterances, tested or trained on, are turns of one dialog; without turns where the corpus has no dialogs.
    searched
        What searches for hyperparameters tried in each fold; empty without a search.
    seconds, n_kept
        The time that each fold took, and how many folds an earlier run had finished; no summary has them.
    importance
        The groups of columns that the decisions need, or why they are not known.
    controls : (n_draws, n_tested) str or float64, or None
        What size-matched controls decided on the test utterances (`pipeline.evaluation.controls`).
    n_removed
        How many utterances a fold leaves out of training because of their text, on average.
    seeds
        The scores with each seed, the first of which are `scores`; empty where one seed ran.
    enrolled
        The decisions under each draw of enrolled utterances; None where no utterance was enrolled.
    alpha
        How often a prediction set may lack the true class; 0 without sets, which are made of inner scores.
    moments
        The scores of the rows of each test utterance over time; None if they were not asked for.
    of_members
        The figures of the parts of utterances, by each member of a fusion that has them.
    """

    about: About
    scores: Scores
    folds: tuple[FoldSummary, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    leaks: Sequence[str] = ()
    folds_hash: str = ""
    inner: tuple[Scores, ...] = ()
    ceiling: Ceiling | None = None
    against_shares: AgainstShares | None = None
    recognised: tuple[RecognisedClasses, ...] = ()
    spread: Mapping[int, int] = field(default_factory=dict)
    class_lost: ClassLost | None = None
    attributes: Mapping[str, Labels] = field(default_factory=dict)
    dialogs: Dialogs = NO_DIALOGS
    searched: tuple[Axis, ...] = ()
    seconds: tuple[Seconds, ...] = ()
    n_kept: int = 0
    importance: Importance = OF_MEMBERS
    controls: Targets | None = None
    n_removed: float = 0.0
    seeds: tuple[SeedScores, ...] = ()
    enrolled: Draws | None = None
    alpha: float = 0.0
    moments: Moments | None = None
    of_members: tuple[MomentFigures, ...] = ()
