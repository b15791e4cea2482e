"""Agreement: the arrow from raters' votes to how far they agree, corrected for chance.

Krippendorff's alpha is ``1 - D_o / D_e``, with the disagreement observed within utterances and that expected of all
votes together. It takes any number of raters, and another number for each utterance. A rater who names several labels
gives each the same part of the vote; with one label a vote this is alpha for nominal data.

References
----------
A. F. Hayes, K. Krippendorff, Answering the call for a standard reliability measure for coding data,
    doi:10.1080/19312450709336664 (alpha).
K. Krippendorff, Reliability in content analysis, doi:10.1111/j.1468-2958.2004.tb00738.x (what is enough).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import raters
from affex.pipeline.evaluation.intervals import Interval, jackknife
from affex.pipeline.evaluation.raters import Ceiling, Votes

Floats = NDArray[np.float64]

#: The most clusters of the jackknife: more speakers are left out in groups.
MOST = 60
#: Below this alpha, not even tentative conclusions are acceptable (Krippendorff 2004).
TENTATIVE = 0.667
#: From this alpha on, votes are reliable (Krippendorff 2004).
RELIABLE = 0.8


@dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Parameters
    ----------
    n_utterances
        The utterances with two raters or more, which count for `alpha`.
    n_votes
        Their votes.
    least_raters, most_raters
        The fewest and the most raters of one of them.
    alpha
        Krippendorff's alpha, with its jackknife interval over speakers.
    unanimous, tied
        The share of these utterances on which all raters chose one label, and without a single majority.
    ceiling
        Single raters against the majority of the others, over the classes; None without classes.
    """

    n_utterances: int
    n_votes: int
    least_raters: int
    most_raters: int
    alpha: Interval
    unanimous: float
    tied: float
    ceiling: Ceiling | None


def agreement(
    votes: Sequence[Votes], speakers: Sequence[str], classes: Sequence[str], class_of: Mapping[str, str]
) -> Agreement | None:
    """Return how far raters agree; None if no utterance has two raters.

    Parameters
    ----------
    votes
        The votes of each utterance.
    speakers
        The speaker of each; utterances without a speaker count as one cluster.
    classes, class_of
        The classes, and the class of each label, as in `pipeline.evaluation.raters`.
    """
    given = [[tuple(class_of.get(label, label) for label in vote) for vote in own if vote] for own in votes]
    rated = [number for number, own in enumerate(given) if len(own) > 1]
    if not rated:
        return None
    units = [given[number] for number in rated]
    _, speaker = np.unique([speakers[number] for number in rated], return_inverse=True)
    parts = _coincidences(units, speaker % MOST)
    heads = [_leaders(own) for own in units]
    return Agreement(
        n_utterances=len(units),
        n_votes=sum(map(len, units)),
        least_raters=min(map(len, units)),
        most_raters=max(map(len, units)),
        alpha=jackknife(lambda chosen: alpha(parts[chosen].sum(axis=0)), np.arange(len(parts)), bounds=(-1.0, 1.0)),
        unanimous=float(np.mean([len({frozenset(vote) for vote in own}) == 1 for own in units])),
        tied=float(np.mean([n > 1 for n in heads])),
        ceiling=raters.human_ceiling(units, {}, classes) if classes else None,
    )


def alpha(coincidences: Floats) -> float:
    """Return alpha of a matrix of coincidences; NaN if all votes are of one label.

    Parameters
    ----------
    coincidences : (n_labels, n_labels) float64
        How often two votes of an utterance have each pair of labels; the sum is the number of votes.
    """
    totals = coincidences.sum(axis=0)
    n = totals.sum()
    expected = (n**2 - (totals**2).sum()) / (n - 1)
    return float(1 - (n - np.trace(coincidences)) / expected) if expected > 0 else math.nan


def _coincidences(units: Sequence[Votes], clusters: NDArray[np.int64]) -> Floats:
    """Return the coincidences of each cluster of utterances, ``(n_clusters, n_labels, n_labels) float64``."""
    labels = sorted({label for own in units for vote in own for label in vote})
    place = {label: number for number, label in enumerate(labels)}
    found = np.zeros((clusters.max() + 1, len(labels), len(labels)))
    for own, cluster in zip(units, clusters, strict=True):
        shares = np.zeros((len(own), len(labels)))
        for row, vote in zip(shares, own, strict=True):
            row[[place[label] for label in dict.fromkeys(vote)]] = 1 / len(set(vote))
        summed = shares.sum(axis=0)
        found[cluster] += (np.outer(summed, summed) - shares.T @ shares) / (len(own) - 1)
    return found


def _leaders(own: Votes) -> int:
    """Return how many labels have the most votes of an utterance."""
    counts = [sum(label in vote for vote in own) for label in {label for vote in own for label in vote}]
    return counts.count(max(counts))
