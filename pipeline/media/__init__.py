"""Media: from a file, or a span of one, to what is heard (`audio`), seen (`video`) or captured of markers (`mocap`).

The only rooms where media libraries are at home. A span is in seconds since the beginning of its file (`clock`), and
what is wrong with a file is a `MediaError` in words: no rows are ever made of it.
Beside them, what others have measured of recordings is read and written (`csd`).
"""

import hashlib
from pathlib import Path

from affex.pipeline.media.audio import decode_audio
from affex.pipeline.media.clock import DECODER
from affex.pipeline.storage.files import opened

__all__ = ["DECODER", "PACKAGES", "decode_audio", "digest"]

#: Distributions whose version decides which samples and which pictures come out.
PACKAGES = ("av", "soundfile", "soxr")


def digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hexadecimal digits.

    Raises
    ------
    OSError
        As `pipeline.storage.files.opened`.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
