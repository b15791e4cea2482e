"""Files: from a path to its status or bytes, and from a folder to the list of all files in it.

Only regular files are opened: a FIFO would wait forever for a writer, and a device may be endless.
"""

import errno
import io
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affex.pipeline.text.filenames import shown, spelled

#: A file that changed this recently may change again within one tick of its file system's clock, s.
TICK = 2.0

#: Special files in folders, and their names in errors.
_KINDS = (
    (stat.S_ISFIFO, "a FIFO (a named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def status(path: Path) -> os.stat_result:
    """Return the status of a file without opening it.

    Raises
    ------
    OSError
        If it is missing or is a special file; `strerror` gives the reason.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            what = f"it is a link to {shown(str(path.readlink()))}, which does not exist"
            raise OSError(errno.ENOENT, what, str(path)) from error
        raise
    for is_kind, what in _KINDS:
        if is_kind(found.st_mode):
            raise OSError(errno.EINVAL, f"it is {what}, expected a regular file", str(path))
    return found


def stamp(path: Path) -> tuple[int, int, int, int]:
    """Return the stamp of a file's bytes: its size, its modification and change time in ns, and its inode.

    Unlike the modification time, the change time cannot be set back.

    Raises
    ------
    OSError
        As in `status`.
    """
    found = status(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def is_settled(stamp_: Sequence[int]) -> bool:
    """Return whether a file was changed long enough ago that another change would change its `stamp`."""
    return stamp_[2] < (time.time() - TICK) * 1e9


def opened(path: Path) -> io.BufferedReader:
    """Open a file for reading its bytes.

    Raises
    ------
    OSError
        As in `status`, or if it cannot be opened.
    """
    status(path)
    return path.open("rb")


def content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    OSError
        As in `opened`.
    """
    with opened(path) as file:
        return file.read()


def is_file(path: Path) -> bool:
    """Return whether there is a regular file; False also if that is unknown, as in a folder without access."""
    try:
        return stat.S_ISREG(status(path).st_mode)
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Return whether there is a regular file; False if nothing is there.

    Raises
    ------
    OSError
        As in `status`, if there is something else.
    """
    return os.path.lexists(path) and status(path) is not None


@dataclass
class Listing:
    """The files below a folder.

    Parameters
    ----------
    names
        The spelled names of all files, relative to the folder, with forward slashes, sorted.
    left_out
        Why a folder was not read, by its spelled name: the rest of a sentence.
    locked
        Those of these folders that could not be read.
    """

    names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    locked: list[str] = field(default_factory=list)


def below(root: Path) -> Listing:
    """List all files in a folder and its subfolders; links to folders are followed, and no folder is read twice.

    A folder with several paths is listed under the shortest one, and under its own name rather than that of a link.
    """
    found = Listing()
    entered: dict[tuple[int, int], str] = {}
    level = [(root, "")]
    while level:
        inner = [one for folder, name in level for one in _entered(folder, name, entered, found)]
        level = sorted(inner, key=lambda one: (one[0].is_symlink(), one[1]))
    found.names.sort()
    return found


def _entered(folder: Path, name: str, entered: dict[tuple[int, int], str], found: Listing) -> list[tuple[Path, str]]:
    """Return the subfolders of a folder that was not read before; record why a folder is not or cannot be read."""
    try:
        status = folder.stat()
        first = entered.setdefault((status.st_dev, status.st_ino), name)
        if first == name:
            return _folders(folder, name, found)
        found.left_out[name] = f"is the same folder as {first or 'the whole folder'}"
    except OSError as error:
        found.left_out[name or "."] = f"cannot be read: {error.strerror or error}"
        found.locked.append(name or ".")
    return []


def _folders(folder: Path, name: str, found: Listing) -> list[tuple[Path, str]]:
    """Add the files of a folder to the listing; return its subfolders."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            inner = f"{name}/{spelled(entry.name)}" if name else spelled(entry.name)
            if _is_folder(entry):
                folders.append((Path(entry.path), inner))
            else:
                found.names.append(inner)
    return folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
