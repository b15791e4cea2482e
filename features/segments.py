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
from typing import ClassVar

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.sound.frames import MelFrames, with_derivatives
from affex.features.sound.pictures import check_pictures, picture_columns, picture_rows


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

    cites: ClassVar[tuple[str, ...]] = ("mcfee2015",)

    frames: int = 64
    step: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pictures(self.frames, self.step)

    @property
    def about(self) -> str:
        """A description with the shape of the pictures and their distance in time."""
        shape = f"{self.mels} x {self.frames} x {1 + self.derivatives}"
        return f"Log-mel pictures, {shape}, one every {self.step * self.hop:g} s"

    @property
    def columns(self) -> tuple[str, ...]:
        """``m00_f00``, ``m00_f00_d1``, ``m00_f00_d2``, ``m00_f01``, ..."""
        return picture_columns("m", self.mels, self.frames, ("", "_d1", "_d2")[: self.derivatives + 1])

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Bands, frames and channels of the picture."""
        return (self.mels, self.frames, 1 + self.derivatives)

    def extract(self, signal: Signal) -> Rows:
        """Compute the picture of every segment."""
        levels = self.levels(signal)
        times = self.times(levels, signal)
        return picture_rows(
            with_derivatives(levels, self.derivatives), times, self.frames, self.step, 1 + self.derivatives
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
