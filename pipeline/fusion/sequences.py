"""Sequences: the arrow from finished runs to which of their utterances a rule reads as the turns of one dialog.

A dialog is read whole where every fold keeps it on one side, as when sessions are left out. Where a fold parts the
speakers of a dialog, as when speakers are left out, each speaker's own turns are read, and the results say so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from affex.pipeline.evaluation.dialogs import Dialogs
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.fusion.aligned_scores import AlignedScores, Labels
from affex.pipeline.specs.fusions import OF_DIALOGS
from affex.pipeline.text.errors import UsageError


@dataclass(frozen=True)
class Reading:
    """Which utterances a rule reads together.

    Parameters
    ----------
    dialogs
        The turns of all dialogs.
    whole
        Whether a dialog is read whole; else each speaker's own turns.
    n_parted
        How many dialogs have turns on both sides of a fold.
    """

    dialogs: Dialogs
    whole: bool
    n_parted: int

    def onto(self, aligned: AlignedScores) -> AlignedScores:
        """Return aligned scores with what is read as one sequence, and each utterance's place in it."""
        names = self.sequences(aligned.ids, aligned.clusters)
        return replace(aligned, dialogs=names, turns=self.dialogs.numbers(aligned.ids))

    def sequences(self, ids: Labels, clusters: Labels) -> Labels:
        """Return the name of each utterance's sequence, ``(n,)``; empty outside dialogs."""
        names = self.dialogs.names(ids)
        if self.whole:
            return names
        pairs = zip(names.tolist(), clusters.tolist(), strict=True)
        return np.array([f"{name} of {cluster}" if name else "" for name, cluster in pairs], dtype=np.str_)

    @property
    def note(self) -> str:
        """What is read together, and what training and test share, as a sentence."""
        n = len({turn.dialog for turn in self.dialogs.turns.values()})
        if self.whole:
            return f"the fusion reads the turns of each of {n} dialogs together; no fold has a dialog on both sides"
        return (
            f"the fusion reads each speaker's own turns of a dialog, since {self.n_parted} of {n} dialogs have turns "
            "on both sides of a fold: there the partner's turns, with their classes, are training data"
        )


def reading_of(members: Sequence[Run], rule: str) -> Reading | None:
    """Return what a rule reads together; None for a rule that reads each utterance alone.

    Raises
    ------
    UsageError
        If the runs know of no dialogs, or a speaker's own turns of a dialog are on both sides of a fold.
    """
    if rule not in OF_DIALOGS:
        return None
    dialogs = together(members)
    if not dialogs.turns:
        raise UsageError(lacking(rule, " and ".join(member.name for member in members)))
    parted = set().union(*_parted(members, Reading(dialogs, whole=True, n_parted=0)))
    if not parted:
        return Reading(dialogs, whole=True, n_parted=0)
    reading = Reading(dialogs, whole=False, n_parted=len(parted))
    for own in _parted(members, reading):
        if own:
            raise UsageError(
                f"FUSION=late:{rule} reads the turns of a dialog together, and those of {min(own)} are on both sides "
                "of a fold. Evaluate under a protocol that keeps a speaker on one side: PROTOCOL=loso, or "
                "PROTOCOL=session."
            )
    return reading


def lacking(rule: str, whose: str) -> str:
    """Return the message for a rule that reads dialogs where there are none."""
    return (
        f"FUSION=late:{rule} reads the turns of dialogs, and {whose} has none. A corpus has dialogs where its "
        "utterances name one (the columns dialog and turn of a table): FUSION=late:weights reads each utterance alone."
    )


def together(members: Sequence[Run]) -> Dialogs:
    """Return the dialogs that the members know."""
    known = {id_: turn for member in reversed(members) for id_, turn in member.dialogs.turns.items()}
    return Dialogs(known)


def _parted(members: Sequence[Run], reading: Reading) -> Iterator[set[str]]:
    """Yield the sequences that are on both sides of a fold, fold by fold."""
    for member in members:
        for inner in member.inner:
            own = member.scores.folds == inner.folds[0]
            tested = reading.sequences(member.scores.ids[own], member.scores.clusters[own])
            learned = reading.sequences(inner.ids, inner.clusters)
            yield set(tested.tolist()) & set(learned.tolist()) - {""}
