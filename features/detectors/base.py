"""The interface of face detectors: from frames to boxes with scores.

Conventions: frames are ``(n, height, width, 3) uint8 RGB`` of one size; a box is ``x0 y0 x1 y1`` in px, where
``x1 - x0`` is its width: dlib's rectangle from pixel ``l`` to pixel ``r`` is ``l`` to ``r + 1``. A box may reach over
the frame's edge. Scores rank the faces of one detector; scores of two detectors cannot be compared.

A detector is a frozen dataclass. Its fields determine what it finds, except ``device``, where it runs. Its weights are
loaded at first use, once per process.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.base import Pictures

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Faces:
    """The faces of one frame, in order of falling score.

    Parameters
    ----------
    boxes : (n_faces, 4) float32, px
        x0, y0, x1, y1.
    scores : (n_faces,) float32
        The detector's scores.
    """

    boxes: Boxes
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


class Detector(Protocol):
    """The interface of a face detector."""

    @property
    def digest(self) -> str:
        """The sha256 of its weights; for weights inside a library, the library's name and version."""
        ...

    def detect(self, frames: Pictures) -> list[Faces]:
        """Return the faces of each frame, independently of the other frames.

        Parameters
        ----------
        frames : (n, height, width, 3) uint8, RGB

        Returns
        -------
        faces : list of Faces
            One for each frame; empty for a frame without a face.

        Raises
        ------
        ValueError
            If `frames` has another shape or type.
        WeightError
            If its weights are missing or are not the expected ones.
        """
        ...


def ranked(boxes: NDArray[np.floating], scores: NDArray[np.floating]) -> Faces:
    """Return faces in order of falling score; equal scores keep their order."""
    order = np.argsort(-scores, kind="stable")
    return Faces(boxes.reshape(-1, 4)[order].astype(np.float32), scores[order].astype(np.float32))
