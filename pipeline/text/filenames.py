r"""Names of files: from the bytes of a name to text, and back.

File systems allow any bytes in a name, but manifests, HDF5 files, tables and terminals need text. So a name is spelled
as text when it is read from the disk: a byte that is not part of a UTF-8 character becomes ``\xff``, and a backslash
that could be read as the beginning of such a byte becomes ``\x5c``. Other names are unchanged. Every spelling belongs
to one name only: `on_disk` converts it back.
"""

import os
import re
from pathlib import Path

_BYTE = re.compile(r"\\x([0-9a-f]{2})")
_SURROGATE = re.compile("[\ud800-\udfff]")


def spelled(name: str) -> str:
    """Return a name from the disk as valid UTF-8 text."""
    return shown(_BYTE.sub(r"\\x5cx\1", name))


def on_disk(name: str) -> str:
    """Return the name of a spelling: the inverse of `spelled`."""
    parts = _BYTE.split(name)  # text, a byte's two digits, text ...
    raw = (bytes.fromhex(part) if number % 2 else os.fsencode(part) for number, part in enumerate(parts))
    return os.fsdecode(b"".join(raw)) if len(parts) > 1 else name


def shown(text: str) -> str:
    """Return a text with invalid bytes written as by `spelled`; the rest is unchanged."""
    return _SURROGATE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def path_of(root: Path, name: str) -> Path:
    """Return the path of a file whose spelled name is relative to `root`."""
    return root / on_disk(name)
