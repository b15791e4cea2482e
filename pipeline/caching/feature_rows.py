"""Reading: the arrow from a feature's file to its rows, verified during reading, each byte once.

Opening a file verifies its seal and all data beside the rows (ids, sources, digests, columns, failures). The digest of
each utterance verifies its rows as they are read into their final place, so only the requested rows are in memory.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching import seal, store
from affex.pipeline.caching.entry import Entry
from affex.pipeline.caching.store import Sealed
from affex.pipeline.text.errors import AffexError

Numbers = NDArray[np.int64]
Values = NDArray[np.float32]
#: (n_rows,) float64, s; None if each utterance has a single row that is not a frame.
Times = NDArray[np.float64] | None


class DamagedRowsError(AffexError):
    """Cached rows differ from those that were written; the features must be extracted again."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The content of a feature's file, with rows not yet read.

    Parameters
    ----------
    again
        The command that makes or repairs the file.
    index
        The sha256 of all data beside the rows, from the seal.
    ids
        The utterances that have rows, in the file's order.
    sources, digests
        The source of each utterance's rows, and the digest that verifies them.
    columns
        The columns' names.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``.
    framewise
        Whether rows have times.
    failures
        Why utterances have no rows, by id.
    """

    path: Path
    key: str
    again: str
    index: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    digests: tuple[str, ...]
    columns: tuple[str, ...]
    offsets: Numbers
    framewise: bool
    failures: Mapping[str, str]

    def read(self, numbers: Sequence[int] | Numbers) -> tuple[Values, Times]:
        """Read the rows of some utterances, one utterance after another, and verify them.

        Returns
        -------
        values : (n_rows, n_columns) float32
        times : (n_rows,) float64, s, or None

        Raises
        ------
        DamagedRowsError
            If the rows of an utterance do not verify, or the file is no longer the opened one.
        """
        numbers = np.asarray(numbers, dtype=np.int64)
        ends = np.cumsum(np.diff(self.offsets)[numbers])
        n_rows = int(ends[-1]) if len(ends) else 0
        values = np.empty((n_rows, len(self.columns)), np.float32)
        times = np.empty(n_rows, np.float64) if self.framewise else None
        with store.opened(self.path) as sealed:
            if sealed is None or sealed.seal.index != self.index:
                raise DamagedRowsError(f"{self.path} changed while it was read. Run `{self.again}` to mend it.")
            for number, (at, end) in zip(numbers.tolist(), itertools.pairwise((0, *ends.tolist())), strict=True):
                self._fill(sealed, number, values[at:end], None if times is None else times[at:end])
        return values, times

    def _fill(self, sealed: Sealed, number: int, values: Values, times: Times) -> None:
        """Read one utterance's rows into their place; its pictures are read only for the digest."""
        begin, arrays = int(self.offsets[number]), sealed.seal.arrays
        seal.fill(sealed.file, arrays["values"], begin, values)
        if times is not None:
            seal.fill(sealed.file, arrays["times"], begin, times)
        crops = sealed.crops(begin, begin + len(values))
        entry = Entry(self.ids[number], self.sources[number], values, times, crops=crops)
        if not (crops is None or crops.is_sound) or entry.digest(self.key) != self.digests[number]:
            raise DamagedRowsError(
                f"{self.path}: utterance '{entry.id}' does not verify. Run `{self.again}` to mend it."
            )


def contents(path: Path, key: str, again: str = "make features") -> Contents:
    """Open a published file and verify its seal and the data beside its rows.

    Parameters
    ----------
    again
        The command that makes or repairs it.

    Raises
    ------
    DamagedRowsError
        If the file was made under another key, or does not verify.
    AffexError
        If the file does not exist.
    """
    if not path.exists():
        raise AffexError(f"{path} is not there. Run `{again}` to make it.")
    found = store.survey(path, key, rows=False)
    with store.opened(path) as sealed:
        if sealed is None or found.damaged or found.columns is None:
            why = "; ".join(found.damaged[:3]) or "it was made otherwise than affex makes it today"
            raise DamagedRowsError(f"{path}: {why}. Run `{again}` to mend it.")
        ids, sources, digests = (sealed.texts(name) for name in ("ids", "source", "digest"))
        return Contents(
            path=path,
            key=key,
            again=again,
            index=sealed.seal.index,
            ids=ids,
            sources=sources,
            digests=digests,
            columns=found.columns,
            offsets=sealed.whole("offsets"),
            framewise="times" in sealed.seal.arrays,
            failures={id_: message for id_, (_, message) in found.failures.items()},
        )


@dataclass(frozen=True)
class FeatureRows:
    """The verified rows of all utterances of a file.

    Parameters
    ----------
    ids
        The utterances that have rows, in the file's order.
    columns
        The columns' names.
    offsets : (n_utterances + 1,) int64
        Utterance ``i`` has rows ``offsets[i]`` to ``offsets[i + 1]``.
    values : (n_rows, n_columns) float32
    times : (n_rows,) float64, s
        None if each utterance has a single row that is not a frame.
    """

    ids: tuple[str, ...]
    columns: tuple[str, ...]
    offsets: Numbers
    values: Values
    times: Times


def load(path: Path, key: str, again: str = "make features") -> FeatureRows:
    """Read a whole published file; parameters and errors as for `contents`."""
    held = contents(path, key, again)
    return FeatureRows(held.ids, held.columns, held.offsets, *held.read(range(len(held.ids))))
