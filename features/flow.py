"""Flow: from the pictures of a face to how it moves, from each sampled frame to the next, without the video.

The optical flow of the grey picture that `features.pixels` cuts: DIS, Kroeger et al., "Fast optical flow using dense
inverse search" (2016, doi:10.1007/978-3-319-46493-0_29; OpenCV's, at its medium setting). One row for every two frames
in a row that show the face in one shot, at the middle of their times. A row contains the velocity of every pixel, line
by line: ``values.reshape(-1, height, width, 2)`` are the fields, channels last. Column ``y07_x12_right`` is how fast
what is in line 7, pixel 12 moves to the right, ``y07_x12_down`` how fast it moves down.

Conventions: velocities are in widths of the picture per second, so that they depend neither on its size nor on the
sampling.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Rows, Values
from affex.features.faces import COLUMNS, Faces, faces_in
from affex.features.person import OfCrops
from affex.features.pictures.columns import pixel_columns
from affex.features.pixels import MOST, Cut, Pixels

#: The smallest height or width, px; DIS needs 12.
LEAST = 16

_SHOT = COLUMNS.index("shot")


@dataclass(frozen=True, kw_only=True)
class Flow(OfCrops):
    """Optical flow of the face from each sampled frame to the next.

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    cut, height, width, around
        The picture, as in `features.pixels`. An ``aligned`` face shows how its parts move, not how the head does.
    """

    cites: ClassVar[tuple[str, ...]] = ("kroeger2016",)

    packages: ClassVar[tuple[str, ...]] = ("opencv-python-headless",)
    framewise = True

    faces: Faces = field(default_factory=lambda: Faces(frames="25/s"))
    cut: Cut = "aligned"
    height: int = 48
    width: int = 48
    around: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("height", "width"):
            if not LEAST <= getattr(self, name) <= MOST:
                raise ValueError(f"{name}={getattr(self, name)}: expected {LEAST} to {MOST} px")
        _ = self._pixels

    @property
    def _pixels(self) -> Pixels:
        """What cuts the pictures."""
        shown = {name: getattr(self, name) for name in ("faces", "choice", "cut", "height", "width", "around")}
        return Pixels(**shown, grey=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """``y00_x00_right``, ``y00_x00_down``, ``y00_x01_right``, ..."""
        return pixel_columns(self.height, self.width, ("right", "down"))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Height, width and the two directions."""
        return (self.height, self.width, 2)

    def of_utterance(self, rows: Rows) -> Rows:
        """Return the flow of one utterance."""
        assert rows.crops is not None
        assert rows.times is not None
        found = faces_in(rows, "nothing moves")
        first = found[:-1][(np.diff(found) == 1) & (np.diff(rows.values[found, _SHOT]) == 0)]
        if not len(first):
            raise ExtractionError(
                f"no two of {len(rows.values)} frames in a row show the face in one shot: sample more frames "
                "(faces.frames=25/s)"
            )
        pixels = self._pixels
        pictures = {int(n): pixels.picture(rows.values[n], rows.crops[int(n)]) for n in {*first, *(first + 1)}}
        seconds = rows.times[first + 1] - rows.times[first]
        fields = [flow(pictures[n], pictures[n + 1]).ravel() for n in first.tolist()]
        velocities = np.array(fields) / self.width / seconds[:, None]
        return Rows(velocities.astype(np.float32), (rows.times[first] + rows.times[first + 1]) / 2)


def flow(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Values:
    """Return how far each pixel of a grey picture moves to the right and down, ``(height, width, 2) float32``, px."""
    import cv2

    found: Values = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(before, after, None)  # type: ignore[attr-defined]
    return found


PRESETS: dict[str, Flow] = {"flow": Flow()}
