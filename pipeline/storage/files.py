"""Files: what may be opened, and what lies below a folder.

Only regular files are opened: a FIFO would wait for a writer for ever, and a device may never end.
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

#: A file changed so lately may change again within one tick of its file system's clock, s.
TICK = 2.0

#: What there is in folders besides files and folders, and what errors call it.
_KINDS = (
    (stat.S_ISFIFO, "a FIFO (a named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def status(path: Path) -> os.stat_result:
    """Return the status of a file, before anybody opens it.

    Raises
    ------
    OSError
        If it is not there, or is something that must not be opened; `strerror` says what.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            what = f"it is a link to {shown(str(path.readlink()))}, which is not there"
            raise OSError(errno.ENOENT, what, str(path)) from error
        raise
    for is_kind, what in _KINDS:
        if is_kind(found.st_mode):
            raise OSError(errno.EINVAL, f"it is {what}, and a file was expected", str(path))
    return found


def stamp(path: Path) -> tuple[int, int, int, int]:
    """Return what vouches for a file's bytes: its size, its modification and change time in ns, and its inode.

    The change time cannot be put back as the modification time can.

    Raises
    ------
    OSError
        As `status`.
    """
    found = status(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def is_settled(seen: Sequence[int]) -> bool:
    """Tell whether a file was changed so long ago that another change would change its `stamp`."""
    return seen[2] < (time.time() - TICK) * 1e9


def opened(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes.

    Raises
    ------
    OSError
        As `status`, or if it cannot be opened.
    """
    status(path)
    return path.open("rb")


def content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    OSError
        As `opened`.
    """
    with opened(path) as file:
        return file.read()


def is_file(path: Path) -> bool:
    """Tell whether there is a file that may be opened; False also where that cannot be told, as in a locked folder."""
    try:
        return stat.S_ISREG(status(path).st_mode)
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Tell whether there is a file; False where there is nothing.

    Raises
    ------
    OSError
        As `status`, if there is something else.
    """
    return os.path.lexists(path) and status(path) is not None


@dataclass
class Listing:
    """What lies below a folder.

    Parameters
    ----------
    names
        What is no folder, spelled, relative to the folder, with forward slashes, sorted.
    left_out
        Why a folder was not entered, by its spelled name: the rest of a sentence.
    locked
        The folders among these that could not be entered.
    """

    names: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    locked: list[str] = field(default_factory=list)


def below(root: Path) -> Listing:
    """List a folder and all within it; links to folders are followed, and no folder is entered twice.

    What can be reached by several ways goes by the shallowest, and by its own name before that of a link.
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
    """Return the folders in one that was not entered before; note why it is not entered again, or cannot be."""
    try:
        status = folder.stat()
        first = entered.setdefault((status.st_dev, status.st_ino), name)
        if first == name:
            return _folders(folder, name, found)
        found.left_out[name] = f"is {first or 'the whole folder'} once more"
    except OSError as error:
        found.left_out[name or "."] = f"cannot be entered: {error.strerror or error}"
        found.locked.append(name or ".")
    return []


def _folders(folder: Path, name: str, found: Listing) -> list[tuple[Path, str]]:
    """Note what a folder holds; return the folders in it."""
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
    except OSError:  # a link that leads to itself
        return False
