"""Panel: the arrow from several models' scores to one table of scores for the same utterances, side by side.

A model may lack utterances that others have. Scores of classes are probabilities. Files store them with 9 digits, so
they are scaled to a sum of 1 again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.text.errors import UsageError

Labels = NDArray[np.str_]
#: Classes as str, or values as float64.
Targets = NDArray[Any]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AlignedScores:
    """The decisions and scores of a panel's members for the same utterances.

    Parameters
    ----------
    ids, clusters, folds : (n,) str
        The id, the speaker (or a substitute) and the fold of each utterance.
    true : (n,) str or float64
        Its class, or its value.
    classes
        The classes; empty for a continuous target.
    present : (n_members, n) bool
        Whether the member has scores for the utterance; at least one member has.
    predicted : (n_members, n) str or float64
        The member's own decision, or its value; meaningless if not present.
    values : (n_members, n, n_classes) float64
        The member's probabilities; meaningless if not present.
    dialogs : (n,) str
        What is read as one sequence: its dialog, or its speaker's part of it; empty where it stands alone. None: all
        stand alone.
    turns : (n,) int64
        Its place in the sequence. None: all stand alone.
    """

    ids: Labels
    clusters: Labels
    folds: Labels
    true: Targets
    classes: tuple[str, ...]
    present: NDArray[np.bool_]
    predicted: Targets
    values: Floats
    dialogs: Labels | None = None
    turns: Numbers | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def of_fold(self, fold: str) -> "AlignedScores":
        """Return the panel of a fold's utterances."""
        own = self.folds == fold
        return AlignedScores(
            ids=self.ids[own],
            clusters=self.clusters[own],
            folds=self.folds[own],
            true=self.true[own],
            classes=self.classes,
            present=self.present[:, own],
            predicted=self.predicted[:, own],
            values=self.values[:, own],
            dialogs=None if self.dialogs is None else self.dialogs[own],
            turns=None if self.turns is None else self.turns[own],
        )


def side_by_side(members: Sequence[str], runs: Sequence[Scores]) -> AlignedScores:
    """Return the members' decisions and scores, side by side.

    Parameters
    ----------
    members
        Their names, for messages.
    runs
        The scores of each member; all have the same classes.

    Returns
    -------
    Panel
        Its utterances are in the order of the first member, followed by those that only others have.

    Raises
    ------
    UsageError
        If members do not agree on a test utterance (speaker, fold, class or value), or a score is not a probability.
    """
    ids = np.array(list(dict.fromkeys(id_ for scores in runs for id_ in scores.ids.tolist())), dtype=np.str_)
    number = {id_: n for n, id_ in enumerate(ids.tolist())}
    places = [np.array([number[id_] for id_ in scores.ids.tolist()], dtype=np.int64) for scores in runs]
    for name, scores in zip(members, runs, strict=True):
        _require_numbers(name, scores)
    classes, shape = runs[0].classes, (len(runs), len(ids))
    present = np.zeros(shape, dtype=np.bool_)
    predicted = np.zeros(shape, dtype=np.result_type(*(scores.predicted for scores in runs)))
    values = np.full((*shape, len(classes)), np.nan)
    for m, (scores, place) in enumerate(zip(runs, places, strict=True)):
        present[m, place], predicted[m, place] = True, scores.predicted
        values[m, place] = scores.values / scores.values.sum(axis=1, keepdims=True) if classes else scores.values
    return AlignedScores(
        ids=ids,
        clusters=_agreed("cluster", members, places, [scores.clusters for scores in runs], runs),
        folds=_agreed("fold", members, places, [scores.folds for scores in runs], runs),
        true=_agreed("target", members, places, [scores.true for scores in runs], runs),
        classes=classes,
        present=present,
        predicted=predicted,
        values=values,
    )


def _agreed(
    word: str,
    members: Sequence[str],
    places: Sequence[Numbers],
    columns: Sequence[NDArray[Any]],
    runs: Sequence[Scores],
) -> NDArray[Any]:
    """Return a column on which all members must agree, ``(n,)``, from each member's own and where it belongs."""
    number, stacked = np.concatenate(places), np.concatenate(columns)
    _, first = np.unique(number, return_index=True)
    agreed: NDArray[Any] = stacked[first]
    wrong = np.flatnonzero(stacked != agreed[number])
    if len(wrong):
        row = int(wrong[0])
        owner = np.repeat(members, [len(place) for place in places])
        id_ = np.concatenate([scores.ids for scores in runs])[row]
        raise UsageError(
            f"{id_}: its {word} is '{agreed[number[row]]}' in {owner[first[number[row]]]}, and '{stacked[row]}' in "
            f"{owner[row]}.\nThe runs were not made from the same corpus: make them again with `make evaluate`."
        )
    return agreed


def _require_numbers(name: str, scores: Scores) -> None:
    """Raise an error for scores that are not probabilities, and for values that are not numbers."""
    if scores.classes:
        off = np.abs(scores.values.sum(axis=1) - 1)
        wrong, expected = (scores.values < 0).any(axis=1) | ~(off <= metrics.ROUNDING), "probabilities that sum to 1"
    else:
        wrong, expected = ~np.isfinite(scores.predicted), "a finite number"
    if wrong.any():
        row = int(np.argmax(wrong))
        found = scores.values[row].tolist() if scores.classes else scores.predicted[row]
        raise UsageError(f"{scores.ids[row]}: {name} says {found}; expected {expected}.")
