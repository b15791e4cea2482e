"""The detectors of the package face-alignment, where their weights are on this machine.

* `Sfd`: Zhang et al. 2017, S3FD: single shot scale-invariant face detector, doi:10.1109/ICCV.2017.30.
* `BlazeFace`: Bazarevsky et al. 2019, arXiv:1907.05047; **it sees only the square in the middle of a frame**.

The package downloads weights at first use; affex does not, and looks where the package would have put them
(``torch.hub``'s folder of checkpoints) unless a folder is named.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from features.detectors.base import Faces, ranked
from features.networks.base import Pictures, check_pictures, exact
from features.networks.weights import WeightError, sha256

#: From the files, the threshold and the device to the package's detector.
Build = Callable[[tuple[Path, ...], float, str], Any]


@dataclass(frozen=True)
class _FaceAlignment:
    """What both share.

    Parameters
    ----------
    folder
        Where the weight files are; None for torch's folder of checkpoints.
    threshold
        The least score of a face, 0 to 1.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    digests
        What the files' sha256 must begin with, in the order of `files`; an empty one is not checked.
    """

    #: The weight files, and where each is published.
    files: ClassVar[dict[str, str]]

    folder: Path | None = None
    threshold: float = 0.5
    device: str = field(default="cpu", compare=False)
    digests: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the weight files are expected."""
        folder = self.folder or _checkpoints()
        return tuple(folder / name for name in self.files)

    @property
    def digest(self) -> str:
        """The sha256 of the weight files, parted by blanks.

        Raises
        ------
        WeightError
            If one is missing, or another than it should be.
        """
        missing = [path for path in self.paths if not path.is_file()]
        if missing:
            wanted = "\n".join(f"  {path} from {self.files[path.name]}" for path in missing)
            raise WeightError(f"{type(self).__name__} needs weights that are not here; put\n{wanted}")
        found = [sha256(path) for path in self.paths]
        for path, one, expected in zip(self.paths, found, self.digests, strict=False):
            if not one.startswith(expected):
                raise WeightError(f"{path} has the sha256 {one}, expected {expected}...: fetch it again.")
        return " ".join(found)

    def detect(self, frames: Pictures) -> list[Faces]:
        """Find the faces of each frame; see `features.detectors.base.Detector`."""
        check_pictures(frames, "frames")
        detector = _detector(self.build, self.paths, self.digest, self.threshold, self.device)
        with exact():
            # One by one: the package's own batches mix up the frames' boxes.
            return [_faces(detector.detect_from_image(np.ascontiguousarray(frame))) for frame in frames]

    @staticmethod
    def build(paths: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with weights of these files."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sfd(_FaceAlignment):
    """S3FD, the package's default; slow on a processor."""

    files: ClassVar[dict[str, str]] = {
        "s3fd-619a316812.pth": "https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth"
    }

    digests: tuple[str, ...] = ("619a316812",)

    @staticmethod
    def build(paths: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with weights of these files."""
        from face_alignment.detection.sfd import FaceDetector

        return FaceDetector(device, path_to_detector=str(paths[0]), filter_threshold=threshold)


@dataclass(frozen=True)
class BlazeFace(_FaceAlignment):
    """BlazeFace, for faces that fill much of the frame's middle."""

    files: ClassVar[dict[str, str]] = {
        "blazeface.pth": "https://github.com/hollance/BlazeFace-PyTorch",
        "anchors.npy": "https://github.com/hollance/BlazeFace-PyTorch",
    }

    @staticmethod
    def build(paths: tuple[Path, ...], threshold: float, device: str) -> Any:
        """Return the package's detector with weights of these files."""
        from face_alignment.detection.blazeface import FaceDetector

        weights, anchors = map(str, paths)
        return FaceDetector(device, path_to_detector=weights, path_to_anchor=anchors, min_score_thresh=threshold)


def _checkpoints() -> Path:
    from torch.hub import get_dir

    return Path(get_dir(), "checkpoints")


@cache
def _detector(build: Build, paths: tuple[Path, ...], _digest: str, threshold: float, device: str) -> Any:
    try:
        return build(paths, threshold, device)
    except (RuntimeError, AssertionError, OSError, ValueError) as error:
        raise WeightError(f"{', '.join(map(str, paths))} do not fit the detector: {error}") from error


def _faces(found: Any) -> Faces:
    """Take the package's rows of x0, y0, x1, y1, score, of which there may be none in several shapes."""
    rows = np.array([np.asarray(row, np.float32) for row in found if len(row)], np.float32).reshape(-1, 5)
    return ranked(rows[:, :4], rows[:, 4])
