"""Atomic writing: files become visible completely or not at all; they are written to a temporary name and renamed.

A temporary file has a mark in its name (the machine that created it) and is locked while its process runs; the system
removes the lock of a process that ends. So files of a killed run can be distinguished from files of a running one, and
from a user's own files: only marked, unlocked files of this machine are removed. On a file system without locks none
are removed, and leftovers stay beside their target.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import platform
import re
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from affex.pipeline.text.errors import AffexError

#: The suffix of temporary names: the machine, a number, and the kind.
MARKED = re.compile(r"\.([0-9a-f]{8})-[0-9a-f]{12}\.affex\.tmp")
#: The most characters of the final name in a temporary name, of at most four bytes each: names have 255 bytes.
KEPT = 50


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that durably replaces `path` when the ``with`` block ends without an error."""
    with temporaries(path) as (file,):
        yield file


@contextlib.contextmanager
def temporaries(path: Path, *others: Path) -> Iterator[tuple[BinaryIO, ...]]:
    """Open temporary files that replace their targets together when the ``with`` block ends without an error.

    Old and new files are never mixed: the old files of `others` are removed first, so that after a kill in between some
    are missing.
    """
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(_beside(place)) for place in (path, *others)]
        yield tuple(file for _, file in made)
        for _, file in made:
            file.flush()
            os.fsync(file.fileno())
        for other in others:
            other.unlink(missing_ok=True)
        for place, (beside, _) in zip((path, *others), made, strict=True):
            beside.replace(place)
    for folder in {place.parent for place in (path, *others)}:
        sync(folder)


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """Create a temporary folder beside `path`; files that remain in it when the ``with`` block ends are removed."""
    sweep(path.parent)
    while True:
        beside = _marked(path)
        beside.mkdir()
        descriptor = os.open(beside, os.O_RDONLY)
        if _is_held(descriptor, beside):
            break
        os.close(descriptor)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        os.close(descriptor)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a marked and locked file beside `path`; remove it when the block ends, if it still has its name."""
    sweep(path.parent)
    while True:
        beside = _marked(path)
        file = beside.open("x+b")
        if _is_held(file.fileno(), beside):
            break
        file.close()
    try:
        with file:
            yield beside, file
    finally:
        beside.unlink(missing_ok=True)


def _marked(path: Path) -> Path:
    return path.with_name(f"{path.name[:KEPT]}.{_machine()}-{uuid.uuid4().hex[:12]}.affex.tmp")


def _machine() -> str:
    """Return the name of this machine in a mark."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock a new file; return whether it still exists: another run may have removed it before it was locked."""
    with contextlib.suppress(OSError):  # without locks, nothing is removed
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def leftovers(folder: Path) -> list[Path]:
    """Return the marked files of a folder: in use, or left by a killed run."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name.endswith(".affex.tmp") and MARKED.search(name)]


def sweep(folder: Path) -> None:
    """Remove the leftovers of killed runs of this machine from a folder."""
    for path in leftovers(folder):
        with contextlib.suppress(OSError), dead(path) as is_dead:
            if is_dead:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def dead(path: Path) -> Iterator[bool]:
    """Yield whether the process that created a marked file has certainly ended; the file is locked meanwhile.

    Raises
    ------
    OSError
        If it no longer exists or cannot be opened.
    """
    found, mode = MARKED.search(path.name), path.lstat().st_mode
    if found is None or found[1] != _machine() or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        yield False
        return
    descriptor = os.open(path, os.O_RDONLY if stat.S_ISDIR(mode) else os.O_RDWR)
    try:
        yield _is_free(descriptor)
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked by its process, or the file system has no locks
        return False
    return True


@contextlib.contextmanager
def held(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock a folder, for several readers or for one writer; without effect on a file system without locks."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def name_also(path: Path, name: Path) -> None:
    """Give a file a second name, replacing an old file there; if it cannot have two names, rename it."""
    beside = _marked(name)
    try:
        os.link(path, beside)
        beside.replace(name)
    except OSError:
        path.replace(name)
    finally:
        beside.unlink(missing_ok=True)  # still there if both were already names of the same file


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, durably to the disk; not every file system can sync a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a text file atomically.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary(path) as file:
            for line in lines:
                file.write(line.encode())


def require_writable(folder: Path) -> None:
    """Check, before hours of work, that results can be written into a folder.

    Raises
    ------
    AffexError
        If they cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with staging(folder / "results"):
            pass
    with contextlib.suppress(OSError):  # a folder that is not empty stays
        folder.rmdir()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into an `AffexError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AffexError(
                f"The disk is full: {path} could not be written. All utterances finished so far are kept; "
                "free some space and run the same command again to continue."
            ) from error
        why = "it exists and is not a folder" if error.errno == errno.EEXIST else error.strerror or error
        raise AffexError(f"{path} cannot be written: {why}. Is it the right folder?") from error
