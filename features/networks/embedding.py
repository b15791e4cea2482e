"""The base of embeddings: from the crops of `features.faces` to a network's numbers per frame, without the video.

Each frame's chip is cut from its crop for the network. The chip that a network was trained on, and the meaning of its
numbers, are documented in the module of its feature: `features.face`, `features.fer`, `features.ir50` and so on.

Conventions: chips are ``(height, width, 3) uint8 RGB`` of the network's input size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, partial
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features import faces
from affex.features.base import ADDED, ExtractionError, Rows, Values
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture
from affex.features.faces import Faces
from affex.features.networks import views as several
from affex.features.networks.feature import NetworkFeature, Plan
from affex.features.networks.views import ROTATIONS, SCALES, View, Views, views_of
from affex.features.person import OfPerson, persons, require_choice

Chip = Literal["aligned", "box"]
Missing = Literal["skip", "nearest", "frame"]

#: The parameters that say which views there are.
_OF_VIEWS = ("rotations", "scales", "flip")


@dataclass(frozen=True, kw_only=True)
class Embedding(NetworkFeature, OfPerson):
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
    views
        ``one``: the network gets the chip. ``mean``: it gets views of the chip, and a row is the mean of their vectors;
        ``meanstd``: their standard deviations stand beside (Zhou et al. 2019; see `features.networks.views`).
    rotations, scales, flip
        The views: each rotation, deg, at each scale, and the mirror image of each: 18 as a default, as in the source;
        its other setting is ``rotations=-15+0+15,scales=0.75+1+1.25``.
    precision, weights, digest
        As in `NetworkFeature`.
    """

    version: ClassVar[int] = 3

    chip: Chip = "box"
    widened: float = 0.3
    missing: Missing = "skip"
    views: Views = field(default="one", metadata=ADDED)
    rotations: str = field(default=ROTATIONS, metadata=ADDED)
    scales: str = field(default=SCALES, metadata=ADDED)
    flip: bool = field(default=True, metadata=ADDED)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.choice)
        for name, kind in (("chip", Chip), ("missing", Missing), ("views", Views)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not 0 <= self.widened <= crops.WIDENED:
            raise ValueError(f"widened={self.widened}: expected 0 to {crops.WIDENED}, the margin of the crops")
        _ = self._views
        defaults = {one.name: one.default for one in fields(self) if one.name in _OF_VIEWS}
        for name in (name for name, default in defaults.items() if getattr(self, name) != default):
            if self.views == "one":
                raise ValueError(f"{name}={getattr(self, name)}: expected views=mean or views=meanstd beside it")

    @property
    def _views(self) -> tuple[View, ...]:
        """The views of a chip that are merged; empty if there are none."""
        return views_of(self.rotations, self.scales, flip=self.flip) if self.views != "one" else ()

    @property
    def n_views(self) -> int | None:
        """The number of views of each chip; None if the network gets the chip itself."""
        return len(self._views) or None

    def merged(self, vectors: Values) -> Values:
        """Return the mean of the views of each chip, with the standard deviation beside if it is wanted."""
        return several.merged(vectors, self.views)

    @property
    def about(self) -> str:
        """A description with the number of views."""
        if self.views == "one":
            return super().about
        spread = " and standard deviation" if self.views == "meanstd" else ""
        return f"{super().about}: mean{spread} over {self.n_views} views"

    @property
    def columns(self) -> tuple[str, ...]:
        """The network's numbers by their names; behind, with ``meanstd``, ``face_000_std`` and so on."""
        return several.columns(super().columns, self.views)

    @property
    def upstream(self) -> Faces:
        """The feature that finds the faces; it keeps whole frames if they are needed."""
        return replace(self.faces, missing="frame") if self.missing == "frame" else self.faces

    def pictures(self, utterances: Iterable[Rows], plans: list[Plan]) -> Iterator[Callable[[], Picture]]:
        """Yield what cuts the chip of every frame for the network; append each utterance's plan to `plans`.

        Raises
        ------
        ExtractionError
            If an utterance has no frame for the network.
        """
        views = self._views
        for rows in persons(utterances):
            assert rows.crops is not None
            plan = _plan(rows, rows.crops, self.missing)
            plans.append(plan)
            for k in plan.shown:
                chip = partial(self.cut, rows.values[k], rows.crops[int(k)])
                shared = cache(chip)
                yield from [partial(_view, shared, view) for view in views] or [chip]

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


def _view(chip: Callable[[], Picture], view: View) -> Picture:
    return view.of(chip())


def _plan(rows: Rows, pictures: Sequence[bytes], missing: Missing) -> Plan:
    assert rows.times is not None
    if missing == "frame":
        everything = np.arange(len(rows.values))
        faceless = np.flatnonzero(~faces.is_found(rows.values))
        if lacking := sum(not pictures[int(number)] for number in faceless):
            raise ExtractionError(f"{lacking} of {len(rows.values)} frames have neither a face nor a picture")
        return Plan(everything, everything, rows.times)
    found = faces.faces_in(rows, "there is nothing to embed; missing=frame embeds the whole frame instead")
    times = rows.times[found]
    if missing == "skip":
        return Plan(found, np.arange(len(found)), times)
    return Plan(found, nearest(rows.times, times), rows.times)


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
