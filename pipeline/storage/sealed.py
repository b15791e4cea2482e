"""Sealed JSON: records that prove, when they are read back, that they were not changed.

A record's last member, ``sha256``, is over the others in canonical JSON (sorted names, no blanks), so that how a record
is laid out does not count, and every value does.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: The member that holds the seal.
SEAL = "sha256"


class DamagedError(ValueError):
    """A record that is not what was written."""


class UnsealedError(DamagedError):
    """A record that bears no seal: an earlier version wrote it, or something else did."""


def sealed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its seal as the last member.

    Raises
    ------
    ValueError
        If a value has no place in JSON, as NaN.
    """
    return {**record, SEAL: _digest(record)}


def opened(text: str | bytes) -> dict[str, Any]:
    """Return the record that a text holds, without its seal.

    Raises
    ------
    DamagedError
        If the text is no JSON object, or its seal is wrong.
    UnsealedError
        If it has none.
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
    except ValueError:  # NaN, or half a character: never written by us
        return False


def _digest(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
