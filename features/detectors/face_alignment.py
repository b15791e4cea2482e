"""The detectors of the package face-alignment: from frames to boxes; `features.detectors.named` finds their weights.

* `Sfd`: Zhang et al. 2017, S3FD: single shot scale-invariant face detector, doi:10.1109/ICCV.2017.30; slow on a
  CPU.
* `BlazeFace`: Bazarevsky et al. 2019, arXiv:1907.05047; **it searches only the square in the middle of a frame**
  and finds only faces that fill much of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affex.features.detectors.base import Faces, ranked
from affex.features.networks.base import Pictures, check_pictures
from affex.features.networks.batches import exact
from affex.features.networks.weights import WeightError, WeightFile, joined

SFD_WEIGHTS = WeightFile(
    "s3fd-619a316812.pth",
    "619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
    source="https://github.com/1adrianb/face-alignment",
    url="https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",
)
#: The file names of the weights and the anchors, and their publisher, which publishes no digests.
BLAZEFACE_WEIGHTS = ("blazeface.pth", "anchors.npy")
BLAZEFACE_SOURCE = "https://github.com/hollance/BlazeFace-PyTorch"

#: Function from the files, the threshold and the device to the package's detector.
Build = Callable[[tuple[Path, ...], float, str], Any]


@dataclass(frozen=True)
class _FaceAlignment:
    """Base of both detectors.

    Parameters
    ----------
    weights
        The weight file; for `BlazeFace` also the file of the anchors.
    threshold
        The lowest score of a face, 0 to 1.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    """

    #: The smallest height and width of a frame that its layers accept, px.
    least: ClassVar[int] = 1

    weights: tuple[Path, ...]
    threshold: float = 0.5
    device: str = field(default="cpu", compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold={self.threshold}: expected more than 0 and less than 1")

    @property
    def digest(self) -> str:
        """The sha256 of the weight files, joined by ``+``.

        Raises
        ------
        WeightError
            If a file is missing.
        """
        return joined(self.weights)

    def load(self) -> Any:
        """Return the package's detector, loaded once per process.

        Raises
        ------
        WeightError
            If a weight file is missing or does not fit.
        """
        return _detector(self.build, self.weights, self.digest, self.threshold, self.device)

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame; see `features.detectors.base.Detector`."""
        check_pictures(frames, "frames")
        if min(frames.shape[1:3]) < self.least:
            return [_faces(())] * len(frames)
        detector = self.load()
        with exact():
            # One frame at a time: in batches the package mixes up the boxes of the frames.
            return [_faces(detector.detect_from_image(np.ascontiguousarray(frame))) for frame in frames]

    @staticmethod
    def build(weights: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with the weights of these files."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sfd(_FaceAlignment):
    """S3FD, the package's default."""

    #: The network halves its maps five times.
    least: ClassVar[int] = 32

    @staticmethod
    def build(weights: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with the weights of these files."""
        from face_alignment.detection.sfd import FaceDetector

        return FaceDetector(device, path_to_detector=str(weights[0]), filter_threshold=threshold)


@dataclass(frozen=True)
class BlazeFace(_FaceAlignment):
    """BlazeFace."""

    @staticmethod
    def build(weights: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with the weights of these files."""
        from face_alignment.detection.blazeface import FaceDetector

        network, anchors = map(str, weights)
        return FaceDetector(device, path_to_detector=network, path_to_anchor=anchors, min_score_thresh=threshold)


@cache
def _detector(build: Build, weights: tuple[Path, ...], _digest: str, threshold: float, device: str) -> Any:
    try:
        return build(weights, threshold, device)
    except (RuntimeError, AssertionError, OSError, ValueError) as error:
        raise WeightError(f"{', '.join(map(str, weights))} do not fit the detector: {error}") from error


def _faces(found: Any) -> Faces:
    """Convert the package's rows of x0, y0, x1, y1, score; a result without faces has one of several shapes."""
    rows = np.array([np.asarray(row, np.float32) for row in found if len(row)], np.float32).reshape(-1, 5)
    return ranked(rows[:, :4], rows[:, 4])
