"""Dialogs: the arrow from utterances to the turns of their dialogs, as a run keeps them for rules that read turns."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.examples import turns

Labels = NDArray[np.str_]
Numbers = NDArray[np.int64]

#: The columns of the table that a run keeps.
COLUMNS = ("id", "dialog", "turn")


class Turn(NamedTuple):
    """Which turn of which dialog an utterance is: the dialog's name, and the place among its turns, from 1."""

    dialog: str
    number: int


@dataclass(frozen=True)
class Dialogs:
    """The dialogs of the utterances that count, tested or learned from.

    Parameters
    ----------
    turns
        By id of the utterance; without those that lie outside dialogs.
    """

    turns: Mapping[str, Turn]

    def of(self, ids: Iterable[str]) -> "Dialogs":
        """Return the turns of some utterances; each keeps its number."""
        return Dialogs({id_: self.turns[id_] for id_ in ids if id_ in self.turns})

    def names(self, ids: Labels) -> Labels:
        """Return the dialog of each utterance, ``(n,)``; empty outside dialogs."""
        found = (self.turns.get(id_) for id_ in ids.tolist())
        return np.array([turn.dialog if turn else "" for turn in found], dtype=np.str_)

    def numbers(self, ids: Labels) -> Numbers:
        """Return the place of each utterance in its dialog, ``(n,)``, from 1; 0 outside dialogs."""
        found = (self.turns.get(id_) for id_ in ids.tolist())
        return np.array([turn.number if turn else 0 for turn in found], dtype=np.int64)

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Yield one row an utterance, with `COLUMNS`."""
        for id_, turn in self.turns.items():
            yield id_, turn.dialog, turn.number


NO_DIALOGS = Dialogs({})


def dialogs_of(utterances: Sequence[Utterance]) -> Dialogs:
    """Return the dialogs of a corpus's utterances; those of different corpora and sessions are different dialogs.

    All utterances are numbered, with a class or without, so that runs of several models number them alike.
    """
    found = turns(utterances, len(utterances), "dialog")
    assert found is not None
    together, limits = found.sequences(np.arange(len(utterances)))
    known: dict[str, Turn] = {}
    for first, end in itertools.pairwise(limits.tolist()):
        for place, number in enumerate(together[first:end], 1):
            own = utterances[number]
            if own.dialog is not None:
                name = "/".join(part for part in (own.corpus, own.session, own.dialog) if part)
                known[own.id] = Turn(name, place)
    return Dialogs(known)


def from_rows(rows: Sequence[Sequence[str]]) -> Dialogs:
    """Return the dialogs of rows as `Dialogs.rows` gives them, in text.

    Raises
    ------
    ValueError
        If a row has not the three columns.
    """
    return Dialogs({id_: Turn(dialog, int(number)) for id_, dialog, number in rows})
