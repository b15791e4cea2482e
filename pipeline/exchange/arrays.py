"""Arrays by key: what a folder or an archive of arrays, each called by its utterance or recording, says of rows.

An array is one row ``(n_columns,)``, or rows ``(n_rows, n_columns)`` of frames, whose times nothing says: they are the
middles of steps of `Wish.hop` from the beginning of what the key names. Axes of one before these are no axes:
``(1, n_rows, n_columns)`` is what networks give for a batch of one. Some libraries have it the other way round,
``(n_columns, n_rows)``, as librosa: that is not guessed, but said (`Wish.transpose`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange.record import Part, Source, Wish, numbers
from affex.pipeline.text.errors import AffexError, UsageError

Shape = tuple[int, ...]


def source(where: str, shapes: Mapping[str, Shape], read: Callable[[str], NDArray[Any]], wish: Wish) -> Source:
    """Return arrays as a source.

    Parameters
    ----------
    where
        What holds them, for messages.
    shapes
        The shape of each array, by key.
    read
        Returns the array of a key.

    Raises
    ------
    AffexError
        If an array holds no numbers, or rows lie where columns are expected.
    UsageError
        If several rows have no times, and nobody says how far apart they are.
    """
    _require_upright(where, shapes, wish)

    def part(key: str) -> Part:
        return _part(f"{where}: '{key}'", _bared(read(key)), wish)

    key = next(iter(shapes))
    # How far apart rows are is asked when rows are read: before that, whether the arrays are called by anything known.
    first = _part(f"{where}: '{key}'", _bared(read(key)), replace(wish, hop=wish.hop or 1.0))
    return Source(tuple(f"x{n}" for n in range(first.values.shape[1])), list(shapes), part)


def _bare(shape: Shape) -> Shape:
    """Return a shape without the axes of one that go before rows and columns."""
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _bared(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(_bare(array.shape))


def _require_upright(where: str, shapes: Mapping[str, Shape], wish: Wish) -> None:
    """Refuse arrays whose columns differ in number, and whose rows do not: they lie on their side."""
    flat = {shape for shape in map(_bare, shapes.values()) if len(shape) == 2}
    rows, columns = ({shape[axis] for shape in flat} for axis in (0, 1))
    if wish.transpose:
        rows, columns = columns, rows
    if len(rows) == 1 and len(columns) > 1 and rows != {1}:
        least, most = min(columns), max(columns)
        turn = "without TRANSPOSE=1" if wish.transpose else "with TRANSPOSE=1"
        raise AffexError(
            f"{where}: every array has {next(iter(rows))} rows, and they have from {least} to {most} columns. Expected "
            f"(rows, columns), as many columns each: they seem to lie on their side. Read them {turn}."
        )


def _part(where: str, array: NDArray[Any], wish: Wish) -> Part:
    if wish.transpose and array.ndim == 2:
        array = array.T
    values = numbers(where, array[None] if array.ndim == 1 else array)
    if len(values) == 1 and wish.hop is None:
        return Part(values)
    if wish.hop is None:
        raise UsageError(
            f"{where} holds {len(values)} rows, and nothing says when they hold: say how far apart they are in "
            "seconds, as in --hop 0.01."
        )
    edges = np.arange(len(values) + 1) * wish.hop
    return Part(values, np.stack([edges[:-1], edges[1:]], axis=1))
