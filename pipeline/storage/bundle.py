"""Bundles: several files of a folder, written together atomically and verified on every reading.

A bundle is a sealed record (see `pipeline.storage.sealed`) and the files whose sha256 the record lists under ``files``.
Other files of the folder stay as they are.

A bundle is written into a temporary folder, which is renamed to `NEXT` inside the bundle's folder when all files are on
the disk. From then on the complete new bundle exists for `read`, which looks into `NEXT` first. Then the old record is
removed, so that no program combines it with new files, and the files move to their places, the record last. If a
process is killed in between, the next one that reads or writes the bundle completes these steps.
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

#: The folder of a complete bundle that is not in its place yet.
NEXT = ".next"

#: The record of the replaced bundle, inside that folder.
PREVIOUS = ".previous"

#: The member of a record that lists the other files, with the sha256 of each.
FILES = "files"


@dataclass(frozen=True)
class Bundle:
    """The verified content of a bundle: the record without its seal, and the bytes of the other files by name."""

    record: Mapping[str, Any]
    contents: Mapping[str, bytes]


def write(folder: Path, name: str, record: Mapping[str, Any], contents: Mapping[str, bytes]) -> None:
    """Replace a bundle; after a kill at any moment, either the old or the new one is there.

    A file of the same name that is not part of a bundle is renamed to ``<file>.old``.

    Parameters
    ----------
    name
        The record's file.
    record
        The content of the record; ``files`` and the seal are appended.
    contents
        The other files, by name.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    ValueError
        If a value is not valid JSON, such as NaN.
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
    """Return a bundle after verifying all of it.

    Raises
    ------
    DamagedError
        If a file was changed; `UnsealedError` if the record has no seal.
    OSError
        If there is no bundle, or it cannot be read.
    """
    if (folder / NEXT).exists():
        with contextlib.suppress(OSError), atomic.held(folder):  # a reader without write access does not need it
            _settle(folder, name)
    with atomic.held(folder, shared=True):
        record = _record(folder, name)
        return Bundle(record, {file: _content(folder, file, digest) for file, digest in record[FILES].items()})


def exists(folder: Path, name: str) -> bool:
    """Whether a folder has a readable or damaged bundle."""
    with contextlib.suppress(OSError):
        return _place(folder, name).is_file()
    return False


def written(folder: Path, name: str) -> float:
    """Return the time at which the bundle of a folder was written, s since 1970.

    Raises
    ------
    OSError
        If there is no bundle, or it cannot be read.
    """
    return _place(folder, name).stat().st_mtime


def _record(folder: Path, name: str) -> dict[str, Any]:
    try:
        record = opened(files.content(_place(folder, name)))
    except UnsealedError as error:
        raise UnsealedError(
            f"{name} has no seal: an earlier version of affex wrote it, and it cannot be verified"
        ) from error
    except DamagedError as error:
        raise DamagedError(f"{name} was changed after it was written: {error}") from error
    if not isinstance(record.get(FILES), dict):
        raise DamagedError(f"{name} lists no {FILES}")
    return record


def _place(folder: Path, file: str) -> Path:
    """Return the path of a file of the newest bundle."""
    ahead = folder / NEXT / file
    return ahead if ahead.exists() else folder / file


def _content(folder: Path, file: str, digest: str) -> bytes:
    path = _place(folder, file)
    if not path.is_file():
        raise DamagedError(f"{file} is missing")
    content = files.content(path)
    if _sha256(content) != digest:
        raise DamagedError(f"{file} was changed after it was written")
    return content


def _settle(folder: Path, name: str) -> None:
    """Move a complete new bundle to its place; a kill may happen after each step."""
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
    """Remove the replaced bundle: first hide its record, then remove the files, then the record."""
    previous = folder / NEXT / PREVIOUS
    if (folder / name).exists():
        (folder / name).rename(previous)
    if not previous.exists():
        return
    record = _plain(previous)
    for path in _own(folder, record):
        path.unlink(missing_ok=True)
    if "versions" in record:  # every record of affex has it
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
    """Return a record, also without a seal from an earlier version; empty if it is not a record."""
    try:
        record = json.loads(files.content(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _own(folder: Path, record: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the files of a folder that certainly belong to a record."""
    listed = record.get(FILES)
    for file, digest in listed.items() if isinstance(listed, dict) else ():
        with contextlib.suppress(OSError, ValueError):
            if Path(file).name == file and _sha256(files.content(folder / file)) == digest:
                yield folder / file


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
