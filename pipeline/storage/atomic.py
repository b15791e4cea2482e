"""Files that become visible whole or not at all: written beside their place, fsynced, renamed.

What lies beside its place bears a mark in its name (which machine made it) and is locked for as long as its maker
lives; the system takes the lock away from a process that dies. So what a killed run left can be told from what another
run is writing, and from a user's own files: only what is marked, of this machine and not locked is ever removed.
Where a file system knows no locks nothing is, and the files lie beside the place that they were meant for.
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

#: What the name of everything that is on its way ends in: the maker's machine, a number, and what it is.
MARKED = re.compile(r"\.([0-9a-f]{8})-[0-9a-f]{12}\.affex\.tmp")
#: How much of the name it will have is kept, characters of at most four bytes: names have 255 bytes.
KEPT = 50


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` that takes its place, durably, once the block ends without an error."""
    with temporaries(path) as (file,):
        yield file


@contextlib.contextmanager
def temporaries(path: Path, *others: Path) -> Iterator[tuple[BinaryIO, ...]]:
    """Open files that take their places together once the block ends without an error.

    Old files are never left beside new ones: those in the places of `others` are removed first, and a kill in between
    leaves some out.
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
    """Make a folder beside `path` to be filled; what is still in it when the block ends is removed."""
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
    """Open a marked and locked file beside `path`; it is removed when the block ends, if it still has its name."""
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
    """Return what stands for this machine in a mark."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what was just made; return whether it is still there: another run may have swept it before it was locked."""
    with contextlib.suppress(OSError):  # without locks, nothing is swept
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def leftovers(folder: Path) -> list[Path]:
    """Return what lies marked in a folder: on its way, or left by a run that was killed."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if name.endswith(".affex.tmp") and MARKED.search(name)]


def sweep(folder: Path) -> None:
    """Remove what runs of this machine that are dead have left in a folder."""
    for path in leftovers(folder):
        with contextlib.suppress(OSError), dead(path) as is_dead:
            if is_dead:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextlib.contextmanager
def dead(path: Path) -> Iterator[bool]:
    """Tell whether the maker of something marked is known to be dead; no other process can take it meanwhile.

    Raises
    ------
    OSError
        If it is gone, or cannot be opened.
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
    except OSError:  # locked by its maker, or the file system has no locks
        return False
    return True


@contextlib.contextmanager
def held(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Lock a folder itself, for readers together or for one writer; where there are no locks, go on without."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def name_also(path: Path, name: Path) -> None:
    """Let a file have a second name, in the place of what has it; where it cannot have two, the second alone."""
    beside = _marked(name)
    try:
        os.link(path, beside)
        beside.replace(name)
    except OSError:
        path.replace(name)
    finally:
        beside.unlink(missing_ok=True)  # a file keeps both where they were its names before


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk; not every file system can sync a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write a text file whole or not at all.

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
    """Make sure, before hours of work, that results can be written into a folder.

    Raises
    ------
    AffexError
        If they cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with staging(folder / "results"):
            pass
    with contextlib.suppress(OSError):  # it may have been empty before
        folder.rmdir()


def reserve(file: BinaryIO, n_bytes: int) -> None:
    """Take room on the disk for `n_bytes`, so that a full disk shows here and not inside HDF5."""
    if hasattr(os, "posix_fallocate"):
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
            return
    for _ in range(0, n_bytes, 2**20):
        file.write(bytes(2**20))
    file.flush()
    file.seek(0)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AffexError(
                f"The disk is full: {path} could not be written. All utterances finished so far are kept; "
                "make room and run the same command again to go on."
            ) from error
        why = "it is there, and is no folder" if error.errno == errno.EEXIST else error.strerror or error
        raise AffexError(f"{path} cannot be written: {why}. Is it the right folder?") from error
