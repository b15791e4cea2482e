"""Results: what an evaluation says, whatever made it (one model, or several fused), as reports read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.speakers import ClassLost
from affex.pipeline.streams.table import SpeakerNorm

#: What is to be known of figures on rows that are normalised by speaker, by how they are.
TRANSDUCTIVE: Mapping[SpeakerNorm, str] = {
    True: "transductive: every column is z-scored within each speaker, over all utterances of the speaker, "
    "those tested among them (not their labels)",
    "mean": "transductive: every column has the mean of each speaker taken away, over all utterances of the speaker, "
    "those tested among them (not their labels)",
}

Labels = NDArray[np.str_]
#: Classes as str, or values as float64.
Targets = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """What was said of each tested utterance, in the order of the manifest.

    Parameters
    ----------
    ids, folds : (n_tested,) str
        Which utterance, and in which fold it was tested.
    clusters : (n_tested,) str
        Who belongs together: the speaker, or what stands for one (`About.unit`).
    true, predicted : (n_tested,) str or float64
        Its class and the model's own decision; or its value and the predicted one.
    classes
        The classes, as the columns of `values`; empty where values were predicted.
    values : (n_tested, n_classes) float64
        One score a class; the largest may belong to another class than `predicted`.
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
        """The class with the largest score, ``(n_tested,)``; the decision, where no other has a larger one."""
        return best_scored(self.predicted, self.values, self.classes)


def best_scored(predicted: Labels, values: Floats, classes: Sequence[str]) -> Labels:
    """Return the class with the largest score, ``(n,)``; what is predicted, where no other has a larger one."""
    place = np.array([classes.index(name) for name in predicted.tolist()], dtype=np.int64)
    decided = values[np.arange(len(values)), place] >= values.max(axis=1)
    return np.where(decided, predicted, np.array(classes)[values.argmax(axis=1)])


@dataclass(frozen=True)
class FoldSummary:
    """One fold: who was tested, on how many utterances learned and tested, and what the search chose.

    Parameters
    ----------
    n_noise
        How many of the tested utterances are noise alone to the model; None where it knows none.
    limits
        For what the training utterances were too few, and why; see `pipeline.evaluation.training_limits`.
    """

    name: str
    n_train: int
    n_test: int
    best_params: Mapping[str, Any] = field(default_factory=dict)
    n_noise: int | None = None
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """How one model was made; fields as in `pipeline.evaluation.settings.Settings`.

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
    speaker_norm: SpeakerNorm = False
    reweight: bool = False
    soft: bool = False
    seed: int = 0
    device: str = "cpu"

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed."""
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
    """Which finished runs were fused, and by which rule, as in ``late:mean``."""

    fusion: str
    members: tuple[Member, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The members' seeds, each once."""
        return tuple(dict.fromkeys(seed for member in self.members for seed in member.settings.seeds))

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
        What was fitted, in two or three words for titles and names: features, classifier, what was done to them.
    settings
        All that makes the result.
    scores
        What the ``score_<class>`` columns are.
    unit
        What a cluster is: intervals and comparisons are over these.
    """

    corpus: str
    protocol: Protocol
    model: tuple[str, ...]
    settings: ModelSettings | FusionSettings
    scores: str
    unit: str = "speaker"

    @property
    def transductive(self) -> str:
        """How the model, or a member of a fusion, saw what is tested, without labels; empty where none did."""
        return "; ".join(TRANSDUCTIVE[norm] for norm in self.settings.speaker_norms)


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
        By class: of the class's utterances among those, and of the others', what share it decided to be of the class;
        NaN without any.
    informedness
        By class: recall less false alarms. 0: its decisions say nothing of the class; 1: everything. Youden, "Index for
        rating diagnostic tests", doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
    """

    member: str
    n: int
    recalls: Mapping[str, float]
    false_alarms: Mapping[str, float]
    informedness: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Result:
    """All that a report needs.

    Parameters
    ----------
    about
        What was evaluated.
    scores
        What was said of whom.
    folds
        One summary a fold.
    left_out
        How many utterances did not count, by reason.
    notes
        What a reader must know, a sentence each.
    leaks
        What the audit found that makes the figures too good, a sentence each.
    folds_hash
        The sha256 of who was learned from and tested in each fold, by id, with what was to be predicted.
    inner
        For each fold, what models that saw only a part of its training utterances said of the others: what a fusion
        may learn from. Empty where nobody asked.
    ceiling
        What a human rater reaches, where raters' votes are known.
    recognised
        Which classes each member of a fusion recognises; empty for one model, and where values are predicted.
    spread
        How many speakers have how many classes, tested or not; empty where nobody counted.
    class_lost
        From how many of how many speakers normalisation takes what (the class, or the value); None where it takes
        nothing.
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
    recognised: tuple[RecognisedClasses, ...] = ()
    spread: Mapping[int, int] = field(default_factory=dict)
    class_lost: ClassLost | None = None
