"""Ownership of cache folders: the check that two tables of one name do not share a cache folder.

Beside the arrow from a table to its utterances: the cache folder of a table has the table's name.
"""

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

#: The file of a cache folder that names its table.
RECORD = "table.json"

#: The greatest length of a table's name, bytes: names of files made from it then stay below the usual limit of 255.
LONGEST = 100

#: Names of devices on Windows, where shared folders and the folders of WSL may lie.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}

#: Names of files beside the cache folders.
TAKEN = {"last.json", "readme.md", "league.json", "league.txt", "league.html"}


def require_name(stem: str, file: str) -> None:
    """Refuse a table whose name, without the suffix and as spelled, cannot be the name of a folder.

    Raises
    ------
    UsageError
        If so; the message says why.
    """
    why = _unfit(stem)
    if why:
        raise UsageError(
            f"The cache folder of the table {file!r} would be {stem!r}, and {why}. Rename the table: expected a name "
            "such as mine.csv."
        )


def _unfit(stem: str) -> str:
    """Return why a name cannot be the name of a folder, or an empty text."""
    if not stem.strip(" ."):
        return "that is not a name for a folder"
    if stem.startswith(".") or stem != stem.strip(" ").rstrip("."):
        return "a folder's name may not begin or end with a dot or a blank"
    if not stem.isprintable() or set(on_disk(stem)) & set('/\\:*?"<>|'):
        return "it has a character that some systems do not allow in a folder's name"
    if stem.partition(".")[0].lower() in DEVICES or stem.lower() in TAKEN:
        return "that name is taken"
    if len(stem.encode()) > LONGEST:
        return f"that is longer than {LONGEST} bytes"
    return ""


def claim(folder: Path, table: Path, report: Callable[[str], None]) -> None:
    """Record that a cache folder belongs to a table.

    If it belonged to another table that is gone, or that has the same bytes, the folder passes to this table, and
    `report` is called with a sentence.

    Raises
    ------
    UsageError
        If the folder belongs to another table.
    """
    here, owner = table.resolve(), _owner(folder, report)
    if owner == here:
        return
    if owner is not None and owner.is_file() and not filecmp.cmp(owner, here, shallow=False):
        raise UsageError(
            f"{folder} is the cache of another table of that name: {owner}. Two tables cannot share it. Rename "
            f"{table}, or use another cache (CACHE=folder).\n"
            f"If {table} is a changed copy of that table, remove {folder / RECORD}: then the cache belongs to the copy."
        )
    if owner is not None:
        how = "has the same content" if owner.is_file() else "is no longer there"
        report(f"{folder} was the cache of {owner}, which {how}. It is now the cache of {here}.")
    with contextlib.suppress(AffexError, UnicodeEncodeError):  # a read-only cache; a path that is not text
        write_text(folder / RECORD, [json.dumps(sealed({"table": str(here)}), ensure_ascii=False) + "\n"])


def _owner(folder: Path, report: Callable[[str], None]) -> Path | None:
    try:
        return read(folder)
    except DamagedError as error:
        report(f"{folder / RECORD} no longer says to which table this cache belongs: {error}. It is rewritten.")
        return None


def read(folder: Path) -> Path | None:
    """Return the table that a cache folder belongs to; None where this is not recorded.

    Raises
    ------
    DamagedError
        If the record is damaged.
    """
    try:
        return Path(opened(content(folder / RECORD))["table"])
    except OSError:
        return None
    except (KeyError, TypeError) as error:
        raise UnsealedError("it names no table") from error
