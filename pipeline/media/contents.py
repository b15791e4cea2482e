"""Contents of files: from paths to the kinds of media in each file, cached until a file changes.

Opening a video takes milliseconds, and a corpus has thousands. The results are stored in a sealed record in the
corpus's cache folder. If the record is damaged, or another decoder wrote it, the files are opened again.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from importlib.metadata import version
from pathlib import Path
from typing import Any

from affex.pipeline.media.probe import Content, in_container, sniffed
from affex.pipeline.storage import sealed
from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content, is_settled, stamp
from affex.pipeline.text.errors import AffexError, MediaError
from affex.pipeline.text.filenames import path_of

#: The name of the record in a corpus's cache folder.
RECORD = "contents.json"

#: How many files are opened at once.
THREADS = 4

#: The content of a file, or None and why it is not a recording: the rest of a sentence.
Held = tuple[Content | None, str]


def of_files(
    root: Path, names: Sequence[str], memory: Path | None = None, tick: Callable[[int], None] = lambda _: None
) -> dict[str, Held]:
    """Return the content of each file.

    Parameters
    ----------
    root
        The folder that the spelled names are relative to.
    memory
        The folder of the record; None to open all files.
    tick
        Called with the number of files that have been opened.
    """
    known = {} if memory is None else _remembered(memory / RECORD)
    found: dict[str, Held] = {}
    sure: dict[str, list[Any]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        looked_at = pool.map(lambda name: _looked_at(path_of(root, name), known.get(name)), names)
        for name, (held, entry) in zip(names, looked_at, strict=True):
            found[name] = held
            if entry:
                sure[name] = entry
            tick(1)
    if memory is not None and sure != known:
        _remember(memory / RECORD, sure)
    return found


def _looked_at(path: Path, known: list[Any] | None) -> tuple[Held, list[Any] | None]:
    """Return the content of a file and its entry for the record."""
    try:
        held = sniffed(path)
        if held is not None:
            return (held, ""), None
        now = list(stamp(path))
        flags, why = known[1:] if known and known[0] == now else _opened(path)
    except (MediaError, OSError) as error:
        return (None, str(error)), None
    return (Content(*flags) if flags else None, str(why)), [now, flags, why] if is_settled(now) else None


def _opened(path: Path) -> tuple[list[bool] | None, str]:
    try:
        return list(astuple(in_container(path))), ""
    except MediaError as error:
        return None, str(error)


def damaged(record: Path) -> str:
    """Return what is wrong with a record; empty if it is unchanged."""
    try:
        sealed.opened(content(record))
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _remembered(record: Path) -> Mapping[str, list[Any]]:
    try:
        found = sealed.opened(content(record))
        files = found["files"] if found["decoder"] == version("av") else {}
        return {name: [then, flags, why] for name, (then, flags, why) in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(record: Path, files: Mapping[str, list[Any]]) -> None:
    with contextlib.suppress(AffexError):  # a read-only cache may still have all rows
        text = json.dumps(sealed.sealed({"decoder": version("av"), "files": files}), ensure_ascii=False)
        write_text(record, [text + "\n"])
