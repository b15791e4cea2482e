"""The base of embeddings: from the crops of `features.faces` to a network's numbers per frame, without the video.

Each frame's chip is cut from its crop for the network, chips of several utterances fill the network's batches, and each
utterance gets its rows back. The chip that a network was trained on, and the meaning of its numbers, are documented in:
`features.face`, `features.fer`, `features.resnet18`, `features.ir50`, `features.vggface`.

Conventions: chips are ``(height, width, 3) uint8 RGB`` of the network's input size.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features import faces
from affex.features.base import ExtractionError, Rows, Runtime, Values
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture
from affex.features.faces import Faces
from affex.features.networks import finding
from affex.features.networks.base import AskedEmbedder, Embedder, Network, Precision
from affex.features.networks.batches import Batches
from affex.features.networks.prefetch import ahead
from affex.features.networks.weights import WeightFile
from affex.features.person import OfPerson, persons

Chip = Literal["aligned", "box"]
Missing = Literal["skip", "nearest", "frame"]


@dataclass(frozen=True)
class Model:
    """The network, and the number of threads that cut chips while it runs."""

    embedder: Embedder | AskedEmbedder
    threads: int


@dataclass(frozen=True)
class Vectors:
    """The vectors of a feature's network, to ask another process for."""

    feature: "Embedding"

    def batches(self, device: str, weights: str) -> Batches:
        """Return the network, loaded on a device."""
        return self.feature.embedder(self.feature.weight_file(Runtime(weights=weights)), device).batches


@dataclass(frozen=True, kw_only=True)
class Embedding(OfPerson):
    """A network's embedding of the face in every frame.

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    chip
        The network's input: the face ``aligned`` by its five points, upright and at one scale, or its widened ``box``,
        not rotated and stretched to the input's size.
    widened
        The share of its width and height by which the box is widened; 0 to 0.6. Without effect on an aligned chip.
    missing
        The treatment of a frame without a face: ``skip`` (no row), ``nearest`` (the row of the frame with a face that
        is nearest in time, of two the earlier) or ``frame`` (the network gets the whole frame, as in the third place of
        EmotiW 2019: Zhou et al. 2019, doi:10.1145/3340555.3355713; crops then contain whole frames, too). An utterance
        without any face fails, except with ``frame``.
    precision
        The number format in which the network computes: see `features.networks.base.Precision`.
    weights
        The weight file or its folder, the same on every worker; empty to search as `features.networks.finding` does.
        Not part of the identity.
    digest
        The sha256 of its weight file.
    """

    version: ClassVar[int] = 3
    packages: ClassVar[tuple[str, ...]] = ("torch", "opencv-python-headless")
    on_device: ClassVar[bool] = True
    framewise = True
    #: The published file of its weights, if there is one.
    published: ClassVar[WeightFile | None] = None

    chip: Chip = "box"
    widened: float = 0.3
    missing: Missing = "skip"
    precision: Precision = "float32"
    weights: str = field(default="", compare=False)
    digest: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("chip", Chip), ("missing", Missing), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not 0 <= self.widened <= crops.WIDENED:
            raise ValueError(f"widened={self.widened}: expected 0 to {crops.WIDENED}, the margin of the crops")
        # The user's own file is identified by its bytes; a published file need not be downloaded yet.
        expected = self.published.sha256 if self.published else finding.digest_of(self.weights)
        if expected and self.digest not in ("", expected):
            raise ValueError(f"digest={self.digest}: {self.weights or self.name} has the sha256 {expected}")
        object.__setattr__(self, "digest", expected or self.digest)

    @property
    @abstractmethod
    def network(self) -> Network:
        """The identity of the network."""

    @abstractmethod
    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a verified file, ready to run."""

    @property
    def upstream(self) -> Faces:
        """The feature that finds the faces; it keeps whole frames if they are needed."""
        return replace(self.faces, missing="frame") if self.missing == "frame" else self.faces

    @property
    def asks(self) -> bool:
        """Whether its network may run in another process: it always may."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """The network's scores by their names, then its other numbers: ``face_000`` to ``face_127``, for example."""
        return self.network.columns

    def require(self, runtime: Runtime) -> None:
        """Check that its weights are available; a published file is downloaded if necessary."""
        self.weight_file(runtime)

    def load(self, runtime: Runtime) -> Model:
        """Return the network on the device."""
        if runtime.ask is not None:
            return Model(AskedEmbedder(self.network, partial(runtime.ask, Vectors(self))), runtime.threads)
        return Model(self.embedder(self.weight_file(runtime), runtime.device), runtime.threads)

    def weight_file(self, runtime: Runtime) -> Path:
        """Return the verified path of its weights."""
        if self.published:
            return finding.published(self.published, self.weights, runtime.weights)
        return finding.own(self.name, self.digest, self.weights, runtime.weights)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Embed the faces of several utterances, which share batches.

        Raises
        ------
        ExtractionError
            If an utterance has no frame for the network.
        """
        plans: list[_Plan] = []
        cut = ahead(self._cut_one, _shown(persons(utterances), self.missing, plans), model.threads)
        batches = iter(lambda: tuple(islice(cut, model.embedder.batch)), ())
        parts = [model.embedder.embed(np.stack(batch)) for batch in batches]
        vectors = np.concatenate([np.empty((0, len(self.columns)), np.float32), *parts])
        ends = np.cumsum([len(plan.shown) for plan in plans])[:-1]
        return [Rows(own[plan.rows], plan.times) for own, plan in zip(np.split(vectors, ends), plans, strict=True)]

    def _cut_one(self, face: tuple[Values, bytes]) -> Picture:
        return self.cut(*face)

    def cut(self, row: Values, crop: bytes) -> Picture:
        """Return the network's input for one frame.

        Parameters
        ----------
        row : (n_columns,) float32
            A row of `features.faces`; without a face, the input is the whole crop, which then is the whole frame.
        crop
            The picture of the row.

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
        """Return the aligned chip of a face: dlib's, unless the network was trained on other chips."""
        return faces.chip(row, crop, self.network.input_size[0])


@dataclass(frozen=True)
class _Plan:
    """The frames of an utterance that the network gets, and the frame and time of each row.

    Parameters
    ----------
    shown : (n_shown,) int
        Frame numbers.
    rows : (n_rows,) int
        For each row, an index into `shown`.
    times : (n_rows,) float64, s
    """

    shown: NDArray[np.intp]
    rows: NDArray[np.intp]
    times: NDArray[np.float64]


def _shown(utterances: Iterable[Rows], missing: Missing, plans: list[_Plan]) -> Iterator[tuple[Values, bytes]]:
    """Yield row and crop of every frame for the network; append each utterance's plan to `plans`."""
    for rows in utterances:
        assert rows.crops is not None
        plan = _plan(rows, rows.crops, missing)
        plans.append(plan)
        yield from ((rows.values[number], rows.crops[int(number)]) for number in plan.shown)


def _plan(rows: Rows, pictures: Sequence[bytes], missing: Missing) -> _Plan:
    assert rows.times is not None
    if missing == "frame":
        everything = np.arange(len(rows.values))
        faceless = np.flatnonzero(~faces.is_found(rows.values))
        if lacking := sum(not pictures[int(number)] for number in faceless):
            raise ExtractionError(f"{lacking} of {len(rows.values)} frames have neither a face nor a picture")
        return _Plan(everything, everything, rows.times)
    found = faces.faces_in(rows, "there is nothing to embed; missing=frame embeds the whole frame instead")
    times = rows.times[found]
    if missing == "skip":
        return _Plan(found, np.arange(len(found)), times)
    return _Plan(found, nearest(rows.times, times), rows.times)


def nearest(times: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return for each time the index of the nearest known time, of two the earlier.

    Parameters
    ----------
    times : (n,), s
    known : (m,), s
        Increasing, at least one.

    Returns
    -------
    numbers : (n,) int
    """
    after = np.searchsorted(known, times).clip(max=len(known) - 1)
    before = (after - 1).clip(min=0)
    # In whole microseconds: 0.6 - 0.4 and 0.4 - 0.2 are the same.
    to_after, to_before = (np.round(np.abs(known[near] - times) * 1e6) for near in (after, before))
    return np.where(to_before <= to_after, before, after)
