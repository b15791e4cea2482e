"""A folder of ``.npy``: one array an utterance, called by its id or by the stem of its file.

What affex writes itself has times and names beside (see `folder`). Of others an array is one row ``(n_columns,)``, or
rows ``(n_rows, n_columns)`` of frames, whose times nothing says: they are the middles of steps of `Wish.hop` from the
utterance's beginning.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.errors import AffexError, UsageError
from pipeline.exchange import folder, sizes
from pipeline.exchange.record import Part, Source, Wish, numbers
from pipeline.files import spelled


@contextmanager
def reading(path: Path, wish: Wish) -> Iterator[Source]:
    """Open a folder; arrays are read as they are asked for."""
    if not path.is_dir():
        raise UsageError(f"{path} is one file: expected a folder of .npy files, each called by its utterance.")
    if (written := folder.ours(path)) is not None:
        yield written
        return
    found = sorted(file for file in path.rglob("*.npy") if file.is_file())
    files = {spelled(file.relative_to(path).with_suffix("").as_posix()): file for file in found}
    if not files:
        raise AffexError(f"{path} holds no .npy file.")

    def read(key: str) -> Part:
        return _part(files[key], wish.hop)

    first = read(next(iter(files)))
    yield Source(tuple(f"x{n}" for n in range(first.values.shape[1])), list(files), read)


def _part(path: Path, hop: float | None) -> Part:
    try:
        with path.open("rb") as file:
            array = sizes.array(str(path), file, path.stat().st_size)
    except (OSError, ValueError, EOFError) as error:
        raise AffexError(f"{path} cannot be read as an array without pickle: {error}.") from error
    values = numbers(str(path), array[None] if array.ndim == 1 else array)
    if len(values) == 1 and hop is None:
        return Part(values)
    if hop is None:
        raise UsageError(
            f"{path} holds {len(values)} rows, and nothing says when they hold: say how far apart they are in seconds, "
            "as in --hop 0.01."
        )
    edges = np.arange(len(values) + 1) * hop
    return Part(values, np.stack([edges[:-1], edges[1:]], axis=1))
