"""The JSON file beside formats without metadata: the provenance of the rows, and the sha256 of each file.

Beside the arrows from the cache to other formats and back. A file that was changed afterwards no longer matches its
sha256 and is refused, so that changed rows do not count as rows of affex.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affex.pipeline import media
from affex.pipeline.exchange.record import Export, own_metadata
from affex.pipeline.text.errors import AffexError


def text(export: Export, digests: Mapping[str, str]) -> bytes:
    """Return the content of the file: the provenance of an export, and the sha256 of its files by name."""
    return json.dumps({**json.loads(export.about), "files": dict(digests)}, indent=1).encode()


def read(path: Path) -> Mapping[str, Any]:
    """Return the content of such a file; an empty mapping where there is none, or another program wrote it.

    Raises
    ------
    AffexError
        If affex cannot have written it in this form.
    """
    try:
        record = own_metadata(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        return {}
    if record and not (_texts(record.get("files")) and isinstance(record.get("columns"), list)):
        raise AffexError(f"{path} is not as affex writes it. {_remedy(path)}")
    return record


def _texts(files: Any) -> bool:
    return isinstance(files, dict) and all(isinstance(digest, str) for digest in files.values())


def require(file: Path, beside: Path, record: Mapping[str, Any]) -> None:
    """Refuse a file that was changed since affex wrote it.

    Raises
    ------
    AffexError
        If it was; the message names both files.
    """
    if not file.is_file() or media.digest(file) != record["files"].get(file.name):
        raise AffexError(f"{file} is not what affex wrote: its sha256 is not that in {beside.name}. {_remedy(beside)}")


def _remedy(beside: Path) -> str:
    return f"Export it again, or remove {beside.name}: affex then reads it as a foreign file."
