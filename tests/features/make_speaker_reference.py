"""Write what Resemblyzer itself makes of some signals: python tests/features/make_speaker_reference.py.

It imports the package, which affex never does, with an empty module in the place of webrtcvad, which only compiles: no
pause is cut. Each signal is `make_references.tone` repeated and cut to a length, at a level; loudness is the package's.
"""

import sys
import types
from pathlib import Path

import numpy as np
from make_references import tone

from affex.features.base import Signal

FILE = Path(__file__).parent / "reference" / "speaker-resemblyzer.npz"
#: The length of each signal, s, and the factor of its samples. The third is just too short for a fourth window.
SIGNALS = ((0.3, 1.0), (1.6, 0.01), (3.50, 0.05), (3.52, 0.05))


def signal(seconds: float, factor: float) -> Signal:
    """Return one of the signals."""
    voice = tone(16000)
    n_samples = round(seconds * voice.rate)
    return Signal((factor * np.resize(voice.samples, n_samples)).astype(np.float32), voice.rate)


def main() -> None:
    sys.modules["webrtcvad"] = types.ModuleType("webrtcvad")
    import resemblyzer
    from resemblyzer.audio import normalize_volume
    from resemblyzer.hparams import audio_norm_target_dBFS

    encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)
    made: dict[str, np.ndarray] = {}
    for number, (seconds, factor) in enumerate(SIGNALS):
        samples = normalize_volume(signal(seconds, factor).samples, audio_norm_target_dBFS, increase_only=True)
        whole, windows, _ = encoder.embed_utterance(samples, return_partials=True)
        made |= {f"utterance_{number}": whole, f"windows_{number}": windows}
        print(f"{seconds} s: {len(windows)} windows")
    np.savez_compressed(FILE, **made)


if __name__ == "__main__":
    main()
