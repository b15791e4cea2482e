"""Segments: from an utterance to overlapping pictures of its log-mel spectrogram, or of its spectrogram, one per row.

A picture is a number of frames of `features.logmel` or of `features.spectrogram`: its height is the number of bands or
bins (the lowest first), its width the number of frames, its channels are the levels in dB and their derivatives. A row
contains it line by line and channel by channel, like the rows of `features.pixels`: ``values.reshape(-1, mels, frames,
1 + derivatives)`` are the pictures, channels last. Its time is the middle of its frames.

Derivatives are computed over the whole utterance, also across the borders of pictures. Segments are complete:
remaining frames at the end are left out. In an utterance with too few frames for one segment, the last frame is
repeated, as is common for videos with too few pictures for a network (Fan et al. 2016,
doi:10.1145/2993148.2997632).
"""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, Values
from affex.features.sound.frames import MelFrames, ShortFrames, amplitude_levels, with_derivatives
from affex.features.spectrogram import Spectrogram


@dataclass(frozen=True, kw_only=True)
class _Pictures(ShortFrames):
    """Base of the features whose rows are pictures of consecutive frames.

    Parameters
    ----------
    frames : int
        The number of frames in a segment.
    step : int
        The number of frames from the beginning of a segment to the beginning of the next.
    """

    #: What a line of a picture is called in the names of columns.
    line: ClassVar[str]

    frames: int = 64
    step: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.frames <= 1000:
            raise ValueError(f"frames={self.frames}: expected 1 to 1000 a segment")
        if not 1 <= self.step <= self.frames:
            raise ValueError(f"step={self.step}: expected 1 to the segment's {self.frames} frames")

    @property
    def columns(self) -> tuple[str, ...]:
        """``m00_f00``, ``m00_f00_d1``, ``m00_f00_d2``, ``m00_f01``, ... of mel bands, ``b000_f000``, ... of bins."""
        return _columns(self.line, *self.row_shape)

    @property
    @abstractmethod
    def row_shape(self) -> tuple[int, int, int]:
        """Lines, frames and channels of the picture."""

    @abstractmethod
    def frame_rows(self, signal: Signal) -> Values:
        """Return the frames, ``(n_frames, channels * lines)``, channel after channel."""

    def extract(self, signal: Signal) -> Rows:
        """Compute the picture of every segment."""
        frames = self.frame_rows(signal)
        times = self.times(frames, signal)
        pictures = segments(frames, self.frames, self.step)
        lines, _, n_channels = self.row_shape
        # (n, frames, channels * lines) to (n, lines, frames, channels)
        channels = pictures.reshape(len(pictures), self.frames, n_channels, lines)
        values = channels.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
        middles = [times[begin : begin + self.frames].mean() for begin in self.step * np.arange(len(pictures))]
        return Rows(np.ascontiguousarray(values), np.array(middles))


@dataclass(frozen=True, kw_only=True)
class Segments(_Pictures, MelFrames):
    """Pictures of the levels of mel bands in dB relative to full scale, with derivatives as channels.

    Parameters
    ----------
    window, hop, mels, derivatives
        As for `MelFrames`.
    frames : int
        The number of frames in a segment.
    step : int
        The number of frames from the beginning of a segment to the beginning of the next.
    """

    line: ClassVar[str] = "m"

    @property
    def about(self) -> str:
        """A description with the shape of the pictures and their distance in time."""
        shape = f"{self.mels} x {self.frames} x {1 + self.derivatives}"
        return f"Log-mel pictures, {shape}, one every {self.step * self.hop:g} s"

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """Bands, frames and channels of the picture."""
        return (self.mels, self.frames, 1 + self.derivatives)

    def frame_rows(self, signal: Signal) -> Values:
        """Return the levels of every frame, then their derivatives."""
        return with_derivatives(self.levels(signal), self.derivatives)


@dataclass(frozen=True, kw_only=True)
class SpectrogramSegments(_Pictures, Spectrogram):
    """Pictures of the levels of the lowest frequencies in dB relative to full scale.

    Parameters
    ----------
    window, hop, bins
        As for `features.spectrogram.Spectrogram`.
    frames : int
        The number of frames in a segment.
    step : int
        The number of frames from the beginning of a segment to the beginning of the next.
    """

    line: ClassVar[str] = "b"

    window: float = 0.040
    frames: int = 300
    step: int = 300

    @property
    def about(self) -> str:
        """A description with the shape of the pictures and their distance in time."""
        return f"Spectrogram pictures, {self.bins} x {self.frames}, one every {self.step * self.hop:g} s"

    @property
    def row_shape(self) -> tuple[int, int, int]:
        """Bins, frames and the one channel of the picture."""
        return (self.bins, self.frames, 1)

    def frame_rows(self, signal: Signal) -> Values:
        """Return the levels of every frame."""
        return amplitude_levels(signal, self.window, self.hop, self.bins)


def segments(frames: Values, length: int, step: int) -> Values:
    """Return the segments of some frames; if there are too few for one segment, the last frame is repeated.

    Parameters
    ----------
    frames : (n_frames, n_columns) float32
    length, step : int
        The length of a segment and the step to the next, in frames.

    Returns
    -------
    segments : (n_segments, length, n_columns) float32
    """
    filled = np.pad(frames, ((0, max(0, length - len(frames))), (0, 0)), mode="edge")
    windows: Values = np.lib.stride_tricks.sliding_window_view(filled, length, axis=0)[::step]
    return windows.transpose(0, 2, 1)


@cache
def _columns(line: str, n_lines: int, n_frames: int, n_channels: int) -> tuple[str, ...]:
    l_digits, f_digits = (max(2, len(str(n - 1))) for n in (n_lines, n_frames))
    return tuple(
        f"{line}{number:0{l_digits}}_f{frame:0{f_digits}}{channel}"
        for number in range(n_lines)
        for frame in range(n_frames)
        for channel in ("", "_d1", "_d2")[:n_channels]
    )


PRESETS: dict[str, AudioFeature] = {
    # Zhang et al. 2018, "Learning affective features with a hybrid deep model for audio-visual emotion recognition"
    # (doi:10.1109/TCSVT.2017.2719043): 64 bands x 64 frames (0.655 s) x 3 for AlexNet. They overlap; a step of 30
    # frames is that of the same authors' work on speech (doi:10.1109/TMM.2017.2766843).
    "segments": Segments(),
    # 3 s at 16 kHz, transforms of 2048 samples every 512, 90 bands: the input of the networks in the
    # OMG-Emotion thesis of the source documents. 90 is the number of complete frames in 3 s.
    "segments-3s": Segments(mels=90, window=0.128, hop=0.032, derivatives=0, frames=90, step=90),
    # The lowest 200 bins of Hamming windows of 40 ms every 10 ms, 3 s at a time: 200 x 300, of which AlexNet makes maps
    # of 5 x 8 (Zhou et al. 2019, doi:10.1145/3340555.3355713; the length is ours).
    "segments-spectrogram": SpectrogramSegments(),
}
