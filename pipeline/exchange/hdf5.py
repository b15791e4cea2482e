"""The formats ``.h5`` and ``.mat``: affex's own cache files, and arrays keyed by recording; read only.

A cache file of ours is read by its seal. Others, and what MATLAB saves with ``-v7.3``, are read in a process of its own
(see `pipeline.media.csd`): every dataset of numbers is an array, called by the path of names that leads to it. MATLAB
has columns first: what it saves so comes turned, and is turned back.
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
from affex.pipeline.exchange.record import Part, Source, Wish
from affex.pipeline.media import csd
from affex.pipeline.text.errors import AffexError

#: How an HDF5 file begins, unless it has a user block.
HDF5 = b"\x89HDF\r\n\x1a\n"
#: Where MATLAB puts what cells refer to.
REFERENCES = "#refs#"


@contextmanager
def reading(path: Path, wish: Wish) -> Iterator[Source]:
    """Open a file; arrays of others are read as they are asked for."""
    stated = store.described(path)
    if stated is not None:
        yield _ours(path, stated.key, stated.spec)
        return
    with csd.datasets(path) as found:
        shapes = {key: shape for key, shape in found.shapes.items() if not key.startswith(REFERENCES)}
        names = _names(list(shapes))
        own = {names[key]: shape for key, shape in shapes.items()}
        paths = {name: key for key, name in names.items()}
        yield _keyed(path, own, lambda name: found.read(paths[name]), wish)


def _names(keys: list[str]) -> dict[str, str]:
    """Return what arrays are called: without what all end in, as in ``a/features`` and ``b/features``."""
    ends = {key.rpartition("/")[2] for key in keys}
    nested = len(ends) == 1 and all("/" in key for key in keys)
    return {key: key.rpartition("/")[0] if nested else key for key in keys}


@contextmanager
def reading_mat(path: Path, wish: Wish) -> Iterator[Source]:
    """Open a file of MATLAB, of version 5 or 7.3."""
    with path.open("rb") as file:
        is_hdf5 = HDF5 in (file.read(8), file.seek(512) and file.read(8))
    if is_hdf5:
        with reading(path, replace(wish, transpose=not wish.transpose)) as source:
            yield source
        return
    found = _variables(path)
    yield _keyed(path, {key: array.shape for key, array in found.items()}, found.__getitem__, wish)


def _ours(path: Path, key: str, spec: str) -> Source:
    """Return a file of the cache as a source."""
    table = feature_rows.load(path, key)
    place = {id_: number for number, id_ in enumerate(table.ids)}

    def read(id_: str) -> Part:
        rows = slice(int(table.offsets[place[id_]]), int(table.offsets[place[id_] + 1]))
        return Part(table.values[rows], times=None if table.times is None else table.times[rows])

    told = {"key": key, "spec": spec}
    return Source(table.columns, table.ids, read, framewise=table.times is not None, remarks=told, ours=True)


def _keyed(path: Path, shapes: dict[str, arrays.Shape], read: Any, wish: Wish) -> Source:
    if not shapes:
        raise AffexError(f"{path} holds no array of numbers. Expected one an utterance, called by its id or recording.")
    return arrays.source(str(path), shapes, read, wish)


def _variables(path: Path) -> dict[str, NDArray[Any]]:
    """Return the variables of a file of MATLAB that are arrays of numbers; ``1 x n`` is a row."""
    import scipy.io

    found = scipy.io.loadmat(str(path), appendmat=False)
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray) and array.dtype.kind in "fiu"}
