"""Length: from a file to the duration of its recording, from its header or else its packets, without decoding."""

import os
from pathlib import Path

from affex.pipeline.media.promised import is_plain_wav
from affex.pipeline.media.sound import length, open_track
from affex.pipeline.media.timeline import length as length_of_pictures
from affex.pipeline.media.timeline import opened
from affex.pipeline.storage.files import is_file
from affex.pipeline.text.errors import MediaError


def seconds(path: Path) -> float | None:
    """Return the later end of a recording's sound and pictures, s; None if the file is missing or has neither."""
    if not is_file(path) or not path.stat().st_size:
        return None
    if is_plain_wav(path):
        return _of_wav(path)
    return max((end for end in (_of_sound(path), _of_pictures(path)) if end), default=None)


def _of_wav(path: Path) -> float:
    import soundfile

    return float(soundfile.info(os.fsencode(path)).duration)


def _of_sound(path: Path) -> float | None:
    try:
        with open_track(path, path.name) as track:
            return length(track) if track.declared is None or track.cut else track.declared
    except MediaError:
        return None


def _of_pictures(path: Path) -> float | None:
    try:
        with opened(path, path.name) as reel:
            return reel.start + length_of_pictures(reel)
    except MediaError:
        return None
