"""The child process that reads a computational sequence of unknown origin (see `csd`, `confined`).

It is a separate script, so that it starts quickly. Only the file itself is opened: external links and storage, virtual
datasets, and filters that are not part of HDF5 are rejected. A dataset that declares more than the file contains is
rejected too, since HDF5 would fill the rest.
"""

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import h5py
import numpy as np

#: The filters that are accepted: gzip, shuffle, fletcher32, n-bit, scale and offset, and h5py's lzf.
FILTERS = {1, 2, 3, 5, 6, 32000}
#: The classes of types that are numbers or text; a boolean is an enumeration.
TYPES = {h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM}
#: How many bytes of rows are sent at once.
BLOCK = 2**24
#: The largest ratio of a dataset's unpacked to its packed size: gzip reaches at most 1032.
RATIO = 1100
#: The most unpacked bytes of all entries together, and their largest ratio to the size of the file.
ROOM, ROOM_RATIO = 2**30, 100
#: The most unpacked bytes of a chunk.
CHUNK = 2**28
#: The greatest depth of groups in a tree of datasets, and the most datasets in it.
DEPTH, MOST = 8, 10**6
#: The most bytes of all texts of a dataset.
TEXTS = 2**26


class RefusedError(Exception):
    """The file is damaged or not accepted; the message says why."""


def main(descriptor: str, memory: str, seconds: str, path: str, kind: str = "sequence") -> None:
    """Answer questions about a file until the parent closes the connection."""
    _limit(int(memory))
    channel = Connection(int(descriptor))
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            _allow(int(seconds))
            with h5py.File(path, "r", locking=False) as file:
                _serve(channel, _Tree(file) if kind == "tree" else _Sequence(file), int(seconds))
        except (Exception, RecursionError) as error:  # a file of unknown origin may cause any
            _send(channel, error=_words(error))


def _serve(channel: Connection, sequence: "_Sequence | _Tree", seconds: int) -> None:
    while True:
        question = json.loads(channel.recv_bytes())
        _allow(seconds)
        try:
            if "rows" in question:
                _send_rows(channel, sequence.dataset(question["key"], question["rows"]))
            elif "key" in question:
                _send(channel, **sequence.entry(question["key"]))
            else:
                _send(channel, **sequence.header())
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            _send(channel, error=_words(error))


class _Sequence:
    """The parts of an open file that are read."""

    def __init__(self, file: h5py.File) -> None:
        self._root = _root(file)
        self._data = _step(self._root, "data")
        self._room = max(ROOM, ROOM_RATIO * file.id.get_filesize())
        self._given: set[tuple[str, str]] = set()

    def header(self) -> dict[str, Any]:
        """Return root name, keys, and the texts of the metadata."""
        found = _step(self._root, "metadata") if "metadata" in _names(self._root) else {}
        texts = {name: _texts(_sound(_step(found, name))) for name in (_names(found) if found else ())}
        several = [(name, len(values)) for name, values in texts.items() if len(values) != 1]
        if several:
            raise RefusedError(f"the metadata '{several[0][0]}' has {several[0][1]} values, expected one text")
        keys = _names(self._data)
        return {"name": self._root.name[1:], "keys": keys, "metadata": {name: text for name, (text,) in texts.items()}}

    def entry(self, key: str) -> dict[str, Any]:
        """Return shape and type of the features and the intervals of an entry; None for a missing one."""
        group = _step(self._data, key)
        there = _names(group) if isinstance(group, h5py.Group) else None
        if there is None:
            raise RefusedError("it is not a group")
        halves = ("features", "intervals")
        return {half: _kind(self.dataset(key, half)) if half in there else None for half in halves}

    def dataset(self, key: str, half: str) -> h5py.Dataset:
        """Return the features or the intervals of an entry, after checking them."""
        found = _sound(_step(_step(self._data, key), half))
        if (key, half) not in self._given:
            self._given.add((key, half))
            self._room -= found.nbytes
        if self._room < 0:
            raise RefusedError("its entries together are larger than a file of its size can contain")
        return found


class _Tree:
    """All numeric datasets of an open file, by their path."""

    def __init__(self, file: h5py.File) -> None:
        self._room = max(ROOM, ROOM_RATIO * file.id.get_filesize())
        self._found: dict[str, h5py.Dataset] = {}
        self._given: set[str] = set()
        self._gather(file, "", DEPTH)

    def _gather(self, group: h5py.Group, above: str, depth: int) -> None:
        for name in _names(group):
            found = _step(group, name)
            if isinstance(found, h5py.Dataset) and found.dtype.kind in "fiu" and found.shape:
                self._found[f"{above}{name}"] = found
            elif isinstance(found, h5py.Group) and depth:
                self._gather(found, f"{above}{name}/", depth - 1)
            if len(self._found) > MOST:
                raise RefusedError(f"it has more than {MOST} datasets")

    def header(self) -> dict[str, Any]:
        """Return the names of the datasets with their shapes and types."""
        return {"keys": {key: _kind(found) for key, found in self._found.items()}}

    def entry(self, key: str) -> dict[str, Any]:
        """Return shape and type of a dataset."""
        return {"features": _kind(self.dataset(key, "features"))}

    def dataset(self, key: str, half: str) -> h5py.Dataset:  # noqa: ARG002 - the interface of a sequence
        """Return a dataset after checking it."""
        found = _sound(self._found[key])
        if key not in self._given:
            self._given.add(key)
            self._room -= found.nbytes
        if self._room < 0:
            raise RefusedError("its arrays together are larger than a file of its size can contain")
        return found


def _root(file: h5py.File) -> h5py.Group:
    """Return the root group: the first one, as in the SDK."""
    names = _names(file)
    for name in names:
        found = _step(file, name)
        if isinstance(found, h5py.Group) and "data" in _names(found) and isinstance(_step(found, "data"), h5py.Group):
            return found
    held = ", ".join(f"'{name}'" for name in names[:20]) or "nothing"
    raise RefusedError(
        f"it is HDF5, but not a computational sequence: expected a group that contains a group 'data', found {held}"
    )


def _names(group: h5py.Group) -> list[str]:
    """Return the names in a group; raise for a slash, since such a name would be read as a path."""
    names = list(group)
    for name in names:
        if name in ("", ".") or "/" in name or name != name.encode("utf-8", "replace").decode():
            raise RefusedError(f"{name[:80]!a} is not a valid HDF5 name in UTF-8")
    return names


def _step(group: h5py.Group, name: str, *, soft: bool = True) -> Any:
    """Return the object of a name inside the file; a soft link may lead through hard links."""
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.HardLink):
        return group[name]
    if not (isinstance(link, h5py.SoftLink) and soft):
        raise RefusedError(f"'{name}' is a link to another place ({type(link).__name__}); such links are not followed")
    found = group.file if link.path.startswith("/") else group
    for part in filter(None, link.path.split("/")):
        found = _step(found, part, soft=False)
    return found


def _sound(dataset: Any) -> h5py.Dataset:
    """Raise if a dataset is not completely in the file, has unknown filters, or declares more than it contains."""
    if not isinstance(dataset, h5py.Dataset):
        raise RefusedError("it is not a dataset")
    made = dataset.id.get_create_plist()
    if made.get_layout() == h5py.h5d.VIRTUAL or made.get_external_count():
        raise RefusedError("its data lie in other files (a virtual dataset, or external storage)")
    filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
    if set(filters) - FILTERS or len(set(filters)) < len(filters):
        raise RefusedError(
            f"its data are packed with the filters {filters}; expected some of {sorted(FILTERS)}, each once"
        )
    if dataset.shape is None:
        raise RefusedError("it has no shape")
    _require_held(dataset)
    return dataset


def _require_held(dataset: h5py.Dataset) -> None:
    """Raise if parts of a dataset were never written, or if it unpacks to more than any filter can pack."""
    size = math.prod(dataset.shape) * dataset.id.get_type().get_size()
    held = dataset.id.get_storage_size()
    if dataset.chunks is None:
        if held < size:
            raise RefusedError(f"it declares {dataset.shape}, {size} bytes, and the file contains {held} of them")
        return
    if math.prod(dataset.chunks) * dataset.id.get_type().get_size() > CHUNK:
        raise RefusedError(f"its chunks are {dataset.chunks}, more than {CHUNK} bytes")
    wanted = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if wanted != (there := dataset.id.get_num_chunks()):
        raise RefusedError(f"it declares {dataset.shape}, {wanted} chunks, and the file contains {there} of them")
    if size > RATIO * held:
        raise RefusedError(f"it declares {dataset.shape}, {size} bytes, more than {held} packed bytes can contain")


def _kind(dataset: h5py.Dataset) -> dict[str, Any]:
    """Return shape and type."""
    words = h5py.check_string_dtype(dataset.dtype) is not None
    known = dataset.id.get_type().get_class() in TYPES or dataset.dtype.kind == "c"
    kind = "" if words or not known else dataset.dtype.str
    return {"shape": dataset.shape, "dtype": kind, "text": words, "type": "text" if words else str(dataset.dtype)}


def _send_rows(channel: Connection, dataset: h5py.Dataset) -> None:
    """Send all rows of a dataset in blocks; text as JSON."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        _send(channel, texts=_texts(dataset))
        return
    _send(channel)
    for rows in _blocks(dataset):
        block = np.ascontiguousarray(dataset[rows]).tobytes()
        _send(channel)
        channel.send_bytes(block)


def _blocks(dataset: h5py.Dataset) -> Iterator[slice]:
    """Yield the blocks of rows to read: whole chunks, so that no chunk is unpacked twice."""
    n_rows, size = dataset.shape[0], max(1, dataset.nbytes // max(1, dataset.shape[0]))
    step = dataset.chunks[0] if dataset.chunks else 1
    step *= max(1, BLOCK // (step * size))
    return (slice(begin, begin + step) for begin in range(0, n_rows if dataset.size else 0, step))


def _texts(dataset: h5py.Dataset) -> list[str]:
    if h5py.check_string_dtype(dataset.dtype) is None:
        values = np.ravel(dataset[()]).tolist() if dataset.size <= 1 else [""] * dataset.size
        return [str(value) for value in values]
    texts, room = [], TEXTS
    if dataset.nbytes > TEXTS:
        raise RefusedError(f"its texts have {dataset.nbytes} bytes, more than {TEXTS}")
    for text in np.ravel(dataset[()]).tolist():
        texts.append(text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text))
        room -= len(texts[-1])
        if room < 0:
            raise RefusedError(f"its texts have more than {TEXTS} bytes")
    return texts


def _words(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "reading it needs more memory than allowed"
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _send(channel: Connection, **answer: Any) -> None:
    channel.send_bytes(json.dumps(answer).encode())


def _limit(memory: int) -> None:
    """Limit the memory of this process, and forbid it to write files or core dumps."""
    with contextlib.suppress(ImportError):
        import resource

        wanted = {"RLIMIT_AS": memory, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 64}
        for name, most in wanted.items():
            with contextlib.suppress(ValueError, OSError):  # not every system can limit everything
                resource.setrlimit(getattr(resource, name), (most, most))


def _allow(seconds: int) -> None:
    """Limit the CPU time of this process from now on, s."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
