"""Dense SIFT: from the crops of `features.faces` to descriptors of the face at the places of a fixed grid.

Each descriptor (Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94; OpenCV's) counts the directions of edges, 8 of them,
in 4 x 4 cells of a square patch. The places are fixed, upright and of one scale: nothing is searched. The default, 49
patches of 16 x 16 that overlap by half on a face of 64 x 64, is that of Liu et al. 2014
(doi:10.1145/2663204.2666274). It shows the face: its rows are biometric data, as those of `features.pixels`.

Conventions: descriptors have length 1 (0 of a patch without any edge), to the rounding of OpenCV's whole numbers. The
first cell is the left upper one, a row of cells after another; its directions begin at the right and go on
counter-clockwise, 45 deg each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows, Values
from affex.features.faces import faces_in
from affex.features.person import OfCrops
from affex.features.pixels import LEAST, MOST, WIDEST, Cut, Pixels

Output = Literal["places", "frames"]

#: Cells of a descriptor across and down, and directions of each.
CELLS, DIRECTIONS = 4, 8
WIDTH = CELLS**2 * DIRECTIONS
#: A patch is so many sizes of OpenCV's keypoint: a cell is 3 times half its size (``SIFT_DESCR_SCL_FCTR``).
SIZES_A_PATCH = 3 * CELLS / 2
#: OpenCV scales descriptors to this length (``SIFT_INT_DESCR_FCTR``).
LENGTH = 512
#: The smallest patch, px: a cell of 2.
SMALLEST = 8


@dataclass(frozen=True, kw_only=True)
class Sift(OfCrops):
    """SIFT descriptors at the places of a fixed grid on the face, in every frame with a face.

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    cut, around
        The part of the picture and its margin, as in `features.pixels`.
    size
        The height and width of the grey picture, px.
    patch, step
        The height and width of a patch, and the distance from the middle of one to the next, px. The first patch lies
        in the left upper corner; all lie inside.
    output
        ``places``: a row for each place, line by line from the top, all with the time of their frame; ``frames``: one
        row a frame, with the descriptors of all places.
    """

    packages: ClassVar[tuple[str, ...]] = ("opencv-python-headless",)
    cites: ClassVar[tuple[str, ...]] = ("lowe2004", "liu2014")
    framewise = True

    cut: Cut = "aligned"
    around: float = 0.2
    size: int = 64
    patch: int = 16
    step: int = 8
    output: Output = "places"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("cut", Cut), ("output", Output)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not LEAST <= self.size <= MOST:
            raise ValueError(f"size={self.size}: expected {LEAST} to {MOST} px")
        if not 0 <= self.around <= WIDEST[self.cut]:
            raise ValueError(f"around={self.around}: expected 0 to {WIDEST[self.cut]:g} with cut={self.cut}")
        if not SMALLEST <= self.patch <= self.size:
            raise ValueError(f"patch={self.patch}: expected {SMALLEST} to {self.size} px, the size of the picture")
        if not 1 <= self.step <= self.size:
            raise ValueError(f"step={self.step}: expected 1 to {self.size} px")

    @property
    def about(self) -> str:
        """A description with the grid."""
        n = self.places_a_side
        return f"SIFT descriptors of the face at {n} x {n} places, patches of {self.patch} x {self.patch} px"

    @property
    def places_a_side(self) -> int:
        """How many places there are across, and down."""
        return (self.size - self.patch) // self.step + 1

    @property
    def columns(self) -> tuple[str, ...]:
        """``sift_000`` to ``sift_127``; of ``frames`` ``y0_x0_000`` and so on."""
        if self.output == "places":
            return tuple(f"sift_{i:03}" for i in range(WIDTH))
        n = self.places_a_side
        digits = len(str(n - 1))
        return tuple(f"y{y:0{digits}}_x{x:0{digits}}_{i:03}" for y in range(n) for x in range(n) for i in range(WIDTH))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Places down, places across and numbers of a descriptor; of ``places`` nothing, since a row is one."""
        return () if self.output == "places" else (self.places_a_side, self.places_a_side, WIDTH)

    def of_utterance(self, rows: Rows) -> Rows:
        """Return the descriptors of one utterance."""
        assert rows.crops is not None
        assert rows.times is not None
        found = faces_in(rows, "there is nothing to describe")
        shown = self._pixels
        described = [self.described(shown.picture(rows.values[k], rows.crops[k])) for k in map(int, found)]
        values = np.concatenate(described).reshape(-1, len(self.columns))
        return Rows(values, np.repeat(rows.times[found], len(values) // len(found)))

    @property
    def _pixels(self) -> Pixels:
        """The feature that cuts the grey picture."""
        grey = Pixels(cut=self.cut, around=self.around, height=self.size, width=self.size, grey=True)
        return replace(grey, faces=self.faces, choice=self.choice)

    def described(self, picture: NDArray[np.uint8]) -> Values:
        """Return the descriptors of a grey picture, ``(n_places, 128) float32``.

        Parameters
        ----------
        picture : (size, size) uint8
        """
        import cv2

        _, found = cv2.SIFT.create().compute(picture, self._places(cv2.KeyPoint))
        descriptors: Values = np.asarray(found, np.float32) / np.float32(LENGTH)
        return descriptors

    def _places(self, keypoint: Any) -> Sequence[Any]:
        middles = (self.patch - 1) / 2 + self.step * np.arange(self.places_a_side)
        size = self.patch / SIZES_A_PATCH
        return [keypoint(x=float(x), y=float(y), size=size, angle=0.0) for y in middles for x in middles]


PRESETS: dict[str, Sift] = {"sift": Sift()}
