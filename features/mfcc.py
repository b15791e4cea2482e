"""Mel-frequency cepstral coefficients: from an utterance to the shape of its spectrum, frame by frame.

The orthonormal DCT-II of the levels of the mel bands in dB (see `features.sound.frames`) (Davis and
Mermelstein 1980, doi:10.1109/TASSP.1980.1163420; librosa's). Coefficient 0, the loudness, is included.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.compiled import prepared
from affex.features.sound.frames import MelFrames, column_names, in_words, with_derivatives


@dataclass(frozen=True, kw_only=True)
class Mfcc(MelFrames):
    """Mel-frequency cepstral coefficients, with derivatives.

    Parameters
    ----------
    n : int
        The number of coefficients, from the 0th.
    window, hop, mels, derivatives
        As for `MelFrames`.
    """

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015", "davis1980")

    n: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.n <= self.mels:
            raise ValueError(f"n={self.n}: expected 1 to mels={self.mels}")

    @property
    def about(self) -> str:
        """A description with the number of coefficients and the frames."""
        return f"{self.n} MFCC ({self.window * 1e3:g} / {self.hop * 1e3:g} ms)" + in_words(self.derivatives)

    @property
    def columns(self) -> tuple[str, ...]:
        """``mfcc_00``, ..., then ``mfcc_d1_00``, ..., ``mfcc_d2_00``, ..."""
        return column_names("mfcc", self.n, self.derivatives)

    @property
    def level(self) -> str:
        """Coefficient 0, the mean level of the mel bands, dB, times the root of their number."""
        return self.columns[0]

    def extract(self, signal: Signal) -> Rows:
        """Compute the coefficients of every frame."""
        prepared()
        from librosa.feature import mfcc

        static = mfcc(S=self.levels(signal).T, n_mfcc=self.n).T.astype(np.float32)
        return Rows(with_derivatives(static, self.derivatives), self.times(static, signal))


PRESETS: dict[str, AudioFeature] = {
    "mfcc": Mfcc(),
    # The voice in Metallinou, Lee and Narayanan, "Audio-visual emotion recognition using Gaussian mixture
    # models for face and voice" (ISM 2008), over 26 bands, the number from which HTK and openSMILE
    # compute 12 coefficients.
    "mfcc-voice": Mfcc(n=12, window=0.050, hop=0.025, mels=26),
    # Beside `segments-3s`, of the same bands: the other input of the networks in the OMG-Emotion thesis of the source
    # documents, which names 40 coefficients, and transforms of 2048 samples every 512 at 16 kHz.
    "mfcc-long": Mfcc(window=0.128, hop=0.032, mels=90, derivatives=0),
}
