"""A folder of ``.npy``: one array an utterance, called by its id or by the stem of its file.

What affex writes itself has times and names beside (see `folder`). What an array of others says of rows and times, see
`pipeline.exchange.arrays`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from affex.pipeline.exchange import arrays, folder, sizes
from affex.pipeline.exchange.record import Source, Wish
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.filenames import spelled


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

    def read(key: str) -> NDArray[Any]:
        return _array(files[key])

    yield arrays.source(str(path), {key: _shape(file) for key, file in files.items()}, read, wish)


def _shape(path: Path) -> arrays.Shape:
    """Return the shape that the header of an array declares; none where it cannot be read: its utterance says so."""
    try:
        with path.open("rb") as file:
            return sizes.declared(file)
    except (OSError, ValueError, EOFError):
        return ()


def _array(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            return sizes.array(str(path), file, path.stat().st_size)
    except (OSError, ValueError, EOFError) as error:
        raise AffexError(f"{path} cannot be read as an array without pickle: {error}.") from error
