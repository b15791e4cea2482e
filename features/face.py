"""The face embedding: dlib's 128 numbers a frame, from aligned chips of 150 x 150.

**It says who somebody is** (see `features.networks.dlib_resnet`): treat what it makes as biometric data. For
expression prefer `features.fer`, or a network of yours that learned it (`features.resnet18`, `features.ir50`).

Its chip is what dlib trained it on: the face upright, with a quarter of its size around it (``get_face_chip`` with
``size=150, padding=0.25``; King 2017).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import dlib_resnet
from affex.features.networks.base import Embedder, Network
from affex.features.networks.dlib_weights import EMBEDDING
from affex.features.networks.embedding import Chip, Embedding
from affex.features.networks.weights import WeightFile


@dataclass(frozen=True, kw_only=True)
class Face(Embedding):
    """dlib's embedding of the face, which says who somebody is; parameters as in `Embedding`."""

    published: ClassVar[WeightFile | None] = EMBEDDING

    chip: Chip = "aligned"

    @property
    def network(self) -> Network:
        """Dlib's."""
        return dlib_resnet.NETWORK

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return dlib's network."""
        return dlib_resnet.load(device, self.precision, path)


PRESETS: dict[str, ChainedFeature] = {"face": Face()}
