"""The log-mel spectrum of VGGish: from a signal to the levels that this network was trained on.

After ``mel_features.py`` of AudioSet's VGGish (Apache-2.0), written anew: magnitudes of periodic Hann windows of 25 ms
every 10 ms, padded to 512 samples, in 64 bands from 125 to 7500 Hz that are triangles over mel (O'Shaughnessy's
``1127 ln(1 + f / 700)``), and the natural logarithm of them plus 0.01. Other features have dB, power and Slaney's mel.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Signal, Values
from affex.features.sound.frames import framed

RATE = 16000
WINDOW, HOP = 0.025, 0.010
N_FFT = 512
BANDS = 64
LOWEST, HIGHEST = 125.0, 7500.0
OFFSET = 0.01


def log_mel(signal: Signal) -> Values:
    """Return the logarithm of the bands of each frame, ``(n_frames, 64) float32``.

    Raises
    ------
    ExtractionError
        If the utterance is shorter than a window.
    """
    frames = framed(signal, WINDOW, HOP).astype(np.float64)
    size = frames.shape[1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    magnitudes = np.abs(np.fft.rfft(frames * window, N_FFT))
    levels: Values = np.log(magnitudes @ bands() + OFFSET).astype(np.float32)
    return levels


@cache
def bands() -> NDArray[np.float64]:
    """Return the share of each bin in each band, ``(257, 64)``; the bin at 0 Hz is in none."""
    bins = _mel(np.linspace(0, RATE / 2, N_FFT // 2 + 1))[:, None]
    edges = np.linspace(_mel(LOWEST), _mel(HIGHEST), BANDS + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    shares = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
    shares[0] = 0
    return shares


def _mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127 * np.log(1 + np.asarray(hertz) / 700)
