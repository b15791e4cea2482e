"""Who is who: how many planted renames of EMO-DB's speakers are found, and how often there is a false alarm.

::

    python benchmarks/identity.py ../shared/data/emodb/wav --corpora 200

Embeds the recordings as they are, filtered (100 to 5000 Hz), through a telephone band (300 to 3400 Hz), and with white
noise 20 dB below the voice
(two minutes on one core; ``--kept FILE`` keeps the embeddings). Of each, makes random corpora of 6 to 10 of the ten
speakers, with ``--least`` to all of their utterances each: as they are (any report is a false alarm), with one speaker
split at random into two names, and with two other speakers merged under one name. Prints the share of plants that were
found, with Wilson's interval, by the least number of a speaker's utterances; and the known cases: all ten split by
alternate utterances, and by arousal, which is the limit of the method.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from affex.features.base import Runtime, Signal
from affex.features.sound.bands import band_passed
from affex.features.speaker import Speaker, SpeakerMel
from affex.pipeline.statistics.identity import identity

AROUSED = "WAF"  # the letters of anger, fear, joy
NOISE = 20.0  # dB below the voice
BANDS = {"filtered": (100, 5000), "telephone": (300, 3400)}  # Hz


@dataclass(frozen=True)
class Made:
    """Embeddings with the true speaker and the class of each."""

    X: np.ndarray
    speakers: np.ndarray
    labels: np.ndarray


def heard(path: Path, how: str, rng: np.random.Generator) -> Signal:
    """Return a recording as it is, filtered, or with noise."""
    samples, rate = soundfile.read(path, dtype="float32")
    signal = Signal(samples, rate)
    if how in BANDS:
        return band_passed(signal, *BANDS[how])
    if how == "noise":
        level = np.sqrt(np.mean(samples.astype(np.float64) ** 2) / 10 ** (NOISE / 10))
        return Signal((samples + level * rng.standard_normal(len(samples))).astype(np.float32), rate)
    return signal


def embedded(wavs: Path, kept: Path | None) -> dict[str, Made]:
    """Return the mean embeddings of all recordings, in each way."""
    paths = sorted(wavs.glob("*.wav"))
    names, labels = (np.array([path.stem[part] for path in paths]) for part in (slice(0, 2), slice(5, 6)))
    if kept and kept.exists():
        with np.load(kept) as file:
            return {how: Made(file[how], names, labels) for how in file.files}
    model, rng, found = Speaker().load(Runtime()), np.random.default_rng(0), {}
    for how in ("plain", "filtered", "telephone", "noise"):
        rows = Speaker().extract_many((SpeakerMel().extract(heard(path, how, rng)) for path in paths), model)
        found[how] = np.stack([one.values.mean(axis=0) for one in rows])
    if kept:
        np.savez(kept, **found)
    return {how: Made(X, names, labels) for how, X in found.items()}


@dataclass
class Tally:
    """What was found of the plants of random corpora."""

    n: int = 0
    split: int = 0
    merged: int = 0
    wrong_pairs: int = 0
    wrong_parts: int = 0
    alarms: int = 0


def one(made: Made, rng: np.random.Generator, least: int, tally: Tally) -> None:
    """Add the plants of one random corpus to the tally."""
    everybody = np.unique(made.speakers)
    people = rng.permutation(everybody)[: rng.integers(6, len(everybody) + 1)]
    own = [rng.permutation(np.flatnonzero(made.speakers == name)) for name in people]
    own = [rows[: rng.integers(min(least, len(rows)), len(rows) + 1)] for rows in own]
    rows, true = np.concatenate(own), np.repeat(people, [len(one) for one in own])
    plain = identity("speaker", made.X[rows], list(true), list(made.labels[rows]))
    tally.alarms += bool(plain.same or plain.several)
    split, first, second = people[:3]
    names = true.astype("U8")
    whole = np.flatnonzero(true == split)
    names[rng.permutation(whole)[: len(whole) // 2]] = "half"
    names[true == second] = first
    found = identity("speaker", made.X[rows], list(names), list(made.labels[rows]))
    pairs = [{one.first, one.second} for one in found.same]
    tally.n += 1
    tally.split += {split, "half"} in pairs
    tally.wrong_pairs += any(pair != {split, "half"} for pair in pairs)
    tally.merged += any(one.name == first for one in found.several)
    tally.wrong_parts += any(one.name != first for one in found.several)


def known(made: Made, second: np.ndarray) -> int:
    """Return how many of the speakers, all of them split, are paired and no others."""
    names = np.char.add(made.speakers, np.where(second, "b", "a"))
    found = identity("speaker", made.X, list(names), list(made.labels))
    return sum(one.first[:2] == one.second[:2] for one in found.same)


def wilson(k: int, n: int) -> str:
    """Return a share with its 95 % interval."""
    p, z = k / n, 1.96
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return f"{p:.1%} [{low:.1%}, {high:.1%}]"


def main() -> None:
    """Print the known cases and a line for each way and each least number of utterances."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wavs", type=Path)
    parser.add_argument("--corpora", type=int, default=200)
    parser.add_argument("--least", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path)
    asked = parser.parse_args()
    for how, made in embedded(asked.wavs, asked.kept).items():
        alternate = np.zeros(len(made.X), bool)
        for name in np.unique(made.speakers):
            alternate[np.flatnonzero(made.speakers == name)[1::2]] = True
        aroused = np.isin(made.labels, list(AROUSED))
        print(
            f"{how}: of ten speakers paired: alternate {known(made, alternate)}, by arousal {known(made, aroused)}",
            flush=True,
        )
        for least in asked.least:
            tally, rng = Tally(), np.random.default_rng(asked.seed)
            for _ in range(asked.corpora):
                one(made, rng, least, tally)
            print(
                f"  {least} utterances or more: split {wilson(tally.split, tally.n)}, merged "
                f"{wilson(tally.merged, tally.n)}; false alarms: {wilson(tally.alarms, tally.n)} of corpora without "
                f"a plant; beside plants {tally.wrong_pairs / tally.n:.1%} pairs, {tally.wrong_parts / tally.n:.1%} "
                "parts",
                flush=True,
            )


if __name__ == "__main__":
    main()
