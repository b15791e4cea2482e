"""Log-mel spectrogram: from an utterance to the levels of its mel bands, frame by frame.

Bands, window and dB as in `features.sound.frames`.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.frames import MelFrames, column_names, in_words, with_derivatives


@dataclass(frozen=True, kw_only=True)
class Logmel(MelFrames):
    """Levels of mel bands in dB relative to full scale, with derivatives.

    Parameters
    ----------
    window, hop, mels, derivatives
        As for `MelFrames`.
    """

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015",)

    mels: int = 90
    window: float = 0.128
    hop: float = 0.032
    derivatives: int = 0

    @property
    def about(self) -> str:
        """A description with the number of bands and the frames."""
        return f"{self.mels} mel bands, dB ({self.window * 1e3:g} / {self.hop * 1e3:g} ms)" + in_words(self.derivatives)

    @property
    def columns(self) -> tuple[str, ...]:
        """``logmel_00``, ..., then ``logmel_d1_00``, ..., ``logmel_d2_00``, ..."""
        return column_names("logmel", self.mels, self.derivatives)

    def extract(self, signal: Signal) -> Rows:
        """Compute the levels of every frame."""
        levels = self.levels(signal)
        return Rows(with_derivatives(levels, self.derivatives), self.times(levels, signal))


PRESETS: dict[str, AudioFeature] = {
    # 2048 and 512 samples at 16 kHz: librosa's defaults, which much work on spoken emotion uses.
    "logmel": Logmel(),
    # Static, first and second derivative stacked like the colours of a picture: Zhang et al., "Learning
    # affective features with a hybrid deep model for audio-visual emotion recognition" (TCSVT 2018,
    # doi:10.1109/TCSVT.2017.2719043).
    "logmel-64": Logmel(mels=64, window=0.025, hop=0.010, derivatives=2),
}
