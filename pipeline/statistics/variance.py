"""Variance: the arrow from rows to how much of their spread speaker and class explain.

Columns are standardised, so each counts the same, and the shares are those of the sum of squares of all columns
together: the squared Euclidean distances from the mean. Speaker and class are nested models of additive effects. What
both explain beyond the one alone is the unique share of the other. If the classes are not in the same proportions for
every speaker, a part of the spread can be put down to either, and belongs to neither's unique share.

References
----------
B. H. McArdle, M. J. Anderson, Fitting multivariate models to community data: a comment on distance-based redundancy
    analysis, doi:10.1890/0012-9658(2001)082[0290:FMMTCD]2.0.CO;2 (shares of the sum of squared distances).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.statistics.standard import standardised, varying

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """How much of the spread of some rows speaker and class explain; shares of 1.

    Parameters
    ----------
    n_utterances, n_columns
        The utterances with a speaker, a class and rows; the columns that vary.
    n_speakers, n_classes
        Among these utterances.
    speaker, label, both
        What each explains alone, and both together (eta squared).
    only_speaker, only_label
        What the one explains beyond the other.
    speaker_by_chance, label_by_chance
        What a random assignment of the utterances to as many groups explains on average: ``(k - 1) / (n - 1)``.
    """

    n_utterances: int
    n_columns: int
    n_speakers: int
    n_classes: int
    speaker: float
    label: float
    both: float
    only_speaker: float
    only_label: float
    speaker_by_chance: float
    label_by_chance: float


def shares(X: NDArray[np.float32], speakers: Sequence[str], labels: Sequence[str]) -> Shares | None:
    """Return what speaker and class explain; None with fewer than two speakers or classes, or without any spread.

    Parameters
    ----------
    X : (n_utterances, n_columns) float32
        One row an utterance, finite.
    speakers, labels
        The speaker and the class of each.
    """
    who, of_speaker = np.unique(np.asarray(speakers), return_inverse=True)
    names, of_class = np.unique(np.asarray(labels), return_inverse=True)
    if min(len(who), len(names)) < 2 or not varying(X).any():
        return None
    Z, n = standardised(X), len(X)
    speaker, label, both = (_explained(Z, groups) for groups in ([of_speaker], [of_class], [of_speaker, of_class]))
    return Shares(
        n_utterances=n,
        n_columns=Z.shape[1],
        n_speakers=len(who),
        n_classes=len(names),
        speaker=speaker,
        label=label,
        both=both,
        only_speaker=max(0.0, both - label),
        only_label=max(0.0, both - speaker),
        speaker_by_chance=(len(who) - 1) / (n - 1),
        label_by_chance=(len(names) - 1) / (n - 1),
    )


def _explained(Z: Floats, groups: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of the sum of squares that additive effects of some groupings explain.

    By the normal equations of their indicators, so that the memory does not grow with utterances times groups.
    """
    design = np.concatenate([np.eye(group.max() + 1)[group] for group in groups], axis=1)
    effects = np.linalg.pinv(design.T @ design, hermitian=True) @ (given := design.T @ Z)
    return float(np.clip((effects * given).sum() / (Z**2).sum(), 0, 1))
