"""Voice: from an utterance to its spectrum's shape, pitch and energy, frame by frame, with their first derivatives.

Cepstral coefficients from the 1st on (the 0th is the energy's business) and levels of mel bands as in `features.mfcc`
and `features.sound.frames`; the energy is the frame's mean square in dB, 0 for a sine of amplitude 1; the pitch is that
of probabilistic YIN (Mauch and Dixon 2014, doi:10.1109/ICASSP.2014.6853678; librosa's), Hz. A frame without voice has
no pitch of its own: there it is the line from the voiced frame before to the one after, or that of the nearest, so that
neither a mean nor a derivative takes a pause for a very deep voice. Of an utterance without any voice it is 0
throughout.

What is said of a whole utterance is pooled from these rows, as in ``voice:pool=mean+std``.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, Values
from affex.features.sound.frames import (
    FLOOR,
    check_derivatives,
    check_framing,
    check_mels,
    frame_times,
    framed,
    mel_levels,
    with_derivatives,
)

#: The pitches that are looked for, Hz: those of a low man's voice to a scream.
LOWEST, HIGHEST = 60.0, 600.0
#: A frame shows a pitch if two of its periods fit in, and the samples that YIN compares beyond them.
LEAST = 2 / LOWEST + 0.001

#: How probable the most likely period is taken to be in a frame where none stands out (librosa's choice). It keeps the
#: path of pitches together, but a frame that has no more than this has no voice: white noise would have one else.
BY_DEFAULT = 0.01


@dataclass(frozen=True, kw_only=True)
class Voice(AudioFeature):
    """MFCC, mel bands, pitch and energy, with their derivatives.

    Parameters
    ----------
    n : int
        How many cepstral coefficients, from the 1st on.
    window, hop : float
        Length of a frame and step from one to the next, s; a frame holds two periods of the deepest voice.
    mels : int
        How many mel bands.
    derivatives : int
        0: none, 1: with the first, 2: with the first and second.
    """

    packages: ClassVar[tuple[str, ...]] = ("librosa",)

    n: int = 12
    window: float = 0.050
    hop: float = 0.025
    mels: int = 27
    derivatives: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_framing(self.window, self.hop)
        check_mels(self.mels, self.window, self.rate)
        check_derivatives(self.derivatives)
        if not 1 <= self.n < self.mels:
            raise ValueError(f"n={self.n}: expected 1 to {self.mels - 1}, fewer than mels={self.mels}")
        if self.window < LEAST:
            raise ValueError(f"window={self.window}: expected {LEAST:.3f} s or more, two periods of {LOWEST:g} Hz")
        if self.rate < 4 * HIGHEST:
            raise ValueError(
                f"rate={self.rate}: expected {4 * HIGHEST:g} Hz or more, to tell pitches to {HIGHEST:g} Hz"
            )

    @property
    def framewise(self) -> bool:
        """One row a frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``mfcc_01``, ..., ``mel_00``, ..., ``pitch``, ``energy``, then all of them again with ``_d1``."""
        cepstrum = (f"mfcc_{i:02}" for i in range(1, self.n + 1))
        static = (*cepstrum, *(f"mel_{i:02}" for i in range(self.mels)), "pitch", "energy")
        return tuple(name + order for order in ("", "_d1", "_d2")[: self.derivatives + 1] for name in static)

    def extract(self, signal: Signal) -> Rows:
        """Compute the numbers of every frame.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window.
        """
        from librosa.feature import mfcc

        levels = mel_levels(signal, self.window, self.hop, self.mels)
        cepstrum = mfcc(S=levels.T, n_mfcc=self.n + 1).T[:, 1:]
        rest = (pitch(signal, self.window, self.hop), energy(signal, self.window, self.hop))
        static = np.column_stack([cepstrum, levels, *rest]).astype(np.float32)
        times = frame_times(len(static), self.window, self.hop, signal.rate)
        return Rows(with_derivatives(static, self.derivatives), times)


def pitch(signal: Signal, window: float, hop: float) -> Values:
    """Return the pitch of every frame, across frames without voice the line between those with.

    Returns
    -------
    pitch : (n_frames,) float32, Hz
        0 throughout if no frame has a voice.
    """
    from librosa import pyin

    size, step = round(window * signal.rate), round(hop * signal.rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        found, voiced, probability = pyin(
            signal.samples,
            sr=signal.rate,
            fmin=LOWEST,
            fmax=HIGHEST,
            frame_length=size,
            hop_length=step,
            center=False,
            no_trough_prob=BY_DEFAULT,
        )
    voiced &= probability > 1.001 * BY_DEFAULT
    if not voiced.any():
        return np.zeros(len(found), np.float32)
    numbers = np.arange(len(found))
    return np.asarray(np.interp(numbers, numbers[voiced], found[voiced]), np.float32)


def energy(signal: Signal, window: float, hop: float) -> Values:
    """Return the level of every frame.

    Returns
    -------
    energy : (n_frames,) float32, dB
        0 for a sine of amplitude 1, no less than `FLOOR`.
    """
    power = 2 * np.mean(framed(signal, window, hop).astype(np.float64) ** 2, axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10))), np.float32)


PRESETS: dict[str, AudioFeature] = {
    # Metallinou et al. 2012, "Context-sensitive learning for enhanced audiovisual emotion classification"
    # (doi:10.1109/T-AFFC.2011.40): 12 MFCC, 27 mel bands, pitch and energy with first derivatives. The frames are
    # those of the same first author's voice model, `mfcc-voice`.
    "voice": Voice(),
}
