"""Whose a cache folder is: a table's cache is called as the table, and two tables may be called the same."""

import contextlib
import filecmp
import json
from collections.abc import Callable
from pathlib import Path

from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content
from affex.pipeline.storage.sealed import DamagedError, UnsealedError, opened, sealed
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.filenames import on_disk

#: The file of a cache folder that says which table it is of.
RECORD = "table.json"

#: How long a table's name may be, bytes: names of files that are made of it stay below the 255 that systems allow.
LONGEST = 100

#: What Windows takes for a device, under which shared folders and WSL may lie.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}

#: Files that lie among the caches.
TAKEN = {"last.json", "readme.md"}


def require_name(stem: str, file: str) -> None:
    """Refuse a table whose name, without its ending and spelled, can be no folder's.

    Raises
    ------
    UsageError
        Saying why.
    """
    why = _unfit(stem)
    if why:
        raise UsageError(
            f"The table {file!r} would be cached as {stem!r}, and {why}. Rename the table: expected a name such as "
            "mine.csv."
        )


def _unfit(stem: str) -> str:
    """Return why there can be no folder of a name, or nothing."""
    if not stem.strip(" ."):
        return "that is no name for a folder"
    if stem.startswith(".") or stem != stem.strip(" ").rstrip("."):
        return "a folder's name neither begins nor ends with a dot or a blank"
    if not stem.isprintable() or set(on_disk(stem)) & set('/\\:*?"<>|'):
        return "it holds a character that cannot stand in a folder's name everywhere"
    if stem.partition(".")[0].lower() in DEVICES or stem.lower() in TAKEN:
        return "that name is taken"
    if len(stem.encode()) > LONGEST:
        return f"that is longer than {LONGEST} bytes"
    return ""


def claim(folder: Path, table: Path, say: Callable[[str], None]) -> None:
    """Note that a cache folder is of a table; say so where it was another's that is gone, or is the same to the byte.

    Raises
    ------
    UsageError
        If it is another table's.
    """
    here, owner = table.resolve(), _owner(folder, say)
    if owner == here:
        return
    if owner is not None and owner.is_file() and not filecmp.cmp(owner, here, shallow=False):
        raise UsageError(
            f"{folder} is the cache of another table of that name: {owner}. Two tables cannot share it. Rename "
            f"{table}, or name another cache (CACHE=folder).\n"
            f"If {table} is the same table, copied and changed since: remove {folder / RECORD}, and the cache goes on "
            "with it."
        )
    if owner is not None:
        how = "has the same content" if owner.is_file() else "is no longer there"
        say(f"{folder} was the cache of {owner}, which {how}: it goes on as that of {here}.")
    with contextlib.suppress(AffexError, UnicodeEncodeError):  # a cache that is only read; a path that is no text
        write_text(folder / RECORD, [json.dumps(sealed({"table": str(here)}), ensure_ascii=False) + "\n"])


def _owner(folder: Path, say: Callable[[str], None]) -> Path | None:
    try:
        return read(folder)
    except DamagedError as error:
        say(f"{folder / RECORD} does not say any more which table this cache is of: {error}. It is written anew.")
        return None


def read(folder: Path) -> Path | None:
    """Return the table that a cache folder is of; None where nothing says.

    Raises
    ------
    DamagedError
        If what says so is not what was written.
    """
    try:
        return Path(opened(content(folder / RECORD))["table"])
    except OSError:
        return None
    except (KeyError, TypeError) as error:
        raise UnsealedError("it names no table") from error
