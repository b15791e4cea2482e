"""What embeddings share: from the crops of `features.faces` to a network's numbers a frame; no video is touched.

A frame's chip is cut from its crop as the network wants it, chips of several utterances fill the network's batches, and
each utterance gets its rows back. Which chip a network was trained on, and what its numbers mean, stands in its own
module: `features.face`, `features.fer`, `features.resnet18`, `features.ir50`, `features.vggface`.

Conventions: chips are ``(height, width, 3) uint8 RGB`` of the network's input size.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features import faces
from affex.features.base import ChainedFeature, ExtractionError, Rows, Runtime, Values
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture
from affex.features.faces import Faces
from affex.features.networks import finding
from affex.features.networks.base import Embedder, Network, Precision
from affex.features.networks.prefetch import ahead
from affex.features.networks.weights import WeightFile

Chip = Literal["aligned", "box"]
Missing = Literal["skip", "nearest", "frame"]


@dataclass(frozen=True)
class Model:
    """The network, and on how many threads its chips are cut while it works."""

    embedder: Embedder
    threads: int


@dataclass(frozen=True, kw_only=True)
class Embedding(ChainedFeature):
    """A network's numbers for the face of every frame.

    Parameters
    ----------
    faces
        What finds the faces.
    chip
        What the network is shown: the face ``aligned`` by its five points, upright and at one scale, or its widened
        ``box``, upright as the frame and stretched to the network's input.
    widened
        By how much the box is widened, as a share of its width and height; 0 to 0.6. It does nothing to an aligned
        chip.
    missing
        What becomes of a frame without a face: ``skip`` (it has no row), ``nearest`` (it has the row of the nearest
        frame with a face in time, of two the earlier) or ``frame`` (the network is shown the whole frame, as the third
        place of EmotiW 2019 did: Zhou et al. 2019, doi:10.1145/3340555.3355713; crops then hold whole frames, too).
        An utterance without any face fails unless whole frames are shown.
    precision
        In what the network computes: see `features.networks.base.Precision`.
    weights
        Where its weight file is, or the file's folder, if not where `features.networks.finding` looks; the same on
        every worker. It is no part of what this feature is.
    digest
        The sha256 of its weight file.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "opencv-python-headless")
    on_device: ClassVar[bool] = True
    #: The file of its weights, where it is a published one.
    published: ClassVar[WeightFile | None] = None

    faces: Faces = field(default_factory=Faces)
    chip: Chip = "box"
    widened: float = 0.3
    missing: Missing = "skip"
    precision: Precision = "float32"
    weights: str = field(default="", compare=False)
    digest: str = ""

    def __post_init__(self) -> None:
        for name, kind in (("chip", Chip), ("missing", Missing), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not 0 <= self.widened <= crops.WIDENED:
            raise ValueError(f"widened={self.widened}: expected 0 to {crops.WIDENED}, which is what crops show")
        # A file of somebody's own is what it holds; a published one need not be there yet.
        meant = self.published.sha256 if self.published else finding.digest_of(self.weights)
        if meant and self.digest not in ("", meant):
            raise ValueError(f"digest={self.digest}: {self.weights or self.name} has the sha256 {meant}")
        object.__setattr__(self, "digest", meant or self.digest)

    @property
    @abstractmethod
    def network(self) -> Network:
        """What the network is."""

    @abstractmethod
    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a file that is checked, ready to run."""

    @property
    def upstream(self) -> Faces:
        """What finds the faces, and keeps whole frames where they are wanted."""
        return replace(self.faces, missing="frame") if self.missing == "frame" else self.faces

    @property
    def framewise(self) -> bool:
        """One row a frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """The network's scores by their names, then its other numbers: ``face_000`` to ``face_127``, for example."""
        return self.network.columns

    def require(self, runtime: Runtime) -> None:
        """Make sure that its weights are there; a published file is fetched if need be."""
        self._weight_file(runtime)

    def load(self, runtime: Runtime) -> Model:
        """Return the network on the device."""
        return Model(self.embedder(self._weight_file(runtime), runtime.device), runtime.threads)

    def _weight_file(self, runtime: Runtime) -> Path:
        if self.published:
            return finding.published(self.published, self.weights, runtime.weights)
        return finding.own(self.name, self.digest, self.weights, runtime.weights)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Embed the faces of some utterances; batches are filled across them.

        Raises
        ------
        ExtractionError
            If an utterance has no frame to show to the network.
        """
        plans: list[_Plan] = []
        cut = ahead(self._cut_one, _shown(utterances, self.missing, plans), model.threads)
        batches = iter(lambda: tuple(islice(cut, model.embedder.batch)), ())
        parts = [model.embedder.embed(np.stack(batch)) for batch in batches]
        vectors = np.concatenate([np.empty((0, len(self.columns)), np.float32), *parts])
        ends = np.cumsum([len(plan.shown) for plan in plans])[:-1]
        return [Rows(own[plan.rows], plan.times) for own, plan in zip(np.split(vectors, ends), plans, strict=True)]

    def _cut_one(self, face: tuple[Values, bytes]) -> Picture:
        return self.cut(*face)

    def cut(self, row: Values, crop: bytes) -> Picture:
        """Return what the network is shown of one frame.

        Parameters
        ----------
        row : (n_columns,) float32
            Of `features.faces`; without a face, the whole crop is shown, which then is the whole frame.
        crop
            Its picture.

        Returns
        -------
        chip : (height, width, 3) uint8
        """
        height, width = self.network.input_size
        if not faces.is_found(row[None])[0]:
            return crops.resized(crops.decoded(crop), width, height)
        if self.chip == "box":
            return faces.boxed(row, crop, height, width, self.widened)
        return self.aligned(row, crop)

    def aligned(self, row: Values, crop: bytes) -> Picture:
        """Return the aligned chip of a face: dlib's, unless a network learned on others."""
        return faces.chip(row, crop, self.network.input_size[0])


@dataclass(frozen=True)
class _Plan:
    """Which frames of an utterance are shown to the network, whose embedding each row is, and the rows' times.

    Parameters
    ----------
    shown : (n_shown,) int
        Frames, by number.
    rows : (n_rows,) int
        Of what is shown, by number.
    times : (n_rows,) float64, s
    """

    shown: NDArray[np.intp]
    rows: NDArray[np.intp]
    times: NDArray[np.float64]


def _shown(utterances: Iterable[Rows], missing: Missing, plans: list[_Plan]) -> Iterator[tuple[Values, bytes]]:
    """Yield row and crop of every frame that is shown, and note each utterance's plan."""
    for signal in utterances:
        assert signal.crops is not None
        plan = _plan(signal, signal.crops, missing)
        plans.append(plan)
        yield from ((signal.values[number], signal.crops[int(number)]) for number in plan.shown)


def _plan(signal: Rows, pictures: Sequence[bytes], missing: Missing) -> _Plan:
    assert signal.times is not None
    if missing == "frame":
        everything = np.arange(len(signal.values))
        faceless = np.flatnonzero(~faces.is_found(signal.values))
        if lacking := sum(not pictures[int(number)] for number in faceless):
            raise ExtractionError(f"{lacking} of {len(signal.values)} frames have neither a face nor a picture")
        return _Plan(everything, everything, signal.times)
    found = faces.faces_in(signal, "there is nothing to embed; missing=frame embeds the whole frame instead")
    times = signal.times[found]
    if missing == "skip":
        return _Plan(found, np.arange(len(found)), times)
    return _Plan(found, nearest(signal.times, times), signal.times)


def nearest(times: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each time the number of the nearest known one, of two the earlier.

    Parameters
    ----------
    times : (n,), s
    known : (m,), s
        In order, at least one.

    Returns
    -------
    numbers : (n,) int
    """
    after = np.searchsorted(known, times).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    # In whole microseconds: 0.6 - 0.4 and 0.4 - 0.2 are the same.
    to_after, to_before = (np.round(np.abs(known[near] - times) * 1e6) for near in (after, before))
    return np.where(to_before <= to_after, before, after)
