"""Landmarks: from the crops of `features.faces` to the shape of the face and how it moves; no video is touched.

Points are those of iBUG's scheme of 68 (Sagonas et al. 2016, doi:10.1016/j.imavis.2016.01.002), each in one of the
`REGIONS`. Every frame's are laid, by the similarity that takes the corners of the eyes and the base of the nose
closest to their places in the mean face (Umeyama 1991, doi:10.1109/34.88573), into one frame of reference: where the
face is, how large, and how far it leans to a shoulder is gone; that it turns or nods is not.

Conventions: the origin is the middle between the outer corners of the mean face's eyes, and their distance is the unit
(as iBUG measures errors); x is to the picture's right, y down, z depth as its network says it. Times are those of the
frames.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ChainedFeature, Rows, Runtime
from affex.features.capture.motion import runs, with_derivatives
from affex.features.detectors import fan
from affex.features.detectors.chips import MEAN_FACE, Picture, Points
from affex.features.detectors.landmarks import MODELS, refined
from affex.features.faces import Faces, faces_in, points_of
from affex.features.networks.weights import packaged
from affex.features.sound.frames import check_derivatives

Model = Literal["68", "5", "fan2d", "fan3d"]
Regions = Mapping[str, Sequence[int]]
#: From a picture and the five points in it to all that are wanted, (n_points, 2 or 3).
Find = Callable[[Picture, Points], Points]

#: Which of the 68 points, from 0, are whose: of the jaw's line, the lower part is the chin's, the ends stand for the
#: cheeks. There is none on the forehead.
REGIONS: Regions = {
    "brows": range(17, 27),
    "eyes": range(36, 48),
    "nose": range(27, 36),
    "cheeks": (*range(5), *range(12, 17)),
    "mouth": range(48, 68),
    "chin": range(5, 12),
}
#: The same of dlib's five points.
REGIONS_OF_FIVE: Regions = {"eyes": range(4), "nose": range(4, 5)}
#: Which of the 68 points are dlib's five, in their order.
FIVE = (45, 42, 36, 39, 33)

#: The mean face in this module's units, (5, 2).
MEAN = (MEAN_FACE - MEAN_FACE[[0, 2]].mean(axis=0)) / np.linalg.norm(MEAN_FACE[0] - MEAN_FACE[2])


@dataclass(frozen=True, kw_only=True)
class Landmarks(ChainedFeature):
    """Points of the face by region, in one frame of reference; frames without a face have no row.

    **The model behind 68 points, and those behind fan2d and fan3d, were trained on iBUG 300-W, whose terms exclude
    commercial use**; the one behind 5 was not (see `features.detectors.landmarks`).

    Parameters
    ----------
    faces
        What finds the faces.
    points
        ``68``: dlib's (Kazemi and Sullivan 2014, doi:10.1109/CVPR.2014.241), from the crop. ``5``: those that `faces`
        found, in whole pixels of the frame; eyes and nose alone. ``fan2d``, ``fan3d``: 68 of the package
        face-alignment (see `features.detectors.fan`), flat or in depth, from the crop, with `weights`; slow without a
        GPU.
    derivatives
        0: none, 1: with the first, 2: with the first and second; a second, see `features.capture.motion`.
    span
        How long a stretch of time a derivative is estimated over, s; three frames at the least.
    weights
        The folder of the files of ``fan2d`` or ``fan3d``; the same on every worker. It is no part of what this is.
    digest
        The sha256 of those files; filled in from them.
    """

    faces: Faces = field(default_factory=Faces)
    points: Model = "68"
    derivatives: int = 2
    span: float = 0.3
    weights: str = field(default="", compare=False)
    digest: str = ""

    def __post_init__(self) -> None:
        check_derivatives(self.derivatives)
        if not 0 <= self.span <= 10:
            raise ValueError(f"span={self.span}: expected 0 to 10 s")
        if self.points not in get_args(Model):
            raise ValueError(f"points={self.points}: expected {', '.join(get_args(Model))}")
        if self._network:
            object.__setattr__(self, "digest", fan.digest(self._network, self.weights, self.digest))
        elif self.weights or self.digest:
            raise ValueError(f"weights={self.weights}, digest={self.digest}: points={self.points} have no weight file")

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Distributions that decide what comes out; which they are depends on the points."""
        return ("opencv-python-headless", *(("face-alignment", "torch") if self._network else ("dlib-bin",)))

    @property
    def on_device(self) -> bool:  # type: ignore[override]
        """Whether its points come from a network that runs on the device."""
        return self._network is not None

    @property
    def _network(self) -> fan.Name | None:
        return self.points if self.points in fan.FILES else None

    @property
    def upstream(self) -> Faces:
        """What finds the faces."""
        return self.faces

    @property
    def framewise(self) -> bool:
        """One row a frame with a face."""
        return True

    @property
    def regions(self) -> Regions:
        """Which points are whose; five have eyes and a nose alone."""
        return REGIONS_OF_FIVE if self.points == "5" else REGIONS

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the regions, which its columns begin with."""
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
        """Make sure that the weights of its points are there."""
        if self._network:
            fan.weight_files(self._network, self.digest, self.weights, runtime.weights)
        elif self.points == "68":
            packaged(MODELS[68])

    def load(self, runtime: Runtime) -> Find:
        """Return what finds the points of a face whose five are known in a picture."""
        if not self._network:
            return refined if self.points == "68" else _as_they_are
        files = fan.weight_files(self._network, self.digest, self.weights, runtime.weights)
        return fan.Fan(files, runtime.device).refined

    def extract_many(self, utterances: Iterable[Rows], model: Find) -> list[Rows]:
        """Find the points of some utterances' faces.

        Raises
        ------
        ExtractionError
            If an utterance has no frame with a face.
        """
        return [self._of_utterance(signal, model) for signal in utterances]

    def _of_utterance(self, signal: Rows, find: Find) -> Rows:
        assert signal.crops is not None
        assert signal.times is not None
        found = faces_in(signal, "there are no landmarks")
        anchors = range(5) if self.points == "5" else FIVE
        order = [point for part in self.regions.values() for point in part]
        static = [
            normalised(find(*points_of(signal.values[number], signal.crops[number])), anchors)[order].ravel()
            for number in map(int, found)
        ]
        times = signal.times[found]
        moving = with_derivatives(np.array(static, np.float32), times, runs(found), self.derivatives, self.span)
        return Rows(moving, times)


def _as_they_are(picture: Picture, five: Points) -> Points:  # noqa: ARG001
    return five


def normalised(points: Points, anchors: Sequence[int] = FIVE) -> NDArray[np.float64]:
    """Lay the points of one face into the mean face's frame of reference.

    Parameters
    ----------
    points : (n_points, 2) or (n_points, 3)
        x, y and perhaps z, all in one unit.
    anchors
        Which of them are dlib's five.

    Returns
    -------
    points : as they came, float64
        In distances of the mean face's eyes (outer corners); z from the mean depth of the five.

    Raises
    ------
    ValueError
        If the five fall together.
    """
    given = np.asarray(points, np.float64)
    # A similarity without mirroring is a multiplication of complex numbers.
    plane, mean = given[:, :2] @ (1, 1j), MEAN @ (1, 1j)
    five = plane[list(anchors)]
    spread, wanted = five - five.mean(), mean - mean.mean()
    # Fitted from the mean face to the points and then turned round: so the errors are those of the picture.
    turn = np.vdot(wanted, spread) / np.vdot(wanted, wanted)
    if abs(turn) == 0:
        raise ValueError("the corners of the eyes and the base of the nose fall together: this is no face")
    laid = (plane - five.mean()) / turn + mean.mean()
    depth = (given[:, 2:] - given[list(anchors), 2:].mean(axis=0)) / abs(turn)
    return np.column_stack([laid.real, laid.imag, depth])


PRESETS: dict[str, Landmarks] = {"landmarks": Landmarks()}
