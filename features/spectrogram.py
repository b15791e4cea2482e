"""Spectrogram: from an utterance to the levels of its low frequencies, frame by frame.

Hamming window of 40 ms, step 10 ms, the lowest 200 bins, as in Zhou et al., "Exploring emotion features and
fusion strategies for audio-video emotion recognition" (ICMI 2019). The paper
does not give the length of its transform; here it is the length of the window, so bins are 25 Hz apart and 200 of
them reach from 0 to 4975 Hz. Levels in dB as in `features.sound.frames`.
"""

from dataclasses import dataclass

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.frames import ShortFrames, amplitude_levels, column_names


@dataclass(frozen=True, kw_only=True)
class Spectrogram(ShortFrames):
    """Spectrogram: levels of the lowest frequencies in dB relative to full scale.

    Parameters
    ----------
    window, hop : float
        The length of a frame and the step to the next, s; bins are ``1 / window`` Hz apart.
    bins : int
        The number of bins, from 0 Hz.
    """

    window: float = 0.040
    bins: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        most = round(self.window * self.rate) // 2 + 1
        if not 1 <= self.bins <= most:
            raise ValueError(
                f"bins={self.bins}: expected 1 to {most} with a window of {self.window} s at {self.rate} Hz"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """``spectrogram_000``, ... from 0 Hz up."""
        return column_names("spectrogram", self.bins, derivatives=0)

    def extract(self, signal: Signal) -> Rows:
        """Compute the levels of every frame."""
        levels = amplitude_levels(signal, self.window, self.hop, self.bins)
        return Rows(levels, self.times(levels, signal))


PRESETS: dict[str, AudioFeature] = {"spectrogram": Spectrogram()}
