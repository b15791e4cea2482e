"""Record files: the arrow from a frozen dataclass to a sealed JSON file, and back; verified when it is read."""

import json
from pathlib import Path
from typing import Any, TypeVar

from affex.pipeline.storage import atomic
from affex.pipeline.storage.files import content
from affex.pipeline.storage.records import plain, restored
from affex.pipeline.storage.sealed import opened, sealed

Record = TypeVar("Record")


def write(path: Path, record: Any) -> None:
    """Write a record, whole or not at all.

    Raises
    ------
    AffexError
        If it cannot be written.
    """
    with atomic.writing(path), atomic.temporary(path) as file:
        file.write((json.dumps(sealed(plain(record)), indent=2) + "\n").encode())


def read(path: Path, kind: type[Record]) -> Record | None:
    """Return the record in a file; None if there is none, or it is damaged, or another version wrote it."""
    try:
        return restored(kind, opened(content(path)))
    except (OSError, ValueError):  # a damaged file is a ValueError
        return None
