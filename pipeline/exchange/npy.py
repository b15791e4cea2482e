"""A folder of ``.npy``: the arrow from one array per utterance, named by id or recording, to a source.

A folder that affex wrote also has times and names (see `folder`). For the rows and times of other arrays see
`pipeline.exchange.arrays`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from affex.pipeline.exchange import arrays, folder, sizes
from affex.pipeline.exchange.record import Format, ImportOptions, Source
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.filenames import spelled


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a folder; arrays are read on demand."""
    if not path.is_dir():
        raise UsageError(f"{path} is one file: expected a folder of .npy files, each named by its utterance.")
    if (written := folder.ours(path)) is not None:
        yield written
        return
    found = sorted(file for file in path.rglob("*.npy") if file.is_file())
    files = {spelled(file.relative_to(path).with_suffix("").as_posix()): file for file in found}
    if not files:
        raise AffexError(f"{path} has no .npy files.")

    def read(key: str) -> NDArray[Any]:
        return _array(files[key])

    yield arrays.source(str(path), {key: _shape(file) for key, file in files.items()}, read, options)


def _shape(path: Path) -> arrays.Shape:
    """Return the shape in an array's header; () where it cannot be read, which is an error when the array is read."""
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


FORMATS = {"npy": Format((), reading, folder.write, by_recording=True)}
