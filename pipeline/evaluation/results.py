"""Results: what an evaluation says, whatever made it (one model, or several fused), as reports read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol

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

    @property
    def best_scored(self) -> Labels:
        """The class with the largest score, ``(n_tested,)``; the decision, where no other has a larger one."""
        return best_scored(self.predicted, self.values, self.classes)


def best_scored(predicted: Labels, values: Floats, classes: Sequence[str]) -> Labels:
    """Return the class with the largest score, ``(n,)``; what is predicted, where no other has a larger one."""
    place = np.array([classes.index(name) for name in predicted.tolist()], dtype=np.int64)
    decided = values[np.arange(len(values)), place] >= values.max(axis=1)
    return np.where(decided, predicted, np.array(classes)[values.argmax(axis=1)])


@dataclass(frozen=True, eq=False)
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
    record
        All that makes the result, as ``metrics.json`` keeps it.
    scores
        What the ``score_<class>`` columns are.
    transductive
        Whether what is tested was seen, without labels, by what was fitted.
    unit
        What a cluster is: intervals and comparisons are over these.
    """

    corpus: str
    protocol: Protocol
    model: tuple[str, ...]
    record: Mapping[str, Any]
    scores: str
    transductive: bool = False
    unit: str = "speaker"


@dataclass(frozen=True)
class Seen:
    """What one member of a fusion sees by itself.

    Parameters
    ----------
    member
        Its features and its classifier.
    n
        Of how many of the fused utterances it said anything.
    recalls, false_alarms
        By class: of the class's utterances among those, and of the others', what share it decided to be of the class;
        NaN without any.
    """

    member: str
    n: int
    recalls: Mapping[str, float]
    false_alarms: Mapping[str, float]

    @property
    def informedness(self) -> Mapping[str, float]:
        """By class: recall less false alarms. 0: its decisions say nothing of the class; 1: everything.

        Youden, "Index for rating diagnostic tests", doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
        """
        return {name: recall - self.false_alarms[name] for name, recall in self.recalls.items()}


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
    seen
        What each member of a fusion sees by itself; empty for one model, and where values are predicted.
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
    ceiling: Mapping[str, Any] | None = None
    seen: tuple[Seen, ...] = ()
    spread: Mapping[int, int] = field(default_factory=dict)
    class_lost: Mapping[str, Any] | None = None
