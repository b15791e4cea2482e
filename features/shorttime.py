"""Short-time features: from an utterance to 34 numbers per frame of its sound.

The features of Giannakopoulos 2015, "pyAudioAnalysis: an open-source Python library for audio signal analysis"
(doi:10.1371/journal.pone.0144610, table 2), implemented from the descriptions there. Frames as in
`features.sound.frames`, without a taper. Of the spectrum ``X`` of a frame (magnitudes, 0 Hz to half the rate), the
numbers are:

* ``zcr``: the share of steps from one sample to the next that change the sign, in [0, 1]
* ``energy``: mean square of the samples; 0.5 for a sine of amplitude 1
* ``energy_entropy``, ``spectral_entropy``: the entropy of the energy in `PARTS` equal parts of the frame or of the
  spectrum, bits: 0 if one part has all energy, log2(10) if all parts have the same
* ``centroid``, ``spread``: the mean of the frequencies weighted by ``X`` and their standard deviation, and
  ``rolloff``: the frequency at or below which `ROLLED` of the energy lies; shares of half the rate, in [0, 1]
* ``flux``: sum of the squared changes of ``X / sum(X)`` since the previous frame; 0 in the first frame
* ``mfcc``: `COEFFICIENTS` of the levels of `MELS` mel bands, as in `features.mfcc`
* ``chroma``: the share of the energy in each of the twelve semitones, whatever the octave, of equal temperament
  with A at 440 Hz; frequencies below the lowest key, 27.5 Hz (A0), are not counted; ``chroma_std`` is the
    standard deviation of the twelve

In a frame whose energy is below the floor of `features.sound.frames`, all numbers are 0 except the MFCC, which have a
floor of their own: a spectrum without energy has no centroid.

Differences from the distributed library (0.3.14): the library first divides the whole utterance by its peak (here
levels are relative to full scale, and speaker normalisation is a separate step), counts a spectrum's bins from 1, and
has its mel bands at half the intended frequencies. In its chroma vector only the last bin of each key counts.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.compiled import prepared
from affex.features.sound.frames import FLOOR, ShortFrames, column_names, framed, mel_levels

Floats = NDArray[np.float64]

#: The number of parts of a frame or a spectrum for its entropy: the library's choice, since the paper names none.
PARTS = 10
#: Giannakopoulos 2015, table 2.
ROLLED = 0.90
COEFFICIENTS = 13
#: 13 linear and 27 logarithmic bands, as in the Auditory Toolbox (Slaney 1998), which the library follows.
MELS = 40
#: A0, Hz: the lowest key of a piano.
LOWEST = 27.5
#: The semitones from A, since the lowest key is an A.
SEMITONES = ("a", "a_sharp", "b", "c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp")


@dataclass(frozen=True, kw_only=True)
class ShortTime(ShortFrames):
    """Short-time features: zero crossings, energy, the spectrum's shape, 13 MFCC, chroma.

    Parameters
    ----------
    window, hop : float
        The length of a frame and the step to the next, s.
    most : int
        The most frames; the rest of a longer utterance is ignored.
    """

    cites: ClassVar[tuple[str, ...]] = ("giannakopoulos2015", "mcfee2015")

    window: float = 0.2
    hop: float = 0.1
    most: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most < 1:
            raise ValueError(f"most={self.most}: expected 1 frame or more")

    @property
    def columns(self) -> tuple[str, ...]:
        """``zcr``, ``energy``, ..., ``mfcc_00``, ..., ``chroma_a``, ..., ``chroma_std``."""
        chroma = tuple(f"chroma_{semitone}" for semitone in SEMITONES)
        in_time, in_frequency = ("zcr", "energy", "energy_entropy"), ("centroid", "spread", "spectral_entropy")
        return (
            *in_time,
            *in_frequency,
            "flux",
            "rolloff",
            *column_names("mfcc", COEFFICIENTS, derivatives=0),
            *chroma,
            "chroma_std",
        )

    def extract(self, signal: Signal) -> Rows:
        """Compute the numbers of every frame."""
        prepared()
        from librosa.feature import mfcc

        beginning = self._beginning(signal)
        frames = framed(beginning, self.window, self.hop).astype(np.float64)
        frames *= (np.mean(frames**2, axis=1) > 10 ** (FLOOR / 10))[:, None]
        magnitudes = np.abs(np.fft.rfft(frames))
        levels = mel_levels(beginning, self.window, self.hop, MELS)
        parts = [of_time(frames), of_spectrum(magnitudes), mfcc(S=levels.T, n_mfcc=COEFFICIENTS).T]
        values = np.concatenate([*parts, chroma(magnitudes, signal.rate)], axis=1, dtype=np.float32)
        return Rows(values, self.times(values, signal))

    def _beginning(self, signal: Signal) -> Signal:
        # Window and hop are rounded to whole samples, as in `features.sound.frames`.
        longest = round(self.window * signal.rate) + (self.most - 1) * round(self.hop * signal.rate)
        return Signal(signal.samples[:longest], signal.rate)


def of_time(frames: Floats) -> Floats:
    """Return zero-crossing rate, energy and entropy of the energy of every frame.

    Parameters
    ----------
    frames : (n_frames, n_samples)

    Returns
    -------
    values : (n_frames, 3)
    """
    crossings = np.diff(frames >= 0, axis=1).mean(axis=1)
    power = frames**2
    return np.stack([crossings, power.mean(axis=1), entropy(power)], axis=1)


def of_spectrum(magnitudes: Floats) -> Floats:
    """Return centroid, spread, entropy, flux and rolloff of every frame.

    Parameters
    ----------
    magnitudes : (n_frames, n_bins)
        At evenly spaced frequencies from 0 Hz to half the rate.

    Returns
    -------
    values : (n_frames, 5)
    """
    frequencies = np.linspace(0, 1, magnitudes.shape[1])
    weights, power = shares(magnitudes), magnitudes**2
    centroid = weights @ frequencies
    spread = np.sqrt((weights * (frequencies - centroid[:, None]) ** 2).sum(axis=1))
    flux = np.square(np.diff(weights, axis=0, prepend=weights[:1])).sum(axis=1)
    # The first bin in which the share is reached; in a silent frame, which never reaches it, the first bin.
    rolloff = frequencies[np.argmax(np.cumsum(shares(power), axis=1) >= ROLLED, axis=1)]
    return np.stack([centroid, spread, entropy(power), flux, rolloff], axis=1)


def chroma(magnitudes: Floats, rate: int) -> Floats:
    """Return the share of the energy in each of the twelve semitones, then their standard deviation.

    Parameters
    ----------
    magnitudes : (n_frames, n_bins)
        At evenly spaced frequencies from 0 Hz to half the rate.
    rate : int, Hz

    Returns
    -------
    values : (n_frames, 13)
    """
    hertz = np.linspace(0, rate / 2, magnitudes.shape[1])
    # -1 stands for frequencies below the lowest key, including 0 Hz.
    keys = np.round(12 * np.log2(np.maximum(hertz, LOWEST / 2) / LOWEST)).astype(int)
    belongs = (keys[:, None] % 12 == np.arange(12)) & (keys[:, None] >= 0)
    semitones = shares(magnitudes**2) @ belongs
    return np.column_stack([semitones, semitones.std(axis=1)])


def entropy(power: Floats) -> Floats:
    """Return the entropy of each row's energy in `PARTS` parts of equal length.

    The remaining values at the end of a row, fewer than in a part, are ignored.

    Returns
    -------
    entropy : (n_rows,), bits
        From 0 to log2(10); 0 for a row without energy.
    """
    length = power.shape[1] // PARTS
    parts = shares(power[:, : PARTS * length].reshape(len(power), PARTS, length).sum(axis=2))
    bits = -np.log2(parts, where=parts > 0, out=np.zeros_like(parts))
    entropies: Floats = (parts * bits).sum(axis=1)
    return entropies


def shares(values: Floats) -> Floats:
    """Divide each row by its sum; a row of zeros is unchanged."""
    sums = values.sum(axis=1, keepdims=True)
    divided: Floats = np.divide(values, sums, where=sums > 0, out=np.zeros_like(values))
    return divided


PRESETS: dict[str, AudioFeature] = {
    # Tripathi, Tripathi and Beigi 2018, "Multi-modal emotion recognition on IEMOCAP dataset using deep learning"
    # (arXiv:1804.05788): windows of 0.2 s every 0.1 s, at most 100 frames, no derivatives. Shorter utterances have
    # fewer rows; a network that needs 100 pads them.
    "shorttime": ShortTime(),
}
