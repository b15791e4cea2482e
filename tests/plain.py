"""Features for tests of the machinery: quick, closed forms, and one that kills its worker."""

import os
import signal
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from features.base import AudioFeature, Clip, ExtractionError, Rows


@dataclass(frozen=True, kw_only=True)
class Level(AudioFeature):
    """Mean, peak and length of a clip, times `gain`; refuses a clip under `least` s; dies of a clip over `deadly` s."""

    version: ClassVar[int] = 1

    gain: float = 1.0
    least: float = 0.0
    deadly: float = 60.0

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("mean", "peak", "length")

    def extract(self, clip: Clip) -> Rows:
        if clip.duration < self.least:
            raise ExtractionError(f"too short: {clip.duration:.3f} s, and at least {self.least} s are needed")
        if clip.duration > self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        x = clip.samples
        return Rows(self.gain * np.array([[x.mean(), np.abs(x).max(), len(x)]], np.float32))


@dataclass(frozen=True, kw_only=True)
class Samples(AudioFeature):
    """The samples themselves, one a frame."""

    @property
    def framewise(self) -> bool:
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        return ("sample",)

    def extract(self, clip: Clip) -> Rows:
        return Rows(clip.samples[:, None].copy(), np.arange(len(clip.samples)) / clip.rate)


@dataclass(frozen=True, kw_only=True)
class Broken(AudioFeature):
    """Gives what must not reach a cache: `how` says what."""

    how: str = "nan"

    @property
    def framewise(self) -> bool:
        return False

    @property
    def columns(self) -> tuple[str, ...]:
        return ("only",)

    def extract(self, clip: Clip) -> Rows:
        if self.how == "error":
            raise RuntimeError("a library's own trouble")
        if self.how == "shape":
            return Rows(np.zeros((1, 2), np.float32))
        if self.how == "empty":
            return Rows(np.zeros((0, 1), np.float32))
        if self.how == "float64":
            return Rows(np.zeros((1, 1)))  # type: ignore[arg-type]
        return Rows(np.full((1, 1), np.nan, np.float32))
