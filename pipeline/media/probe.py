"""Probing: what a file holds, sound or pictures, by what it is and not by what it is called."""

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affex.pipeline.media.stills import is_still
from affex.pipeline.storage.files import opened
from affex.pipeline.text.errors import MediaError

#: Kinds of files that FFmpeg opens and that hold no recording: they name other files, or are drawn text.
NO_RECORDINGS = {
    **dict.fromkeys(("concat", "dash", "hls", "imf", "sdp"), "a list of other files"),
    **dict.fromkeys(("adf", "bin", "idf", "tty", "xbin"), "text"),
}

#: What begins so holds sound alone, and need not be opened: to open a file takes hundreds of times as long.
SOUND_ALONE = (b"RIFF....WAVE", b"RF64....WAVE", b"FORM....AIFF", b"FORM....AIFC", b"fLaC", b".snd", b"caff")


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Parameters
    ----------
    sound, pictures
        Whether it has them; a cover picture is none.
    still
        Whether its pictures are one still picture.
    wrong
        Why it cannot be opened, as the rest of a sentence, where only its name says what it should hold.
    """

    sound: bool = False
    pictures: bool = False
    still: bool = False
    wrong: str = ""

    @property
    def absent(self) -> tuple[tuple[str, str], ...]:
        """Why there is no sound, as an utterance says it; nothing where there is."""
        if self.sound:
            return ()
        if self.wrong:
            return (("audio", f"its file {self.wrong}"),)
        return (("audio", "its file is a still picture" if self.still else "its file holds pictures alone"),)


#: What names say, of files that cannot be opened; the tables of this module, not those of the machine.
_NAMES = mimetypes.MimeTypes()


def named(name: str, wrong: str) -> Content | None:
    """Return what a file that cannot be opened should hold by its name, None where that says nothing of recordings."""
    kind = (_NAMES.guess_type(name)[0] or "").partition("/")[0]
    by_name = {"audio": Content(sound=True), "video": Content(sound=True, pictures=True)}
    return by_name.get(kind) or (Content(pictures=True, still=True, wrong=wrong) if kind == "image" else None)


def probed(path: Path) -> Content:
    """Return what a file holds.

    Raises
    ------
    MediaError
        If it holds no recording that can be decoded; the message is the rest of a sentence.
    """
    return sniffed(path) or in_container(path)


def sniffed(path: Path) -> Content | None:
    """Return what a file holds by how it begins, None where that does not say.

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
    """FFmpeg does not know what a file is."""


@contextmanager
def open_recording(path: Path, name: str) -> Iterator[Any]:
    """Open a file that holds its own sound and pictures.

    Parameters
    ----------
    path
        The file.
    name
        What errors call it.

    Raises
    ------
    UnopenedError
        If the file is no media.
    MediaError
        As `require_recording`.
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
    """Refuse an open file whose sound and pictures lie in others: whether those have changed, nothing would tell.

    Raises
    ------
    MediaError
        Saying what it is instead.
    """
    if container.format.name in NO_RECORDINGS:
        raise MediaError(f"{name} is {NO_RECORDINGS[container.format.name]}, and no recording")


def _begins(head: bytes, magic: bytes) -> bool:
    """Tell whether a file begins with some bytes; a dot stands for any byte but at the beginning."""
    return head[:4] == magic[:4] and (len(magic) == 4 or head[8:12] == magic[8:])


def in_container(path: Path) -> Content:
    """Return what a file holds by opening it.

    Raises
    ------
    MediaError
        As `probed`.
    """
    import av

    try:
        with av.open(str(path)) as container:
            return _held(container, path)
    except (av.FFmpegError, ValueError) as error:
        raise MediaError(f"is no recording ({getattr(error, 'strerror', None) or error})") from error


def _held(container: Any, path: Path) -> Content:
    from av.stream import Disposition

    if container.format.name in NO_RECORDINGS:
        raise MediaError(f"is {NO_RECORDINGS[container.format.name]}, and no recording")
    decoded = [stream for stream in container.streams if getattr(stream, "codec_context", None) is not None]
    sound = any(stream.type == "audio" for stream in decoded)
    films = [s for s in decoded if s.type == "video" and not s.disposition & Disposition.attached_pic]
    if not sound and not films:
        raise MediaError("is no recording: it holds neither sound nor pictures that can be decoded")
    return Content(sound, bool(films), still=bool(films) and is_still(container, path))
