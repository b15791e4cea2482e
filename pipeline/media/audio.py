"""What is heard: from a file, or a span of one, to a clip.

Conventions: audio becomes mono ``(n_samples,) float32 in [-1, 1]`` at the rate asked for. Integer samples are
divided by full scale (2**15 for 16 bits), channels are averaged unless one is chosen, spans are cut at the
file's own rate before soxr's high-quality resampler (https://github.com/dofuuz/python-soxr) runs. Spans are in the
file's time (`clock`): sound that begins later than the file is not moved to its beginning.

No zeros stand in for sound that is not there. A clip that touches a hole, reaches beyond the end, or begins well before
the sound does, is a `MediaError`; so are one of a file that was cut, where the whole is asked for, and one that is
digital silence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.base import Clip
from pipeline.errors import MediaError
from pipeline.manifest import Media
from pipeline.media import promised, sound
from pipeline.media.clock import SLACK
from pipeline.media.sound import Hole, Piece, Track

#: A span may end this much after its file does, s: labels are cut by hand, files by frames.
SPAN_SLACK = 0.05

#: Float samples beyond this are not audio in [-1, 1] that went a little over, but another scale.
LOUDEST = 2.0

#: Channels cancel out where their mean has less than this share of their energy: an inverted channel, not a stereo image.
CANCELLED = 1e-4

#: A time beyond this, s, is looked at with the file's length before anything is counted in samples.
FAR = 1e6

#: Ends from here on may be milliseconds, where the file is as long as they would say.
MILLISECONDS = 100.0


def decode_audio(root: Path, media: Media, rate: int, longest: float) -> Clip:
    """Decode the audio of a file or of a span of it.

    Parameters
    ----------
    root
        The folder that the media's path is relative to.
    media
        The file, its span and its channel.
    rate : int
        The clip's samples a second, Hz.
    longest : float
        The longest clip that is allowed, s.

    Returns
    -------
    Clip
        Its `begins` says how much later than the span, or than the file, its sound begins.

    Raises
    ------
    MediaError
        If the file is not media, is damaged or cut, has no audio or no such channel; if there is no sound in a part of
        the span; or if the clip is longer than `longest`, silent, or holds samples that are no numbers.
    """
    path = root / media.path
    if path.stat().st_size == 0:
        raise MediaError(f"{media.path} is empty (0 bytes)")
    _require_span(media)
    take = _of_plain_wav(path, media, longest) or _of_track(path, media, longest)
    runs = take.runs()
    _require_samples(runs, take)
    samples = np.concatenate([_resampled(part, native, rate) for native, part in runs])
    return Clip(np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False), rate, begins=take.begins, note=take.note)


@dataclass
class _Take:
    """What was taken of a span so far.

    Parameters
    ----------
    begins : float, s
        How much later than the span its sound begins.
    held : float, s
        When the sound ended that was seen last.
    loud : float
        The energy of the channels, their mean; `kept` is that of what was made of them.
    """

    media: Media
    note: str = ""
    begins: float = 0.0
    held: float = 0.0
    loud: float = 0.0
    kept: float = 0.0
    _runs: list[tuple[int, list[NDArray[np.float32]]]] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Take the samples of a piece that are in the span."""
        first = round((self.media.start or 0.0) * piece.rate)
        last = None if self.media.end is None else max(round(self.media.end * piece.rate) - piece.at, 0)
        part = piece.samples[:, max(first - piece.at, 0) : last]
        self.held = piece.end
        if not part.shape[1]:
            return
        if not self._runs:
            self.begins = max(piece.at - first, 0) / piece.rate
        if not self._runs or self._runs[-1][0] != piece.rate:
            self._runs.append((piece.rate, []))
        self._runs[-1][1].append(self._mono(part))

    def _mono(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n_samples,) from (n_channels, n_samples): the mean, or the channel that was chosen."""
        channel = self.media.channel
        if channel is not None and not 0 <= channel < len(values):
            raise MediaError(f"{self.media.path} has {len(values)} channels (from 0), no channel {channel}")
        mono: NDArray[np.float32] = values.mean(axis=0, dtype=np.float32) if channel is None else values[channel]
        if len(values) > 1 and channel is None:
            self.loud += float(np.square(values, dtype=np.float64).mean() * values.shape[1])
            self.kept += float(np.square(mono, dtype=np.float64).sum())
        return mono

    def runs(self) -> list[tuple[int, NDArray[np.float32]]]:
        """Return the rate and the samples of each part that has a rate of its own."""
        return [(rate, np.concatenate(chunks)) for rate, chunks in self._runs]


def _of_plain_wav(path: Path, media: Media, longest: float) -> _Take | None:
    """Return what a wav holds of the span, which libsndfile opens ten times faster than FFmpeg; None where it is none."""
    return _of_sound_file(path, media, longest) if promised.is_plain_wav(path) else None


def _of_sound_file(path: Path, media: Media, longest: float) -> _Take | None:
    """Return what libsndfile reads of the span; None where it cannot, or reads less than it promises."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            held = file.frames / file.samplerate
            _require_within(media, held, longest)
            first = round((media.start or 0.0) * file.samplerate)
            last = file.frames if media.end is None else min(round(media.end * file.samplerate), file.frames)
            file.seek(first)
            samples = file.read(last - first, dtype="float32", always_2d=True).T
    except soundfile.LibsndfileError:
        return None
    if samples.shape[1] != last - first:
        return None
    take = _Take(media)
    take.add(Piece(first, int(file.samplerate), samples))
    return take


def _of_track(path: Path, media: Media, longest: float) -> _Take:
    """Return what FFmpeg decodes of the span, or where it cannot open the file, libsndfile: AIFF and W64 from a pipe."""
    try:
        with sound.opened(path, media.path) as track:
            return _taken(track, media, longest)
    except sound.UnopenedError as error:
        take = _of_sound_file(path, media, longest)
        if take is None:
            raise error
        return take


def _taken(track: Track, media: Media, longest: float) -> _Take:
    start, end = _bounds(media)
    if end - start > longest or start > FAR:
        _require_short(track, media, longest)
    _require_complete(track)
    take = _Take(media, track.note)
    for event in sound.heard(track, start):
        if isinstance(event, Piece):
            _require_begun(event, take)
        if event.start >= end:
            break
        if isinstance(event, Hole):
            _require_apart(event, track, take)
            continue
        take.add(event)
        if media.end is None and take.held - start > longest:
            raise MediaError(_too_long(media, take.held - start, longest))
    if take.held < end - SPAN_SLACK:
        _require_whole(track, take)
    return take


def _bounds(media: Media) -> tuple[float, float]:
    return media.start or 0.0, math.inf if media.end is None else media.end


def _require_span(media: Media) -> None:
    """Refuse a span that is none."""
    start, end = _bounds(media)
    if not 0 <= start < math.inf or math.isnan(end) or media.end == math.inf:
        raise MediaError(f"the span {start} to {end} s of {media.path} is none: times are seconds from 0 on")
    if end <= start:
        raise MediaError(f"the span {start:.3f} to {end:.3f} s of {media.path} is empty")


def _require_short(track: Track, media: Media, longest: float) -> None:
    """Refuse a clip that is too long, or lies beyond the end, before it is decoded; a length that is not known is read."""
    start, end = _bounds(media)
    if end < math.inf or start > FAR:
        _require_within(media, sound.length(track), longest, promised.cut(track.path))
    elif (track.declared or 0.0) - start > longest:
        raise MediaError(_too_long(media, (track.declared or 0.0) - start, longest))


def _require_within(media: Media, held: float, longest: float, cut: str | None = None) -> None:
    """Refuse a span that reaches beyond the end of its file, or begins there, and then one that is too long."""
    start, end = _bounds(media)
    if media.end is not None and held < end - SPAN_SLACK:
        raise MediaError(
            f"the span {start:.3f} to {end:.3f} s reaches beyond the end of {media.path}, "
            f"which holds {held:.3f} s of sound{_more(media, held, cut)}"
        )
    if media.start is not None and held <= start:
        more = _more(media, held, cut)
        raise MediaError(f"the span begins at {start:.3f} s, and {media.path} holds {held:.3f} s of sound{more}")
    if min(end, held) - start > longest:
        raise MediaError(_too_long(media, min(end, held) - start, longest))


def _more(media: Media, held: float, cut: str | None) -> str:
    """Return what may explain a span that is not in its file."""
    end = media.end or media.start or 0.0
    because = f" and is cut short: {cut}" if cut else ""
    if end >= MILLISECONDS and end > 2 * held and end / 1000 <= held + SPAN_SLACK:
        return f"{because}. Are start and end in seconds? They would fit as milliseconds"
    return because


def _require_complete(track: Track) -> None:
    """Refuse an AVI whose sound is shorter than its header says, though the file is whole: no span is where it seems."""
    if sound.indexed(track) < (track.declared or 0.0) - SLACK and promised.cut(track.path) is None:
        raise MediaError(
            f"{track.name} lacks sound: it declares {track.declared:.3f} s and holds {sound.indexed(track):.3f} s. "
            "An AVI does not say where it is missing; write it anew, with silence there"
        )


def _require_begun(piece: Piece, take: _Take) -> None:
    """Refuse a span that begins well before the sound does; of a whole file, the first sound is the beginning."""
    start, end = _bounds(take.media)
    if not take.held and (piece.start >= end or (take.media.start is not None and piece.start > start + SLACK)):
        raise MediaError(
            f"the span begins at {start:.3f} s, and the sound of {take.media.path} begins at {piece.start:.3f} s"
        )


def _require_apart(hole: Hole, track: Track, take: _Take) -> None:
    """Refuse a span that reaches into a hole; where the file was cut, that is the reason."""
    start, end = _bounds(take.media)
    if hole.end <= start or (math.isinf(hole.end) and hole.start > end - SPAN_SLACK):
        return
    if math.isinf(hole.end):
        _require_whole(track, take)
    raise MediaError(f"{take.media.path} {hole}")


def _require_whole(track: Track, take: _Take) -> None:
    """Refuse a span that reaches beyond the end, and of a file that is cut, the whole."""
    media, cut, declared = take.media, promised.cut(track.path), track.declared
    held = take.held or sound.length(track)
    if not held:
        raise MediaError(f"{media.path} holds no audio samples{take.note and f': {take.note}'}")
    if cut is None and declared is not None and held < declared - SLACK:
        cut = f"it declares {declared:.3f} s of sound"
    _require_within(media, held, math.inf, cut)
    if cut is not None:
        raise MediaError(f"{media.path} is cut short: {cut} ({held:.3f} s of sound)")


def _too_long(media: Media, duration: float, longest: float) -> str:
    return (
        f"too long: {media.path} has {duration:.1f} s, and at most {longest:.1f} s fit in memory. "
        "Cut it into utterances with start and end columns, or raise the feature's parameter 'longest'"
    )


def _require_samples(runs: Sequence[tuple[int, NDArray[np.float32]]], take: _Take) -> None:
    """Refuse samples that are no numbers, are not on the scale of [-1, 1], or are silence of the digital kind."""
    path = take.media.path
    samples = [part for _, part in runs]
    n = sum(map(len, samples))
    if not n:
        raise MediaError(f"{path} holds no audio samples")
    bad = sum(int(np.count_nonzero(~np.isfinite(part))) for part in samples)
    if bad:
        raise MediaError(f"{path} holds {bad} samples that are not finite numbers (of {n})")
    peak = max(float(np.abs(part).max()) for part in samples)
    if peak > LOUDEST:
        raise MediaError(
            f"{path} reaches {peak:.6g}, and float samples are expected within [-1, 1]. "
            "Were integers saved as floats? Divide by full scale"
        )
    if take.kept < CANCELLED * take.loud:
        raise MediaError(f"{path} gives digital silence: the channels cancel out; name one with channel= (from 0)")
    if not peak:
        raise MediaError(f"{path} holds digital silence: every sample is 0{take.note and f' ({take.note})'}")


def _resampled(samples: NDArray[np.float32], native: int, rate: int) -> NDArray[np.float32]:
    import soxr

    return samples if native == rate else soxr.resample(samples, native, rate, quality="HQ")
