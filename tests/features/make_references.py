"""Write the frozen references of features: python tests/features/make_references.py [preset ...].

They are those of sound, of motion capture and of transcripts. Run it only when a feature is meant to give other
numbers, and raise that feature's `version` with it. A reference holds up to six rows, evenly spread over those of
`signal` or `motion`, and how many rows there are in all.
"""

import math
import sys
from pathlib import Path

import numpy as np

from affex.features.base import AudioFeature, Feature, Motion, Signal
from affex.features.capture.markers import MARKERS
from affex.pipeline.specs.discovery import feature_presets

#: What is said.
TEXT = "Well, I didn't know you'd come; you never come on a Monday. Do you? ... Schön, 12 Uhr."
FOLDER = Path(__file__).parent / "reference"


def tone(rate: int) -> Signal:
    """Return 0.7 s of something like a voice: a gliding harmonic sound that swells, a pause, noise."""
    rng = np.random.default_rng(2016)
    t = np.arange(int(0.4 * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 60 * t + 5 * np.sin(2 * np.pi * 6 * t)) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.hanning(len(t))
    sound = np.concatenate([0.2 * voice, np.zeros(int(0.1 * rate)), 0.1 * rng.standard_normal(int(0.2 * rate))])
    return Signal((sound + 0.003 * rng.standard_normal(len(sound))).astype(np.float32), rate)


def rate_of(feature: AudioFeature) -> int:
    """Return the rate of the signals that a feature is given here, Hz: 16 kHz if it takes the file's own."""
    return feature.rate or 16000


def long_enough(feature: AudioFeature) -> Signal:
    """Return `tone`, as often as the feature needs it."""
    one = tone(rate_of(feature))
    return Signal(np.tile(one.samples, math.ceil(max(1, feature.shortest / one.duration))), one.rate)


def motion() -> Motion:
    """Return 2 s of a face that moves, with gaps: of a tenth of a second, of half, and none where it begins."""
    rng = np.random.default_rng(2008)
    times = np.arange(240) / 120
    swings = [np.sin(2 * np.pi * hertz * times) for hertz in (0.5, 1.3, 2.9, 4.1)]

    def moving(n: int) -> np.ndarray:
        return 40 * rng.standard_normal(n) + 3 * np.stack(swings, axis=1) @ rng.standard_normal((4, n))

    positions = moving(3 * len(MARKERS)).reshape(240, -1, 3)
    positions[60:72, 4] = positions[150:205, 30] = np.nan
    return Motion(MARKERS, positions, times, moving(6), moving(18).reshape(240, 6, 3))


def audio_presets() -> dict[str, Feature]:
    return {name: feature for name, feature in feature_presets().items() if feature.reads == "audio"}


def motion_presets() -> dict[str, Feature]:
    return {name: feature for name, feature in feature_presets().items() if feature.reads == "mocap"}


def text_presets() -> dict[str, Feature]:
    return {name: feature for name, feature in feature_presets().items() if feature.reads == "text"}


def path(preset: str) -> Path:
    return FOLDER / f"{preset}.npz"


def excerpt(feature: Feature) -> dict[str, np.ndarray]:
    given = {"mocap": motion, "text": lambda: TEXT}.get(feature.reads, lambda: long_enough(feature))()
    values = feature.extract(given).values
    picked = np.unique(np.linspace(0, len(values) - 1, 6).astype(int))
    return {"values": values[picked], "n_rows": np.array(len(values))}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    presets = audio_presets() | motion_presets() | text_presets()
    for preset in sys.argv[1:] or presets:
        np.savez_compressed(path(preset), **excerpt(presets[preset]))
        print(path(preset), path(preset).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
