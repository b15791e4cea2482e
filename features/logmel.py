"""Log-mel spectrogram: from an utterance to the levels of its mel bands, frame by frame.

Bands, window and dB as in `features.sound.frames`.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.frames import (
    check_derivatives,
    check_framing,
    check_mels,
    column_names,
    frame_times,
    in_words,
    mel_levels,
    with_derivatives,
)


@dataclass(frozen=True, kw_only=True)
class Logmel(AudioFeature):
    """Levels of mel bands in dB relative to full scale, with derivatives.

    Parameters
    ----------
    mels : int
        The number of bands between 0 Hz and half the rate.
    window, hop : float
        The length of a frame and the step to the next, s.
    derivatives : int
        0: none, 1: first, 2: first and second derivatives.
    """

    packages: ClassVar[tuple[str, ...]] = ("librosa",)

    mels: int = 90
    window: float = 0.128
    hop: float = 0.032
    derivatives: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_framing(self.window, self.hop)
        check_mels(self.mels, self.window, self.rate)
        check_derivatives(self.derivatives)

    @property
    def about(self) -> str:
        """A description with the number of bands and the frames."""
        return f"{self.mels} mel bands, dB ({self.window * 1e3:g} / {self.hop * 1e3:g} ms)" + in_words(self.derivatives)

    @property
    def shortest(self) -> float:
        """One window, s."""
        return self.window

    @property
    def framewise(self) -> bool:
        """One row per frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``logmel_00``, ..., then ``logmel_d1_00``, ..., ``logmel_d2_00``, ..."""
        return column_names("logmel", self.mels, self.derivatives)

    def extract(self, signal: Signal) -> Rows:
        """Compute the levels of every frame.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than a window.
        """
        levels = mel_levels(signal, self.window, self.hop, self.mels)
        times = frame_times(len(levels), self.window, self.hop, signal.rate)
        return Rows(with_derivatives(levels, self.derivatives), times)


PRESETS: dict[str, AudioFeature] = {
    # 2048 and 512 samples at 16 kHz: librosa's defaults, which much work on spoken emotion uses.
    "logmel": Logmel(),
    # Static, first and second derivative stacked like the colours of a picture: Zhang et al., "Learning
    # affective features with a hybrid deep model for audio-visual emotion recognition" (TCSVT 2018,
    # doi:10.1109/TCSVT.2017.2719043).
    "logmel-64": Logmel(mels=64, window=0.025, hop=0.010, derivatives=2),
}
