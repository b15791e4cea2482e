"""What a feature is: the arrow from a clip to its rows.

Conventions: audio is mono ``(n_samples,) float32 in [-1, 1]``, rates are in Hz, durations and times in
seconds, rows are ``(n_rows, n_columns) float32``. A feature's fields are its identity (they make the
cache key); how it is run (device, workers, batch size) is not among them. Modules import their heavy
libraries inside functions, so that listing features stays quick.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


class ExtractionError(ValueError):
    """A clip has no such feature (it is too short, for example); the message says why and what would do."""


@dataclass(frozen=True)
class Clip:
    """What is heard.

    Parameters
    ----------
    samples : (n_samples,) float32
        Mono audio in [-1, 1].
    rate : int
        Samples a second, Hz.
    """

    samples: Values
    rate: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Frames:
    """What is seen: some consecutive ones of the pictures that a feature wants of an utterance.

    Parameters
    ----------
    pictures : (n, height, width, 3) uint8
        RGB, upright.
    times : (n,) float64, s
        When each picture comes on screen, from the utterance's beginning.
    """

    pictures: NDArray[np.uint8]
    times: NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """What a feature says of one clip.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        One row for an utterance-level feature, one a frame else.
    times : (n_rows,) float64, s, or None
        The middle of each frame; None where the one row stands for the whole clip.
    """

    values: Values
    times: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class Feature(ABC):
    """A feature with its parameters; equal fields, equal numbers.

    Parameters
    ----------
    rate : int
        The rate that the audio is resampled to before extraction, Hz.
    longest : float
        A clip longer than this is a recorded failure, s; it bounds a worker's memory.
    """

    #: The kind of media it reads, or the name of the feature whose cached rows it reads.
    reads: ClassVar[str] = "audio"
    #: Raised by hand whenever the same parameters give other numbers.
    version: ClassVar[int] = 1
    #: Distributions whose version is part of the cache key.
    packages: ClassVar[tuple[str, ...]] = ()

    rate: int = 16000
    longest: float = 600.0

    def __post_init__(self) -> None:
        if not 1000 <= self.rate <= 192000:
            raise ValueError(f"rate={self.rate}: expected 1000 to 192000 Hz")
        if not self.longest > 0:
            raise ValueError(f"longest={self.longest}: expected more than 0 s")

    @property
    def name(self) -> str:
        """The feature's own name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    @abstractmethod
    def framewise(self) -> bool:
        """Whether a clip has one row a frame (with times), not one row."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The name of each column."""

    @abstractmethod
    def extract(self, clip: Clip) -> Rows:
        """Compute the rows of one clip.

        Raises
        ------
        ExtractionError
            If the clip has no such feature.
        """


def require_length(clip: Clip, n_samples: int, what: str) -> None:
    """Refuse a clip with fewer than `n_samples` samples.

    Raises
    ------
    ExtractionError
        With the clip's length and the least length needed, both in seconds.
    """
    if len(clip.samples) < n_samples:
        raise ExtractionError(
            f"too short: {clip.duration:.3f} s, and {what} needs at least {n_samples / clip.rate:.3f} s"
        )
