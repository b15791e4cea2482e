"""Length: how long a recording is, as its header says, without decoding it."""

import os
from pathlib import Path


def seconds(path: Path) -> float | None:
    """Return how long a recording is, s; None where it is not there or does not say."""
    return _of_sound(path) or _of_container(path)


def _of_sound(path: Path) -> float | None:
    import soundfile

    try:
        return float(soundfile.info(os.fsencode(path)).duration)
    except (OSError, RuntimeError):
        return None


def _of_container(path: Path) -> float | None:
    import av

    try:
        with av.open(str(path)) as container:
            return None if container.duration is None else container.duration / av.time_base
    except (OSError, ValueError):  # FFmpeg's errors are both
        return None
