"""The sound that the speaker embedding reads: from a signal to mel bands in windows of 1.6 s.

As Resemblyzer 0.1.4 prepares it (Jemine 2019, Apache-2.0; written anew): the volume is raised to -30 dBFS where it is
lower; power in 40 mel bands (Slaney's scale and norm; librosa) of Hann windows of 25 ms, one every 10 ms, the first
centred on the first sample; windows of 160 frames, 1.3 a second. The last window may be a quarter zeros, and a shorter
utterance is filled up with zeros to one window. Resemblyzer also cuts long pauses, with a voice activity detector that
only compiles (webrtcvad): here pauses stay.
"""

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Signal, Values
from affex.features.sound.compiled import prepared

RATE = 16000
#: Samples of a spectrum (25 ms), and from one to the next (10 ms).
N_FFT, HOP = 400, 160
BANDS = 40
#: Frames of a window (1.6 s), and from one to the next: the whole number nearest to 1 / (1.3 * 0.01).
FRAMES, STEP = 160, 77
#: The share of the last window that must be sound.
COVERED = 0.75
#: The least root mean square, of full scale: -30 dBFS.
LOUDNESS = 10 ** (-30 / 20)


def windows(signal: Signal) -> tuple[Values, NDArray[np.float64]]:
    """Return the power in the mel bands of each window, and the middle of each window.

    Returns
    -------
    power : (n_windows, 160, 40) float32
        Not in dB.
    times : (n_windows,) float64, s
        Of a window that is longer than the utterance, the middle of the utterance.
    """
    prepared()
    from librosa.feature import melspectrogram

    begins = _begins(len(signal.samples))
    lacking = max(0, (begins[-1] + FRAMES) * HOP - len(signal.samples))
    samples = np.pad(raised(signal.samples), (0, lacking))
    power = melspectrogram(y=samples, sr=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=BANDS).T.astype(np.float32)
    times = (begins + FRAMES / 2) * HOP / RATE
    return np.stack([power[begin : begin + FRAMES] for begin in begins]), np.minimum(times, _latest(signal, begins))


def raised(samples: Values) -> Values:
    """Return samples at -30 dBFS if they are quieter; digital silence stays as it is."""
    root_mean_square = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    if not 0 < root_mean_square < LOUDNESS:
        return samples
    louder: Values = (samples.astype(np.float64) * (LOUDNESS / root_mean_square)).astype(np.float32)
    return louder


def _begins(n_samples: int) -> NDArray[np.intp]:
    """Return the first frame of each window."""
    n_frames = -(-(n_samples + 1) // HOP)
    begins = np.arange(0, max(1, n_frames - FRAMES + STEP + 1), STEP)
    covered = (n_samples - begins[-1] * HOP) / (FRAMES * HOP)
    return begins[:-1] if covered < COVERED and len(begins) > 1 else begins


def _latest(signal: Signal, begins: NDArray[np.intp]) -> float:
    """Return the latest time that the middle of a window may have, s."""
    return signal.duration / 2 if len(begins) == 1 else signal.duration
