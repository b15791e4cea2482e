"""Media: from a file, or a span of one, to samples (`audio`), pictures (`video`) or motion capture (`mocap`).

Only this room imports media libraries. A span is in seconds from the beginning of its file (`clock`). A file that is
damaged raises a `MediaError` with the reason: no rows are computed from it. `csd` reads and writes computational
sequences, files of features and labels that other projects exchange.
"""

import hashlib
from pathlib import Path

from affex.pipeline.media.audio import decode_audio
from affex.pipeline.media.clock import DECODER
from affex.pipeline.storage.files import opened

__all__ = ["DECODER", "PACKAGES", "decode_audio", "digest"]

#: Distributions whose versions may change samples and pictures.
PACKAGES = ("av", "soundfile", "soxr")


def digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hexadecimal digits.

    Raises
    ------
    OSError
        As in `pipeline.storage.files.opened`.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
