"""Sound tracks: from a file to samples with their times, from a start to the end of the file.

Conventions: times are in seconds since the file's beginning (`clock`). Each frame of the decoder has its own
timestamp. If it continues the previous frame within the rounding of containers (Matroska and FLV: a millisecond), its
samples are counted on instead, so that rounding causes no clicks.

A `Hole` is a stretch without sound inside a track: its timestamps jump, or packets are damaged. It is not filled.
Several frames may share one timestamp (a page of Ogg, a packet of MPEG). The place of missing sound in such a group is
unknown, so the hole contains the whole group. Bare streams (MP3, AAC) have no times, and an AVI has them only in its
index: a hole is found only if the index or a header counts more than the file contains. In a bare stream, sound after
damage is ignored, since its time is unknown.

If two files were joined that have different rates, or that both begin at 0, only the first is read.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.media.clock import of_several, origin
from affex.pipeline.media.probe import open_recording
from affex.pipeline.media.promised import counts_chunks, cut_short, declared_end, ticks_of_chunks
from affex.pipeline.text.errors import MediaError

#: Timestamps may differ this much from the end of the previous frame, s: containers round, and recorders are inexact.
JITTER = 0.01

#: Timestamps and the count of samples may drift apart by this much, s: a microphone's clock differs from a file's.
DRIFT = 0.1

#: If a span begins later than this, the file is sought, s.
NEAR = 1.0

#: Decoding begins this much before a span, s: a frame of Opus, AAC or MP3 needs some of the previous frames.
PREROLL = 0.5

#: If times step back by more than this, a new recording begins, s.
BACK = 1.0

#: Formats whose index contains times. In others a seek may end elsewhere: FFmpeg estimates from a bit rate (ADPCM in a
#: wav), or a time occurs twice (joined Ogg and MPEG).
INDEXED = ("mov", "matroska", "avi", "asf", "flv")

#: Formats in which the time gives the position, if the samples are not compressed.
COUNTED = ("wav", "w64", "aiff", "au", "caf")

#: Formats without times: FFmpeg counts decoded samples, and the count is wrong after damage.
BARE = ("mp3", "aac", "ac3", "eac3", "dts", "dtshd", "truehd", "mlp", "amr", "amrnb", "amrwb", "gsm", "loas", "sbc")

#: Codecs of a wav whose frames are found by their first bytes, as in bare streams.
FOUND = ("mp2", "mp3", "aac", "ac3", "eac3", "dca")

#: A mark for a packet with which a new recording begins.
_BACK = object()


@dataclass(frozen=True)
class Piece:
    """Consecutive samples.

    Parameters
    ----------
    at : int
        The index of the first sample, counted from the file's beginning at this rate.
    rate : int
        Samples per second, Hz.
    samples : (n_channels, n_samples) float32
        Full scale is 1.
    """

    at: int
    rate: int
    samples: NDArray[np.float32]

    @property
    def start(self) -> float:
        """The time of its beginning, s."""
        return self.at / self.rate

    @property
    def end(self) -> float:
        """The time of its end, s."""
        return float((self.at + self.samples.shape[1]) / self.rate)


@dataclass(frozen=True)
class Hole:
    """A stretch without sound from `start` to `end`, s; `why` is the rest of a sentence after the file's name.

    Parameters
    ----------
    is_end
        Whether it is damage up to the end of the file, as in a file that was cut short.
    """

    start: float
    end: float
    why: str
    is_end: bool = False

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
        A remark on the choice between several tracks; empty for a single track.
    """

    name: str
    path: Path
    container: Any
    stream: Any
    origin: float
    note: str

    @property
    def can_be_sought(self) -> bool:
        """Whether a seek reaches the wanted time; otherwise the file is read from its beginning."""
        name = self.container.format.name.partition(",")[0]
        return (name in INDEXED or (name in COUNTED and self.is_plain)) and self.cut is None

    @property
    def is_plain(self) -> bool:
        """Whether its samples are not compressed."""
        return bool(self.stream.codec_context.name.startswith("pcm_"))

    @property
    def is_bare(self) -> bool:
        """Whether the file contains no times."""
        name = self.container.format.name
        return name in BARE or (name in ("wav", "w64") and self.stream.codec_context.name.startswith(FOUND))

    @property
    def is_flac(self) -> bool:
        """Whether it is bare FLAC, whose frames are numbered; the file begins with the first frame, of any number."""
        return bool(self.container.format.name == "flac")

    @functools.cached_property
    def cut(self) -> str | None:
        """The evidence that the file was cut short; None without it."""
        return cut_short(self.path)

    @functools.cached_property
    def declared(self) -> float | None:
        """The declared end of the sound, s; None without one."""
        return declared_end(self.path, self.container, self.stream, self.origin)


@contextmanager
def open_track(path: Path, name: str) -> Iterator[Track]:
    """Open the sound track of a file: the one marked as the default, else the first; `name` stands for it in errors.

    Raises
    ------
    UnopenedError
        If the file is not media.
    MediaError
        If it has no sound, or is a list of other files.
    """
    with open_recording(path, name) as container:
        stream = _chosen(container, name)
        yield Track(name, path, container, stream, origin(container), _note(container, stream, name))


def _chosen(container: Any, name: str) -> Any:
    tracks = list(container.streams.audio)
    if not tracks:
        held = " and ".join(sorted({stream.type for stream in container.streams}))
        only = f"only {held}" if held else "nor any other"
        raise MediaError(f"{name} has no audio stream, {only}: expected sound")
    decodable = [stream for stream in tracks if stream.codec_context is not None]
    if not decodable:
        raise MediaError(f"{name} has sound in a format that this FFmpeg cannot decode")
    return of_several(decodable)


def _note(container: Any, stream: Any, name: str) -> str:
    """Return a remark on which of several sound tracks is read; empty for one track."""
    from av.stream import Disposition

    tracks = list(container.streams.audio)
    if len(tracks) < 2:
        return ""
    why = "marked as the default" if stream.disposition & Disposition.default else "since none is marked as the default"
    return f"{name} has {len(tracks)} sound tracks: number {tracks.index(stream) + 1} is read, {why}"


def length(track: Track) -> float:
    """Return the end of the sound, s, by reading all packets without decoding them."""
    import av

    ends = 0.0
    with open_track(track.path, track.name) as other:
        try:
            for packet in other.container.demux(other.stream):
                if packet.pts is not None and (other.is_plain or not packet.is_corrupt):
                    ends = max(ends, float((packet.pts + (packet.duration or 0)) * packet.time_base) - other.origin)
        except av.FFmpegError:
            pass  # the file can be read up to here
    return ends


def indexed(track: Track) -> float:
    """Return the end of the sound in an AVI's index, s; infinity if unknown."""
    if not counts_chunks(track.stream):
        return math.inf
    entries = track.stream.index_entries
    return float((entries[len(entries) - 1].timestamp + 1) * track.stream.time_base)


def decoded_sound(track: Track, start: float = 0.0) -> Iterator[Piece | Hole]:
    """Yield the sound in order, from `start` or a little before it to the end of the file.

    A file is read from its beginning if a seek cannot reach `start`, and if it is a bare stream, since damage before
    `start` may change the times after it.
    """
    if start <= NEAR or track.is_bare or track.is_flac:
        yield from _Line(track).placed(_frames(track))
        return
    sought = _Line(track, track.stream.rate).placed(_frames(track, start - PREROLL))
    first = next(sought, None)
    if first is not None and (isinstance(first, Hole) or first.start <= start):
        yield first
        yield from sought
    elif start < length(track):
        with open_track(track.path, track.name) as anew:
            yield from decoded_sound(anew)


class _Line:
    """Decoded frames on the time axis: each is placed by its own timestamp, or continues the previous one.

    Frames that share a position in the file are kept until the next frames confirm their times.

    Parameters
    ----------
    rate : int, Hz
        The rate that each frame must have; 0 for the rate of the first frame.
    """

    def __init__(self, track: Track, rate: int = 0) -> None:
        self._track, self._rate = track, rate
        self._waiting: list[Piece] = []
        self._at: int | None = None
        self._due: float | None = None
        self._n_broken = 0
        self._has_begun = self._is_over = False

    def placed(self, frames: Iterable[tuple[int, Any]]) -> Iterator[Piece | Hole]:
        """Yield frames at their times, and the holes between them."""
        for _, group in itertools.groupby(_without_slips(frames), key=itemgetter(0)):
            yield from self._add([frame for _, frame in group])
            if self._is_over:
                return
        yield from self._waiting
        if self._n_broken > 1 and self._at is not None:  # a single incomplete frame at the end is allowed
            why = f"is damaged: its sound cannot be decoded after {self._ended:.3f} s"
            yield Hole(self._ended, math.inf, why, is_end=True)

    def _add(self, group: Sequence[Any]) -> Iterator[Piece | Hole]:
        """Add frames that share a position in the file; None stands for a damaged frame."""
        together: list[Piece] = []
        for frame in group:
            if frame is None:
                self._n_broken += 1
                continue
            hole = self._step(frame)
            if hole is not None:
                yield from self._around(hole, together)
                together.clear()
            if self._is_over:
                return
            if self._at is not None:
                together.append(self._piece(frame))
        self._has_begun = self._has_begun or bool(self._waiting)
        yield from self._waiting
        self._waiting = together

    @property
    def _ended(self) -> float:
        return self._at / self._rate if self._at else 0.0

    def _piece(self, frame: Any) -> Piece:
        piece = Piece(self._at or 0, self._rate, full_scale(frame))
        self._at = piece.at + piece.samples.shape[1]
        self._n_broken = 0
        return piece

    def _step(self, frame: Any) -> Hole | None:
        """Go to the beginning of a frame; return the hole between it and the previous one, if any."""
        if frame is _BACK:
            return self._over(self._ended, "begins again: its times step back")
        if self._rate not in (0, frame.sample_rate):
            what = f"from {self._rate} to {frame.sample_rate} Hz"
            return self._over(self._ended, f"changes its sample rate at {self._ended:.3f} s, {what}")
        if self._n_broken and (self._track.is_flac if self._at is None else self._track.is_bare):
            where = f"at {self._ended:.3f} s sound cannot be decoded"
            return self._over(self._ended, f"is damaged: {where}, and the times after that are unknown")
        is_sought, self._rate = self._rate > 0, frame.sample_rate
        stamp = None if frame.pts is None else frame.time - self._track.origin
        due, self._due = self._due, None if stamp is None else stamp + frame.samples / self._rate
        if self._at is None:
            self._at = None if stamp is None and is_sought else round((stamp or 0.0) * self._rate)
            return None
        return None if stamp is None else self._jump(stamp, stamp - (self._ended if due is None else due))

    def _jump(self, stamp: float, jump: float) -> Hole | None:
        """Return the hole before a timestamp that does not continue the previous frame, and go on after it."""
        ended = self._ended
        if abs(jump) <= JITTER and abs(stamp - ended) > DRIFT:
            return self._over(
                ended, f"has inconsistent times: after {ended:.3f} s of sound its timestamp is {stamp:.3f} s"
            )
        if abs(jump) <= JITTER and not (self._n_broken and stamp > ended):
            return None
        if stamp < ended and jump < 0 and self._has_begun:
            return self._over(stamp, f"begins again: at {ended:.3f} s its times step back to {stamp:.3f} s")
        self._at = round(stamp * self._rate)
        what = "is damaged: sound cannot be decoded" if self._n_broken else "has a hole: sound is missing"
        return Hole(ended, stamp, what)

    def _over(self, start: float, why: str) -> Hole:
        self._is_over = True
        return Hole(start, math.inf, why)

    def _around(self, hole: Hole, together: Sequence[Piece]) -> Iterator[Piece | Hole]:
        """Yield the certain sound before a hole, and the hole.

        Of frames that share a position, any may be missing. The first frames of a file have a wrong time if they do not
        fit the next ones: a frame that was cut in two, or one that starts the decoder. In Ogg, FFmpeg counts the frames
        of such a page from 0, although the page contains the time of its end.
        """
        if not (self._has_begun or together or self._is_over) and self._track.container.format.name == "ogg":
            early = round((hole.start - hole.end) * self._rate)
            yield from (replace(piece, at=piece.at - early) for piece in self._waiting)
            self._waiting = []
            return
        doubtful = together or (self._waiting if len(self._waiting) > 1 else [])
        sure = [] if doubtful is self._waiting else self._waiting
        self._waiting = []
        if self._is_over or self._has_begun or (sure and together):
            yield from sure
            yield replace(hole, start=min([hole.start, *(piece.start for piece in doubtful)]))


def _without_slips(frames: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    """Yield frames; remove a timestamp that equals the next one, as FFmpeg gives at the end of MPEG packets."""
    ended = math.nan
    for (place, frame), (_, after) in itertools.pairwise(itertools.chain(frames, [(0, None)])):
        if _has_time(frame):
            lasts = frame.samples / frame.sample_rate
            begins = frame.time
            if _is_slip(frame, after, ended, lasts):
                begins, frame.pts = ended, None
            ended = begins + lasts
        yield place, frame


def _has_time(frame: Any) -> bool:
    return frame not in (None, _BACK) and frame.pts is not None


def _is_slip(frame: Any, after: Any, ended: float, lasts: float) -> bool:
    """Return whether a frame is too late for the previous one, although the next one is not."""
    return frame.time > ended + JITTER and _has_time(after) and abs(after.time - ended - lasts) <= JITTER


def _frames(track: Track, start: float | None = None) -> Iterator[tuple[int, Any]]:
    """Yield frames from `start` on, each with its packet's position in the file; None for a damaged frame."""
    place = itertools.count(-1, -1)
    number, cut = 0, list[Any]()
    for packet in _at_their_times(track, _packets(track, start)):
        if cut and (packet is None or packet.size):
            yield number, None  # an incomplete packet is damage, except at the end of the file
            cut = []
        if packet in (None, _BACK):
            yield number, packet
            continue
        number = packet.pos if packet.pos is not None else number if number > 0 else next(place)
        frames = _decoded(packet)
        if track.is_flac and len(frames) > 1:  # a packet is a frame, and FFmpeg joins a damaged one to the next
            frames = [None]
        if packet.is_corrupt:
            cut = frames
        else:
            yield from ((number, frame) for frame in frames)
    yield from ((number, frame) for frame in cut)


def _at_their_times(track: Track, packets: Iterable[Any]) -> Iterator[Any]:
    """Yield packets, those of an AVI with the times of its index, since FFmpeg does not count lost packets."""
    ticks = ticks_of_chunks(track.stream) if track.container.format.name == "avi" else {}
    late = 0
    for packet in packets:
        if ticks and packet not in (None, _BACK) and packet.pts is not None:
            late = ticks.get(packet.pos, packet.pts + late) - packet.pts
            packet.pts += late
        yield packet


def _packets(track: Track, start: float | None) -> Iterator[Any]:
    """Yield the packets of the track from about `start` on; None if the file cannot be read further."""
    import av

    container, stream = track.container, track.stream
    try:
        if start is None:
            yield from container.demux(stream)
        elif track.can_be_sought:
            container.seek(int((track.origin + start) / stream.time_base), stream=stream)
            yield from container.demux(stream)
        else:
            yield from _from(container.demux(stream), track.origin + start)
    except av.FFmpegError:
        yield None


def _from(packets: Iterable[Any], start: float) -> Iterator[Any]:
    """Yield the packets from a time on; check the earlier ones for times that step back."""
    latest = -math.inf
    for packet in packets:
        stamp = math.inf if packet.pts is None else float(packet.pts * packet.time_base)
        if stamp < latest - BACK:
            yield _BACK
        latest = max(latest, stamp if packet.pts is not None else latest)
        if latest >= start:
            yield packet


def _decoded(packet: Any) -> list[Any]:
    """Return a packet's frames; None for a damaged one."""
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
