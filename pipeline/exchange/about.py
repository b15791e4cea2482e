"""What lies beside files that have no place for it: how the rows were made, and the digest of each file, as JSON.

Who changed such a file and left this beside it would have his rows taken for ours, so they are refused.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affex.pipeline import media
from affex.pipeline.exchange.record import Export, said
from affex.pipeline.text.errors import AffexError


def text(export: Export, digests: Mapping[str, str]) -> bytes:
    """Return what is to be written: what an export says of itself, and the sha256 of its files by name."""
    return json.dumps({**json.loads(export.about), "files": dict(digests)}, indent=1).encode()


def read(path: Path) -> Mapping[str, Any]:
    """Return what such a file says; nothing where it is not there, or another's.

    Raises
    ------
    AffexError
        If it is not as affex writes it.
    """
    try:
        record = said(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        return {}
    if record and not (_texts(record.get("files")) and isinstance(record.get("columns"), list)):
        raise AffexError(f"{path} is not as affex writes it. {_remedy(path)}")
    return record


def _texts(files: Any) -> bool:
    return isinstance(files, dict) and all(isinstance(digest, str) for digest in files.values())


def require(file: Path, beside: Path, record: Mapping[str, Any]) -> None:
    """Refuse a file that is not the one that was written.

    Raises
    ------
    AffexError
        Naming both.
    """
    if not file.is_file() or media.digest(file) != record["files"].get(file.name):
        raise AffexError(f"{file} is not what affex wrote, as {beside.name} says. {_remedy(beside)}")


def _remedy(beside: Path) -> str:
    return f"Export it again, or take {beside.name} away: then it is read as anybody's."
