"""Levels: from an utterance to how long, how loud, how full of pauses and how clean its recording is.

Levels are in dB relative to full scale, where a sine of amplitude 1 is 0 dB (AES17), and at least `FLOOR`. They are
those of the signal that all features of sound read: the mean of the channels, or the channel of the utterance. A
constant offset counts for the peak and for `offset`, not for levels.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Rows, Signal, require_length
from affex.features.sound.frames import FLOOR

#: Samples from here on are at full scale; the largest positive sample of 8 bits is 0.992.
FULL_SCALE = 0.99
#: So many samples in a row at full scale are clipped: a peak that only touches it has one or two.
CLIPPED_RUN = 3
#: Zeros are digital silence if they last this long, s: shorter runs occur in quiet recordings.
ZEROS = 0.010
#: The share of frames that is quieter than the background level.
BACKGROUND = 0.1


@dataclass(frozen=True, kw_only=True)
class Levels(AudioFeature):
    """Duration, level, peak, clipping, silence and background of the recording; for `make describe`, not for training.

    Parameters
    ----------
    rate : int
        The audio is resampled to this rate, Hz; 0 keeps the file's own, so that clipped samples stay as they are.
    window : float
        The length of a frame, s.
    below : float
        A frame is silent if its level is this far below that of the loudest frame, dB.
    """

    as_recorded: ClassVar[bool] = True

    rate: int = 0
    window: float = 0.020
    below: float = 40.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.005 <= self.window <= 1:
            raise ValueError(f"window={self.window}: expected 0.005 to 1 s")
        if not 0 < self.below <= 120:
            raise ValueError(f"below={self.below}: expected more than 0 and at most 120 dB")

    @property
    def shortest(self) -> float:
        """One frame, s."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """Duration, rate, level, peak, background, and shares of the utterance."""
        return (
            "duration_s",
            "rate_Hz",
            "level_dBFS",
            "peak_dBFS",
            "background_dBFS",
            "clipped",
            "silent",
            "zeros",
            "offset",
        )

    def extract(self, signal: Signal) -> Rows:
        """Return the one row of an utterance.

        ``clipped`` is the share of samples in runs of `CLIPPED_RUN` and more at full scale, ``silent`` that of silent
        frames, ``zeros`` that of samples in digital silence; ``offset`` is the mean sample.
        """
        size = round(self.window * signal.rate)
        require_length(signal, max(size, 1), "one frame")
        samples = signal.samples.astype(np.float64)
        offset = float(samples.mean())
        frames = _levels(samples - offset, size)
        row = [
            signal.duration,
            signal.rate,
            _decibels(2 * np.mean((samples - offset) ** 2, keepdims=True))[0],
            _decibels(np.max(samples**2, keepdims=True))[0],
            np.quantile(frames, BACKGROUND),
            _share_in_runs(np.abs(samples) >= FULL_SCALE, CLIPPED_RUN),
            np.mean((frames < frames.max() - self.below) | (frames <= FLOOR)),
            _share_in_runs(samples == 0, max(1, round(ZEROS * signal.rate))),
            offset,
        ]
        return Rows(np.array([row], np.float32))


def _levels(samples: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the level of each whole frame, ``(n_frames,)``, dB."""
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return _decibels(2 * np.mean(whole**2, axis=1))


def _decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return levels in dB, at least `FLOOR`."""
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))
    return levels


def _share_in_runs(flags: NDArray[np.bool_], shortest: int) -> float:
    """Return the share of samples that lie in runs of flagged samples of at least some length."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= shortest].sum() / len(flags))


PRESETS = {"levels": Levels()}
