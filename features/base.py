"""What a feature is: the arrow from an utterance to its rows.

Conventions: audio is mono ``(n_samples,) float32 in [-1, 1]``, pictures are ``(height, width, 3) uint8 RGB``,
rates are in Hz, durations and times in seconds, rows are ``(n_rows, n_columns) float32``. A feature's fields are its
identity and make the cache key. Fields that are excluded from comparison (``weights``, the path of a weight file) and
how a feature is run (`Runtime`) are not part of the identity. Modules import their heavy libraries inside functions,
so that listing features stays quick.

The base class of a feature says what it reads: `AudioFeature`, `VideoFeature`, `MotionFeature`, `TextFeature`, or
`ChainedFeature`, which reads the cached rows of another feature and never the media.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.asking import Ask

Values = NDArray[np.float32]

#: The metadata of a field that came after rows were cached without it: it is a part of the key only if it has another
#: value than its default, so that those rows stay valid.
ADDED: Mapping[str, bool] = {"added": True}


def first_clause(documented: type) -> str:
    """Return the first line of a class's docstring, up to a semicolon or the full stop."""
    return re.split(r";|\.$", (documented.__doc__ or "").strip().partition("\n")[0])[0]


class ExtractionError(ValueError):
    """The feature cannot be computed for an utterance (too short, for example); the message gives reason and remedy."""


@dataclass(frozen=True)
class Signal:
    """The mono audio of one utterance.

    Parameters
    ----------
    samples : (n_samples,) float32
        Mono audio in [-1, 1].
    rate : int
        Samples a second, Hz.
    begins : float, s
        Time of the first sample from the utterance's beginning: sound may begin after the file does.
    note
        A remark on how the audio was read; usually empty.
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
    """A window of consecutive pictures of one utterance, sampled as a feature asked for.

    Parameters
    ----------
    pictures : n of (height, width, 3) uint8
        RGB, upright, of one size.
    times : (n,) float64, s
        When each picture is shown, from the utterance's beginning.
    """

    pictures: Sequence[NDArray[np.uint8]]
    times: NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """Motion capture of one utterance: markers of the face, the head and the hands.

    Values that the cameras lost are NaN.

    Parameters
    ----------
    names
        The markers of the face, in upper case.
    positions : (n_frames, n_markers, 3) float64, mm
        The position of each marker.
    times : (n_frames,) float64, s
        Increasing, from the first frame.
    head : (n_frames, 6) float64, or None
        Pitch, roll and yaw, deg, then the position x, y, z, mm; None without a file of the head.
    hands : (n_frames, n_markers, 3) float64, mm, or None
        The positions of the markers of the hands; None without a file of the hands.
    """

    names: tuple[str, ...]
    positions: NDArray[np.float64]
    times: NDArray[np.float64]
    head: NDArray[np.float64] | None = None
    hands: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Rows:
    """The rows of one feature for one utterance.

    Parameters
    ----------
    values : (n_rows, n_columns) float32
        One row for an utterance-level feature, else one row per frame.
    times : (n_rows,) float64, s, or None
        The middle of each frame; None where one row describes the whole utterance.
    crops : n_rows encoded pictures, or None
        The picture of each row (empty bytes for a row without one); None where rows carry no pictures. Collect the
        pictures of a long utterance in a `features.pictures.spool.Spool`; pictures in the cache are read from the disk
        one by one, when they are used.
    beside
        Of the rows that a chained feature reads: those of the same utterance of each feature in its `beside`.
    """

    values: Values
    times: NDArray[np.float64] | None = None
    crops: Sequence[bytes] | None = None
    beside: "tuple[Rows, ...]" = ()


@dataclass(frozen=True)
class Runtime:
    """How features are run; not part of their identity and without influence on their numbers.

    Parameters
    ----------
    device
        Where networks run: ``"cpu"`` or ``"cuda"``.
    threads : int
        How many threads may prepare the input of a network.
    weights : str
        The folder of weight files, as a path that is valid on every worker; see `features.networks.finding`.
    ask
        The way to networks that run in another process; None if they run in this one.
    """

    device: str = "cpu"
    threads: int = 1
    weights: str = ""
    ask: Ask | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Feature(ABC):
    """A feature with its parameters; equal fields give equal numbers."""

    #: What it reads: a kind of media (``"audio"``, ``"video"``, ``"mocap"``), the ``"text"`` of the transcript, or
    #: ``"rows"`` of its `upstream` feature.
    reads: ClassVar[str]
    #: Increase by hand whenever the same parameters give different numbers.
    version: ClassVar[int] = 1
    #: Distributions whose version is part of the cache key.
    packages: ClassVar[tuple[str, ...]] = ()
    #: What a paper that uses it cites: keys of ``pipeline/publishing/references.toml``, or whole BibTeX entries.
    cites: ClassVar[tuple[str, ...]] = ()
    #: Whether its rows carry pictures.
    with_crops: ClassVar[bool] = False
    #: Whether its network runs on the device of `Runtime`.
    on_device: ClassVar[bool] = False
    #: Whether a frame has a row for each person in it.
    several: ClassVar[bool] = False

    @property
    def asks(self) -> bool:
        """Whether its network may run in another process: it then asks `Runtime.ask` for numbers, and loads nothing."""
        return False

    @property
    def parts(self) -> tuple[str, ...]:
        """Prefixes of its column names, one for each part of the face or body; empty where it has no such parts."""
        return ()

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of what a row holds, as in ``(height, width, channels)``; empty for plain columns.

        ``values.reshape(-1, *row_shape)`` are the pictures again.
        """
        return ()

    @property
    def level(self) -> str | None:
        """The column that increases with the loudness of a frame; None without one."""
        return None

    @property
    def name(self) -> str:
        """The feature's name, which is the name of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def about(self) -> str:
        """A description of its rows: by default the first clause of the class's docstring."""
        return first_clause(type(self))

    @property
    def phrase(self) -> str:
        """What its rows are, in a sentence, as in ``eGeMAPSv02 functionals``; empty for the name of the preset."""
        return ""

    @property
    def upstream(self) -> "Feature | None":
        """The feature whose rows it reads; None for one that reads media."""
        return None

    @property
    def beside(self) -> "tuple[Feature, ...]":
        """Further features whose rows it reads together with those of `upstream`."""
        return ()

    def one_person(self, rows: Rows) -> Rows:
        """Return the rows of one person, one per frame; unless `several`, its rows are that anyway."""
        return rows

    @property
    def media(self) -> str:
        """The kind of media that its numbers are computed from, through all upstream features."""
        return self.upstream.media if self.upstream else self.reads

    @property
    def framewise(self) -> bool:
        """Whether an utterance has one row per frame (with times) instead of one row."""
        return False

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The name of each column."""

    def require(self, runtime: Runtime) -> None:  # noqa: B027
        """Check once, before any utterance, that its other needs (such as weights) are available.

        Raises
        ------
        ValueError
            If something is missing or wrong.
        """

    def load(self, runtime: Runtime) -> Any:  # noqa: ARG002
        """Return what a process loads once and keeps, such as a network on its device; None if there is nothing."""
        return None


@dataclass(frozen=True, kw_only=True)
class AudioFeature(Feature):
    """A feature of the audio.

    Parameters
    ----------
    rate : int
        The audio is resampled to this rate before extraction, Hz.
    longest : float
        The longest utterance that is extracted, s; a longer one is a recorded failure. It bounds a worker's memory.
    """

    reads: ClassVar[str] = "audio"
    #: Whether a rate of 0 is allowed, which is the file's own.
    as_recorded: ClassVar[bool] = False

    rate: int = 16000
    longest: float = 600.0

    def __post_init__(self) -> None:
        if not (1000 <= self.rate <= 192000 or (self.as_recorded and self.rate == 0)):
            raise ValueError(f"rate={self.rate}: expected 1000 to 192000 Hz")
        if not self.longest > 0:
            raise ValueError(f"longest={self.longest}: expected more than 0 s")

    @property
    def shortest(self) -> float:
        """The shortest utterance that it can be computed for, s; 0 for one of any length."""
        return 0.0

    @abstractmethod
    def extract(self, signal: Signal) -> Rows:
        """Compute the rows of one utterance.

        Raises
        ------
        ExtractionError
            If the utterance is shorter than `shortest`, or the feature cannot be computed for it.
        """


@dataclass(frozen=True, kw_only=True)
class VideoFeature(Feature):
    """A feature of the video, read as a stream: a file is decoded once and no utterance is in memory as a whole."""

    reads: ClassVar[str] = "video"

    @property
    @abstractmethod
    def sampling(self) -> Any:
        """Which frames the feature reads, as a `pipeline.media.clock.Sampling`."""

    @abstractmethod
    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Compute the rows of one utterance.

        Parameters
        ----------
        windows
            The utterance's frames in order of time, several at once.
        model
            The return value of `load`. Only one utterance at a time is computed with it.

        Raises
        ------
        ExtractionError
            If the feature cannot be computed for this utterance.
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
            If the feature cannot be computed for this utterance.
        """


@dataclass(frozen=True, kw_only=True)
class TextFeature(Feature):
    """A feature of the transcript."""

    reads: ClassVar[str] = "text"

    @abstractmethod
    def extract(self, text: str) -> Rows:
        """Compute the row of one utterance.

        Raises
        ------
        ExtractionError
            If the feature cannot be computed for this utterance.
        """


@dataclass(frozen=True, kw_only=True)
class ChainedFeature(Feature):
    """A feature of another feature's rows: a field holds the other feature, and `upstream` returns it."""

    reads: ClassVar[str] = "rows"

    @property
    @abstractmethod
    def upstream(self) -> Feature:
        """The feature whose rows it reads."""

    @abstractmethod
    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Compute the rows of several utterances; they may share a network's batches.

        Parameters
        ----------
        utterances
            The upstream rows of each utterance, read and verified one by one, when they are used.
        model
            The return value of `load`.

        Returns
        -------
        list of Rows
            One for each utterance, in the same order; they do not depend on which utterances share a batch.

        Raises
        ------
        ExtractionError
            If the feature cannot be computed for an utterance. The utterances are then tried one by one, to find it.
        """


def require_length(signal: Signal, n_samples: int, what: str) -> None:
    """Raise if an utterance has fewer than `n_samples` samples.

    Raises
    ------
    ExtractionError
        The message gives the utterance's length and the shortest length allowed, both in seconds.
    """
    if len(signal.samples) < n_samples:
        raise ExtractionError(
            f"too short: {signal.duration:.3f} s, and {what} needs at least {n_samples / signal.rate:.3f} s"
        )
