"""The one contract of face detectors: from frames to boxes with scores.

Conventions: frames are ``(n, height, width, 3) uint8 RGB`` of one size; a box is ``x0 y0 x1 y1`` in px, where
``x1 - x0`` is its width: dlib's rectangle from pixel ``l`` to pixel ``r`` is ``l`` to ``r + 1``. A box may reach over
the frame's edge. Scores are the detector's own and rank faces within it: those of two detectors cannot be compared.

A detector is a frozen dataclass whose fields say what it finds; ``device`` alone says how it is run. Its weights are
loaded at first use, once a process.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.base import Pictures

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """The faces of one frame, the best first.

    Parameters
    ----------
    boxes : (n_faces, 4) float32, px
        x0, y0, x1, y1.
    scores : (n_faces,) float32
        The detector's own.
    """

    boxes: Boxes
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """What finds faces."""

    @property
    def digest(self) -> str:
        """The sha256 of its weights; of those that are inside a library, the library's name and version."""
        ...

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame, independently of the others.

        Parameters
        ----------
        frames : (n, height, width, 3) uint8, RGB

        Returns
        -------
        faces : list of Faces
            One a frame; a frame without a face has an empty one.

        Raises
        ------
        ValueError
            If these are no frames.
        WeightError
            If its weights are missing or others than they should be.
        """
        ...


def ranked(boxes: NDArray[np.floating], scores: NDArray[np.floating]) -> Faces:
    """Return faces, the best first; of equal ones, that which came first."""
    order = np.argsort(-scores, kind="stable")
    return Faces(boxes.reshape(-1, 4)[order].astype(np.float32), scores[order].astype(np.float32))
