"""What is on screen when: one video file, read once from its beginning to its end.

Conventions: times are in seconds from the file's beginning, which is where the first of its streams begins.
A frame is on screen from its presentation time to that of the next. What cannot be shown is a `Gap`, never
left out: where packets are damaged, the gap reaches to the next intact key frame, and frames that are shown
before the damage but may refer to it are in doubt and belong to the gap.

What a container or a codec itself does not notice, nobody does: Matroska and MPEG may lose packets without a
word, and a frame then seems to stand still (`Ended.longest` tells it); MPEG may then also give the next frames
a wrong time; VP9 takes any bits for a picture; a lost chunk of an AVI is noticed at its end only, where frames
are missing.

Nothing is sought. Where nobody wants anything for a while, whole groups of pictures are read without being
decoded, which every container can do exactly.
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

#: Times closer than this are the same, s: containers round them, Matroska to a millisecond.
TIE = 1e-3

#: A packet holds pictures that are shown up to this long after it is read, s: B-frames, pictures before a key frame.
LEAD = 1.0

#: Packets kept while waiting for a key frame before a wanted time; x264 sets one every 250 at least.
MOST_HELD = 300

#: Formats without times: AVI and bare streams.
COUNTED = ("avi", "h264", "hevc", "m4v", "mpegvideo")

#: A file whose times step back by more than this begins anew, s; less is a muxer's slip.
STEP_BACK = 1.0


@dataclass(frozen=True)
class Shown:
    """A frame that is on screen from `start` to `end`."""

    start: float
    end: float
    frame: Any


@dataclass(frozen=True)
class Gap:
    """There is nothing to show from `start` to `end`.

    Parameters
    ----------
    why
        The rest of a sentence that begins with the file's name; None where the file has ended as it should.
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
        Where its first picture begins, as the file declares it.
    origin : float, s
        The stream's time at the file's beginning.
    declared : float, s, or None
        How long the file says that the video is.
    cut
        How the file shows that it was cut.
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
        """How long a frame is on screen, as a rule, s."""
        return float(1 / (self.stream.average_rate or self.stream.guessed_rate or 25))

    @property
    def is_counted(self) -> bool:
        """Whether the file holds no times, so that they are counted, and the count is lost with a packet."""
        return self.container.format.name in COUNTED

    def time(self, packet: Any) -> float | None:
        """Return the time of a packet: when it is shown, or where the file does not say, when it is decoded."""
        ticks = packet.dts if packet.pts is None else packet.pts
        return None if ticks is None else float(ticks * packet.time_base) - self.origin


@contextmanager
def opened(path: Path, name: str) -> Iterator[Reel]:
    """Open the video stream of a file, the one that is marked as the default or else the first; a cover is none.

    Parameters
    ----------
    path
        The file.
    name
        What errors call it.

    Raises
    ------
    MediaError
        If the file is empty, is no media, or has no video stream.
    """
    if path.stat().st_size == 0:
        raise MediaError(f"{name} is empty (0 bytes)")
    with open_recording(path, name) as container:
        stream = _video(container, name)
        stream.codec_context.thread_count = 1  # on more, H.264 at times passes a damaged frame for a whole one
        begins = origin(container)
        start = 0.0 if stream.start_time is None else max(float(stream.start_time * stream.time_base) - begins, 0.0)
        end = declared_end(path, container, stream, begins)
        yield Reel(name, path, container, stream, begins, start, None if end is None else end - start, cut_short(path))


def _video(container: Any, name: str) -> Any:
    """Return the stream of moving pictures."""
    from av.stream import Disposition

    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if moving:
        stream = of_several(moving)
        if stream.codec_context is None:
            raise MediaError(f"{name} has a video stream of a kind that FFmpeg cannot decode here")
        return stream
    covers = ["a cover picture"] if container.streams.video else []
    held = sorted({stream.type for stream in container.streams if stream.type != "video"}) + covers
    only = f"only {' and '.join(held)}" if held else "nor any other"
    raise MediaError(f"{name} has no video stream, {only}: a video was expected")


def length(reel: Reel) -> float:
    """Return how long the pictures of a file last, s: from its header, or else by reading all its packets."""
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
    """Yield what a file shows, in order and without a hole; the last thing is the gap from its end to infinity.

    Parameters
    ----------
    reel
        The open file.
    needed
        Tells the earliest time that is wanted from now on, s; what lies before it may be a gap.
    """
    line = _Line(reel)
    for event in _decoded(reel, needed):
        if isinstance(event, _Mark):
            yield from line.break_off(event)
        else:
            yield from line.add(event)
    yield from line.end()


class _Line:
    """The frames of a file on their way to the screen: each needs the next one's time, and to be beyond doubt.

    Frames are stored in another order than they are shown. Damage is found when a frame leaves the decoder,
    and as many frames as the stream reorders may then have left it that refer to the damaged one.
    """

    def __init__(self, reel: Reel) -> None:
        self._reel = reel
        self._waiting: deque[tuple[float, Any]] = deque()
        self._latest: float | None = None
        self._ends = 0.0
        self._lost: float | None = None
        self._mark: _Mark | None = None

    def add(self, frame: Any) -> Iterator[Shown | Gap]:
        """Take the decoder's next frame."""
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
        """Show what is beyond doubt; all else is lost, up to the next intact key frame."""
        self._mark = mark if mark is _Mark.ANEW else self._mark or mark
        if self._lost is None:
            kept = max(len(self._waiting) - self._reordered, 0)
            self._lost = self._waiting[kept][0] if kept < len(self._waiting) else self._ends
            while len(self._waiting) > kept:
                self._waiting.pop()
            yield from self._rest(self._lost)

    def end(self) -> Iterator[Shown | Gap]:
        """Show the rest; the file has ended."""
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
        """How much later B-frames let the first picture seem to be, s: where times are counted, as it is decoded."""
        return self._reordered * self._reel.period if self._reel.is_counted else 0.0

    def _time(self, frame: Any) -> float:
        """Return when a frame is shown; one without a time follows the one before it."""
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
        """Return what is wrong between where something was lost and `end`."""
        lost = self._lost or 0.0
        span = f"between {lost:.3f} and {end:.3f} s" if end < math.inf else f"from {lost:.3f} s on"
        declared, held = self._reel.declared, f"{self._ends - self._reel.start:.3f} s of video"
        cut = f"{self._reel.cut} ({held})" if declared is None else f"it declares {declared:.3f} s and holds {held}"
        return {
            _Mark.DAMAGE: f"is damaged: it cannot be decoded {span}",
            _Mark.ANEW: f"begins anew after {lost:.3f} s: its times step back there. Cut it in two",
            _Mark.SHORT: f"is cut short: {cut}",
            _Mark.SKIP: f"has no picture that can be decoded by itself {span}",
        }[self._mark or _Mark.DAMAGE]


def _decoded(reel: Reel, needed: Callable[[], float]) -> Iterator[Any]:
    """Yield frames, in the order they are shown, and marks; after a mark the decoder starts at a key frame."""
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
    if not lost and shown < read:  # the decoder kept the last frames to itself, as it does where they are damaged
        yield _Mark.DAMAGE


def _frames(decoder: Any, packet: Any) -> list[Any]:
    """Return the frames that a packet brings (None: those still in the decoder), up to a mark if one is damaged."""
    import av

    try:
        frames = decoder.decode(packet)
    except av.FFmpegError:
        return [_Mark.DAMAGE]
    intact = list(itertools.takewhile(lambda frame: not frame.is_corrupt, frames))
    return intact if len(intact) == len(frames) else [*intact, _Mark.DAMAGE]


def _groups(reel: Reel, needed: Callable[[], float]) -> Iterator[Any]:
    """Yield packets and marks, but leave out each group of pictures that ends before the time that is needed."""
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
    """Yield the packets of the video, and a mark for each that is damaged."""
    import av

    try:
        for packet in reel.container.demux(reel.stream):
            yield _Mark.DAMAGE if packet.is_corrupt else packet
    except av.FFmpegError:
        yield _Mark.DAMAGE
