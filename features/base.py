"""What a feature is: the arrow from an utterance to its rows.

Conventions: audio is mono ``(n_samples,) float32 in [-1, 1]``, pictures are ``(n, height, width, 3) uint8 RGB``,
rates are in Hz, durations and times in seconds, rows are ``(n_rows, n_columns) float32``. A feature's fields are
its identity (they make the cache key) but those that do not count when it is compared (``weights``, where a weight
file lies); how it is run (`Runtime`) is not among them. Modules import their heavy
libraries inside functions, so that listing features stays quick.

What a feature reads decides what it derives from: `AudioFeature`, `VideoFeature`, `MotionFeature`, or
`ChainedFeature`, which reads the cached rows of another feature and never the media.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


def first_clause(documented: type) -> str:
    """Return the first line of a class's docstring, up to a semicolon or the full stop."""
    return re.split(r";|\.$", (documented.__doc__ or "").strip().partition("\n")[0])[0]


class ExtractionError(ValueError):
    """An utterance has no such feature (it is too short, for example); the message says why and what would do."""


@dataclass(frozen=True)
class Signal:
    """What is heard.

    Parameters
    ----------
    samples : (n_samples,) float32
        Mono audio in [-1, 1].
    rate : int
        Samples a second, Hz.
    begins : float, s
        How much later than the utterance the first sample comes: sound may begin after the file does.
    note
        What must be said of how it was read; empty as a rule.
    """

    samples: Values
    rate: int
    begins: float = 0.0
    note: str = ""

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
class Motion:
    """What is captured of a face that wears markers, of its head and of the hands.

    What the cameras lost is NaN.

    Parameters
    ----------
    names
        The markers of the face, in upper case.
    positions : (n_frames, n_markers, 3) float64, mm
        Where each is.
    times : (n_frames,) float64, s
        Rising, from the first frame on.
    head : (n_frames, 6) float64, or None
        Pitch, roll and yaw, deg, then where it is, x, y, z, mm; None where there is no file of it.
    hands : (n_frames, n_markers, 3) float64, mm, or None
        Where the markers of the hands are, likewise.
    """

    names: tuple[str, ...]
    positions: NDArray[np.float64]
    times: NDArray[np.float64]
    head: NDArray[np.float64] | None = None
    hands: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Rows:
    """What a feature says of one utterance.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        One row for an utterance-level feature, one a frame else.
    times : (n_rows,) float64, s, or None
        The middle of each frame; None where the one row stands for the whole utterance.
    crops : n_rows encoded pictures, or None
        The picture that each row carries (empty bytes for a row without one); None where rows carry none. Those
        of a long utterance are best collected in a `features.pictures.spool.Spool`; those that come from the cache are
        read from the disk one by one, as they are asked for.
    """

    values: Values
    times: NDArray[np.float64] | None = None
    crops: Sequence[bytes] | None = None


@dataclass(frozen=True)
class Runtime:
    """How features are run: no part of their identity, and without influence on their numbers.

    Parameters
    ----------
    device
        Where networks run: ``"cpu"`` or ``"cuda"``.
    threads : int
        How many threads may prepare what a network is given.
    weights : str
        The folder of weight files, as every worker sees it; see `features.networks.finding`.
    """

    device: str = "cpu"
    threads: int = 1
    weights: str = ""


@dataclass(frozen=True, kw_only=True)
class Feature(ABC):
    """A feature with its parameters; equal fields, equal numbers."""

    #: What it reads: a kind of media (``"audio"``, ``"video"``, ``"mocap"``), or ``"rows"``, those of its `upstream`.
    reads: ClassVar[str]
    #: Raised by hand whenever the same parameters give other numbers.
    version: ClassVar[int] = 1
    #: Distributions whose version is part of the cache key.
    packages: ClassVar[tuple[str, ...]] = ()
    #: Whether its rows carry pictures.
    with_crops: ClassVar[bool] = False
    #: Whether its network runs on the device that `Runtime` names.
    on_device: ClassVar[bool] = False

    @property
    def parts(self) -> tuple[str, ...]:
        """What the names of its columns begin with, where they fall into parts of the face or body; empty else."""
        return ()

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of what a row holds, as in ``(height, width, channels)``; empty for plain columns.

        ``values.reshape(-1, *row_shape)`` are the pictures again.
        """
        return ()

    @property
    def level(self) -> str | None:
        """The column that grows with how loud a frame is; None where there is none."""
        return None

    @property
    def name(self) -> str:
        """The feature's own name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def about(self) -> str:
        """What its rows are, in words: the first clause of its class's docstring, unless its parameters say more."""
        return first_clause(type(self))

    @property
    def upstream(self) -> "Feature | None":
        """The feature whose rows it reads; None for one that reads media."""
        return None

    @property
    def media(self) -> str:
        """The kind of media that its numbers come from in the end."""
        return self.upstream.media if self.upstream else self.reads

    @property
    @abstractmethod
    def framewise(self) -> bool:
        """Whether an utterance has one row a frame (with times), not one row."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The name of each column."""

    def require(self, runtime: Runtime) -> None:  # noqa: B027
        """Make sure that what it needs besides what it reads is there, such as weights: once, before any utterance.

        Raises
        ------
        ValueError
            If something is missing or is not what it should be.
        """

    def load(self, runtime: Runtime) -> Any:  # noqa: ARG002
        """Return what a process loads once and keeps, as a network on its device; None where there is nothing."""
        return None


@dataclass(frozen=True, kw_only=True)
class AudioFeature(Feature):
    """A feature of what is heard.

    Parameters
    ----------
    rate : int
        The rate that the audio is resampled to before extraction, Hz.
    longest : float
        An utterance longer than this is a recorded failure, s; it bounds a worker's memory.
    """

    reads: ClassVar[str] = "audio"

    rate: int = 16000
    longest: float = 600.0

    def __post_init__(self) -> None:
        if not 1000 <= self.rate <= 192000:
            raise ValueError(f"rate={self.rate}: expected 1000 to 192000 Hz")
        if not self.longest > 0:
            raise ValueError(f"longest={self.longest}: expected more than 0 s")

    @abstractmethod
    def extract(self, signal: Signal) -> Rows:
        """Compute the rows of one utterance.

        Raises
        ------
        ExtractionError
            If the utterance has no such feature.
        """


@dataclass(frozen=True, kw_only=True)
class VideoFeature(Feature):
    """A feature of what is seen, read as a stream: a file is decoded once, and no utterance is ever in memory whole."""

    reads: ClassVar[str] = "video"

    @property
    @abstractmethod
    def sampling(self) -> Any:
        """Which frames it is shown, as the decoder spells it."""

    @abstractmethod
    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Compute the rows of one utterance.

        Parameters
        ----------
        windows
            The utterance's frames in the order of their times, some at a time.
        model
            What `load` returned. Only one utterance is computed with it at a time.

        Raises
        ------
        ExtractionError
            If the utterance has no such feature.
        """


@dataclass(frozen=True, kw_only=True)
class MotionFeature(Feature):
    """A feature of motion capture."""

    reads: ClassVar[str] = "mocap"

    @abstractmethod
    def extract(self, motion: Motion) -> Rows:
        """Compute the rows of one utterance.

        Raises
        ------
        ExtractionError
            If the utterance has no such feature.
        """


@dataclass(frozen=True, kw_only=True)
class ChainedFeature(Feature):
    """A feature of another feature's rows: a field names that one, and `upstream` returns it."""

    reads: ClassVar[str] = "rows"

    @property
    @abstractmethod
    def upstream(self) -> Feature:
        """The feature whose rows it reads."""

    @abstractmethod
    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Compute the rows of some utterances, which may fill a network's batches together.

        Parameters
        ----------
        utterances
            The upstream rows of each utterance, read and verified one by one as they are asked for.
        model
            What `load` returned.

        Returns
        -------
        list of Rows
            Those of each utterance, in the same order, and the same whatever utterances come together.

        Raises
        ------
        ExtractionError
            If an utterance has no such feature. The utterances are then tried one by one, to find which.
        """


def require_length(signal: Signal, n_samples: int, what: str) -> None:
    """Refuse an utterance with fewer than `n_samples` samples.

    Raises
    ------
    ExtractionError
        With the utterance's length and the least length needed, both in seconds.
    """
    if len(signal.samples) < n_samples:
        raise ExtractionError(
            f"too short: {signal.duration:.3f} s, and {what} needs at least {n_samples / signal.rate:.3f} s"
        )
