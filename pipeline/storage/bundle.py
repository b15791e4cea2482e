"""Bundles: files of a folder that belong together, written whole or not at all and verified whenever they are read.

A bundle is a sealed record (see `pipeline.storage.sealed`) and the files whose sha256 the record lists under ``files``.
Other files of the folder stay as they are.

It is written into a folder beside, which is renamed to `NEXT` inside the bundle's folder once all of it is on the disk.
From this moment on the new bundle is there, whole, for `read`, which looks into `NEXT` first. The old record goes, so
that no program takes new files for what an old record speaks of, and the files move to their places, the record last.
Whoever is killed in between leaves the rest of this to the next who writes or reads.
"""

import contextlib
import filecmp
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affex.pipeline.storage import atomic, files
from affex.pipeline.storage.sealed import DamagedError, UnsealedError, opened, sealed

#: The folder of a bundle that is whole and on its way to its place.
NEXT = ".next"

#: The record of the bundle that it replaces, in there.
PREVIOUS = ".previous"

#: The member of a record that lists the other files, with the sha256 of each.
FILES = "files"


@dataclass(frozen=True)
class Bundle:
    """What was read, verified: the record without its seal, and the bytes of the other files by name."""

    record: Mapping[str, Any]
    contents: Mapping[str, bytes]


def write(folder: Path, name: str, record: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Write a bundle in the place of the one that is there; a kill at any moment leaves the one or the other.

    A file of the same name that no bundle has written is set aside, as ``<file>.old``.

    Parameters
    ----------
    name
        The record's file.
    record
        What it says; ``files`` and the seal are put at its end.
    contents
        The other files, by name.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    ValueError
        If a value has no place in JSON, as NaN.
    """
    whole = sealed({**record, FILES: {file: _sha256(content) for file, content in contents.items()}})
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.staging(folder / name) as beside:
            for file, content in {**contents, name: text.encode()}.items():
                (beside / file).write_bytes(content)
                atomic.sync(beside / file)
            atomic.sync(beside)
            with atomic.held(folder):
                _settle(folder, name)
                beside.rename(folder / NEXT)
                _settle(folder, name)


def read(folder: Path, name: str) -> Bundle:
    """Return a bundle, all of it verified.

    Raises
    ------
    DamagedError
        If something in it is not what was written; `UnsealedError` if the record has no seal.
    OSError
        If there is none, or it cannot be read.
    """
    if (folder / NEXT).exists():
        with contextlib.suppress(OSError), atomic.held(folder):  # a reader without write access does not need it
            _settle(folder, name)
    with atomic.held(folder, shared=True):
        record = _record(folder, name)
        return Bundle(record, {file: _content(folder, file, digest) for file, digest in record[FILES].items()})


def exists(folder: Path, name: str) -> bool:
    """Whether a folder has a bundle, sound or not, that can be seen."""
    with contextlib.suppress(OSError):
        return _place(folder, name).is_file()
    return False


def written(folder: Path, name: str) -> float:
    """Return when the bundle in a folder was written, s since 1970.

    Raises
    ------
    OSError
        If there is none, or it cannot be read.
    """
    return _place(folder, name).stat().st_mtime


def _record(folder: Path, name: str) -> dict[str, Any]:
    try:
        record = opened(files.content(_place(folder, name)))
    except UnsealedError as error:
        raise UnsealedError(f"{name} has no seal: an earlier affex made it, and nothing proves it unchanged") from error
    except DamagedError as error:
        raise DamagedError(f"{name} is not what was written: {error}") from error
    if not isinstance(record.get(FILES), dict):
        raise DamagedError(f"{name} lists no {FILES}")
    return record


def _place(folder: Path, file: str) -> Path:
    """Return where a file of the newest bundle lies."""
    ahead = folder / NEXT / file
    return ahead if ahead.exists() else folder / file


def _content(folder: Path, file: str, digest: str) -> bytes:
    path = _place(folder, file)
    if not path.is_file():
        raise DamagedError(f"{file} is missing")
    content = files.content(path)
    if _sha256(content) != digest:
        raise DamagedError(f"{file} is not what was written")
    return content


def _settle(folder: Path, name: str) -> None:
    """Bring a bundle that is on its way to its place; each step may be the last before a kill."""
    ahead = folder / NEXT
    if not ahead.exists():
        return
    if (ahead / name).exists():
        _remove_previous(folder, name)
        for file in sorted(path.name for path in ahead.iterdir() if path.name != name):
            _move(ahead / file, folder / file)
        atomic.sync(folder)
        _move(ahead / name, folder / name)
    ahead.rmdir()
    atomic.sync(folder)


def _remove_previous(folder: Path, name: str) -> None:
    """Remove the bundle that a new one replaces: its record from sight first, then the files, then the record."""
    previous = folder / NEXT / PREVIOUS
    if (folder / name).exists():
        (folder / name).rename(previous)
    if not previous.exists():
        return
    record = _plain(previous)
    for path in _own(folder, record):
        path.unlink(missing_ok=True)
    if "versions" in record:  # as every record of ours has
        previous.unlink()
    else:
        previous.rename(_aside(folder / name))


def _move(path: Path, place: Path) -> None:
    if place.exists() and not (place.is_file() and filecmp.cmp(path, place, shallow=False)):
        place.rename(_aside(place))
    path.rename(place)


def _aside(place: Path) -> Path:
    names = (f"{place.name}.old{number or ''}" for number in itertools.count())
    return next(path for name in names if not (path := place.with_name(name)).exists())


def _plain(path: Path) -> dict[str, Any]:
    """Return a record that may have been made by an earlier version, without a seal; nothing if it is none."""
    try:
        record = json.loads(files.content(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _own(folder: Path, record: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files of a folder that a record has surely written."""
    listed = record.get(FILES)
    for file, digest in listed.items() if isinstance(listed, dict) else ():
        with contextlib.suppress(OSError, ValueError):
            if Path(file).name == file and _sha256(files.content(folder / file)) == digest:
                yield folder / file


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
