"""Audio: from a file, or a span of one, to the mono signal of an utterance.

Conventions: audio becomes mono ``(n_samples,) float32 in [-1, 1]`` at the requested rate. Integer samples are
divided by full scale (2**15 for 16 bits), channels are averaged unless one is chosen, spans are cut at the
file's own rate before soxr's high-quality resampler (https://github.com/dofuuz/python-soxr). Spans are in the file's
time (`clock`): sound that begins later than the file is not moved to its beginning.

Missing sound is never replaced by zeros. A `MediaError` is raised if a span touches a hole, reaches beyond the end or
begins well before the sound; if a whole file is read that was cut short; and for digital silence.
"""

import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Signal
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media.clock import SLACK
from affex.pipeline.media.probe import UnopenedError
from affex.pipeline.media.promised import cut_short, is_plain_wav
from affex.pipeline.media.sound import Hole, Piece, Track, decoded_sound, indexed, length, open_track
from affex.pipeline.media.spans import SPAN_SLACK, nonsense, outside
from affex.pipeline.storage.files import status
from affex.pipeline.text.errors import MediaError
from affex.pipeline.text.filenames import path_of

#: Float samples beyond this are on another scale, not audio in [-1, 1] with small overshoots.
LOUDEST = 2.0

#: Channels cancel out (one is inverted) if their mean has less than this share of their energy.
CANCELLED = 1e-4

#: A time beyond this, s, is compared with the file's length before it is converted to samples.
FAR = 1e6


def decode_audio(root: Path, media: Media, rate: int, longest: float) -> Signal:
    """Decode the audio of a file or of a span of it.

    Parameters
    ----------
    root
        The folder that the media's path is relative to.
    media
        The file, its span and its channel.
    rate : int
        The samples per second of the result, Hz; 0 for those of the file.
    longest : float
        The longest utterance that is allowed, s.

    Returns
    -------
    Signal
        Its `begins` is the time from the beginning of the span, or of the file, to the first sample.

    Raises
    ------
    MediaError
        If the file is not media, is damaged or cut, has no audio or no such channel; if sound is missing in a part of
        the span; or if the utterance is longer than `longest`, silent, or has samples that are not finite.
    """
    path = path_of(root, media.path)
    if status(path).st_size == 0:
        raise MediaError(f"{media.path} is empty (0 bytes)")
    if (problem := nonsense(media.path, media.start, media.end)) is not None:
        raise MediaError(problem)
    take = _of_plain_wav(path, media, longest) or _of_track(path, media, longest)
    samples = take.samples()
    _require_sound(samples, take)
    rate = rate or take.rate
    return Signal(_resampled(samples, take.rate, rate), rate, begins=take.begins, note=take.note)


def encoded(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return mono samples in [-1, 1] as a FLAC file of 16 bits; `rate` in Hz."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


@dataclass
class _Take:
    """The samples of a span that have been decoded so far.

    Parameters
    ----------
    begins : float, s
        The time from the beginning of the span to its first sample.
    held : float, s
        The end of the last decoded sound.
    loud, kept : float
        The mean energy of the channels, and the energy of the mono samples.
    """

    media: Media
    note: str = ""
    rate: int = 0
    begins: float = 0.0
    held: float = 0.0
    loud: float = 0.0
    kept: float = 0.0
    chunks: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def start(self) -> float:
        """The beginning of the span, s."""
        return self.media.start or 0.0

    @property
    def end(self) -> float:
        """The end of the span, s; infinity for the file's end."""
        return math.inf if self.media.end is None else self.media.end

    def add(self, piece: Piece) -> None:
        """Add the samples of a piece that are inside the span."""
        self.rate, self.held = piece.rate, piece.end
        skipped = round(self.start * piece.rate) - piece.at
        last = None if self.media.end is None else max(round(self.media.end * piece.rate) - piece.at, 0)
        part = piece.samples[:, max(skipped, 0) : last]
        if part.shape[1]:
            self.begins = self.begins if self.chunks else max(-skipped, 0) / piece.rate
            self.chunks.append(self._mono(part))

    def _mono(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n_samples,) from (n_channels, n_samples): the mean, or the chosen channel."""
        channel = self.media.channel
        if channel is not None and not 0 <= channel < len(values):
            raise MediaError(f"{self.media.path} has {len(values)} channels (from 0) and no channel {channel}")
        mono: NDArray[np.float32] = values.mean(axis=0, dtype=np.float32) if channel is None else values[channel]
        if len(values) > 1 and channel is None:
            self.loud += float(np.square(values, dtype=np.float64).sum() / len(values))
            self.kept += float(np.square(mono, dtype=np.float64).sum())
        return mono

    def samples(self) -> NDArray[np.float32]:
        """Return all samples, (n_samples,)."""
        return np.concatenate(self.chunks) if self.chunks else np.empty(0, np.float32)


def _of_plain_wav(path: Path, media: Media, longest: float) -> _Take | None:
    """Return the span of a plain wav; None for other files. libsndfile opens a wav ten times faster than FFmpeg."""
    return _of_sound_file(path, media, longest) if is_plain_wav(path) else None


def _of_sound_file(path: Path, media: Media, longest: float) -> _Take | None:
    """Return the span as read by libsndfile; None if it cannot read the file, or reads less than declared."""
    import soundfile

    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
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
    """Return the span as decoded by FFmpeg, or by libsndfile if FFmpeg cannot open the file (AIFF, W64 of a pipe)."""
    try:
        with open_track(path, media.path) as track:
            return _taken(track, media, longest)
    except UnopenedError as error:
        take = _of_sound_file(path, media, longest)
        if take is None:
            cut = cut_short(path)
            raise MediaError(f"{error}; it is cut short: {cut}" if cut else str(error)) from error
        return take


def _taken(track: Track, media: Media, longest: float) -> _Take:
    take = _Take(media, track.note)
    _require_short(track, take, longest)
    _require_complete(track)
    for event in decoded_sound(track, take.start):
        if isinstance(event, Piece):
            _require_begun(event, take)
        if event.start >= take.end:
            break
        if isinstance(event, Hole):
            _require_apart(event, track, take)
            continue
        take.add(event)
        if media.end is None and take.held - take.start > longest:
            raise MediaError(_too_long(media, take.held - take.start, longest))
    _require_whole(track, take)
    return take


def _require_short(track: Track, take: _Take, longest: float) -> None:
    """Raise, before decoding, if a span is too long or far beyond the end."""
    if (take.end < math.inf and take.end - take.start > longest) or take.start > FAR:
        _require_within(take.media, length(track), longest, track.cut)
    elif (track.declared or 0.0) - take.start > longest and take.end == math.inf:
        raise MediaError(_too_long(take.media, (track.declared or 0.0) - take.start, longest))


def _require_within(media: Media, held: float, longest: float = math.inf, cut: str | None = None) -> None:
    """Raise if a span reaches or begins beyond the end of its file, or is too long."""
    end = held if media.end is None else media.end
    if held < end - SPAN_SLACK or (media.start is not None and held <= media.start):
        raise MediaError(outside(media.path, media.start, media.end, "sound", held, cut))
    if end - (media.start or 0.0) > longest:
        raise MediaError(_too_long(media, end - (media.start or 0.0), longest))


def _require_complete(track: Track) -> None:
    """Raise if the times of an AVI's sound are unknown: missing sound is stored as empty chunks, which FFmpeg skips."""
    if track.container.format.name != "avi" or track.is_plain:
        return
    if track.cut is not None:
        raise MediaError(
            f"{track.name} is cut short: {track.cut}. Without its index, the times of an AVI's sound are unknown"
        )
    if indexed(track) < (track.declared or 0.0) - SLACK:
        raise MediaError(
            f"{track.name} lacks sound: it declares {track.declared:.3f} s and has {indexed(track):.3f} s, and in "
            "an AVI the place of missing sound is unknown. Write the file anew, with silence in that place"
        )


def _require_begun(piece: Piece, take: _Take) -> None:
    """Raise if a span begins well before the sound; a whole file begins with its first sound."""
    is_late = take.media.start is not None and piece.start > take.start + SLACK
    if not take.held and (is_late or piece.start >= take.end):
        raise MediaError(
            f"the span begins at {take.start:.3f} s, and the sound of {take.media.path} begins at {piece.start:.3f} s"
        )


def _require_apart(hole: Hole, track: Track, take: _Take) -> None:
    """Raise for a span that reaches into a hole; if the file was cut short, the message says so."""
    if hole.end <= take.start or (math.isinf(hole.end) and hole.start > take.end - SPAN_SLACK):
        return
    if hole.is_end:
        _require_whole(track, take)
    raise MediaError(f"{take.media.path} {hole}" + (f"; it is cut short: {track.cut}" if track.cut else ""))


def _require_whole(track: Track, take: _Take) -> None:
    """Raise if a span reaches beyond the end, or if a whole file was cut short."""
    if take.held >= (take.end - SPAN_SLACK if take.chunks else take.end):
        return
    held, cut, declared = take.held or length(track), track.cut, track.declared
    if not held:
        raise MediaError(f"{track.name} has no audio samples" + (f" ({track.note})" if track.note else ""))
    if cut is None and declared is not None and held < declared - SLACK:
        cut = f"it declares {declared:.3f} s of sound"
    _require_within(take.media, held, cut=cut)
    if cut is not None:
        raise MediaError(f"{track.name} is cut short: {cut} ({held:.3f} s of sound)")


def _too_long(media: Media, duration: float, longest: float) -> str:
    return (
        f"too long: {media.path} has {duration:.1f} s, and at most {longest:.1f} s fit in memory. "
        "Cut it into utterances with start and end columns, or raise the feature's parameter 'longest'"
    )


def _require_sound(samples: NDArray[np.float32], take: _Take) -> None:
    """Raise if samples are not finite, not on the scale of [-1, 1], or all zeros."""
    path = take.media.path
    if not len(samples) and take.held:
        raise MediaError(f"the span {take.start:g} to {take.end:g} s of {path} is shorter than one sample")
    if not len(samples):
        raise MediaError(f"{path} has no audio samples")
    bad = np.count_nonzero(~np.isfinite(samples))
    if bad:
        raise MediaError(f"{path} has {bad} samples that are not finite numbers (of {len(samples)})")
    peak = float(np.abs(samples).max())
    if peak > LOUDEST:
        raise MediaError(
            f"{path} reaches {peak:.6g}, but float samples are expected in [-1, 1]. "
            "Were integers saved as floats? Divide by full scale"
        )
    if take.kept < CANCELLED * take.loud:
        raise MediaError(f"{path} is digital silence: the channels cancel out; choose one with channel= (from 0)")
    if not peak:
        which = "" if take.media.channel is None else f" of channel {take.media.channel}"
        also = f" ({take.note})" if take.note else ""
        raise MediaError(f"{path} is digital silence: every sample{which} is 0{also}")


def _resampled(samples: NDArray[np.float32], native: int, rate: int) -> NDArray[np.float32]:
    import soxr

    if native != rate:
        samples = soxr.resample(samples, native, rate, quality="HQ")
    return np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
