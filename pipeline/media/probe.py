"""Probing: from a file to the kinds of media in it, by its content and not by its name."""

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affex.pipeline.media.stills import is_still
from affex.pipeline.storage.files import opened
from affex.pipeline.text.errors import MediaError

#: Formats that FFmpeg opens and that contain no recording: lists of other files, or drawn text.
NO_RECORDINGS = {
    **dict.fromkeys(("concat", "dash", "hls", "imf", "sdp"), "a list of other files"),
    **dict.fromkeys(("adf", "bin", "idf", "tty", "xbin"), "text"),
}

#: First bytes of files with sound alone, which need not be opened: opening takes hundreds of times as long.
SOUND_ALONE = (b"RIFF....WAVE", b"RF64....WAVE", b"FORM....AIFF", b"FORM....AIFC", b"fLaC", b".snd", b"caff")


@dataclass(frozen=True, slots=True)
class Content:
    """The kinds of media in a file.

    Parameters
    ----------
    sound, pictures
        Whether it has them; a cover picture does not count.
    still
        Whether it is one still picture.
    wrong
        Why it cannot be opened, as the rest of a sentence; its kinds of media are then taken from its name.
    """

    sound: bool = False
    pictures: bool = False
    still: bool = False
    wrong: str = ""

    @property
    def absent(self) -> tuple[tuple[str, str], ...]:
        """Why there is no sound, for `Utterance.absent`; empty if there is sound."""
        if self.sound:
            return ()
        if self.wrong:
            return (("audio", f"its file {self.wrong}"),)
        return (("audio", "its file is a still picture" if self.still else "its file has pictures but no sound"),)


#: Media types by file name, for files that cannot be opened; independent of the machine's tables.
_NAMES = mimetypes.MimeTypes()


def named(name: str, wrong: str) -> Content | None:
    """Return the content that a file's name suggests, for a file that cannot be opened; None for other names."""
    kind = (_NAMES.guess_type(name)[0] or "").partition("/")[0]
    by_name = {"audio": Content(sound=True), "video": Content(sound=True, pictures=True)}
    return by_name.get(kind) or (Content(pictures=True, still=True, wrong=wrong) if kind == "image" else None)


def probed(path: Path) -> Content:
    """Return the content of a file.

    Raises
    ------
    MediaError
        If it contains no recording that can be decoded; the message is the rest of a sentence.
    """
    return sniffed(path) or in_container(path)


def sniffed(path: Path) -> Content | None:
    """Return the content of a file by its first bytes; None if they are not known.

    Raises
    ------
    MediaError
        If it is empty or cannot be read.
    """
    try:
        with opened(path) as file:
            head = file.read(12)
    except OSError as error:
        raise MediaError(f"cannot be read: {error.strerror or error}") from error
    if not head:
        raise MediaError("is empty (0 bytes)")
    return Content(sound=True) if any(_begins(head, magic) for magic in SOUND_ALONE) else None


class UnopenedError(MediaError):
    """FFmpeg does not know the format of a file."""


@contextmanager
def open_recording(path: Path, name: str) -> Iterator[Any]:
    """Open a file with sound or pictures, not a list of other files; `name` stands for it in errors.

    Raises
    ------
    UnopenedError
        If the file is not media.
    MediaError
        As in `require_recording`.
    """
    import av

    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        raise UnopenedError(f"{name} cannot be decoded: {error.strerror or error}") from error
    with container:
        require_recording(container, name)
        yield container


def require_recording(container: Any, name: str) -> None:
    """Raise if an open file only refers to other files, since changes of those would not be noticed.

    Raises
    ------
    MediaError
        The message gives the kind of the file.
    """
    if container.format.name in NO_RECORDINGS:
        raise MediaError(f"{name} is {NO_RECORDINGS[container.format.name]}, not a recording")


def _begins(head: bytes, magic: bytes) -> bool:
    """Return whether a file begins with some bytes; a dot matches any byte, except at the beginning."""
    return head[:4] == magic[:4] and (len(magic) == 4 or head[8:12] == magic[8:])


def in_container(path: Path) -> Content:
    """Open a file and return its content.

    Raises
    ------
    MediaError
        As in `probed`.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return _held(container, path)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"is not a recording ({getattr(error, 'strerror', None) or error})") from error


def _held(container: Any, path: Path) -> Content:
    from av.stream import Disposition

    if container.format.name in NO_RECORDINGS:
        raise MediaError(f"is {NO_RECORDINGS[container.format.name]}, not a recording")
    decoded = [stream for stream in container.streams if getattr(stream, "codec_context", None) is not None]
    sound = any(stream.type == "audio" for stream in decoded)
    videos = [s for s in decoded if s.type == "video" and not s.disposition & Disposition.attached_pic]
    if not sound and not videos:
        raise MediaError("is not a recording: it has neither sound nor pictures that can be decoded")
    return Content(sound, bool(videos), still=bool(videos) and is_still(container, path))
