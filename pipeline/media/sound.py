"""What is heard when: one sound track, read from somewhere in its file to the end.

Conventions: times are in seconds since the file's beginning (`clock`). Each frame of the decoder is placed by its own
timestamp; where that follows on the frame before, but for what containers round (Matroska and FLV to a millisecond),
samples are counted, so that rounding makes no clicks.

A `Hole` is where there is no sound although the track goes on: its timestamps jump, or packets are damaged. Nothing
is put in its place. Several frames may share one timestamp (a page of Ogg, a packet of MPEG), and where in such a group
the sound is missing is not told, so that the hole takes in the group. Bare streams (MP3, AAC) hold no times,
and an AVI has them in its index alone: a hole in them is seen only where that, or a header, counts more than there is.
Of a bare stream what follows damage is not heard, since nothing says when it is.

A file that is joined of two with other rates or of two that both begin at 0 is heard up to the seam.
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

#: Timestamps may be this far from where the frame before ended, s: containers round, and who captures is not exact.
JITTER = 0.01

#: Timestamps and the count of samples may drift this far apart, s: the clock of a microphone is not that of a file.
DRIFT = 0.1

#: Where a span begins later than this, its file is sought, s.
NEAR = 1.0

#: How much before a span decoding begins, s: a frame of Opus, AAC or MP3 needs some of those before it.
PREROLL = 0.5

#: A file whose times step back by more than this begins anew, s.
BACK = 1.0

#: Formats whose index leads to a time. In others a seek may end elsewhere: FFmpeg goes by a bit rate (ADPCM in a wav),
#: or a time is there twice (Ogg and MPEG, joined).
INDEXED = ("mov", "matroska", "avi", "asf", "flv")

#: Formats in which a time is a place, if the samples are not compressed.
COUNTED = ("wav", "w64", "aiff", "au", "caf")

#: Formats without times: FFmpeg counts what it decodes, and where something is damaged the count is lost.
BARE = ("mp3", "aac", "ac3", "eac3", "dts", "dtshd", "truehd", "mlp", "amr", "amrnb", "amrwb", "gsm", "loas", "sbc")

#: Codings of a wav whose frames are found by what they begin with, as those of bare streams are.
FOUND = ("mp2", "mp3", "aac", "ac3", "eac3", "dca")

#: Stands for a packet that begins a file anew.
_BACK = object()


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
        return float((self.at + self.samples.shape[1]) / self.rate)


@dataclass(frozen=True)
class Hole:
    """There is no sound from `start` to `end`, s, for a reason that goes on from the file's name.

    Parameters
    ----------
    is_end
        Whether it is damage up to the end of the file, as a cut leaves it.
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
        What must be said of the choice of it; empty where there was none.
    """

    name: str
    path: Path
    container: Any
    stream: Any
    origin: float
    note: str

    @property
    def can_be_sought(self) -> bool:
        """Whether a seek ends where it should; what lies before a span is read through else."""
        name = self.container.format.name.partition(",")[0]
        return (name in INDEXED or (name in COUNTED and self.is_plain)) and self.cut is None

    @property
    def is_plain(self) -> bool:
        """Whether its samples are not compressed."""
        return bool(self.stream.codec_context.name.startswith("pcm_"))

    @property
    def is_bare(self) -> bool:
        """Whether the file holds no times."""
        name = self.container.format.name
        return name in BARE or (name in ("wav", "w64") and self.stream.codec_context.name.startswith(FOUND))

    @property
    def is_flac(self) -> bool:
        """Whether it is bare FLAC: its frames are numbered, and the file begins with the first, whatever its number."""
        return bool(self.container.format.name == "flac")

    @functools.cached_property
    def cut(self) -> str | None:
        """How the file shows that it was cut."""
        return cut_short(self.path)

    @functools.cached_property
    def declared(self) -> float | None:
        """When the sound should end, s; None where nothing says so."""
        return declared_end(self.path, self.container, self.stream, self.origin)


@contextmanager
def open_track(path: Path, name: str) -> Iterator[Track]:
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
    with open_track(track.path, track.name) as other:
        try:
            for packet in other.container.demux(other.stream):
                if packet.pts is not None and (other.is_plain or not packet.is_corrupt):
                    ends = max(ends, float((packet.pts + (packet.duration or 0)) * packet.time_base) - other.origin)
        except av.FFmpegError:
            pass  # up to there it can be read
    return ends


def indexed(track: Track) -> float:
    """Return when the sound ends that an AVI's index lists, s; infinity where that cannot be told."""
    if not counts_chunks(track.stream):
        return math.inf
    entries = track.stream.index_entries
    return float((entries[len(entries) - 1].timestamp + 1) * track.stream.time_base)


def heard(track: Track, start: float = 0.0) -> Iterator[Piece | Hole]:
    """Yield what is heard, in order, from `start` or a little before it to the end of the file.

    A file that cannot be sought so that `start` is reached is read from its beginning. So is a bare stream, since
    damage before `start` may move what follows.
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
            yield from heard(anew)


class _Line:
    """Frames on their way to be heard: each is placed by its own timestamp, or follows on the one before it.

    Frames that share a place in the file wait until the next ones confirm theirs.

    Parameters
    ----------
    rate : int, Hz
        Samples a second that each frame must have; 0 for what the first has.
    """

    def __init__(self, track: Track, rate: int = 0) -> None:
        self._track, self._rate = track, rate
        self._waiting: list[Piece] = []
        self._at: int | None = None
        self._due: float | None = None
        self._n_broken = 0
        self._has_begun = self._is_over = False

    def placed(self, frames: Iterable[tuple[int, Any]]) -> Iterator[Piece | Hole]:
        """Yield frames at their times, and what is missing between them."""
        for _, group in itertools.groupby(_without_slips(frames), key=itemgetter(0)):
            yield from self._add([frame for _, frame in group])
            if self._is_over:
                return
        yield from self._waiting
        if self._n_broken > 1 and self._at is not None:  # the last frame alone may not be whole
            why = f"is damaged: its sound cannot be decoded from {self._ended:.3f} s on"
            yield Hole(self._ended, math.inf, why, is_end=True)

    def _add(self, group: Sequence[Any]) -> Iterator[Piece | Hole]:
        """Take frames that share a place in the file; None stands for one that is damaged."""
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
        """Move on to where a frame begins; return what lies between it and the one before, if anything."""
        if frame is _BACK:
            return self._over(self._ended, "begins anew: its times step back")
        if self._rate not in (0, frame.sample_rate):
            what = f"from {self._rate} to {frame.sample_rate} Hz"
            return self._over(self._ended, f"changes its sample rate at {self._ended:.3f} s, {what}")
        if self._n_broken and (self._track.is_flac if self._at is None else self._track.is_bare):
            where = f"at {self._ended:.3f} s sound cannot be decoded"
            return self._over(self._ended, f"is damaged: {where}, and nothing says when what follows is heard")
        is_sought, self._rate = self._rate > 0, frame.sample_rate
        stamp = None if frame.pts is None else frame.time - self._track.origin
        due, self._due = self._due, None if stamp is None else stamp + frame.samples / self._rate
        if self._at is None:
            self._at = None if stamp is None and is_sought else round((stamp or 0.0) * self._rate)
            return None
        return None if stamp is None else self._jump(stamp, stamp - (self._ended if due is None else due))

    def _jump(self, stamp: float, jump: float) -> Hole | None:
        """Return the hole where a timestamp does not follow on the one before, and go on after it."""
        ended = self._ended
        if abs(jump) <= JITTER and abs(stamp - ended) > DRIFT:
            return self._over(ended, f"has two clocks: after {ended:.3f} s of sound its times say {stamp:.3f} s")
        if abs(jump) <= JITTER and not (self._n_broken and stamp > ended):
            return None
        if stamp < ended and jump < 0 and self._has_begun:
            return self._over(stamp, f"begins anew: at {ended:.3f} s its times step back to {stamp:.3f} s")
        self._at = round(stamp * self._rate)
        what = "is damaged: sound cannot be decoded" if self._n_broken else "has a hole: sound is missing"
        return Hole(ended, stamp, what)

    def _over(self, start: float, why: str) -> Hole:
        self._is_over = True
        return Hole(start, math.inf, why)

    def _around(self, hole: Hole, together: Sequence[Piece]) -> Iterator[Piece | Hole]:
        """Yield what is beyond doubt before a hole, and the hole.

        Of frames that share a place any may be missing. What comes before all else and does not fit what follows has
        a wrong time: a frame that was cut in two, or is there to start the decoder. Of Ogg it is a page whose
        frames FFmpeg counts from 0, although it says when it ends.
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
    """Yield frames; one has no timestamp if it has that of the next, as FFmpeg gives where a packet of MPEG ends."""
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
    """Tell whether a frame comes too late for the one before it, and the one after it does not."""
    return frame.time > ended + JITTER and _has_time(after) and abs(after.time - ended - lasts) <= JITTER


def _frames(track: Track, start: float | None = None) -> Iterator[tuple[int, Any]]:
    """Yield frames, each with its packet's place in the file, from `start` on; None for one that is damaged."""
    place = itertools.count(-1, -1)
    number, cut = 0, list[Any]()
    for packet in _at_their_times(track, _packets(track, start)):
        if cut and (packet is None or packet.size):
            yield number, None  # a packet that is not whole is damage, but at the end of the file
            cut = []
        if packet in (None, _BACK):
            yield number, packet
            continue
        number = packet.pos if packet.pos is not None else number if number > 0 else next(place)
        frames = _decoded(packet)
        if (
            track.is_flac and len(frames) > 1
        ):  # a packet is a frame, and where one is damaged FFmpeg joins it to the next
            frames = [None]
        if packet.is_corrupt:
            cut = frames
        else:
            yield from ((number, frame) for frame in frames)
    yield from ((number, frame) for frame in cut)


def _at_their_times(track: Track, packets: Iterable[Any]) -> Iterator[Any]:
    """Yield packets; those of an AVI at the times of its index, for where one is lost FFmpeg counts on."""
    ticks = ticks_of_chunks(track.stream) if track.container.format.name == "avi" else {}
    late = 0
    for packet in packets:
        if ticks and packet not in (None, _BACK) and packet.pts is not None:
            late = ticks.get(packet.pos, packet.pts + late) - packet.pts
            packet.pts += late
        yield packet


def _packets(track: Track, start: float | None) -> Iterator[Any]:
    """Yield the packets of the track from about `start` on; None where the file cannot be read on."""
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
    """Yield the packets from a time on; the others are looked at for times that step back."""
    latest = -math.inf
    for packet in packets:
        stamp = math.inf if packet.pts is None else float(packet.pts * packet.time_base)
        if stamp < latest - BACK:
            yield _BACK
        latest = max(latest, stamp if packet.pts is not None else latest)
        if latest >= start:
            yield packet


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
