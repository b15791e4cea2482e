"""OpenCV's YuNet detector: fast on a CPU, and good at small and turned faces.

Wu, Peng and Yu 2023, YuNet: a tiny millisecond-level face detector, doi:10.1007/s11633-023-1423-y; run by OpenCV's
``FaceDetectorYN``. Its weights are a small ONNX file, one of `WEIGHTS`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from affex.features.detectors.base import Faces, ranked
from affex.features.networks.base import Pictures, check_pictures
from affex.features.networks.weights import WeightError, WeightFile, sha256

#: The known weight files; the first, published by its authors, is the default.
WEIGHTS = (
    WeightFile(
        "yunet_n_dynamic.onnx",
        "104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
        source="https://github.com/ShiqiYu/libfacedetection.train, onnx",
        url="https://github.com/ShiqiYu/libfacedetection.train/raw/02246e79b1e976c83d1e135a85e0628120c93769/onnx/"
        "yunet_n_dynamic.onnx",
    ),
    WeightFile(
        "face_detection_yunet_2023mar.onnx",
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        source="https://github.com/opencv/opencv_zoo, models/face_detection_yunet",
        url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
        "face_detection_yunet_2023mar.onnx",
    ),
)
#: The most boxes before overlapping ones are removed; OpenCV's default.
MOST = 5000


def published(digest: str) -> WeightFile:
    """Return the file of `WEIGHTS` with this digest; the first for an empty digest.

    Raises
    ------
    WeightError
        If no file has it.
    """
    for file in WEIGHTS:
        if digest in ("", file.sha256):
            return file
    known = "\n".join(f"  {file.name} ({file.sha256}) from {file.source}" for file in WEIGHTS)
    raise WeightError(f"No known YuNet file has the sha256 {digest}; expected one of:\n{known}")


@dataclass(frozen=True)
class YuNet:
    """OpenCV's YuNet.

    Parameters
    ----------
    weights
        The weight file.
    threshold
        The lowest score of a face, 0 to 1.
    overlap
        Of two boxes with more than this intersection over union, the one with the lower score is removed.
    """

    weights: Path
    threshold: float = 0.6
    overlap: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold={self.threshold}: expected more than 0 and less than 1")

    @property
    def digest(self) -> str:
        """The sha256 of the weights.

        Raises
        ------
        WeightError
            If the file is missing or not in `WEIGHTS`.
        """
        return published(sha256(self.weights)).sha256

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame; see `features.detectors.base.Detector`."""
        check_pictures(frames, "frames")
        detector = _detector(self.weights, self.digest, self.threshold, self.overlap)
        detector.setInputSize((frames.shape[2], frames.shape[1]))
        return [self._search(detector, frame) for frame in frames]

    def _search(self, detector: Any, frame: Pictures) -> Faces:
        _, found = detector.detect(np.ascontiguousarray(frame[:, :, ::-1]))
        rows = np.empty((0, 15), np.float32) if found is None else found
        corner, size, scores = rows[:, :2], rows[:, 2:4], rows[:, 14]
        return ranked(np.concatenate([corner, corner + size], axis=1), scores)


@cache
def _detector(weights: Path, _digest: str, threshold: float, overlap: float) -> Any:
    import cv2

    return cv2.FaceDetectorYN.create(str(weights), "", (320, 320), threshold, overlap, MOST)
