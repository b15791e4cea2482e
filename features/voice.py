"""Voice: from an utterance to its spectrum's shape, pitch and energy, frame by frame, with their first derivatives.

Cepstral coefficients from the 1st (the energy replaces the 0th) and levels of mel bands as in `features.mfcc` and
`features.sound.frames`; the energy is the frame's mean square in dB, 0 for a sine of amplitude 1; the pitch is
estimated by probabilistic YIN (Mauch and Dixon 2014, doi:10.1109/ICASSP.2014.6853678; librosa's), Hz. In a frame
without voice the pitch is interpolated linearly between the neighbouring voiced frames, or equals the nearest one at
the ends, so that a pause does not look like a very deep voice in means or derivatives. In an utterance without any
voice it is 0 throughout.

Statistics of a whole utterance are pooled from these rows, as in ``voice:pool=mean+std``.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, Values
from affex.features.sound.compiled import prepared
from affex.features.sound.frames import FLOOR, MelFrames, framed, with_derivatives

#: The range of pitches that is searched, Hz: from a low man's voice to a scream.
LOWEST, HIGHEST = 60.0, 600.0
#: The shortest frame, s: it must contain two periods of the lowest pitch, and the samples that YIN compares beyond
#: them.
LEAST = 2 / LOWEST + 0.001

#: The probability of the most likely period in a frame without a clear one (librosa's choice). It keeps the path of
#: pitches continuous. A frame with no higher probability has no voice; otherwise white noise would have one.
BY_DEFAULT = 0.01


@dataclass(frozen=True, kw_only=True)
class Voice(MelFrames):
    """MFCC, mel bands, pitch and energy, with derivatives.

    Parameters
    ----------
    n : int
        The number of cepstral coefficients, from the 1st.
    window, hop : float
        The length of a frame and the step to the next, s; a frame contains two periods of the deepest voice.
    mels, derivatives
        As for `MelFrames`.
    """

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015", "mauch2014", "metallinou2012")

    n: int = 12
    window: float = 0.050
    hop: float = 0.025
    mels: int = 27
    derivatives: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n < self.mels:
            raise ValueError(f"n={self.n}: expected 1 to {self.mels - 1}, fewer than mels={self.mels}")
        if self.window < LEAST:
            raise ValueError(f"window={self.window}: expected {LEAST:.3f} s or more, two periods of {LOWEST:g} Hz")
        if self.rate < 4 * HIGHEST:
            raise ValueError(
                f"rate={self.rate}: expected {4 * HIGHEST:g} Hz or more, to find pitches up to {HIGHEST:g} Hz"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """``mfcc_01``, ..., ``mel_00``, ..., ``pitch``, ``energy``, then all of them again with ``_d1``."""
        cepstrum = (f"mfcc_{i:02}" for i in range(1, self.n + 1))
        static = (*cepstrum, *(f"mel_{i:02}" for i in range(self.mels)), "pitch", "energy")
        return tuple(name + order for order in ("", "_d1", "_d2")[: self.derivatives + 1] for name in static)

    def extract(self, signal: Signal) -> Rows:
        """Compute the numbers of every frame."""
        prepared()
        from librosa.feature import mfcc

        levels = self.levels(signal)
        cepstrum = mfcc(S=levels.T, n_mfcc=self.n + 1).T[:, 1:]
        rest = (pitch(signal, self.window, self.hop), energy(signal, self.window, self.hop))
        static = np.column_stack([cepstrum, levels, *rest]).astype(np.float32)
        return Rows(with_derivatives(static, self.derivatives), self.times(static, signal))


def pitch(signal: Signal, window: float, hop: float) -> Values:
    """Return the pitch of every frame, interpolated linearly across frames without voice.

    Returns
    -------
    pitch : (n_frames,) float32, Hz
        0 throughout if no frame has a voice.
    """
    prepared()
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
        0 for a sine of amplitude 1, at least `FLOOR`.
    """
    power = 2 * np.mean(framed(signal, window, hop).astype(np.float64) ** 2, axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10))), np.float32)


PRESETS: dict[str, AudioFeature] = {
    # Metallinou et al. 2012, "Context-sensitive learning for enhanced audiovisual emotion classification"
    # (doi:10.1109/T-AFFC.2011.40): 12 MFCC, 27 mel bands, pitch and energy with first derivatives. The frames are
    # those of the same first author's voice model, `mfcc-voice`.
    "voice": Voice(),
}
