"""Label errors: the arrow from held-out scores to the labels that are likely wrong, as a list for people to look at.

Confident learning: the bar of a class is the mean probability that the model gives the class where it is the label. The
model is sure of a class where its probability reaches the bar; of several, of the most probable. Where it is sure of
another class than the label, the label is likely wrong. Labels are ordered by the margin, the label's probability less
the greatest of the other classes: the smaller, the likelier is an error.

The scores are those of the run itself, so of models that did not hear the speaker. Nothing is dropped: no figure and no
training changes. A model errs on right labels, too. How many would be listed if every label were right, is estimated
from the probabilities themselves: if they are calibrated, the label of an utterance whose class the model is sure is
``c`` is another one with the probability ``1 - p_c``, and the sum of these is expected by chance. Probabilities that
are too timid make it too large. So how long the list is, says little of how many labels are wrong; its order helps.

References
----------
C. Northcutt, L. Jiang, I. Chuang, Confident learning: estimating uncertainty in dataset labels, JAIR 70, 2021,
    doi:10.1613/jair.1.12125. Equal to cleanlab 2.9's `filter.find_label_issues` with ``confident_learning`` and its
    order by ``normalized_margin``, which is half of this margin and a half.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.calibration import no_probabilities
from affex.pipeline.evaluation.results import About, FoldSummary, Scores

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class LabelErrors:
    """How many labels are likely wrong.

    Parameters
    ----------
    n
        How many are listed; None without probabilities.
    expected
        How many would be listed if all labels were right and the probabilities calibrated.
    of
        The number of tested utterances.
    confident : (n_classes, n_classes) tuples of int
        The confident joint: utterances by label (rows) and by the class that the model is sure of (columns).
    reason
        Why there is no list; empty where there is one.
    """

    n: int | None = None
    expected: float | None = None
    of: int = 0
    confident: tuple[tuple[int, ...], ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Suspect:
    """One tested utterance in the order of the list.

    Parameters
    ----------
    number
        Its place among the scores.
    label
        Its label.
    p_label, p_other
        The probabilities of the label, and of the most probable other class.
    other
        That class.
    likely
        Whether the label is listed as likely wrong.
    """

    number: int
    label: str
    p_label: float
    p_other: float
    other: str
    likely: bool

    @property
    def margin(self) -> float:
        """The label's probability less that of the other class; from -1 to 1."""
        return self.p_label - self.p_other


def label_errors_of(scores: Scores, about: About, folds: Sequence[FoldSummary]) -> LabelErrors:
    """Return how many labels of a result are likely wrong, or why that is not known."""
    if reason := no_probabilities(scores, about, folds):
        return LabelErrors(reason=reason)
    labels = metrics.places(scores.true, scores.classes)
    sure = confident(scores.values, labels)
    joint = np.zeros((len(scores.classes),) * 2, dtype=np.int64)
    np.add.at(joint, (labels[sure >= 0], sure[sure >= 0]), 1)
    rest = 1 - scores.values[np.arange(len(sure)), sure]
    return LabelErrors(
        n=int(joint.sum() - np.trace(joint)),
        expected=float(rest[sure >= 0].sum()),
        of=len(scores),
        confident=tuple(map(tuple, joint.tolist())),
    )


def confident(probabilities: Floats, labels: Numbers) -> Numbers:
    """Return the class that the model is sure of, ``(n,)``; -1 where it is sure of none.

    Parameters
    ----------
    probabilities : (n, n_classes) float64
        Of each class, from a model that did not learn from the utterance.
    labels : (n,) int64
        The number of each label; a class without any has no bar, so the model is never sure of it.
    """
    n_classes = probabilities.shape[1]
    bars = np.array([probabilities[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(n_classes)])
    reached = np.where(probabilities >= bars, probabilities, -1.0)
    return np.where(reached.max(axis=1) >= 0, reached.argmax(axis=1), -1).astype(np.int64)


def margins(probabilities: Floats, labels: Numbers) -> Floats:
    """Return the probability of the label less the greatest of the other classes, ``(n,)``."""
    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -np.inf
    found: Floats = probabilities[rows, labels] - others.max(axis=1)
    return found


def suspects(scores: Scores) -> Iterator[Suspect]:
    """Yield every tested utterance: the likely label errors first, each part by its margin, the smallest first."""
    labels = metrics.places(scores.true, scores.classes)
    sure, own = confident(scores.values, labels), margins(scores.values, labels)
    likely = (sure >= 0) & (sure != labels)
    for number in np.lexsort((own, ~likely)).tolist():
        row, label = scores.values[number], int(labels[number])
        other = int(np.where(np.arange(len(row)) == label, -np.inf, row).argmax())
        yield Suspect(
            number=number,
            label=scores.classes[label],
            p_label=float(row[label]),
            p_other=float(row[other]),
            other=scores.classes[other],
            likely=bool(likely[number]),
        )
