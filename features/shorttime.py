"""Short-time features: from an utterance to 34 numbers about the sound of each frame.

Those of Giannakopoulos 2015, "pyAudioAnalysis: an open-source Python library for audio signal analysis"
(doi:10.1371/journal.pone.0144610, table 2), written anew from what is said of them there. Frames as in
`features.sound.frames`, without a taper. Of the spectrum ``X`` of a frame (magnitudes, 0 Hz to half the rate):

* ``zcr``: changes of sign from one sample to the next, a share of all steps in [0, 1]
* ``energy``: mean square of the samples; 0.5 for a sine of amplitude 1
* ``energy_entropy``, ``spectral_entropy``: of how the energy is spread over `PARTS` equal parts of the frame or of
  the spectrum, bits: 0 where one part has it all, log2(10) where all have as much
* ``centroid``, ``spread``: the mean of the frequencies weighted by ``X`` and their standard deviation, and
  ``rolloff``: the frequency that `ROLLED` of the energy lies at or below; shares of half the rate, in [0, 1]
* ``flux``: sum of the squared changes of ``X / sum(X)`` since the frame before; 0 in the first frame
* ``mfcc``: `COEFFICIENTS` of the levels of `MELS` mel bands, as in `features.mfcc`
* ``chroma``: the share of the energy in each of the twelve semitones, whatever the octave, of equal temperament
  with A at 440 Hz; frequencies nearest to none from 27.5 Hz (A0) up have no part in it; ``chroma_std`` is the
  standard deviation of the twelve

Of a frame whose energy lies below the floor of `features.sound.frames` all are 0 but the MFCC, which have a floor of
their own: a spectrum of nothing has no middle.

What differs from that library as it is distributed (0.3.14): it divides the whole utterance by its peak first (here
levels are those of full scale, and whoever compares speakers normalises them), counts a spectrum's bins from 1, and its
mel bands lie at half the frequencies that they are meant for. In its chroma vector only the last of a key's bins
counts.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.frames import FLOOR, check_framing, column_names, frame_times, framed, mel_levels

Floats = NDArray[np.float64]

#: Into how many parts a frame and a spectrum are cut for their entropies: the library's choice, the paper has none.
PARTS = 10
#: Giannakopoulos 2015, table 2.
ROLLED = 0.90
COEFFICIENTS = 13
#: 13 linear and 27 logarithmic ones, as in the Auditory Toolbox (Slaney 1998) that the library follows.
MELS = 40
#: A0, Hz: the lowest key of a piano.
LOWEST = 27.5
#: From A, as the lowest key is one.
SEMITONES = ("a", "a_sharp", "b", "c", "c_sharp", "d", "d_sharp", "e", "f", "f_sharp", "g", "g_sharp")


@dataclass(frozen=True, kw_only=True)
class ShortTime(AudioFeature):
    """Short-time features: zero crossings, energy, the spectrum's shape, 13 MFCC, chroma.

    Parameters
    ----------
    window, hop : float
        Length of a frame and step from one to the next, s.
    most : int
        How many frames at the most; what a longer utterance has after them is not heard.
    """

    packages: ClassVar[tuple[str, ...]] = ("librosa",)

    window: float = 0.2
    hop: float = 0.1
    most: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_framing(self.window, self.hop)
        if self.most < 1:
            raise ValueError(f"most={self.most}: expected 1 frame or more")

    @property
    def framewise(self) -> bool:
        """One row a frame."""
        return True

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
        """Compute the numbers of every frame.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window.
        """
        from librosa.feature import mfcc

        heard = self._beginning(signal)
        frames = framed(heard, self.window, self.hop).astype(np.float64)
        frames *= (np.mean(frames**2, axis=1) > 10 ** (FLOOR / 10))[:, None]
        magnitudes = np.abs(np.fft.rfft(frames))
        levels = mel_levels(heard, self.window, self.hop, MELS)
        parts = [of_time(frames), of_spectrum(magnitudes), mfcc(S=levels.T, n_mfcc=COEFFICIENTS).T]
        values = np.concatenate([*parts, chroma(magnitudes, signal.rate)], axis=1, dtype=np.float32)
        return Rows(values, frame_times(len(values), self.window, self.hop, signal.rate))

    def _beginning(self, signal: Signal) -> Signal:
        # As `features.sound.frames` rounds them, to whole samples each.
        longest = round(self.window * signal.rate) + (self.most - 1) * round(self.hop * signal.rate)
        return Signal(signal.samples[:longest], signal.rate)


def of_time(frames: Floats) -> Floats:
    """Return zero-crossing rate, energy and its entropy of every frame.

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
        Of evenly spaced frequencies from 0 Hz to half the rate.

    Returns
    -------
    values : (n_frames, 5)
    """
    frequencies = np.linspace(0, 1, magnitudes.shape[1])
    weights, power = shares(magnitudes), magnitudes**2
    centroid = weights @ frequencies
    spread = np.sqrt((weights * (frequencies - centroid[:, None]) ** 2).sum(axis=1))
    flux = np.square(np.diff(weights, axis=0, prepend=weights[:1])).sum(axis=1)
    # The first bin that the share is reached in; of a silent frame, which never reaches it, the first of all.
    rolloff = frequencies[np.argmax(np.cumsum(shares(power), axis=1) >= ROLLED, axis=1)]
    return np.stack([centroid, spread, entropy(power), flux, rolloff], axis=1)


def chroma(magnitudes: Floats, rate: int) -> Floats:
    """Return the share of the energy in each of the twelve semitones, then their standard deviation.

    Parameters
    ----------
    magnitudes : (n_frames, n_bins)
        Of evenly spaced frequencies from 0 Hz to half the rate.
    rate : int, Hz

    Returns
    -------
    values : (n_frames, 13)
    """
    hertz = np.linspace(0, rate / 2, magnitudes.shape[1])
    # Below any key, 0 Hz too, is -1 here.
    keys = np.round(12 * np.log2(np.maximum(hertz, LOWEST / 2) / LOWEST)).astype(int)
    belongs = (keys[:, None] % 12 == np.arange(12)) & (keys[:, None] >= 0)
    semitones = shares(magnitudes**2) @ belongs
    return np.column_stack([semitones, semitones.std(axis=1)])


def entropy(power: Floats) -> Floats:
    """Return the entropy of how the energy of each row is spread over `PARTS` parts of equal length.

    What is left over at a row's end, fewer values than a part has, does not count.

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
    """Divide each row by its sum; a row of zeros stays one."""
    sums = values.sum(axis=1, keepdims=True)
    divided: Floats = np.divide(values, sums, where=sums > 0, out=np.zeros_like(values))
    return divided


PRESETS: dict[str, AudioFeature] = {
    # Tripathi, Tripathi and Beigi 2018, "Multi-modal emotion recognition on IEMOCAP dataset using deep learning"
    # (arXiv:1804.05788): windows of 0.2 s every 0.1 s, 100 frames at the most, no derivatives. Shorter utterances have
    # as many rows as they have frames; a network that wants 100 pads them.
    "shorttime": ShortTime(),
}
