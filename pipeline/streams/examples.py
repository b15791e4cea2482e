"""Examples: the arrow from a table to the input of folds: rows, targets, groups, and the order of turns."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Context
from affex.pipeline.caching.feature_rows import Values
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.enrolment import Enrolled
from affex.pipeline.streams.stream import Numbers, Stream
from affex.pipeline.streams.votes import NamedVotes


@dataclass(frozen=True, eq=False)
class Turns:
    """Which utterances are turns of one dialog, and in what order.

    Parameters
    ----------
    of : (n_utterances,) int64
        The number of each utterance's dialog, or of its speaker's part of the dialog; an utterance outside dialogs has
        a number of its own.
    order : (n_utterances,) int64
        Its position in time.
    n_counted
        The number of utterances that count; the later ones have no class that counts, and only give context.
    """

    of: Numbers
    order: Numbers
    n_counted: int

    def sequences(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Return the given utterances and their context, dialog after dialog.

        Returns
        -------
        numbers : (n,) int64
            The utterances given and what gives context to them, dialog after dialog, each in order of time.
        dialogs : (n_dialogs + 1,) int64
            Dialog ``d`` has the turns ``dialogs[d]`` to ``dialogs[d + 1]`` of them.
        """
        seen = np.isin(self.of, self.of[numbers])
        seen[: self.n_counted] = False
        seen[numbers] = True
        together = np.flatnonzero(seen)
        together = together[np.lexsort((self.order[together], self.of[together]))]
        begins = np.flatnonzero(np.diff(self.of[together], prepend=-1))
        return together, np.append(begins, len(together)).astype(np.int64)


def turns(utterances: Sequence[Utterance], n_counted: int, context: Context) -> Turns | None:
    """Return the turns of each dialog, or of each speaker in it; None where utterances stand alone."""
    if context == "none":
        return None
    numbers: dict[object, int] = {}
    of = [numbers.setdefault(_dialog(u, i, context), len(numbers)) for i, u in enumerate(utterances)]
    order = np.empty(len(of), np.int64)
    order[sorted(range(len(of)), key=lambda i: _time(utterances[i], i))] = np.arange(len(of))
    return Turns(np.array(of, dtype=np.int64), order, n_counted)


def _dialog(utterance: Utterance, number: int, context: Context) -> object:
    if utterance.dialog is None:
        return number
    own = utterance.speaker if context == "speaker" else None
    return utterance.corpus, utterance.session, utterance.dialog, own


def _time(utterance: Utterance, number: int) -> tuple[float, float, int]:
    """Return the sort key of a dialog's turns: time in the dialog, turn number, position in the corpus."""
    start, turn = utterance.dialog_start, utterance.turn
    return (0.0 if start is None else start, 0 if turn is None else turn, number)


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Utterances without a class that counts, from which a model learns what takes no class.

    Parameters
    ----------
    n_counted
        The number of utterances that count; the later ones have no class that counts.
    ids, speakers : (n_utterances,) str
        Of each utterance, counted or not.
    allowed : (n_utterances,) bool
        From which of them a model may learn at all.
    ties : (n_ties, 2) int64
        Pairs of an utterance and something (a speaker, a dialog, a file) with which it must be left out.
    """

    n_counted: int
    ids: NDArray[np.str_]
    speakers: NDArray[np.str_]
    allowed: NDArray[np.bool_]
    ties: Numbers

    def beside(self, train: Numbers) -> Numbers:
        """Return those that may be read with some training utterances: tied to no counted one outside `train`."""
        is_outside = np.arange(len(self.ids)) < self.n_counted
        is_outside[train] = False
        owners, things = self.ties.T
        left_out = np.isin(things, things[is_outside[owners]])
        kept = self.allowed.copy()
        kept[: self.n_counted] = False
        kept[owners[left_out]] = False
        return np.flatnonzero(kept)

    def without(self, speakers: Sequence[str]) -> "Unlabelled":
        """Return the same without what some speakers say."""
        return replace(self, allowed=self.allowed & ~np.isin(self.speakers, list(speakers)))


@dataclass(frozen=True, eq=False)
class Examples:
    """The input of all folds: rows, targets, groups and turns; a worker process needs nothing else.

    Parameters
    ----------
    streams
        The rows of all utterances that count, and after them of those that only give context, or are `unlabelled`.
    y : (n_counted,) str or float64
        The class, or the value, of each utterance that counts.
    groups : (n_utterances,) str
        The speaker of each utterance, or a substitute; inner folds keep groups whole. If the protocol leaves sessions
        out, the session, provided that there are enough training sessions for inner folds.
    shares : (n_counted, n_classes) float64, or None
        The share of each class in each utterance, if training targets are soft.
    votes
        The votes of named raters, if a fold makes soft targets of those on its training utterances; else None.
    distances : (n_rows, n_rows) float64, or None
        The distance of every two rows, if an estimator takes distances instead of rows.
    turns
        Which utterances are turns of one dialog; None where each stands alone.
    unlabelled
        The utterances without a class from which a model learns, too; None if it learns from none.
    texts : (n_counted,) str, or None
        What each utterance says, if inner folds keep texts apart as well as groups; empty where it is not known.
    enrolled
        By which other utterances of its speaker a tested utterance is normalised; None where it is tested by its rows
        in `streams`.
    """

    streams: tuple[Stream, ...]
    y: NDArray[Any]
    groups: NDArray[np.str_]
    classes: tuple[str, ...] = ()
    shares: NDArray[np.float64] | None = None
    distances: NDArray[np.float64] | None = None
    turns: Turns | None = None
    unlabelled: Unlabelled | None = None
    texts: NDArray[np.str_] | None = None
    votes: NamedVotes | None = None
    enrolled: Enrolled | None = None

    @property
    def X(self) -> Values:  # noqa: N802 - as scikit-learn has it
        """The rows of the first stream, ``(n_rows, n_columns) float32``."""
        return self.streams[0].flat

    @property
    def offsets(self) -> Numbers:
        """Utterance ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]`` of the first stream."""
        return self.streams[0].offsets

    def tested(self, numbers: Numbers, point: int = -1, draw: int = 0) -> "Examples":
        """Return the examples with the rows by which some utterances are tested; distances are left out.

        Parameters
        ----------
        numbers : (n,) int64
            The tested utterances.
        point, draw
            Which of the numbers of enrolled utterances, and which draw of them.
        """
        if self.enrolled is None:
            return self
        of = self.enrolled.rows
        streams = tuple(
            _with_rows(stream, numbers, of(place, numbers, point, draw)) for place, stream in enumerate(self.streams)
        )
        return replace(self, streams=streams, distances=None)


def _with_rows(stream: Stream, numbers: Numbers, rows: Sequence[Values]) -> Stream:
    """Return a stream with other rows of some utterances, as many as before."""
    values = stream.flat.copy()
    for number, own in zip(numbers.tolist(), rows, strict=True):
        values[stream.offsets[number] : stream.offsets[number + 1]] = own
    return replace(stream, rows=(values, stream.times))
