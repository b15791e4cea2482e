"""Landmarks: from the crops of `features.faces` to the shape of the face and how it moves; no video is touched.

Points are those of iBUG's scheme of 68 (Sagonas et al. 2016, doi:10.1016/j.imavis.2016.01.002), each in one of the
`REGIONS`. Every frame's are laid, by the similarity that takes the corners of the eyes and the base of the nose
closest to their places in the mean face (Umeyama 1991, doi:10.1109/34.88573), into one frame of reference: where the
face is, how large, and how far it leans to a shoulder is gone; that it turns or nods is not.

Conventions: the origin is the middle between the outer corners of the mean face's eyes, and their distance is the unit
(as iBUG measures errors); x is to the picture's right, y down, z away from the camera. Times are those of the frames.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from features.base import ChainedFeature, ExtractionError, Rows, Values
from features.detectors import crops
from features.detectors.chips import MEAN_FACE, Points
from features.detectors.landmarks import refined
from features.faces import BOX, COLUMNS, POINTS, Faces, is_found
from features.frames import check_derivatives
from features.motion import runs, with_derivatives

Regions = Mapping[str, Sequence[int]]
#: Row and crop of one face.
Face = tuple[Values, bytes]

#: Which of the 68 points, from 0, are whose: of the jaw's line, the lower part is the chin's, the ends are the cheeks'.
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

_BOX = slice(COLUMNS.index(BOX[0]), COLUMNS.index(BOX[-1]) + 1)
_FIVE = slice(COLUMNS.index(f"{POINTS[0]}_x"), COLUMNS.index(f"{POINTS[-1]}_y") + 1)


@dataclass(frozen=True, kw_only=True)
class Shape(ChainedFeature):
    """What all landmarks share: one row for every frame with a face; frames without one have none.

    Parameters
    ----------
    faces
        What finds the faces.
    derivatives
        0: none, 1: with the first, 2: with the first and second; a second, see `features.motion`.
    span
        How long a stretch of time a derivative is estimated over, s; three frames at the least.
    """

    axes: ClassVar[str] = "xy"

    faces: Faces = field(default_factory=Faces)
    derivatives: int = 2
    span: float = 0.3

    def __post_init__(self) -> None:
        check_derivatives(self.derivatives)
        if not 0 <= self.span <= 10:
            raise ValueError(f"span={self.span}: expected 0 to 10 s")

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
        """Which points are whose."""
        return REGIONS

    @property
    def anchors(self) -> Sequence[int]:
        """Which points are dlib's five."""
        return FIVE

    @property
    def columns(self) -> tuple[str, ...]:
        """``brows_00_x``, ``brows_00_y``, ..., ``chin_06_y``, then ``brows_d1_00_x``, ..., ``brows_d2_00_x``, ..."""
        return tuple(
            f"{region}{order}_{number:02}_{axis}"
            for order in ("", "_d1", "_d2")[: self.derivatives + 1]
            for region, points in self.regions.items()
            for number in range(len(points))
            for axis in self.axes
        )

    @abstractmethod
    def locate(self, face: Face, model: Any) -> Points:
        """Return the points of one face in any frame of reference that is upright as the crop, (n_points, n_axes)."""

    def extract_many(self, clips: Iterable[Rows], model: Any) -> list[Rows]:
        """Find the points of some clips' faces.

        Raises
        ------
        ExtractionError
            If a clip has no frame with a face.
        """
        return [self._of_clip(clip, model) for clip in clips]

    def _of_clip(self, clip: Rows, model: Any) -> Rows:
        assert clip.crops is not None
        assert clip.times is not None
        found = np.flatnonzero(is_found(clip.values))
        if not len(found):
            raise ExtractionError(f"no face in any of {len(clip.values)} frames, so there are no landmarks")
        faces = ((clip.values[number], clip.crops[number]) for number in map(int, found))
        points = np.stack([normalised(self.locate(face, model), self.anchors) for face in faces])
        order = [point for part in self.regions.values() for point in part]
        static = points[:, order].reshape(len(points), -1).astype(np.float32)
        times = clip.times[found]
        return Rows(with_derivatives(static, times, runs(found), self.derivatives, self.span), times)


@dataclass(frozen=True, kw_only=True)
class Landmarks(Shape):
    """dlib's points.

    **The model of 68 points was trained on iBUG 300-W, whose terms exclude commercial use**; that of 5 was not (see
    `features.detectors.landmarks`).

    Parameters
    ----------
    points
        ``68``, found in the crop (Kazemi and Sullivan 2014, doi:10.1109/CVPR.2014.241), or ``5``, those that `faces`
        found in the frame, in its whole pixels.
    """

    packages: ClassVar[tuple[str, ...]] = ("dlib-bin", "opencv-python-headless")

    points: Literal["68", "5"] = "68"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.points not in get_args(Literal["68", "5"]):
            raise ValueError(f"points={self.points}: expected 68 or 5")

    @property
    def regions(self) -> Regions:
        """Which points are whose; five have eyes and a nose alone."""
        return REGIONS if self.points == "68" else REGIONS_OF_FIVE

    @property
    def anchors(self) -> Sequence[int]:
        """Which points are dlib's five."""
        return FIVE if self.points == "68" else range(5)

    def locate(self, face: Face, model: None) -> Points:  # noqa: ARG002
        """Return the points of one face, (68, 2) px of its crop, or (5, 2) px of the frame."""
        row, crop = face
        five = row[_FIVE].reshape(-1, 2)
        if self.points == "5":
            return five
        picture = crops.decoded(crop)
        return refined(picture, crops.placed(five, row[_BOX], picture))


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


PRESETS: dict[str, Shape] = {"landmarks": Landmarks()}
