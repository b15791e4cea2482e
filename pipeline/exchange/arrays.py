"""Arrays by key: the arrow from arrays that are named by their utterance or recording to a source.

An array is one row ``(n_columns,)``, or rows ``(n_rows, n_columns)`` of frames. Such a file has no times: they are the
middles of steps of `ImportOptions.hop` from the beginning of the utterance or recording. Leading axes of length one are
removed: ``(1, n_rows, n_columns)`` is the output of networks for a batch of one. Some libraries, as librosa, have
``(n_columns, n_rows)``: affex does not guess this, the user states it (`ImportOptions.transpose`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange.record import ImportOptions, Part, Source, numbers
from affex.pipeline.text.errors import AffexError, UsageError

Shape = tuple[int, ...]


def source(
    where: str, shapes: Mapping[str, Shape], read: Callable[[str], NDArray[Any]], options: ImportOptions
) -> Source:
    """Return arrays as a source.

    Parameters
    ----------
    where
        The name of the file or folder, for messages.
    shapes
        The shape of each array, by key.
    read
        Returns the array of a key.

    Raises
    ------
    AffexError
        If an array does not hold numbers, or seems to be transposed.
    UsageError
        If several rows have no times, and `ImportOptions.hop` is not given.
    """
    _require_upright(where, shapes, options)

    def part(key: str) -> Part:
        return _part(f"{where}: '{key}'", _bared(read(key)), options)

    key = next(iter(shapes))
    # A missing hop is an error only when rows are read, so that unknown names are reported first.
    first = _part(f"{where}: '{key}'", _bared(read(key)), replace(options, hop=options.hop or 1.0))
    return Source(tuple(f"x{n}" for n in range(first.values.shape[1])), list(shapes), part)


def _bare(shape: Shape) -> Shape:
    """Return a shape without leading axes of length one before rows and columns."""
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _bared(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(_bare(array.shape))


def _require_upright(where: str, shapes: Mapping[str, Shape], options: ImportOptions) -> None:
    """Refuse arrays with equal numbers of rows and different numbers of columns: they seem to be transposed."""
    flat = {shape for shape in map(_bare, shapes.values()) if len(shape) == 2}
    rows, columns = ({shape[axis] for shape in flat} for axis in (0, 1))
    if options.transpose:
        rows, columns = columns, rows
    if len(rows) == 1 and len(columns) > 1 and rows != {1}:
        least, most = min(columns), max(columns)
        turn = "without TRANSPOSE=1" if options.transpose else "with TRANSPOSE=1"
        raise AffexError(
            f"{where}: every array has {next(iter(rows))} rows, and they have from {least} to {most} columns. Expected "
            f"(rows, columns) with equal numbers of columns: the arrays seem to be transposed. Read them {turn}."
        )


def _part(where: str, array: NDArray[Any], options: ImportOptions) -> Part:
    if options.transpose and array.ndim == 2:
        array = array.T
    values = numbers(where, array[None] if array.ndim == 1 else array)
    if len(values) == 1 and options.hop is None:
        return Part(values)
    if options.hop is None:
        raise UsageError(
            f"{where} has {len(values)} rows and no times. Give the time between rows in seconds, for example "
            "--hop 0.01."
        )
    edges = np.arange(len(values) + 1) * options.hop
    return Part(values, np.stack([edges[:-1], edges[1:]], axis=1))
