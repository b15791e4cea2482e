"""What is heard: from a file, or a span of one, to a clip.

Conventions: audio becomes mono ``(n_samples,) float32 in [-1, 1]`` at the rate asked for. Integer samples are
divided by full scale (2**15 for 16 bits), channels are averaged unless one is chosen, spans are cut at the
file's own rate before soxr's high-quality resampler (https://github.com/dofuuz/python-soxr) runs.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.base import Clip
from pipeline.errors import MediaError
from pipeline.files import path_of, status
from pipeline.manifest import Media
from pipeline.media.probe import require_recording

#: Read by libsndfile; all else, and what it cannot read, by FFmpeg.
SOUND_FILES = (".wav", ".flac", ".aif", ".aiff", ".au")

#: A span may end this much after its file does, s: labels are cut by hand, files by frames.
SPAN_SLACK = 0.05

#: A file may hold this much less than it declares, s: codecs pad their last frame.
LENGTH_SLACK = 0.1

#: Float samples beyond this are not audio in [-1, 1] that went a little over, but another scale.
LOUDEST = 2.0


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

    Raises
    ------
    MediaError
        If the file is not media or is damaged, has no audio or no such channel, ends
        before the span does, is longer than `longest`, or holds samples that are no numbers.
    """
    path = path_of(root, media.path)
    if status(path).st_size == 0:
        raise MediaError(f"{media.path} is empty (0 bytes)")
    _check_riff(path, media)
    native, samples = _from_sound_file(path, media, longest) or _from_container(path, media, longest)
    _check(samples, media)
    return Clip(_resampled(samples, native, rate), rate)


def _from_sound_file(path: Path, media: Media, longest: float) -> tuple[int, NDArray[np.float32]] | None:
    """Return the rate and the mono samples of the span, or None if libsndfile cannot read the file.

    It opens a wav more than ten times faster than FFmpeg does, and short wavs are what corpora hold.
    """
    import soundfile

    if path.suffix.lower() not in SOUND_FILES:
        return None
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            first, last = _span(media, file.samplerate)
            last = file.frames if last is None else last
            if last - first > longest * file.samplerate:
                raise MediaError(_too_long(media, (last - first) / file.samplerate, longest))
            _check_end(media, file.frames / file.samplerate)
            file.seek(min(first, file.frames))
            return int(file.samplerate), _mono(file.read(last - first, dtype="float32", always_2d=True).T, media)
    except soundfile.LibsndfileError:
        return None


def _from_container(path: Path, media: Media, longest: float) -> tuple[int, NDArray[np.float32]]:
    """Return the rate and the mono samples of the span, decoded by FFmpeg."""
    import av

    try:
        with av.open(str(path)) as container:
            require_recording(container, media.path)
            if not container.streams.audio:
                held = " and ".join(sorted({stream.type for stream in container.streams}))
                only = f"only {held}" if held else "nor any other"
                raise MediaError(f"{media.path} has no audio stream, {only}: sound was expected")
            stream = container.streams.audio[0]
            return stream.rate, _decoded(container, stream, media, longest)
    except av.FFmpegError as error:
        raise MediaError(f"{media.path} cannot be decoded: {error.strerror or error}") from error


def _decoded(container: Any, stream: Any, media: Media, longest: float) -> NDArray[np.float32]:
    rate = stream.rate
    first, last = _span(media, rate)
    limit = first + int(longest * rate)
    if last is not None and last > limit:
        raise MediaError(_too_long(media, (last - first) / rate, longest))
    chunks, held = [], 0
    for at, chunk in _frames(container, stream, media, first / rate):
        chunks.append(chunk[max(first - at, 0) : None if last is None else max(last - at, 0)])
        held = at + len(chunk)
        if last is not None and held >= last:
            break
        if held > limit:
            raise MediaError(_too_long(media, _declared(stream, held / rate), longest))
    _check_end(media, held / rate)
    declared = _declared(stream, held / rate)
    if media.end is None and held / rate < declared - LENGTH_SLACK:
        raise MediaError(_cut_short(media, f"{declared:.3f} s of audio", f"{held / rate:.3f} s"))
    return np.concatenate(chunks) if chunks else np.empty(0, np.float32)


def _frames(container: Any, stream: Any, media: Media, start: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (number of the first sample, mono samples) of each frame, from about `start` seconds on."""
    import av

    origin = float((stream.start_time or 0) * stream.time_base)
    sought = start > 1.0
    if sought:
        container.seek(int((origin + start - 0.5) / stream.time_base), stream=stream)
    at = None if sought else 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            if at is None:  # a seek may land inside a packet
                continue
            raise
        for frame in frames:
            if at is None:
                at = round((frame.time - origin) * stream.rate)
            chunk = _mono(_full_scale(frame), media)
            yield at, chunk
            at += len(chunk)


def _full_scale(frame: Any) -> NDArray[np.float32]:
    """Return an FFmpeg frame as (n_channels, n_samples) float32, full scale as 1."""
    values: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(frame.samples, -1).T
    if values.dtype == np.uint8:
        values = (values - 128.0) / 128.0
    elif np.issubdtype(values.dtype, np.integer):
        values = values / -float(np.iinfo(values.dtype).min)
    return np.asarray(values, dtype=np.float32)


def _mono(values: NDArray[np.float32], media: Media) -> NDArray[np.float32]:
    """Return (n_samples,) from (n_channels, n_samples): the mean, or the channel that was chosen."""
    if media.channel is None:
        mean: NDArray[np.float32] = values.mean(axis=0, dtype=np.float32)
        return mean
    if not 0 <= media.channel < len(values):
        raise MediaError(f"{media.path} has {len(values)} channels (from 0), no channel {media.channel}")
    chosen: NDArray[np.float32] = values[media.channel]
    return chosen


def _span(media: Media, rate: int) -> tuple[int, int | None]:
    """Return the span's first sample and the one after its last (None: the file's end)."""
    return round((media.start or 0.0) * rate), None if media.end is None else round(media.end * rate)


def _check_riff(path: Path, media: Media) -> None:
    """Refuse a wav with fewer bytes than its header promises; every reader would pass it over in silence.

    A size of 0 or of all ones is what a program writes that could not know it (Microsoft and IBM,
    Multimedia Programming Interface and Data Specifications 1.0, 1991, and later practice).
    """
    with path.open("rb") as file:
        magic, size = file.read(4), int.from_bytes(file.read(4), "little")
    if magic == b"RIFF" and size not in (0, 2**32 - 1) and path.stat().st_size < size:
        raise MediaError(_cut_short(media, f"{size + 8} bytes", f"{path.stat().st_size} bytes"))


def _check_end(media: Media, held: float) -> None:
    """Refuse a span that ends after its file, or begins there."""
    if media.end is not None and held < media.end - SPAN_SLACK:
        raise MediaError(
            f"the span {media.start or 0:.3f} to {media.end:.3f} s reaches beyond the end of "
            f"{media.path}, which holds {held:.3f} s"
        )
    if media.start is not None and held <= media.start:
        raise MediaError(f"the span begins at {media.start:.3f} s, and {media.path} holds {held:.3f} s")


def _declared(stream: Any, default: float) -> float:
    """Return the length that the file gives its audio, s."""
    return default if stream.duration is None else float(stream.duration * stream.time_base)


def _cut_short(media: Media, declared: str, held: str) -> str:
    return f"{media.path} is cut short: it declares {declared} and holds {held}"


def _too_long(media: Media, duration: float, longest: float) -> str:
    return (
        f"too long: {media.path} has {duration:.1f} s, and at most {longest:.1f} s fit in memory. "
        "Cut it into utterances with start and end columns, or raise the feature's parameter 'longest'"
    )


def _check(samples: NDArray[np.float32], media: Media) -> None:
    """Refuse samples that are no numbers, or are not on the scale of [-1, 1]."""
    if not len(samples):
        raise MediaError(f"{media.path} holds no audio samples")
    bad = np.count_nonzero(~np.isfinite(samples))
    if bad:
        raise MediaError(f"{media.path} holds {bad} samples that are not finite numbers (of {len(samples)})")
    peak = float(np.abs(samples).max())
    if peak > LOUDEST:
        raise MediaError(
            f"{media.path} reaches {peak:.6g}, and float samples are expected within [-1, 1]. "
            "Were integers saved as floats? Divide by full scale"
        )


def _resampled(samples: NDArray[np.float32], native: int, rate: int) -> NDArray[np.float32]:
    import soxr

    if native != rate:
        samples = soxr.resample(samples, native, rate, quality="HQ")
    return np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
