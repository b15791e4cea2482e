"""Recordings for the tests with a planted sound: any piece of it tells, to the sample, which piece it is.

The sound is noise up to 3.5 kHz, which every codec keeps; a piece is found in it by correlation.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from films import SIDE, numbered
from numpy.typing import NDArray

from affex.features.base import Signal
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media import decode_audio

#: The rate that pieces are compared at, Hz.
RATE = 16000

#: Pictures a second, and how many lie between two that can be decoded by themselves.
FPS, GROUP = 25, 10

#: What becomes of a packet on its way into a container, by its kind and its time in s; None leaves it out.
Change = Callable[[Any, str, float], Any]

#: What is copied of a recording.
KINDS = ("video", "audio")

Floats = NDArray[np.float32]


def unchanged(packet: Any, _kind: str, _at: float) -> Any:
    """Leave a packet as it is."""
    return packet


def planted(seconds: float, rate: int = 48000, seed: int = 0) -> Floats:
    """Return the sound, (n_samples,) in [-1, 1]; the same at every rate."""
    spectrum = np.zeros(round(seconds * rate) // 2 + 1, np.complex128)
    band = slice(round(50 * seconds), round(3500 * seconds))
    random = np.random.default_rng(seed)
    n = band.stop - band.start
    spectrum[band] = random.standard_normal(n) + 1j * random.standard_normal(n)
    sound = np.fft.irfft(spectrum, round(seconds * rate))
    return (0.12 * sound / sound.std()).astype(np.float32)


def place(signal: Signal, whole: Floats, near: float, reach: float = 1.0) -> float:
    """Return where in the whole an utterance lies, s: within `reach` of where it is thought to be.

    Parameters
    ----------
    whole : (n_samples,) float32
        At the utterance's rate.
    """
    first = round((near - reach) * signal.rate)
    last = first + round(2 * reach * signal.rate) + len(signal.samples)
    part = np.pad(whole[max(first, 0) : max(last, 0)], (max(-first, 0), max(last - len(whole), 0)))
    n, n_places = len(part) + len(signal.samples), len(part) - len(signal.samples) + 1
    alike = np.fft.irfft(np.fft.rfft(part, n) * np.conj(np.fft.rfft(signal.samples, n)), n)[:n_places]
    energy = np.cumsum(np.append(0.0, np.square(part, dtype=np.float64)))
    there = energy[len(signal.samples) :] - energy[:n_places]
    return (first + int((alike / np.sqrt(there + 1e-6 * there.max())).argmax())) / signal.rate


def span(path: Path, start: float | None = None, end: float | None = None, **how: Any) -> Signal:
    """Return what is heard in a span."""
    return decode_audio(path.parent, Media(path.name, start, end, **how), RATE, 600.0)


def recording(
    path: Path,
    sound: Floats | None,
    codec: str = "pcm_s16le",
    *,
    rate: int = 48000,
    pictures: str | None = None,
    n_pictures: int = 0,
    change: Change = unchanged,
) -> Path:
    """Write a recording of numbered pictures and a sound, each packet changed on its way."""
    with av.open(str(path), "w", options=_options(path)) as out:
        packets = []
        if pictures is not None:
            stream = out.add_stream(pictures, rate=FPS, options={"g": str(GROUP), "bf": "0", "sc_threshold": "0"})
            stream.width = stream.height = SIDE
            stream.pix_fmt = "yuv420p"
            packets += [("video", packet) for packet in _seen(stream, n_pictures)]
        if sound is not None:
            stream = out.add_stream(codec, rate=rate, layout="mono")
            stream.bit_rate = 96000
            packets += [("audio", packet) for packet in _heard(stream, sound, rate)]
        _mux(out, packets, change)
    return path


def copied(source: Path, path: Path, change: Change = unchanged) -> Path:
    """Copy the packets of a recording into another container, each changed on its way."""
    with av.open(str(source)) as given, av.open(str(path), "w", options=_options(path)) as out:
        origin = Fraction(given.start_time or 0, av.time_base)
        streams = {stream: out.add_stream_from_template(stream) for stream in given.streams if stream.type in KINDS}
        packets = []
        for packet in given.demux(list(streams)):
            if packet.size:
                kind = packet.stream.type
                _shift(packet, -origin)
                packet.stream = streams[packet.stream]
                packets.append((kind, packet))
        _mux(out, packets, change)
    return path


def late(seconds: float) -> Change:
    """Move the sound."""
    return lambda packet, kind, _: _shift(packet, Fraction(seconds)) if kind == "audio" else packet


def without(start: float, end: float) -> Change:
    """Leave out the sound between two times."""
    return lambda packet, kind, at: None if kind == "audio" and start <= at < end else packet


def from_(start: float, kinds: tuple[str, ...] = KINDS, *, keep: float = 1e-6) -> Change:
    """Begin inside, as a copy of streams does, which may keep some seconds before that."""
    earlier = -Fraction(start).limit_denominator(10**6)
    return lambda packet, kind, at: _shift(packet, earlier) if kind in kinds and at >= start - keep else None


def _options(path: Path) -> dict[str, str]:
    """Have an index at the beginning, so that a file that is cut can be opened."""
    return {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}


def _shift(packet: Any, seconds: Fraction) -> Any:
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
    return packet


def _mux(out: Any, packets: list[tuple[str, Any]], change: Change) -> None:
    kept = []
    for kind, packet in packets:
        changed = change(packet, kind, float(packet.pts * packet.time_base))
        if changed is not None:
            kept.append(changed)
    for packet in sorted(kept, key=lambda packet: packet.dts * packet.time_base):
        out.mux(packet)


def _seen(stream: Any, n: int) -> Iterator[Any]:
    for k in range(n):
        frame = av.VideoFrame.from_ndarray(numbered(k), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = k, Fraction(1, FPS)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _heard(stream: Any, sound: Floats, rate: int) -> Iterator[Any]:
    for at in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)
