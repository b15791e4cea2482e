"""The default detector: dlib's trained network, run in torch on many frames at once (see `features.networks.mmod`).

Finds what dlib's ``cnn_face_detection_model_v1`` finds, with the same boxes and scores. Faces of about 80 px and more
are found; ``upsample=1`` finds those of half the size, at four times the cost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.detectors.base import Faces, ranked
from features.networks.base import Pictures, Precision, check_pictures
from features.networks.mmod import CELL, FIRST, NETWORK, WINDOW, Scores, score_maps
from features.networks.tiling import layout, to_picture

#: Of two windows that share more than this of the rectangle around both, the weaker goes. Stored in dlib's file, as
#: 0x15A650F2546A8C / 2**54.
OVERLAP = 0x15A650F2546A8C / 2**54
#: How dlib's enlarging by 2 moves a point: x -> (x + MOVED) * 2, across and down.
MOVED = np.array([1.25, 0.75, 1.25, 0.75])

#: From the last column and row inside to the edges.
EDGES = np.array([0, 0, 1, 1])

Windows = NDArray[np.float64]


@dataclass(frozen=True)
class Mmod:
    """dlib's network.

    Parameters
    ----------
    upsample
        How often frames are enlarged by 2 before the search: 0 finds faces from about 80 px, 1 from 40, 2 from 20.
    threshold
        The least score of a face; dlib's is 0.
    precision
        In what the network computes.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    """

    upsample: int = 0
    threshold: float = 0.0
    precision: Precision = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not 0 <= self.upsample <= 3:
            raise ValueError(f"upsample={self.upsample}: expected 0 to 3")

    @property
    def digest(self) -> str:
        """The sha256 of the weights."""
        return NETWORK.digest

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame; see `features.detectors.base.Detector`."""
        check_pictures(frames, "frames")
        return (
            [faces for frame in frames for faces in self._search(frame[None])]
            if self.upsample
            else self._search(frames)
        )

    def _search(self, frames: Pictures) -> list[Faces]:
        for _ in range(self.upsample):
            frames = enlarged(frames)
        height, width = frames.shape[1:3]
        maps = score_maps(frames, self.device, self.precision)
        return [self._faces(scores, height, width) for scores in maps]

    def _faces(self, scores: Scores, height: int, width: int) -> Faces:
        cells = np.argwhere(scores > self.threshold)
        found = scores[*cells.T]
        order = np.argsort(-found, kind="stable")
        middles = FIRST + CELL * cells[order, ::-1].astype(np.float64)
        windows = _rounded(to_picture(layout(height, width), middles, (WINDOW - 1) / 2))
        kept = suppressed(windows)
        windows = windows[kept]
        if self.upsample:
            for _ in range(self.upsample):
                windows = windows / 2 - MOVED
            windows = _rounded(windows)
        return ranked(windows + EDGES, found[order][kept])


def suppressed(windows: Windows) -> NDArray[np.intp]:
    """Return the numbers of the windows that no better one overlaps, as dlib decides it.

    Parameters
    ----------
    windows : (n, 4) float64, whole px
        First and last column and row (left, top, right, bottom, all inside), the best window first.
    """
    kept: list[int] = []
    for number, window in enumerate(windows):
        best = windows[kept]
        shared = _area(np.maximum(best[:, :2], window[:2]), np.minimum(best[:, 2:], window[2:]))
        around = _area(np.minimum(best[:, :2], window[:2]), np.maximum(best[:, 2:], window[2:]))
        if not (shared > OVERLAP * around).any():
            kept.append(number)
    return np.array(kept, np.intp)


def _area(first: Windows, last: Windows) -> Windows:
    area: Windows = np.prod(np.maximum(last - first + 1, 0), axis=1)
    return area


def _rounded(windows: Windows) -> Windows:
    return np.floor(windows + 0.5)


def enlarged(frames: Pictures) -> Pictures:
    """Enlarge frames by 2 as dlib's ``pyramid_up`` does, which cuts fractions off.

    Parameters
    ----------
    frames : (n, height, width, 3) uint8

    Returns
    -------
    frames : (n, 2 * height + 1, 2 * width + 2, 3) uint8
    """
    import torch
    from torch.nn import functional

    height, width = frames.shape[1:3]
    given = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    large = functional.interpolate(given, (2 * height + 1, 2 * width + 2), mode="bilinear", align_corners=True)
    pictures: Pictures = large.to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return pictures
