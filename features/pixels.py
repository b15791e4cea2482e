"""Pixels: from the crops of `features.faces` to small pictures as rows, for neural networks and classifiers.

One row for every frame with a face, without the video. A row contains a picture line by line from the top, each line
pixel by pixel from the left, each pixel channel by channel: ``values.reshape(-1, height, width, channels)`` are the
pictures, channels last. Column ``y07_x12_red`` is line 7, pixel 12, channel red.

Conventions: values are 0 (black) to 1 (white), in steps of 1/255; colours are red, green and blue, as
encoded; grey is their luma (ITU-R BT.601, as in OpenCV). Outside the crop or the frame a picture is black.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows, Values
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture, Placement, cut, placement
from affex.features.detectors.mouth import mouth
from affex.features.faces import boxed, faces_in, points_of
from affex.features.person import OfCrops
from affex.features.pictures.columns import pixel_columns

Cut = Literal["aligned", "box", "mouth"]

#: The smallest and the largest height or width, px.
LEAST, MOST = 8, 256
#: The largest `around`. A crop shows the box widened by 0.6, a margin of 0.2 around most aligned faces.
WIDEST: dict[Cut, float] = {"aligned": 0.4, "box": crops.WIDENED / 2, "mouth": 1.0}


@dataclass(frozen=True, kw_only=True)
class Pixels(OfCrops):
    """A small picture of the face, or of its mouth, in every frame with a face.

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    cut
        The part that is shown. ``aligned``: the upright face with eyes and nose at their places in the mean face.
        ``box``: the detector's box, not rotated, stretched to the size. ``mouth``: the mouth of the aligned face, a
        fixed place that follows from the corners of the eyes and the nose, not from landmarks of the lips. `aligned`
        and `mouth` are not stretched: the picture is the middle part of a square.
    height, width
        The size of the picture, px.
    around
        The margin around the face, the box or the mouth, on each side, as a share of its size.
    grey
        Whether the picture has one channel instead of three.
    equalise
        Whether the histogram of a grey picture is equalised: light and skin colour then matter less, noise more.
    """

    version: ClassVar[int] = 3
    packages: ClassVar[tuple[str, ...]] = ("opencv-python-headless",)
    framewise = True

    cut: Cut = "aligned"
    height: int = 100
    width: int = 60
    around: float = 0.2
    grey: bool = False
    equalise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cut not in get_args(Cut):
            raise ValueError(f"cut={self.cut}: expected {', '.join(get_args(Cut))}")
        for name in ("height", "width"):
            if not LEAST <= getattr(self, name) <= MOST:
                raise ValueError(f"{name}={getattr(self, name)}: expected {LEAST} to {MOST} px")
        if not 0 <= self.around <= WIDEST[self.cut]:
            raise ValueError(f"around={self.around}: expected 0 to {WIDEST[self.cut]:g} with cut={self.cut}")
        if self.equalise and not self.grey:
            raise ValueError("equalise=True: the histogram of colours cannot be equalised; set grey=True too")

    @property
    def about(self) -> str:
        """A description with the part of the face and the size in pixels."""
        return (
            f"The {'mouth' if self.cut == 'mouth' else 'face'} as a small picture, {self.height} x {self.width} px, "
            + ("grey" if self.grey else "in colour")
            + (", histogram equalised" if self.equalise else "")
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """``y00_x00_red``, ``y00_x00_green``, ... or ``y00_x00_grey``, ``y00_x01_grey``, ..."""
        return pixel_columns(self.height, self.width, ("grey",) if self.grey else ("red", "green", "blue"))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Height, width and channels of the picture."""
        return (self.height, self.width, 1 if self.grey else 3)

    def of_utterance(self, rows: Rows) -> Rows:
        """Return the pictures of one utterance."""
        assert rows.crops is not None
        assert rows.times is not None
        found = faces_in(rows, "there is nothing to show")
        values = np.empty((len(found), len(self.columns)), np.float32)
        for line, number in zip(values, map(int, found), strict=True):
            line[:] = self.picture(rows.values[number], rows.crops[number]).ravel()
        return Rows(values / np.float32(255), rows.times[found])

    def picture(self, row: Values, crop: bytes) -> NDArray[np.uint8]:
        """Return the picture of one face, (height, width, 3) or (height, width) uint8."""
        import cv2

        shown = self._shown(row, crop)
        if not self.grey:
            return shown
        grey = cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.equalizeHist(grey) if self.equalise else grey)

    def _shown(self, row: Values, crop: bytes) -> Picture:
        if self.cut == "box":
            return boxed(row, crop, self.height, self.width, 2 * self.around)
        picture, five = points_of(row, crop)
        place = mouth(five) if self.cut == "mouth" else placement(five, 1, 0)
        size = max(self.height, self.width)
        square = cut(picture, Placement(place.middle, place.side * (1 + 2 * self.around), place.angle), size)
        top, left = (size - self.height) // 2, (size - self.width) // 2
        return square[top : top + self.height, left : left + self.width]


# The frames of a publication are set by a parameter, as in pixels:faces.frames=20/3s.
PRESETS: dict[str, Pixels] = {
    # "60x100" in Singh and Fang 2020, Emotion recognition in audio and video using deep neural networks
    # (arXiv:2006.08129), taken as width x height, since faces are; 20 frames in 3 s.
    "pixels": Pixels(),
    # Torfi et al. 2017, 3D convolutional neural networks for cross audio-visual matching recognition
    # (doi:10.1109/ACCESS.2017.2761539): the mouth, grey, 60 lines of 100; all frames, 0.3 s at a time.
    "pixels-mouth": Pixels(cut="mouth", height=60, width=100, around=0.4, grey=True),
    # The face cut out, grey, its histogram equalised, at the size of FER2013 (Goodfellow et al. 2013,
    # doi:10.1016/j.neunet.2014.09.005); 13 frames a second.
    "pixels-grey": Pixels(cut="box", height=48, width=48, around=0.0, grey=True, equalise=True),
}
