"""Spectrogram: from an utterance to the levels of some frequencies, frame by frame, or as pictures.

By default with a Hamming window of 40 ms, step 10 ms, the lowest 200 bins, as in Zhou et al., "Exploring emotion
features and fusion strategies for audio-video emotion recognition" (ICMI 2019). The paper does not give the length of
its transform; here it is the length of the window, so bins are 25 Hz apart and 200 of them reach from 0 to 4975 Hz.
Levels in dB as in `features.sound.frames`.

With ``frames``, a row is a picture of so many frames: bands (the lowest first) by frames, line by line. Remaining
frames at the end are left out; where there are too few for one picture, the last one is repeated.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.bands import band_passed, check_band
from affex.features.sound.frames import FLOOR, ShortFrames, amplitude_levels, column_names
from affex.features.sound.pictures import check_pictures, picture_columns, picture_rows


@dataclass(frozen=True, kw_only=True)
class Spectrogram(ShortFrames):
    """Spectrogram: levels of some frequencies in dB relative to full scale.

    Parameters
    ----------
    window, hop : float
        The length of a frame and the step to the next, s; bins are ``1 / window`` Hz apart.
    first, bins : int
        The first bin, from 0 Hz, and the number of bins.
    low, high : float, Hz, or None
        The band that the sound is filtered to before; 0 and none: it is not filtered.
    floor : float, dB
        Lower levels are set to this one.
    frames : int
        The number of frames in a picture; 0: a row is one frame.
    step : int
        The number of frames from the beginning of a picture to the beginning of the next; 0: as many as it has.
    """

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015",)

    window: float = 0.040
    first: int = 0
    bins: int = 200
    low: float = 0.0
    high: float | None = None
    floor: float = FLOOR
    frames: int = 0
    step: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        n_bins = round(self.window * self.rate) // 2 + 1
        where = f"with a window of {self.window} s at {self.rate} Hz"
        if not 0 <= self.first < n_bins:
            raise ValueError(f"first={self.first}: expected 0 to {n_bins - 1} {where}")
        if not 1 <= self.bins <= n_bins - self.first:
            raise ValueError(f"bins={self.bins}: expected 1 to {n_bins - self.first} {where}")
        if not FLOOR <= self.floor < 0:
            raise ValueError(f"floor={self.floor:g}: expected {FLOOR:g} to less than 0 dB")
        check_band(self.low, self.high, self.rate)
        if self.frames or self.step:
            check_pictures(self.frames, self.step or self.frames)

    @property
    def about(self) -> str:
        """A description; of pictures with their shape and their distance in time."""
        if not self.frames:
            return super().about
        return (
            f"Spectrogram pictures, {self.bins} x {self.frames}, one every {(self.step or self.frames) * self.hop:g} s"
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """``spectrogram_000``, ... from the first bin up; of pictures ``b000_f00``, ``b000_f01``, ..."""
        if self.frames:
            return picture_columns("b", self.bins, self.frames)
        return column_names("spectrogram", self.bins, derivatives=0)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Bins, frames and the one channel of a picture; empty for frames."""
        return (self.bins, self.frames, 1) if self.frames else ()

    def extract(self, signal: Signal) -> Rows:
        """Compute the levels of every frame, or the picture of every segment."""
        passed = band_passed(signal, self.low, self.high)
        levels = amplitude_levels(passed, self.window, self.hop, self.first + self.bins)[:, self.first :]
        levels, times = np.maximum(levels, np.float32(self.floor)), self.times(levels, signal)
        return (
            picture_rows(levels, times, self.frames, self.step or self.frames) if self.frames else Rows(levels, times)
        )


PRESETS: dict[str, AudioFeature] = {"spectrogram": Spectrogram()}
