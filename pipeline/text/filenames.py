r"""Names of files: how a name that is no text is spelled.

File systems take any bytes for a name, and manifests, HDF5 files, tables and terminals take text. So a name is spelled
where it is read from the disk, and is plain text from there on: a byte that is no part of a UTF-8 character is written
``\xff``, and a backslash that would look like the beginning of such a byte ``\x5c``. All other names stay as they
are, and a spelling stands for one name only: `on_disk` turns it back.
"""

import os
import re
from pathlib import Path

_BYTE = re.compile(r"\\x([0-9a-f]{2})")
_SURROGATE = re.compile("[\ud800-\udfff]")


def spelled(name: str) -> str:
    """Return a name from the disk as text that UTF-8 can hold."""
    return shown(_BYTE.sub(r"\\x5cx\1", name))


def on_disk(name: str) -> str:
    """Return the name that `spelled` spelled."""
    parts = _BYTE.split(name)  # text, a byte's two digits, text ...
    raw = (bytes.fromhex(part) if number % 2 else os.fsencode(part) for number, part in enumerate(parts))
    return os.fsdecode(b"".join(raw)) if len(parts) > 1 else name


def shown(text: str) -> str:
    """Return a text with the bytes that are no characters as `spelled` writes them; all else stays as it is."""
    return _SURROGATE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def path_of(root: Path, name: str) -> Path:
    """Return the path of a file whose spelled name is relative to `root`."""
    return root / on_disk(name)
