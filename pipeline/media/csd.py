"""Computational sequences: reads and writes ``.csd`` files, in which projects exchange features and labels.

A corpus can read its labels from such a file, and an export writes a cached feature to one. The format is that of
CMU-MultimodalSDK (Zadeh, Liang, Poria, Vij, Cambria, Morency, "Multi-attention Recurrent Network for Human
Communication Comprehension", AAAI 2018, arXiv:1802.00923; https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK),
which is HDF5 with the layout

* ``/<root name>/data/<key>/features``, ``(n_rows, ...)``: numbers of any width, or text such as words;
* ``/<root name>/data/<key>/intervals``, ``(n_rows, 2)``: beginning and end of each row, s from the recording's
beginning;
* ``/<root name>/metadata/<key>``, ``(1,)``: JSON as text.

Conventions: a key is a recording's name. In a file that was aligned to another one, it is followed by the number of the
row in that file, from 0: ``"v0[2]"`` (see `recording`). Only one entry at a time is in memory. Published files contain
rows with NaN, intervals that begin before 0 or overlap, and rows in any order: these are returned unchanged.

A file may be of unknown origin, so a child process with limits reads it (`csd_child`), which opens nothing else: a
crash of the HDF5 library becomes an error message. A file that affex wrote has a seal in its metadata (the key ``affex
seal``) over names, metadata and the rows of every entry: any changed bit is detected. In other files it is detected
only where HDF5 has a checksum (gzip, fletcher32); elsewhere it reads as other values.
"""

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from affex.pipeline.media.confined import Confined, Limits, RefusedError
from affex.pipeline.storage.atomic import temporary, writing
from affex.pipeline.storage.hdf5_file import Hdf5File
from affex.pipeline.storage.sealed import DamagedError, opened, sealed
from affex.pipeline.text.errors import AffexError

#: The metadata that the SDK requires (its ``metadataconfigs.py``). A missing comma there joins two keys into one. If a
#: file lacks that key, the SDK's ``deploy()`` prompts for it on the terminal: so the joined key is written too.
METADATA = (
    "root name",
    "computational sequence description",
    "dimension names",
    "computational sequence version",
    "dimension namescomputational sequence version",
    "alignment compatible",
    "dataset name",
    "dataset version",
    "creator",
    "contact",
    "featureset bib citation",
    "dataset bib citation",
)

#: Those that the SDK's ``bib_citations()`` prints; they must be text.
CITATIONS = ("featureset bib citation", "dataset bib citation")

#: Metadata that the SDK's ``deploy()`` adds to a file, and affex never does.
DEPLOYED = "uuid"

KEY = re.compile(r"(?P<recording>.*?)\[(?P<number>\d+)\]")

#: The script that reads a file in a child process.
CHILD = Path(__file__).with_name("csd_child.py")

#: The most bytes of the features or the intervals of an entry.
MOST_BYTES = 2**31

#: The metadata with the seal of a file that affex wrote, and the mark that it has one.
SEALED, SEALER = "affex seal", "affex sealed"

AS_INTERVALS = "expected (n_rows, 2) of finite numbers"


@dataclass(frozen=True, eq=False)
class Entry:
    """The rows of a sequence for one recording, or for one row of the file that it was aligned to.

    Parameters
    ----------
    features : (n_rows, ...) float, int or str
        The features, in the type of the file.
    intervals : (n_rows, 2) float64, s
        Beginning and end of each row, from the recording's beginning.
    """

    features: NDArray[Any]
    intervals: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sequence:
    """A computational sequence that is open for reading.

    Parameters
    ----------
    name
        Its root name, such as ``"All Labels"``.
    metadata
        Its metadata, those of the keys in `METADATA` that it has.
    entries
        From key to entry; each entry is read from the file when it is used, and not kept.
    """

    name: str
    metadata: Mapping[str, Any]
    entries: Mapping[str, Entry]


def recording(key: str) -> tuple[str, int | None]:
    """Return the recording of a key and the row that it was aligned to; None for the whole recording.

    Examples
    --------
    >>> recording("v0[2]"), recording("v0")
    (('v0', 2), ('v0', None))
    """
    aligned = KEY.fullmatch(key)
    return (aligned["recording"], int(aligned["number"])) if aligned else (key, None)


# -- reading -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(path: Path, limits: Limits = Limits()) -> Iterator[Sequence]:  # noqa: B008 - it is frozen
    """Open a computational sequence for reading; its entries can be read inside the ``with`` block.

    Parameters
    ----------
    limits
        The limits of the process that reads it.

    Raises
    ------
    AffexError
        If the file is missing, not HDF5 or damaged, has another layout, refers to other files, or has a seal of affex
        and was changed. Reading an entry also raises it if the entry is damaged, has different numbers of features and
        intervals, or intervals that are not pairs of finite numbers.
    """
    what = f"{path} cannot be read as a computational sequence"
    if path.exists() and not path.is_file():
        raise AffexError(f"{what}: it is not a file.")
    with contextlib.ExitStack() as stack:
        with _in_words(what):
            child = stack.enter_context(Confined(CHILD, str(path), limits=limits))
            header = child.ask()
            name, texts, keys = str(header["name"]), dict(header["metadata"]), list(map(str, header["keys"]))
            digests = _sealed_digests(name, texts, keys)
            metadata = {key: _json_or_text(text) for key, text in texts.items() if key not in (SEALED, SEALER)}
        yield Sequence(name, metadata, _Entries(path, child, keys, digests))


@dataclass(frozen=True, eq=False)
class Datasets:
    """The numeric datasets of an open HDF5 file: their shapes by name, and a function that reads one."""

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], NDArray[Any]]


@contextlib.contextmanager
def datasets(path: Path, limits: Limits = Limits()) -> Iterator[Datasets]:  # noqa: B008 - it is frozen
    """Open any HDF5 file in the same way as `reading`; its datasets can be read inside the ``with`` block.

    Raises
    ------
    AffexError
        If it is not HDF5, is damaged, or refers to other files; reading a dataset also raises it.
    """
    what = f"{path} cannot be read as HDF5"
    with contextlib.ExitStack() as stack:
        with _in_words(what):
            child = stack.enter_context(Confined(CHILD, str(path), "tree", limits=limits))
            kinds = dict(child.ask()["keys"])

        def read(key: str) -> NDArray[Any]:
            with _in_words(f"{path}: '{key}' cannot be read"):
                return _rows(child, key, "features", child.ask(key=key)["features"])

        yield Datasets({str(key): tuple(map(int, kind["shape"])) for key, kind in kinds.items()}, read)


class _Entries(Mapping[str, Entry]):
    """The entries of an open file."""

    def __init__(self, path: Path, child: Confined, keys: Iterable[str], digests: Mapping[str, str] | None) -> None:
        self._path = path
        self._child = child
        self._keys = dict.fromkeys(keys)
        self._digests = digests

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Entry:
        if key not in self._keys:
            raise KeyError(key)
        where = f"{self._path}: '{key}'"
        with _in_words(f"{where} cannot be read"):
            halves = self._child.ask(key=key)
            missing = [name for name in ("features", "intervals") if halves[name] is None]
            if missing:
                raise AffexError(f"{where} has no '{missing[0]}'. Expected features and intervals of each recording.")
            _require_pair(where, *(_shape_and_type(halves[name]) for name in ("features", "intervals")))
            features, intervals = (_rows(self._child, key, name, halves[name]) for name in ("features", "intervals"))
            entry = _entry(where, features, intervals)
            if self._digests is not None and self._digests[key] != _digest(entry):
                raise RefusedError("its content differs from what affex wrote")
            return entry


def _rows(child: Confined, key: str, half: str, kind: Mapping[str, Any]) -> NDArray[Any]:
    """Return the features or the intervals of an entry, which the child sends in blocks of rows."""
    shape = tuple(map(int, kind["shape"]))
    size = math.prod(shape) * (1 if kind["text"] else np.dtype(kind["dtype"]).itemsize)
    if size > MOST_BYTES:
        raise RefusedError(f"its {half} have the shape {shape}, more than {MOST_BYTES} bytes")
    answer = child.ask(key=key, rows=half)
    if kind["text"]:
        texts = list(map(str, answer["texts"]))
        if len(texts) * max(map(len, texts), default=0) * 4 > MOST_BYTES:
            raise RefusedError(f"its {half} are texts of very different lengths, more than {MOST_BYTES} bytes")
        return np.array(texts, np.str_).reshape(shape)
    content = bytearray()
    while len(content) < size:
        child.answer()  # raises if the child reports an error instead of a block
        content += child.receive()
    return np.frombuffer(content, np.dtype(kind["dtype"])).reshape(shape)


def _shape_and_type(kind: Mapping[str, Any]) -> tuple[tuple[int, ...], str, str]:
    """Return shape, letter of the type (O for neither numbers nor text) and type of features or intervals."""
    letter = "U" if kind["text"] else np.dtype(kind["dtype"]).kind if kind["dtype"] else "O"
    return tuple(map(int, kind["shape"])), letter, str(kind["type"])


def _json_or_text(text: str) -> Any:
    """Parse a text of the metadata as JSON; return the text itself if it is not JSON, like the SDK."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _entry(where: str, features: ArrayLike, intervals: ArrayLike) -> Entry:
    """Return an entry after checking that its features and intervals fit."""
    values, spans = np.asarray(features), np.asarray(intervals)
    _require_pair(where, *((half.shape, half.dtype.kind, str(half.dtype)) for half in (values, spans)))
    if not np.isfinite(spans).all():
        raise AffexError(f"{where}: the intervals are not all finite, {AS_INTERVALS}.")
    return Entry(values, spans.astype(np.float64))


def _require_pair(
    where: str, features: tuple[tuple[int, ...], str, str], intervals: tuple[tuple[int, ...], str, str]
) -> None:
    """Raise if the shapes or types of features and intervals do not fit."""
    (rows, kind, of_rows), (spans, spans_kind, of_spans) = features, intervals
    if len(rows) < 2 or kind not in "fiubU":
        raise AffexError(
            f"{where}: the features have the shape {rows} and the type {of_rows}, "
            "expected (n_rows, n_columns) of numbers or text."
        )
    if len(spans) != 2 or spans[1] != 2 or spans_kind not in "fiu":
        raise AffexError(f"{where}: the intervals have the shape {spans} and the type {of_spans}, {AS_INTERVALS}.")
    if rows[0] != spans[0]:
        raise AffexError(f"{where} has {rows[0]} rows of features and {spans[0]} intervals, expected one per row.")


@contextlib.contextmanager
def _in_words(what: str) -> Iterator[None]:
    """Turn errors of reading into an `AffexError`."""
    try:
        yield
    except AffexError:
        raise
    except (RefusedError, DamagedError, ValueError, TypeError, KeyError, OverflowError, MemoryError) as error:
        why = error if str(error) else type(error).__name__
        raise AffexError(f"{what} ({why}). Is it the right file, and whole? Get it again if so.") from error


# -- the seal ----------------------------------------------------------------------------------------------


def _seal(name: str, texts: Mapping[str, str], digests: Mapping[str, str]) -> str:
    """Return the seal of a file that affex writes; it covers the root's name, the metadata and every entry."""
    described = hashlib.sha256(json.dumps([name, sorted(texts.items())]).encode()).hexdigest()
    return json.dumps(sealed({"metadata": described, "entries": dict(digests)}))


def _sealed_digests(name: str, texts: Mapping[str, str], keys: Iterable[str]) -> Mapping[str, str] | None:
    """Return the digest of each entry from a file's seal; None for a file without a seal.

    A file that the SDK deploys has all copied metadata, including the seal, but other entries.

    Raises
    ------
    DamagedError
        If the file has a seal that does not fit its content.
    """
    if DEPLOYED in texts or (SEALED not in texts and SEALER not in texts):
        return None
    if SEALED not in texts or SEALER not in texts:
        raise DamagedError("it differs from what affex wrote: its seal is incomplete")
    seal = opened(texts[SEALED])
    others = {key: text for key, text in texts.items() if key != SEALED}
    whole = opened(_seal(name, others, seal["entries"])) == seal and sorted(seal["entries"]) == sorted(keys)
    if not whole:
        raise DamagedError("it differs from what affex wrote: its names or metadata were changed")
    digests: Mapping[str, str] = seal["entries"]
    return digests


def _digest(entry: Entry) -> str:
    """Return the sha256 over the values, shapes and types of an entry."""
    sha = hashlib.sha256()
    for half in (entry.features, entry.intervals):
        words = half.dtype.kind == "U"
        sha.update(json.dumps([half.shape, "text" if words else half.dtype.str]).encode())
        sha.update(json.dumps(half.tolist()).encode() if words else np.ascontiguousarray(half).tobytes())
    return sha.hexdigest()


# -- writing -----------------------------------------------------------------------------------------------


def write(path: Path, name: str, entries: Iterable[tuple[str, Entry]], metadata: Mapping[str, Any]) -> None:
    """Write a computational sequence atomically, one entry at a time.

    Parameters
    ----------
    name
        Its root name.
    entries
        Key and entry of each recording. A key cannot contain a slash, which separates the levels of HDF5.
    metadata
        Its metadata, as JSON values. Other metadata that the SDK requires are written as null, which means "not known"
        there, and citations as an empty text, since the SDK prints them.

    Raises
    ------
    AffexError
        If a name is not valid in HDF5 or occurs twice, an entry's features and intervals do not fit, the disk is full
        or the folder cannot be written; an old file is then unchanged.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            write_into(file, path, name, entries, metadata)


def write_into(
    file: BinaryIO, path: Path, name: str, entries: Iterable[tuple[str, Entry]], metadata: Mapping[str, Any]
) -> None:
    """Write a computational sequence into an open file, whose final path is `path`; as `write`, except for OS errors.

    Raises
    ------
    OSError
        If the disk is full.
    """
    values = {**dict.fromkeys(METADATA), **dict.fromkeys(CITATIONS, ""), **metadata, "root name": name, SEALER: True}
    texts = {_name(path, "metadata", key): json.dumps(value) for key, value in values.items()}
    target = Hdf5File(file)
    with h5py.File(target, "w") as h5:
        root = h5.create_group(_name(path, "root name", name))
        digests = _write_entries(path, target, root.create_group("data"), entries)
        group = root.create_group("metadata")
        for key, text in {**texts, SEALED: _seal(name, texts, digests)}.items():
            group[key] = np.array([text], h5py.string_dtype())
    target.require()


def _write_entries(
    path: Path, target: Hdf5File, data: h5py.Group, entries: Iterable[tuple[str, Entry]]
) -> dict[str, str]:
    """Write all entries; return the digest of each."""
    digests = {}
    for key, entry in entries:
        where = f"{path}: '{key}'"
        if _name(path, "key", key) in data:
            raise AffexError(f"{where} occurs twice, expected one entry per key.")
        sound = _entry(where, entry.features, entry.intervals)
        group = data.create_group(key)
        group["features"] = _text(sound.features) if sound.features.dtype.kind == "U" else sound.features
        group["intervals"] = sound.intervals
        digests[key] = _digest(sound)
        target.require()
    return digests


def _text(texts: NDArray[np.str_]) -> NDArray[Any]:
    """Return text as UTF-8 of a fixed width for HDF5, like the published words."""
    encoded = np.char.encode(texts, "utf-8")
    return encoded.astype(h5py.string_dtype("utf-8", max(encoded.dtype.itemsize, 1)))


def _name(path: Path, kind: str, name: str) -> str:
    """Return a name; raise if it is not valid in HDF5."""
    if not name or name == "." or "/" in name or "\0" in name:
        raise AffexError(
            f"{path}: the {kind} '{name}' cannot be written: an HDF5 name must not be empty or contain a slash."
        )
    return name
