"""The default detector: dlib's trained network, run in torch on many frames at once (see `features.networks.mmod`).

It finds the same boxes and scores as dlib's ``cnn_face_detection_model_v1``. It finds faces from about 80 px;
``upsample=1`` finds faces of half that size, at four times the cost.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.base import Faces, ranked
from affex.features.networks.asking import Ask
from affex.features.networks.base import Pictures, Precision, check_pictures
from affex.features.networks.mmod import CELL, FIRST, NETWORK, WINDOW, Scores, load, score_maps
from affex.features.networks.tiling import Layout, before_enlarging, enlarged_size, layout, to_picture

#: Two windows overlap if they share more than this of the rectangle around both; the one with the lower score is
#: removed. Stored in dlib's file, as
#: 0x15A650F2546A8C / 2**54.
OVERLAP = 0x15A650F2546A8C / 2**54

#: From the last column and row inside a box to its edges.
EDGES = np.array([0, 0, 1, 1])

Windows = NDArray[np.float64]


@dataclass(frozen=True)
class Mmod:
    """dlib's network.

    Parameters
    ----------
    upsample
        How many times frames are enlarged by 2 before the search: 0 finds faces from about 80 px, 1 from 40, 2 from 20.
    threshold
        The lowest score of a face; dlib's default is 0.
    precision
        The number format in which the network computes.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    levels
        How many levels of the pyramid are searched; 0 for all. Each finds faces that are 1.2 times as wide.
    ask
        The way to the process that runs the network; None to run it here.
    """

    upsample: int = 0
    threshold: float = 0.0
    precision: Precision = "float32"
    device: str = field(default="cpu", compare=False)
    levels: int = 0
    ask: Ask | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.upsample <= 3:
            raise ValueError(f"upsample={self.upsample}: expected 0 to 3")

    @property
    def digest(self) -> str:
        """The sha256 of the weights."""
        return NETWORK.digest

    def load(self) -> None:
        """Load the weights now, not at first use."""
        if self.ask is None:
            load(self.device, self.precision)

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame; see `features.detectors.base.Detector`."""
        check_pictures(frames, "frames")
        plan = layout(*enlarged_size(frames.shape[1], frames.shape[2], self.upsample), self.levels)
        maps = score_maps(frames, self.upsample, self.device, self.precision, self.levels, self.ask)
        return [self._faces(scores, plan) for scores in maps]

    def _faces(self, scores: Scores, plan: Layout) -> Faces:
        cells = np.argwhere(scores > self.threshold)
        found = scores[*cells.T]
        order = np.argsort(-found, kind="stable")
        middles = FIRST + CELL * cells[order, ::-1].astype(np.float64)
        windows = _rounded(to_picture(plan, middles, (WINDOW - 1) / 2))
        kept = suppressed(windows)
        windows = _rounded(before_enlarging(windows[kept], self.upsample))
        return ranked(windows + EDGES, found[order][kept])


def suppressed(windows: Windows) -> NDArray[np.intp]:
    """Return the indices of the windows that no better window overlaps, by dlib's rule.

    Parameters
    ----------
    windows : (n, 4) float64, whole px
        First and last column and row (left, top, right, bottom, all inside), the best window first.
    """
    kept: list[int] = []
    left = np.arange(len(windows))
    while len(left):
        best, others = windows[left[0]], windows[left]
        shared = _area(np.maximum(others[:, :2], best[:2]), np.minimum(others[:, 2:], best[2:]))
        around = _area(np.minimum(others[:, :2], best[:2]), np.maximum(others[:, 2:], best[2:]))
        kept.append(int(left[0]))
        left = left[1:][(shared <= OVERLAP * around)[1:]]
    return np.array(kept, np.intp)


def _area(first: Windows, last: Windows) -> Windows:
    area: Windows = np.prod(np.maximum(last - first + 1, 0), axis=1)
    return area


def _rounded(windows: Windows) -> Windows:
    return np.floor(windows + 0.5)
