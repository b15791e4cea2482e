"""Copies of recordings as they turn up in corpora; run as a script, how surely they are told from other recordings.

::

    python tests/copies.py <folder of EMO-DB>

treats every twelfth utterance in every way below, and prints for each way how many copies are found among all
utterances and the least similarity; then the largest similarities of two different utterances at any shift, over all
pairs, and over pairs of an excerpt of 0.6 s and every fourth utterance; then how long 5531 utterances take (EMO-DB at
eleven speeds, 4.5 s on average).
"""

import argparse
import itertools
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from affex.features.base import Signal
from affex.pipeline import media
from affex.pipeline.evaluation import duplicates
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs.discovery import feature_presets

Samples = NDArray[np.float64]
Prints = tuple[NDArray[np.float32], NDArray[np.int64]]
PRINT = feature_presets()["fingerprint"]


@dataclass(frozen=True)
class Treatment:
    """What happens to a recording on its way into another corpus; silence and cuts in s, noise in dB below it."""

    rate: int = 16000
    front: float = 0.0
    back: float = 0.0
    cut: float = 0.0
    gain: float = 1.0
    noise: float | None = None
    channels: int = 1
    suffix: str = ".wav"
    subtype: str = "PCM_16"
    bit_rate: int = 0


TREATMENTS = {
    "nothing": Treatment(),
    "44.1 kHz, 0.3 s of silence in front": Treatment(rate=44100, front=0.3),
    "22.05 kHz, 0.3 s of silence behind": Treatment(rate=22050, back=0.3),
    "48 kHz, 0.1234 s in front, 0.7 s behind": Treatment(rate=48000, front=0.1234, back=0.7),
    "8 kHz": Treatment(rate=8000),
    "8 kHz, 0.0507 s in front": Treatment(rate=8000, front=0.0507),
    "24 bits, 20 dB softer": Treatment(gain=0.1, subtype="PCM_24"),
    "one channel doubled": Treatment(channels=2),
    "0.1 s cut off at either end": Treatment(cut=0.1),
    "white noise 30 dB below": Treatment(noise=30.0),
    "mp4, AAC at 128 kbit/s, 48 kHz": Treatment(rate=48000, suffix=".mp4", bit_rate=128000),
    "mp4, AAC at 64 kbit/s, 44.1 kHz": Treatment(rate=44100, suffix=".mp4", bit_rate=64000),
    "mp4, AAC at 32 kbit/s, 0.3 s in front": Treatment(front=0.3, suffix=".mp4", bit_rate=32000),
    "mp3 at 64 kbit/s, 44.1 kHz": Treatment(rate=44100, suffix=".mp3", bit_rate=64000),
    "mp3 at 32 kbit/s, 0.3 s behind": Treatment(back=0.3, suffix=".mp3", bit_rate=32000),
}


def write_copy(path: Path, samples: Samples, rate: int, how: Treatment) -> Path:
    """Write a treated copy of (n_samples,) samples; the path gets the treatment's suffix."""
    path = path.with_name(path.name + how.suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = samples[round(how.cut * rate) : len(samples) - round(how.cut * rate)] * how.gain
    if how.noise is not None:
        level = np.sqrt(np.square(kept).mean()) * 10 ** (-how.noise / 20)
        kept = kept + level * np.random.default_rng(len(kept)).standard_normal(len(kept))
    kept = soxr.resample(kept, rate, how.rate) if how.rate != rate else kept
    padded = np.pad(kept, (round(how.front * how.rate), round(how.back * how.rate)))
    if how.bit_rate:
        encode(path, padded, how)
    else:
        soundfile.write(path, np.column_stack([padded] * how.channels), how.rate, subtype=how.subtype)
    return path


def encode(path: Path, samples: Samples, how: Treatment) -> None:
    """Write samples as AAC in mp4, or as mp3."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac" if how.suffix == ".mp4" else "mp3", rate=how.rate, layout="mono")
        stream.bit_rate = how.bit_rate
        frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = how.rate
        queue = av.AudioFifo()
        queue.write(frame)
        for part in [*queue.read_many(stream.codec_context.frame_size or 1024), queue.read(0, partial=True), None]:
            container.mux(stream.encode(part))


def voice(seed: int, seconds: float = 2.0, rate: int = 16000) -> Samples:
    """Return something like speech: syllables of a gliding voice through wandering resonances, with pauses."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)

    def wander(low: float, high: float, step: float) -> Samples:
        knots = rng.uniform(low, high, int(seconds / step) + 2)
        return np.interp(np.arange(n) / rate, np.arange(len(knots)) * step, knots)

    phase = 2 * np.pi * np.cumsum(wander(100, 250, 0.3)) / rate
    pitch = np.gradient(phase) * rate / (2 * np.pi)
    resonances = [wander(300, 900, 0.15), wander(900, 2400, 0.15)]
    sound = sum(
        np.sin(k * phase) * sum(np.exp(-(((k * pitch - centre) / 150) ** 2)) + 0.02 for centre in resonances)
        for k in range(1, 25)
    )
    loudness = np.clip(wander(-0.3, 1, 0.12), 0, None)
    return 0.1 * sound * loudness + 3e-4 * rng.standard_normal(n)


def prints_of(utterances: list[Samples]) -> Prints:
    """Return the fingerprints of utterances at 16 kHz, and their offsets."""
    rows = [PRINT.extract(Signal(np.asarray(signal, np.float32), 16000)).values for signal in utterances]
    return np.concatenate(rows), np.concatenate([[0], np.cumsum([len(its) for its in rows])])


def show_copies(utterances: list[Samples], folder: Path) -> None:
    """Print how surely the copies of every twelfth utterance are found among all of them."""
    originals = prints_of(utterances)
    chosen = range(0, len(utterances), 12)
    for name, how in TREATMENTS.items():
        files = [write_copy(folder / f"{i}", utterances[i], 16000, how) for i in chosen]
        treated = [media.decode_audio(folder, Media(file.name), 16000, 60.0).samples for file in files]
        matches = duplicates.find(*joined(originals, prints_of(treated)))
        of = {len(utterances) + place: i for place, i in enumerate(chosen)}
        right = [match.similarity for match in matches if of.get(match.second) == match.first]
        wrong = len(matches) - len(right)
        print(
            f"{name:40} found {len(right)} of {len(of)}, wrong {wrong}, least similarity {min(right):.3f}", flush=True
        )


def joined(one: Prints, other: Prints) -> Prints:
    return np.concatenate([one[0], other[0]]), np.concatenate([one[1], len(one[0]) + other[1][1:]])


def show_others(utterances: list[Samples]) -> None:
    """Print the largest similarities of different utterances: of all pairs, and of excerpts with every fourth one."""
    rng = np.random.default_rng(0)
    starts = [rng.integers(len(signal) - 9600) for signal in utterances]
    excerpts = [signal[start : start + 9600] for signal, start in zip(utterances, starts, strict=True)]
    rows = duplicates.split(*prints_of(utterances + excerpts))
    n = len(utterances)
    pairs = {
        "whole utterances": list(itertools.combinations(range(n), 2)),
        "excerpts of 0.6 s": [(i, n + k) for i in range(0, n, 4) for k in range(n) if i != k],
    }
    for name, numbers in pairs.items():
        found = [duplicates.compared(rows, *pair) for pair in numbers]
        every = sorted(match.similarity for match in found)[-3:]
        counted = sorted(match.similarity for match in found if duplicates.lasts(match))[-3:]
        print(f"{name}: {len(found)} pairs, largest similarities {np.round(every, 3)}, ", end="")
        print(f"of those that last long enough {np.round(counted, 3)}", flush=True)


def show_brief(utterances: list[Samples]) -> None:
    """Print how alike pieces of different utterances are at the most, and how long both sound there, by their
    length."""
    for seconds in (0.4, 0.6, 0.8, 1.2, 2.0):
        n = round(seconds * 16000)
        cut = [
            (of, signal[k : k + n]) for of, signal in enumerate(utterances) for k in range(0, len(signal) - n + 1, n)
        ]
        of = [number for number, _ in cut]
        matches = duplicates.near(*prints_of([piece for _, piece in cut]))
        others = [match for match in matches if of[match.first] != of[match.second]]
        found = sorted(others, key=lambda match: -match.similarity)[:3]
        words = ", ".join(f"{match.similarity:.2f} ({match.seconds:.2f} s)" for match in found)
        wrong = sum(duplicates.is_alike(match) and duplicates.lasts(match) for match in others)
        print(
            f"pieces of {seconds} s: {len(cut) * (len(cut) - 1) // 2} pairs, {words}; taken for copies {wrong}",
            flush=True,
        )


def show_speed(utterances: list[Samples]) -> None:
    """Print how long 5531 utterances take."""
    speeds = np.linspace(1.3, 2.1, 11)
    slowed = (soxr.resample(signal, 16000, 16000 * speed, quality="QQ") for speed in speeds for signal in utterances)
    X, offsets = prints_of(list(itertools.islice(slowed, 5531)))
    begin = time.perf_counter()
    matches = duplicates.find(X, offsets)
    print(f"{len(offsets) - 1} utterances: {len(matches)} matches, {time.perf_counter() - begin:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder of EMO-DB")
    utterances = [soundfile.read(path)[0] for path in sorted(parser.parse_args().data.glob("wav/*.wav"))]
    with tempfile.TemporaryDirectory() as folder:
        show_copies(utterances, Path(folder))
    show_others(utterances)
    show_brief(utterances)
    show_speed(utterances)


if __name__ == "__main__":
    main()
