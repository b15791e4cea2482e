"""Headers: from a file to how its sound and pictures are stored; nothing is decoded.

What a container declares may be wrong. Extraction verifies it; a header only says how recordings of a corpus differ.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from affex.pipeline.media.probe import open_recording
from affex.pipeline.text.errors import MediaError
from affex.pipeline.text.filenames import path_of


@dataclass(frozen=True)
class Header:
    """How a file says that it stores its first sound track and its first pictures.

    Parameters
    ----------
    container
        The format of the file, as FFmpeg names it; empty if it cannot be opened.
    seconds : float, s
        The declared length; NaN if none is declared.
    codec, rate, channels
        Of the sound: the coding, Hz, and how many; empty and 0 without sound.
    pictures, width, height, fps
        Of the pictures: the coding, pixels, and how many a second; empty and 0 without pictures.
    wrong
        Why the file cannot be opened; empty where it can.
    """

    container: str = ""
    seconds: float = float("nan")
    codec: str = ""
    rate: int = 0
    channels: int = 0
    pictures: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    wrong: str = ""


def header(root: Path, name: str) -> Header:
    """Return the header of a media file, whose name is relative to `root`."""
    import av

    try:
        with open_recording(path_of(root, name), name) as container:
            return _header(container)
    except (MediaError, av.FFmpegError, OSError, ValueError) as error:
        return Header(wrong=str(error))


def _header(container: Any) -> Header:
    from av.stream import Disposition

    decoded = [stream for stream in container.streams if getattr(stream, "codec_context", None) is not None]
    sounds = [stream for stream in decoded if stream.type == "audio"]
    films = [s for s in decoded if s.type == "video" and not s.disposition & Disposition.attached_pic]
    own = {**(_of_sound(sounds[0]) if sounds else {}), **(_of_pictures(films[0]) if films else {})}
    seconds = container.duration / 1e6 if container.duration else float("nan")
    return Header(container.format.name, seconds, **own)


def _of_sound(stream: Any) -> dict[str, Any]:
    return {"codec": stream.codec_context.name, "rate": int(stream.rate or 0), "channels": int(stream.channels or 0)}


def _of_pictures(stream: Any) -> dict[str, Any]:
    context, rate = stream.codec_context, stream.average_rate
    fps = round(float(rate), 3) if isinstance(rate, Fraction) else 0.0
    return {"pictures": context.name, "width": int(context.width), "height": int(context.height), "fps": fps}
