"""The landmark networks of the package face-alignment: from a face to iBUG's 68 points, in 2D or 3D.

Bulat and Tzimiropoulos 2017, How far are we from solving the 2D & 3D face alignment problem?
doi:10.1109/ICCV.2017.116. ``fan2d`` follows the visible outline of a face; ``fan3d`` gives the points in 3D,
including hidden ones. They were trained on 300-W and 300W-LP, **whose terms exclude commercial use**.

The package downloads its weights at first use; affex does not. The user puts the two or three files into a folder and
names it. The publisher states no digests, so the digests of the user's files identify the weights.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.chips import Picture, Points
from affex.features.detectors.landmarks import in_upright, upright
from affex.features.networks import finding
from affex.features.networks.base import place
from affex.features.networks.batches import exact
from affex.features.networks.weights import WeightError, fill, joined, read_state

if TYPE_CHECKING:
    import torch

Name = Literal["fan2d", "fan3d"]

#: The weight files of each network, and the address of their publisher.
FILES: dict[Name, tuple[str, ...]] = {
    "fan2d": ("2DFAN4-11f355bf06.pth.tar",),
    "fan3d": ("3DFAN4-7835d9f11d.pth.tar", "depth-2a464da4ea.pth.tar"),
}
SOURCE = "https://www.adrianbulat.com/downloads/python-fan/"

#: The middle and the size of the box about the 68 points of the mean face, in sizes of that face: the networks were
#: trained on boxes about the points. The median over 395 frames of 25 utterances, made symmetric.
BOX_MIDDLE, BOX_SIZE = (0.49, 0.62), (1.22, 1.25)


def digest(name: Name, weights: str, expected: str) -> str:
    """Return the sha256 of a network's weights, of several files joined by ``+``; empty if unknown.

    Parameters
    ----------
    name
        The network.
    weights
        The folder of its files; empty if none was given.
    expected
        The expected digest; empty if none was given.

    Raises
    ------
    ValueError
        If a file is missing or has another digest than expected.
    """
    if not weights:
        return expected
    missing = [file for file in FILES[name] if not Path(weights, file).is_file()]
    if missing:
        raise WeightError(f"{name} needs weights that are missing in {weights}; put there\n{_wanted(missing)}")
    return finding.agreed(weights, joined(Path(weights, file) for file in FILES[name]), expected)


def weight_files(name: Name, digest: str, weights: str, folder: str) -> tuple[Path, ...]:
    """Return the paths of a network's weight files, after verifying them.

    Parameters
    ----------
    name, weights
        As in the function `digest`.
    digest
        The sha256 that identifies the files.
    folder
        Another folder of weight files (`features.base.Runtime.weights`).

    Raises
    ------
    WeightError
        If no folder was given, or a file is missing now.
    """
    if not digest:
        raise WeightError(
            f"{name} comes without weights: put the files below into a folder and name it, as in "
            f"FEATURES=landmarks:points={name},weights=path\n{_wanted(FILES[name])}"
        )
    return tuple(finding.own(f"landmarks:points={name}", one, weights, folder) for one in digest.split("+"))


def _wanted(files: "list[str] | tuple[str, ...]") -> str:
    return "\n".join(f"  {file} from {SOURCE}{file}" for file in files)


@dataclass(frozen=True)
class Fan:
    """A landmark network with its weights; loaded at first use, once per process.

    Parameters
    ----------
    weights
        The weight file; for points in 3D also the file of the depth network.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    """

    weights: tuple[Path, ...]
    device: str = field(default="cpu", compare=False)

    def refined(self, picture: Picture, five: Points) -> NDArray[np.float64]:
        """Find the 68 points of a face from its five points; as `features.detectors.landmarks.refined`.

        Returns
        -------
        points : (68, 2) or (68, 3) float64, px
            With a third column of depth if there is a depth network, in that network's unit.

        Raises
        ------
        WeightError
            If a weight file does not fit.
        """
        face = upright(picture, five)
        aligner = _aligner(self.weights, joined(self.weights), self.device)
        with exact():
            [points] = aligner.get_landmarks_from_image(face.picture, [in_upright(BOX_MIDDLE, BOX_SIZE)])
        return np.column_stack([face.back(points[:, :2]), points[:, 2:] * abs(face.turn)])


@cache
def _aligner(weights: tuple[Path, ...], _digest: str, device: str) -> Any:
    """Return the package's object that goes from a box to points, with the networks of these files."""
    import torch
    from face_alignment import FaceAlignment, LandmarksType
    from face_alignment.utils import REFERENCE_SCALE

    networks = _networks(weights)
    for network in networks:
        place(network, device, "float32")
    # Created without its constructor, which would download networks and a detector.
    aligner = FaceAlignment.__new__(FaceAlignment)
    vars(aligner).update(
        device=device,
        flip_input=True,
        landmarks_type=LandmarksType.THREE_D if weights[1:] else LandmarksType.TWO_D,
        verbose=False,
        dtype=torch.float32,
        max_batch_size=1,
        face_detector=SimpleNamespace(reference_scale=REFERENCE_SCALE),
        face_alignment_net=networks[0],
        depth_prediciton_net=networks[-1],  # the package's spelling
    )
    return aligner


def _networks(weights: tuple[Path, ...]) -> "list[torch.nn.Module]":
    from face_alignment.models import FAN, ResNetDepth

    states = [read_state(path) for path in weights]
    # The published networks have four hourglasses, one after another.
    hourglasses = sum(name.startswith("conv_last") and name.endswith(".weight") for name in states[0])
    networks = [FAN(max(hourglasses, 1)), *(ResNetDepth() for _ in weights[1:])]
    for network, state, path in zip(networks, states, weights, strict=True):
        fill(network, state, path)
    return networks
