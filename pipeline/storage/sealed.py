"""Sealed JSON: records with a checksum, which is verified on reading.

A record's last member, ``sha256``, is computed over the other members in canonical JSON (sorted names, no blanks), so
that it depends on every value but not on the layout.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: The member with the seal.
SEAL = "sha256"


class DamagedError(ValueError):
    """A record was changed after it was written."""


class UnsealedError(DamagedError):
    """A record has no seal: an earlier version or another program wrote it."""


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal as the last member.

    Raises
    ------
    ValueError
        If a value has no place in JSON, as NaN.
    """
    return {**record, SEAL: _digest(record)}


def opened(text: str | bytes) -> dict[str, Any]:
    """Return the record of a text, without its seal, after verifying it.

    Raises
    ------
    DamagedError
        If the text is not a JSON object, or its seal is wrong.
    UnsealedError
        If it has no seal.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"it is not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(seal := record.pop(SEAL, None), str):
        raise UnsealedError(f"it has no seal ({SEAL})")
    if not _fits(seal, record):
        raise DamagedError(f"its content does not fit its seal ({SEAL})")
    return record


def _fits(seal: str, record: Mapping[str, Any]) -> bool:
    try:
        return seal == _digest(record)
    except ValueError:  # NaN, or half a character: affex never writes these
        return False


def _digest(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
