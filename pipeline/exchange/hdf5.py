"""The formats ``.h5`` and ``.mat``: the arrow from affex's cache files, or arrays by recording, to a source; read only.

A cache file of affex is read by its seal. Other files, and those that MATLAB saves with ``-v7.3``, are read in a
separate process (see `pipeline.media.csd`). There, every dataset of numbers is an array, named by its path in the file.
MATLAB stores columns first, so its arrays are transposed after reading.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching import feature_rows, store
from affex.pipeline.exchange import arrays
from affex.pipeline.exchange.record import Format, ImportOptions, Part, Source
from affex.pipeline.media import csd
from affex.pipeline.text.errors import AffexError

#: The first bytes of an HDF5 file without a user block.
HDF5 = b"\x89HDF\r\n\x1a\n"
#: The group in which MATLAB stores the contents of cells.
REFERENCES = "#refs#"


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a file; arrays of other programs are read on demand."""
    seal = store.described(path)
    if seal is not None:
        yield _ours(path, seal.key, seal.spec)
        return
    with csd.datasets(path) as found:
        shapes = {key: shape for key, shape in found.shapes.items() if not key.startswith(REFERENCES)}
        names = _names(list(shapes))
        own = {names[key]: shape for key, shape in shapes.items()}
        paths = {name: key for key, name in names.items()}
        yield _keyed(path, own, lambda name: found.read(paths[name]), options)


def _names(keys: list[str]) -> dict[str, str]:
    """Return the names of arrays, without a common last part, as in ``a/features`` and ``b/features``."""
    ends = {key.rpartition("/")[2] for key in keys}
    nested = len(ends) == 1 and all("/" in key for key in keys)
    return {key: key.rpartition("/")[0] if nested else key for key in keys}


@contextmanager
def reading_mat(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a MATLAB file of version 5 or 7.3."""
    with path.open("rb") as file:
        is_hdf5 = HDF5 in (file.read(8), file.seek(512) and file.read(8))
    if is_hdf5:
        with reading(path, replace(options, transpose=not options.transpose)) as source:
            yield source
        return
    found = _variables(path)
    yield _keyed(path, {key: array.shape for key, array in found.items()}, found.__getitem__, options)


def _ours(path: Path, key: str, spec: str) -> Source:
    """Return a file of the cache as a source."""
    table = feature_rows.load(path, key)
    place = {id_: number for number, id_ in enumerate(table.ids)}

    def read(id_: str) -> Part:
        rows = slice(int(table.offsets[place[id_]]), int(table.offsets[place[id_] + 1]))
        return Part(table.values[rows], times=None if table.times is None else table.times[rows])

    remarks = {"key": key, "spec": spec}
    return Source(table.columns, table.ids, read, framewise=table.times is not None, remarks=remarks, ours=True)


def _keyed(path: Path, shapes: dict[str, arrays.Shape], read: Any, options: ImportOptions) -> Source:
    if not shapes:
        raise AffexError(f"{path} has no array of numbers. Expected one per utterance, named by its id or recording.")
    return arrays.source(str(path), shapes, read, options)


def _variables(path: Path) -> dict[str, NDArray[Any]]:
    """Return the variables of a MATLAB file that are arrays of numbers; ``1 x n`` is a row."""
    import scipy.io

    found = scipy.io.loadmat(str(path), appendmat=False)
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray) and array.dtype.kind in "fiu"}


FORMATS = {
    "h5": Format((".h5", ".hdf5", ".he5"), reading),
    "mat": Format((".mat",), reading_mat),
}
