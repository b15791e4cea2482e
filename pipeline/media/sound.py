"""What is heard when: one sound track, read from somewhere in its file to the end.

Conventions: times are in seconds since the file's beginning (`clock`). Each frame of the decoder is placed by its own
timestamp; where that follows on the frame before, but for what containers round (Matroska and FLV to a millisecond),
samples are counted, so that rounding makes no clicks.

A `Hole` is where there is no sound although the track goes on: its timestamps jump, or packets are damaged. Nothing
is put in its place. Several frames may share one timestamp (a page of Ogg, a packet of MPEG), and where in such a group
the sound is missing is not told, so that the hole takes in the group. AVI and bare streams (MP3, AAC) hold no times;
a hole in them is seen only where a header counts more than there is.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import MediaError
from pipeline.media import promised
from pipeline.media.clock import SLACK, of_several, origin

#: Timestamps may be this far from where the frame before ended, s: containers round, and who captures is not exact.
JITTER = 0.01

#: Timestamps and the count of samples may drift this far apart, s: the clock of a microphone is not that of a file.
DRIFT = 0.1

#: Where a span begins later than this, its file is sought, s.
NEAR = 1.0

#: How much before a span decoding begins, s: a frame of Opus, AAC or MP3 needs some of those before it.
PREROLL = 0.5


@dataclass(frozen=True)
class Piece:
    """Consecutive samples.

    Parameters
    ----------
    at : int
        The number of the first, counted from the file's beginning at this rate.
    rate : int
        Samples a second, Hz.
    samples : (n_channels, n_samples) float32
        Full scale is 1.
    """

    at: int
    rate: int
    samples: NDArray[np.float32]

    @property
    def start(self) -> float:
        """When it begins, s."""
        return self.at / self.rate

    @property
    def end(self) -> float:
        """When it ends, s."""
        return (self.at + self.samples.shape[1]) / self.rate


@dataclass(frozen=True)
class Hole:
    """There is no sound from `start` to `end`, s, for a reason that goes on from the file's name."""

    start: float
    end: float
    why: str

    def __str__(self) -> str:
        return self.why if math.isinf(self.end) else f"{self.why} between {self.start:.3f} and {self.end:.3f} s"


@dataclass(frozen=True)
class Track:
    """An open sound track.

    Parameters
    ----------
    origin : float, s
        The stream's time at the file's beginning.
    note
        What must be said of the choice of it; empty where there was none.
    """

    name: str
    path: Path
    container: Any
    stream: Any
    origin: float
    note: str

    @property
    def declared(self) -> float | None:
        """When the sound should end, s; None where nothing says so."""
        return promised.end(self.path, self.container, self.stream, self.origin)


class UnopenedError(MediaError):
    """FFmpeg does not know what a file is."""


@contextmanager
def opened(path: Path, name: str) -> Iterator[Track]:
    """Open the sound track of a file: the one that is marked as the default, or else the first.

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
        If it has no sound.
    """
    import av

    try:
        container = av.open(str(path))
    except av.FFmpegError as error:
        cut = promised.cut(path)
        why = f"; it is cut short: {cut}" if cut else ""
        raise UnopenedError(f"{name} cannot be decoded: {error.strerror or error}{why}") from error
    with container:
        stream = _chosen(container, name)
        yield Track(name, path, container, stream, origin(container), _note(container, stream, name))


def _chosen(container: Any, name: str) -> Any:
    tracks = list(container.streams.audio)
    if not tracks:
        held = " and ".join(sorted({stream.type for stream in container.streams}))
        only = f"only {held}" if held else "nor any other"
        raise MediaError(f"{name} has no audio stream, {only}: sound was expected")
    decodable = [stream for stream in tracks if stream.codec_context is not None]
    if not decodable:
        raise MediaError(f"{name} has sound of a kind that FFmpeg cannot decode here")
    return of_several(decodable)


def _note(container: Any, stream: Any, name: str) -> str:
    """Return which of several sound tracks is read; empty where there is one."""
    from av.stream import Disposition

    tracks = list(container.streams.audio)
    if len(tracks) < 2:
        return ""
    why = "marked as the default" if stream.disposition & Disposition.default else "since none is marked as the default"
    return f"{name} has {len(tracks)} sound tracks: number {tracks.index(stream) + 1} is read, {why}"


def length(track: Track) -> float:
    """Return when the sound ends, s, by reading all packets without decoding them."""
    import av

    ends = 0.0
    with opened(track.path, track.name) as other:
        try:
            for packet in other.container.demux(other.stream):
                if packet.pts is not None and not packet.is_corrupt:
                    ends = max(ends, float((packet.pts + (packet.duration or 0)) * packet.time_base) - other.origin)
        except av.FFmpegError:
            pass  # up to there it can be read
    return ends


def indexed(track: Track) -> float:
    """Return when the sound ends that an AVI's index lists, s; infinity where that cannot be told.

    An AVI says by chunks without sound where there is none. FFmpeg passes over them, so that what follows comes too early.
    """
    entries = track.stream.index_entries
    if track.container.format.name != "avi" or len(entries) < 2:
        return math.inf
    last, before = entries[len(entries) - 1].timestamp, entries[len(entries) - 2].timestamp
    return float((2 * last - before) * track.stream.time_base)


def heard(track: Track, start: float = 0.0) -> Iterator[Piece | Hole]:
    """Yield what is heard, in order, from `start` or a little before it to the end of the file.

    A file that cannot be sought so that `start` is reached is read from its beginning.
    """
    if start > NEAR:
        sought = _placed(track, start)
        first = next(sought, None)
        if isinstance(first, Piece) and first.start <= start:
            yield first
            yield from sought
            return
        if start >= length(track):
            return
    with opened(track.path, track.name) as anew:
        yield from _placed(anew, 0.0)


def _placed(track: Track, start: float) -> Iterator[Piece | Hole]:
    """Yield frames at their times; those that share a place in the file wait until the next ones confirm theirs."""
    line = _Line(track.origin, start if start > NEAR else 0.0)
    for _, group in itertools.groupby(_frames(track, start), key=itemgetter(0)):
        yield from line.add([frame for _, frame in group])
        if line.is_over:
            return
    yield from line.end()


class _Line:
    """Frames on their way to be heard: each is placed by its own timestamp, or follows on the one before it.

    Parameters
    ----------
    settles : float, s
        Before this, times that do not fit are put right without a word: where reading begins inside a file, the first
        frames of MPEG may be given the times of others.
    """

    def __init__(self, origin: float, settles: float) -> None:
        self._origin, self._settles = origin, settles
        self._waiting: list[Piece] = []
        self._at, self._rate = 0, 0
        self._due: float | None = None
        self._broken = False
        self.is_over = False

    def add(self, group: Sequence[Any]) -> Iterator[Piece | Hole]:
        """Take frames that share a place in the file; None stands for one that is damaged."""
        together: list[Piece] = []
        for frame in group:
            if frame is None:
                self._broken = True
            if frame is None or (frame.pts is None and not self._rate and self._settles):
                continue
            hole = self._step(frame)
            if hole is not None:
                yield from self._around(hole, together)
                together.clear()
            if self.is_over:
                return
            together.append(self._piece(frame))
        yield from self._waiting
        self._waiting = together

    def end(self) -> Iterator[Piece | Hole]:
        """Give what waits; the file has ended."""
        yield from self._waiting
        if self._broken and self._rate:
            yield Hole(self._ended, math.inf, f"is damaged: its sound cannot be decoded from {self._ended:.3f} s on")

    @property
    def _ended(self) -> float:
        return self._at / self._rate

    def _piece(self, frame: Any) -> Piece:
        piece = Piece(self._at, self._rate, full_scale(frame))
        self._at += piece.samples.shape[1]
        self._broken = False
        return piece

    def _step(self, frame: Any) -> Hole | None:
        """Move on to where a frame begins; return what lies between it and the one before, if anything."""
        stamp = None if frame.pts is None else float(frame.pts * frame.time_base) - self._origin
        due, self._due = self._due, None if stamp is None else stamp + frame.samples / frame.sample_rate
        before = self._ended if self._rate else None
        self._rate, rate = frame.sample_rate, self._rate
        if before is None:
            self._at = round((stamp or 0.0) * self._rate)
            self._settles = max(self._settles, self._ended + SLACK * self._broken)
            return None
        if rate != self._rate:
            self._at = round(before * self._rate)
        if stamp is None:
            return None
        return self._jump(before, stamp, stamp - (before if due is None else due))

    def _jump(self, before: float, stamp: float, jump: float) -> Hole | None:
        """Return the hole where a timestamp does not follow on the one before, and go on after it."""
        if abs(jump) <= JITTER and abs(stamp - before) > DRIFT:
            return self._over(before, f"has two clocks: after {before:.3f} s of sound its times say {stamp:.3f} s")
        if abs(jump) <= JITTER and not (self._broken and stamp > before):
            return None
        self._at = round(stamp * self._rate)
        if stamp < before and jump < 0 and stamp >= self._settles:
            return self._over(stamp, f"begins anew: at {before:.3f} s its times step back to {stamp:.3f} s")
        return Hole(before, stamp, "is damaged: sound cannot be decoded" if self._broken else "has a hole: sound is missing")

    def _over(self, start: float, why: str) -> Hole:
        self.is_over = True
        return Hole(start, math.inf, why)

    def _around(self, hole: Hole, together: Sequence[Piece]) -> Iterator[Piece | Hole]:
        """Yield what is beyond doubt before a hole, and the hole: of frames that share a place any may be missing."""
        if hole.end < self._settles:
            self._waiting = []
            return
        doubtful = together if together else self._waiting if len(self._waiting) > 1 else []
        if together or not doubtful:
            yield from self._waiting
        self._waiting = []
        yield replace(hole, start=min([hole.start, *(piece.start for piece in doubtful)]))


def _frames(track: Track, start: float) -> Iterator[tuple[int, Any]]:
    """Yield frames, each with its packet's place in the file, from about `start` on; None for one that is damaged."""
    import av

    if start > NEAR:
        try:
            ticks = int((track.origin + start - PREROLL) / track.stream.time_base)
            track.container.seek(ticks, stream=track.stream)
        except av.FFmpegError:
            return
    place = itertools.count(-1, -1)
    number, cut = 0, list[Any]()
    for packet in _packets(track):
        if cut and (packet is None or packet.size):
            yield number, None  # a packet that is not whole is damage, but at the end of the file
            cut = []
        if packet is None:
            yield number, None
            continue
        number = packet.pos if packet.pos is not None else number if number > 0 else next(place)
        frames = _decoded(packet)
        if packet.is_corrupt:
            cut = frames
        else:
            yield from ((number, frame) for frame in frames)
    yield from ((number, frame) for frame in cut)


def _packets(track: Track) -> Iterator[Any]:
    """Yield the packets of the track; None where the file cannot be read on."""
    import av

    try:
        yield from track.container.demux(track.stream)
    except av.FFmpegError:
        yield None


def _decoded(packet: Any) -> list[Any]:
    """Return a packet's frames; None for what is damaged."""
    import av

    try:
        frames = packet.decode()
    except av.FFmpegError:
        return [None]
    return [None if frame.is_corrupt else frame for frame in frames]


def full_scale(frame: Any) -> NDArray[np.float32]:
    """Return a frame as (n_channels, n_samples) float32; full scale is 1."""
    values: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T
    if values.dtype == np.uint8:
        values = (values - 128.0) / 128.0
    elif np.issubdtype(values.dtype, np.integer):
        values = values / -float(np.iinfo(values.dtype).min)
    return np.asarray(values, dtype=np.float32)
