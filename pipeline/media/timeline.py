"""Timeline: from one video file, read once from beginning to end, to frames with their times on screen.

Conventions: times are in seconds from the file's beginning, which is where the first of its streams begins.
A frame is on screen from its presentation time to that of the next. A stretch without valid frames is a `Gap`. After
damaged packets, the gap reaches to the next intact key frame; it also contains frames that are shown before the damage
but may refer to it.

Some damage cannot be detected. Matroska and MPEG may lose packets without an error, and a frame then stays on screen
for longer (see `Ended.longest`); MPEG may also give the next frames wrong times. VP9 decodes any bits as a picture. A
lost chunk of an AVI is detected only at its end, where frames are missing.

Files are read without seeking. Where no utterance needs frames, whole groups of pictures are read without decoding,
which is exact in every container.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from affex.pipeline.media.clock import SLACK, of_several, origin
from affex.pipeline.media.probe import open_recording
from affex.pipeline.media.promised import cut_short, declared_end
from affex.pipeline.text.errors import MediaError

#: Times closer than this are equal, s: containers round them, Matroska to a millisecond.
TIE = 1e-3

#: The pictures of a packet may be shown this much after it is read, s: B-frames, pictures before a key frame.
LEAD = 1.0

#: The most packets kept while searching for a key frame before a wanted time; x264 has one at least every 250.
MOST_HELD = 300

#: Formats without times: AVI and bare streams.
COUNTED = ("avi", "h264", "hevc", "m4v", "mpegvideo")

#: If times step back by more than this, a new recording begins, s; less is an error of a muxer.
STEP_BACK = 1.0


@dataclass(frozen=True)
class Shown:
    """A frame that is on screen from `start` to `end`."""

    start: float
    end: float
    frame: Any


@dataclass(frozen=True)
class Gap:
    """A stretch without frames from `start` to `end`.

    Parameters
    ----------
    why
        The reason, as the rest of a sentence after the file's name; None after the regular end of the file.
    """

    start: float
    end: float
    why: str | None


@dataclass(frozen=True)
class Reel:
    """An open video file.

    Parameters
    ----------
    start : float, s
        The declared time of its first picture.
    origin : float, s
        The stream's time at the file's beginning.
    declared : float, s, or None
        The declared duration of the video.
    cut
        The evidence that the file was cut short; None without it.
    """

    name: str
    path: Path
    container: Any
    stream: Any
    origin: float
    start: float
    declared: float | None
    cut: str | None

    @property
    def period(self) -> float:
        """The usual duration of a frame, s."""
        return float(1 / (self.stream.average_rate or self.stream.guessed_rate or 25))

    @property
    def is_counted(self) -> bool:
        """Whether the file has no times, so that frames are counted; the count is wrong after a lost packet."""
        return self.container.format.name in COUNTED

    def time(self, packet: Any) -> float | None:
        """Return the presentation time of a packet, or its decoding time if the file has no other."""
        ticks = packet.dts if packet.pts is None else packet.pts
        return None if ticks is None else float(ticks * packet.time_base) - self.origin


@contextmanager
def opened(path: Path, name: str) -> Iterator[Reel]:
    """Open the video stream of a file, the default one or else the first, no cover; `name` stands for it in errors.

    Raises
    ------
    MediaError
        If the file is empty, is not media, or has no video stream.
    """
    if path.stat().st_size == 0:
        raise MediaError(f"{name} is empty (0 bytes)")
    with open_recording(path, name) as container:
        stream = _video(container, name)
        stream.codec_context.thread_count = 1  # with more, H.264 sometimes returns a damaged frame as a valid one
        begins = origin(container)
        start = 0.0 if stream.start_time is None else max(float(stream.start_time * stream.time_base) - begins, 0.0)
        end = declared_end(path, container, stream, begins)
        yield Reel(name, path, container, stream, begins, start, None if end is None else end - start, cut_short(path))


def _video(container: Any, name: str) -> Any:
    """Return the video stream."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if moving:
        stream = of_several(moving)
        if stream.codec_context is None:
            raise MediaError(f"{name} has a video stream in a format that this FFmpeg cannot decode")
        return stream
    covers = ["a cover picture"] if container.streams.video else []
    held = sorted({stream.type for stream in container.streams if stream.type != "video"}) + covers
    only = f"only {' and '.join(held)}" if held else "nor any other"
    raise MediaError(f"{name} has no video stream, {only}: expected a video")


def length(reel: Reel) -> float:
    """Return the duration of a file's pictures, s: from its header, or else by reading all its packets."""
    if reel.declared is not None:
        return reel.declared
    with opened(reel.path, reel.name) as other:
        times = [
            (other.time(p), float((p.duration or 0) * p.time_base)) for p in _read(other) if not isinstance(p, _Mark)
        ]
    return max((at + lasts for at, lasts in times if at is not None), default=0.0) - reel.start


class _Mark(Enum):
    """Why frames may be missing."""

    DAMAGE = "damage"
    SKIP = "skip"
    SHORT = "short"
    ANEW = "anew"


def on_screen(reel: Reel, needed: Callable[[], float]) -> Iterator[Shown | Gap]:
    """Yield the frames and gaps of a file, in order without holes; the last is the gap from its end to infinity.

    Parameters
    ----------
    reel
        The open file.
    needed
        Function that returns the earliest time needed from now on, s; earlier frames may be replaced by a gap.
    """
    line = _Line(reel)
    for event in _decoded(reel, needed):
        if isinstance(event, _Mark):
            yield from line.break_off(event)
        else:
            yield from line.add(event)
    yield from line.end()


class _Line:
    """Decoded frames in order: each is kept until the time of the next is known and it is certainly intact.

    Frames are stored in another order than they are shown. Damage is found when a frame leaves the decoder. By then,
    as many frames as the stream reorders may have left it that refer to the damaged frame.
    """

    def __init__(self, reel: Reel) -> None:
        self._reel = reel
        self._waiting: deque[tuple[float, Any]] = deque()
        self._latest: float | None = None
        self._ends = 0.0
        self._lost: float | None = None
        self._mark: _Mark | None = None

    def add(self, frame: Any) -> Iterator[Shown | Gap]:
        """Add the decoder's next frame."""
        if self._mark is _Mark.ANEW:
            return
        start = self._time(frame)
        if self._latest is not None and start < self._latest - STEP_BACK:
            yield from self.break_off(_Mark.ANEW)
            return
        if self._latest is None and self._mark is None and start > SLACK + self._delay:
            yield Gap(0.0, start - SLACK, f"shows its first picture at {start:.3f} s")
        start = start if self._latest is None else max(start, self._latest + TIE)
        if self._lost is not None:
            yield Gap(self._lost, start, self._why(start))
            self._lost = self._mark = None
        self._waiting.append((start, frame))
        self._latest, self._ends = start, start + self._lasts(frame)
        while len(self._waiting) > self._reordered + 1:
            yield self._first(self._waiting[1][0])

    def break_off(self, mark: _Mark) -> Iterator[Shown]:
        """Yield the frames that are certainly intact; drop the others, up to the next intact key frame."""
        self._mark = mark if mark is _Mark.ANEW else self._mark or mark
        if self._lost is None:
            kept = max(len(self._waiting) - self._reordered, 0)
            self._lost = self._waiting[kept][0] if kept < len(self._waiting) else self._ends
            while len(self._waiting) > kept:
                self._waiting.pop()
            yield from self._rest(self._lost)

    def end(self) -> Iterator[Shown | Gap]:
        """Yield the remaining frames at the end of the file."""
        if self._is_short and self._mark in (None, _Mark.DAMAGE):
            yield from self.break_off(_Mark.SHORT)
            self._mark = _Mark.SHORT
        if self._lost is None:
            yield from self._rest(self._ends)
            yield Gap(self._ends, math.inf, None if self._latest is not None else "has a video stream without pictures")
        else:
            yield Gap(self._lost, math.inf, self._why(math.inf))

    @property
    def _is_short(self) -> bool:
        declared, held = self._reel.declared, self._ends - self._reel.start
        return self._reel.cut is not None if declared is None else held < declared - SLACK

    @property
    def _reordered(self) -> int:
        return int(self._reel.stream.codec_context.reorder_depth)

    @property
    def _delay(self) -> float:
        """The delay of the first picture by B-frames, s: counted times are decoding times."""
        return self._reordered * self._reel.period if self._reel.is_counted else 0.0

    def _time(self, frame: Any) -> float:
        """Return the time of a frame; a frame without a time follows the previous one."""
        if frame.pts is not None:
            return float(frame.pts * self._reel.stream.time_base) - self._reel.origin
        return 0.0 if self._latest is None else self._latest + self._reel.period

    def _lasts(self, frame: Any) -> float:
        return float(frame.duration * self._reel.stream.time_base) or self._reel.period

    def _first(self, end: float) -> Shown:
        start, frame = self._waiting.popleft()
        return Shown(start, end, frame)

    def _rest(self, end: float) -> Iterator[Shown]:
        while self._waiting:
            yield self._first(self._waiting[1][0] if len(self._waiting) > 1 else end)

    def _why(self, end: float) -> str:
        """Return the reason for the gap from the last certain frame to `end`."""
        lost = self._lost or 0.0
        span = f"between {lost:.3f} and {end:.3f} s" if end < math.inf else f"after {lost:.3f} s"
        declared, held = self._reel.declared, f"{self._ends - self._reel.start:.3f} s of video"
        cut = f"{self._reel.cut} ({held})" if declared is None else f"it declares {declared:.3f} s and has {held}"
        return {
            _Mark.DAMAGE: f"is damaged: it cannot be decoded {span}",
            _Mark.ANEW: f"begins again after {lost:.3f} s: its times step back there. Cut the file in two",
            _Mark.SHORT: f"is cut short: {cut}",
            _Mark.SKIP: f"has no key frame {span}",
        }[self._mark or _Mark.DAMAGE]


def _decoded(reel: Reel, needed: Callable[[], float]) -> Iterator[Any]:
    """Yield frames, in the order of presentation, and marks; after a mark the decoder starts at a key frame."""
    decoder = reel.stream.codec_context
    read, shown, lost = -math.inf, -math.inf, False
    for packet in _groups(reel, needed):
        if lost and not isinstance(packet, _Mark) and not packet.is_keyframe:
            continue
        lost = False
        for event in [*_frames(decoder, None), packet] if isinstance(packet, _Mark) else _frames(decoder, packet):
            lost = isinstance(event, _Mark)
            if lost:
                decoder.flush_buffers()
            elif event.pts is not None:
                shown = max(shown, event.pts)
            yield event
        if not isinstance(packet, _Mark) and packet.pts is not None and not packet.is_discard:
            read = max(read, packet.pts)
        if lost and reel.is_counted and packet is not _Mark.SKIP:
            return
    if not lost and shown < read:  # the decoder did not return the last frames, which happens if they are damaged
        yield _Mark.DAMAGE


def _frames(decoder: Any, packet: Any) -> list[Any]:
    """Return the frames of a packet (None: those still in the decoder), up to a mark if one is damaged."""
    import av

    try:
        frames = decoder.decode(packet)
    except av.FFmpegError:
        return [_Mark.DAMAGE]
    intact = list(itertools.takewhile(lambda frame: not frame.is_corrupt, frames))
    return intact if len(intact) == len(frames) else [*intact, _Mark.DAMAGE]


def _groups(reel: Reel, needed: Callable[[], float]) -> Iterator[Any]:
    """Yield packets and marks; skip each group of pictures that ends before the needed time."""
    held: list[Any] = []
    skipped = False
    for packet in _read(reel):
        at = None if isinstance(packet, _Mark) else reel.time(packet)
        early = at is not None and at < needed() - LEAD
        if early and packet.is_keyframe:
            held.clear()
            skipped = True
        held.append(packet)
        if early and len(held) < MOST_HELD:
            continue
        if skipped:
            yield _Mark.SKIP
        yield from held
        held.clear()
        skipped = False


def _read(reel: Reel) -> Iterator[Any]:
    """Yield the packets of the video, and a mark for each damaged one."""
    import av

    try:
        for packet in reel.container.demux(reel.stream):
            yield _Mark.DAMAGE if packet.is_corrupt else packet
    except av.FFmpegError:
        yield _Mark.DAMAGE
