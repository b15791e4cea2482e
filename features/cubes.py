"""Cubes: from the pictures of a face to stretches of consecutive ones, each stretch one row, without the video.

The pictures are those that `features.pixels` cuts, grey. A cube is a number of sampled frames in a row that show the
face in one shot; frames before and after one without a face are never in one cube. A row contains it picture by
picture, each line by line: ``values.reshape(-1, frames, height, width, 1)`` are the cubes. Column ``f3_y07_x12_grey``
is picture 3, line 7, pixel 12. Its time is the middle of the time that its frames are on screen.

Cubes begin at fixed frames of the utterance, every `step`, so that those of a lost face are missing and the others stay
where they are. In an utterance that has none, the longest stretch with a face fills one: its last picture is repeated,
as is common for videos with too few pictures for a network (Fan et al. 2016, doi:10.1145/2993148.2997632).
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from affex.features.base import Rows
from affex.features.faces import COLUMNS, Faces, faces_in
from affex.features.person import OfCrops
from affex.features.pictures.columns import pixel_columns
from affex.features.pixels import Cut, Pixels
from affex.features.sound.pictures import check_pictures

_SHOT = COLUMNS.index("shot")


@dataclass(frozen=True, kw_only=True)
class Cubes(OfCrops):
    """Stretches of consecutive grey pictures of the face or of its mouth.

    Parameters
    ----------
    faces, choice
        The upstream feature, which finds the faces, and whose face, as in `features.person`.
    frames : int
        The number of pictures in a cube.
    step : int
        The number of sampled frames from the beginning of a cube to the beginning of the next.
    cut, height, width, around
        The picture, as in `features.pixels`.
    """

    packages = ("opencv-python-headless",)
    cites = ("torfi2017",)
    framewise = True

    faces: Faces = field(default_factory=lambda: Faces(frames="30/s"))
    frames: int = 9
    step: int = 9
    cut: Cut = "mouth"
    height: int = 60
    width: int = 100
    around: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pictures(self.frames, self.step)
        _ = self._pixels

    @property
    def _pixels(self) -> Pixels:
        """What cuts the pictures."""
        shown = {name: getattr(self, name) for name in ("faces", "choice", "cut", "height", "width", "around")}
        return Pixels(**shown, grey=True)

    @property
    def columns(self) -> tuple[str, ...]:
        """``f0_y00_x00_grey``, ``f0_y00_x01_grey``, ..., ``f1_y00_x00_grey``, ..."""
        return _columns(self.frames, self.height, self.width)

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Pictures, height, width and the one channel of a cube."""
        return (self.frames, self.height, self.width, 1)

    def of_utterance(self, rows: Rows) -> Rows:
        """Return the cubes of one utterance."""
        assert rows.crops is not None
        assert rows.times is not None
        found = faces_in(rows, "there is nothing to show")
        breaks = (np.diff(found) != 1) | (np.diff(rows.values[found, _SHOT]) != 0)
        stretches = np.split(found, np.flatnonzero(breaks) + 1)
        begins = [n for one in stretches for n in range(one[0], one[-1] - self.frames + 2) if n % self.step == 0]
        cubes = [np.arange(begin, begin + self.frames) for begin in begins] or [self._filled(max(stretches, key=len))]
        pixels = self._pixels
        shown = {n: pixels.picture(rows.values[n], rows.crops[n]) for n in sorted({*np.concatenate(cubes).tolist()})}
        values = np.array([np.stack([shown[n] for n in cube.tolist()]).ravel() for cube in cubes], np.float32)
        middles = np.array([rows.times[cube].mean() for cube in cubes]) + _half(rows)
        return Rows(values / np.float32(255), middles)

    def _filled(self, stretch: "np.ndarray[Any, np.dtype[np.int64]]") -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Return the frames of a cube of a stretch: its first ones, the last repeated where it is too short."""
        return stretch[np.minimum(np.arange(self.frames), len(stretch) - 1)]


def _half(rows: Rows) -> float:
    """Return half the time for which a sampled frame is on screen, s; 0 for a single frame."""
    assert rows.times is not None
    return float(np.diff(rows.times).mean() / 2) if len(rows.times) > 1 else 0.0


@cache
def _columns(frames: int, height: int, width: int) -> tuple[str, ...]:
    pixels, digits = pixel_columns(height, width, ("grey",)), len(str(frames - 1))
    return tuple(f"f{frame:0{digits}}_{name}" for frame in range(frames) for name in pixels)


# "0.3-second" clips of 9 frames, 60 x 100 mouths, of Torfi et al. 2017, 3D convolutional neural networks for cross
# audio-visual matching recognition (doi:10.1109/ACCESS.2017.2761539); 30 frames a second.
PRESETS: dict[str, Cubes] = {"cubes-mouth": Cubes()}
