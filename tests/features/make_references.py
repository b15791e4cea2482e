"""Write the frozen references of the audio features: python tests/features/make_references.py [preset ...].

Run it only when a feature is meant to give other numbers, and raise that feature's `version` with it. A
reference holds up to six rows, evenly spread over those of `signal`, and how many rows there are in all.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from features.base import Clip, Feature
from pipeline.registry import feature_presets

FOLDER = Path(__file__).parent / "reference"


def signal(rate: int) -> Clip:
    """Return 0.7 s of something like a voice: a gliding harmonic sound that swells, a pause, noise."""
    rng = np.random.default_rng(2016)
    t = np.arange(int(0.4 * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 60 * t + 5 * np.sin(2 * np.pi * 6 * t)) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.hanning(len(t))
    sound = np.concatenate([0.2 * voice, np.zeros(int(0.1 * rate)), 0.1 * rng.standard_normal(int(0.2 * rate))])
    return Clip((sound + 0.003 * rng.standard_normal(len(sound))).astype(np.float32), rate)


def audio_presets() -> dict[str, Feature]:
    return {name: feature for name, feature in feature_presets().items() if feature.reads == "audio"}


def path(preset: str) -> Path:
    return FOLDER / f"{preset}.npz"


def excerpt(feature: Feature) -> dict[str, np.ndarray]:
    values = feature.extract(signal(feature.rate)).values
    picked = np.unique(np.linspace(0, len(values) - 1, 6).astype(int))
    return {"values": values[picked], "n_rows": np.array(len(values))}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for preset in sys.argv[1:] or audio_presets():
        np.savez_compressed(path(preset), **excerpt(audio_presets()[preset]))
        print(path(preset), path(preset).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
