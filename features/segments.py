"""Log-mel segments: from an utterance to overlapping pictures of its spectrogram, one per row.

A picture is a number of frames of `features.logmel`: its height is the number of bands (the lowest first), its width
the number of frames, its channels are the levels in dB and their derivatives. A row contains it line by line and
channel by channel, like the rows of `features.pixels`: ``values.reshape(-1, mels, frames, 1 + derivatives)`` are the
pictures, channels last. Its time is the middle of its frames.

Derivatives are computed over the whole utterance, also across the borders of pictures. Segments are complete:
remaining frames at the end are left out. In an utterance with too few frames for one segment, the last frame is
repeated, as is common for videos with too few pictures for a network (Fan et al. 2016,
doi:10.1145/2993148.2997632).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from affex.features.base import AudioFeature, Rows, Signal, Values
from affex.features.sound.frames import MelFrames, with_derivatives


@dataclass(frozen=True, kw_only=True)
class Segments(MelFrames):
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

    frames: int = 64
    step: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.frames <= 1000:
            raise ValueError(f"frames={self.frames}: expected 1 to 1000 a segment")
        if not 1 <= self.step <= self.frames:
            raise ValueError(f"step={self.step}: expected 1 to the segment's {self.frames} frames")

    @property
    def about(self) -> str:
        """A description with the shape of the pictures and their distance in time."""
        shape = f"{self.mels} x {self.frames} x {1 + self.derivatives}"
        return f"Log-mel pictures, {shape}, one every {self.step * self.hop:g} s"

    @property
    def columns(self) -> tuple[str, ...]:
        """``m00_f00``, ``m00_f00_d1``, ``m00_f00_d2``, ``m00_f01``, ..."""
        return _columns(self.mels, self.frames, self.derivatives)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Bands, frames and channels of the picture."""
        return (self.mels, self.frames, 1 + self.derivatives)

    def extract(self, signal: Signal) -> Rows:
        """Compute the picture of every segment."""
        levels = self.levels(signal)
        times = self.times(levels, signal)
        pictures = segments(with_derivatives(levels, self.derivatives), self.frames, self.step)
        # (n, frames, channels * mels) to (n, mels, frames, channels)
        channels = pictures.reshape(len(pictures), self.frames, 1 + self.derivatives, self.mels)
        values = channels.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
        middles = [times[begin : begin + self.frames].mean() for begin in self.step * np.arange(len(pictures))]
        return Rows(np.ascontiguousarray(values), np.array(middles))


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
def _columns(mels: int, frames: int, derivatives: int) -> tuple[str, ...]:
    m_digits, f_digits = (max(2, len(str(n - 1))) for n in (mels, frames))
    channels = ("", "_d1", "_d2")[: derivatives + 1]
    return tuple(
        f"m{mel:0{m_digits}}_f{frame:0{f_digits}}{channel}"
        for mel in range(mels)
        for frame in range(frames)
        for channel in channels
    )


PRESETS: dict[str, AudioFeature] = {
    # Zhang et al. 2018, "Learning affective features with a hybrid deep model for audio-visual emotion recognition"
    # (doi:10.1109/TCSVT.2017.2719043): 64 bands x 64 frames (0.655 s) x 3 for AlexNet. They overlap; a step of 30
    # frames is that of the same authors' work on speech (doi:10.1109/TMM.2017.2766843).
    "segments": Segments(),
    # 3 s at 16 kHz, transforms of 2048 samples every 512, 90 bands: the input of the networks in the
    # OMG-Emotion thesis of the source documents. 90 is the number of complete frames in 3 s.
    "segments-3s": Segments(mels=90, window=0.128, hop=0.032, derivatives=0, frames=90, step=90),
}
