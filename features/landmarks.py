"""Landmarks: from the crops of `features.faces` to the shape of the face and its derivatives, without the video.

Points are those of iBUG's scheme of 68 (Sagonas et al. 2016, doi:10.1016/j.imavis.2016.01.002), each in one of the
`REGIONS`. The points of every frame are mapped into one frame of reference, by the similarity that brings the corners
of the eyes and the base of the nose closest to their places in the mean face (Umeyama 1991, doi:10.1109/34.88573). This
removes position, size and roll of the head, but not yaw and pitch.

On faces 57 px wide, as in IEMOCAP, they carried nothing about four emotions (unweighted average recall .255, chance
.25), where `features.fer` did (.450).

Conventions: the origin is the middle between the outer corners of the mean face's eyes, and their distance is the unit
(as iBUG measures errors); x is to the picture's right, y down, z is the depth that its network returns. Times
are those of the frames.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows, Runtime
from affex.features.capture.motion import runs, with_derivatives
from affex.features.detectors import fan
from affex.features.detectors.chips import MEAN_FACE, Picture, Points
from affex.features.detectors.landmarks import MODELS, refined
from affex.features.faces import faces_in, points_of
from affex.features.networks.weights import packaged
from affex.features.person import OfPerson, persons
from affex.features.sound.frames import check_derivatives

Model = Literal["68", "5", "fan2d", "fan3d"]
Regions = Mapping[str, Sequence[int]]
#: Function from a picture and its five points to all wanted points, (n_points, 2 or 3).
Find = Callable[[Picture, Points], Points]

#: The region of each of the 68 points, from 0. The lower part of the jaw line is the chin, its ends are the cheeks; no
#: point is on the forehead.
REGIONS: Regions = {
    "brows": range(17, 27),
    "eyes": range(36, 48),
    "nose": range(27, 36),
    "cheeks": (*range(5), *range(12, 17)),
    "mouth": range(48, 68),
    "chin": range(5, 12),
}
#: The regions of dlib's five points.
REGIONS_OF_FIVE: Regions = {"eyes": range(4), "nose": range(4, 5)}
#: Which of the 68 points are dlib's five, in their order.
FIVE = (45, 42, 36, 39, 33)

#: The mean face in this module's units, (5, 2).
MEAN = (MEAN_FACE - MEAN_FACE[[0, 2]].mean(axis=0)) / np.linalg.norm(MEAN_FACE[0] - MEAN_FACE[2])


@dataclass(frozen=True, kw_only=True)
class Landmarks(OfPerson):
    """Points of the face by region, in one frame of reference; one row per frame with a face.

    **The model behind 68 points, and those behind fan2d and fan3d, were trained on iBUG 300-W, whose terms exclude
    commercial use**; the one behind 5 was not (see `features.detectors.landmarks`).

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    points
        ``68``: dlib's points (Kazemi and Sullivan 2014, doi:10.1109/CVPR.2014.241), from the crop. ``5``: the points
        that `faces` found, in whole pixels of the frame; eyes and nose only. ``fan2d``, ``fan3d``: 68 points of the
        package face-alignment (see `features.detectors.fan`), in 2D or 3D, from the crop, with `weights`; slow without
        a GPU.
    derivatives
        0: none, 1: first, 2: first and second derivatives, per second; see `features.capture.motion`.
    span
        The time over which a derivative is estimated, s; at least three frames.
    weights
        The folder of the files of ``fan2d`` or ``fan3d``; the same on every worker. Not part of the identity.
    digest
        The sha256 of those files; filled in automatically.
    """

    cites: ClassVar[tuple[str, ...]] = ("kazemi2014", "sagonas2016")

    framewise = True

    points: Model = "68"
    derivatives: int = 2
    span: float = 0.3
    weights: str = field(default="", compare=False)
    digest: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_derivatives(self.derivatives)
        if not 0 <= self.span <= 10:
            raise ValueError(f"span={self.span}: expected 0 to 10 s")
        if self.points not in get_args(Model):
            raise ValueError(f"points={self.points}: expected {', '.join(get_args(Model))}")
        if self._network:
            object.__setattr__(self, "digest", fan.digest(self._network, self.weights, self.digest))
        elif self.weights or self.digest:
            raise ValueError(f"weights={self.weights}, digest={self.digest}: points={self.points} takes no weight file")

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Distributions whose versions may change its numbers; they depend on the points."""
        return ("opencv-python-headless", *(("face-alignment", "torch") if self._network else ("dlib-bin",)))

    @property
    def on_device(self) -> bool:  # type: ignore[override]
        """Whether a network on the device computes its points."""
        return self._network is not None

    @property
    def _network(self) -> fan.Name | None:
        return self.points if self.points in fan.FILES else None

    @property
    def regions(self) -> Regions:
        """The points of each region; five points have only eyes and nose."""
        return REGIONS_OF_FIVE if self.points == "5" else REGIONS

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the regions, which are the prefixes of its columns."""
        return tuple(self.regions)

    @property
    def columns(self) -> tuple[str, ...]:
        """``brows_00_x``, ``brows_00_y``, ..., ``chin_06_y``, then ``brows_d1_00_x``, ..., ``brows_d2_00_x``, ..."""
        return tuple(
            f"{region}{order}_{number:02}_{axis}"
            for order in ("", "_d1", "_d2")[: self.derivatives + 1]
            for region, points in self.regions.items()
            for number in range(len(points))
            for axis in ("xyz" if self.points == "fan3d" else "xy")
        )

    def require(self, runtime: Runtime) -> None:
        """Check that the weights of its landmark network are available."""
        if self._network:
            fan.weight_files(self._network, self.digest, self.weights, runtime.weights)
        elif self.points == "68":
            packaged(MODELS[68])

    def load(self, runtime: Runtime) -> Find:
        """Return the function from a picture and the five points of a face to all its points."""
        if not self._network:
            return refined if self.points == "68" else _as_they_are
        files = fan.weight_files(self._network, self.digest, self.weights, runtime.weights)
        return fan.Fan(files, runtime.device).refined

    def extract_many(self, utterances: Iterable[Rows], model: Find) -> list[Rows]:
        """Find the points of the faces of several utterances.

        Raises
        ------
        ExtractionError
            If an utterance has no frame with a face.
        """
        return [self._of_utterance(rows, model) for rows in persons(utterances)]

    def _of_utterance(self, rows: Rows, find: Find) -> Rows:
        assert rows.crops is not None
        assert rows.times is not None
        found = faces_in(rows, "there are no landmarks")
        anchors = range(5) if self.points == "5" else FIVE
        order = [point for part in self.regions.values() for point in part]
        static = [
            normalised(find(*points_of(rows.values[number], rows.crops[number])), anchors)[order].ravel()
            for number in map(int, found)
        ]
        times = rows.times[found]
        moving = with_derivatives(np.array(static, np.float32), times, runs(found), self.derivatives, self.span)
        return Rows(moving, times)


def _as_they_are(picture: Picture, five: Points) -> Points:  # noqa: ARG001
    return five


def normalised(points: Points, anchors: Sequence[int] = FIVE) -> NDArray[np.float64]:
    """Map the points of one face into the mean face's frame of reference.

    Parameters
    ----------
    points : (n_points, 2) or (n_points, 3)
        x, y and optionally z, all in the same unit.
    anchors
        Which of the points are dlib's five.

    Returns
    -------
    points : float64, the shape of the input
        The unit is the distance between the outer corners of the mean face's eyes; z is relative to the mean depth of
        the five points.

    Raises
    ------
    ValueError
        If the five points coincide.
    """
    given = np.asarray(points, np.float64)
    # A similarity without mirroring is a multiplication of complex numbers.
    plane, mean = given[:, :2] @ (1, 1j), MEAN @ (1, 1j)
    five = plane[list(anchors)]
    spread, wanted = five - five.mean(), mean - mean.mean()
    # Fitted from the mean face to the points, then inverted: so the errors are minimal in the picture.
    turn = np.vdot(wanted, spread) / np.vdot(wanted, wanted)
    if abs(turn) == 0:
        raise ValueError(
            "the corners of the eyes and the base of the nose coincide: expected five different points of a face"
        )
    laid = (plane - five.mean()) / turn + mean.mean()
    depth = (given[:, 2:] - given[list(anchors), 2:].mean(axis=0)) / abs(turn)
    return np.column_stack([laid.real, laid.imag, depth])


PRESETS: dict[str, Landmarks] = {"landmarks": Landmarks()}
