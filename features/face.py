"""The face embedding: from aligned chips of 150 x 150 to dlib's 128 numbers per frame.

**It identifies the person** (see `features.networks.dlib_resnet`): treat its rows as biometric data. On faces 57 px
wide, as in IEMOCAP, it does so with an equal error rate (EER) of 8 to 13 %. For expression prefer
`features.fer`, or your own network trained on expressions (`features.resnet18`, `features.ir50`).

Its chip is the one of dlib's training: the upright face with a margin of a quarter of its size (``get_face_chip`` with
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
    """dlib's embedding of the face, which identifies the person (EER 8 to 13 % at 57 px); see `Embedding`."""

    cites: ClassVar[tuple[str, ...]] = ("king2015", "he2016")

    published: ClassVar[WeightFile | None] = EMBEDDING
    takes_own: ClassVar[bool] = False

    chip: Chip = "aligned"

    @property
    def network(self) -> Network:
        """Dlib's."""
        return dlib_resnet.NETWORK

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return dlib's network."""
        return dlib_resnet.load(device, self.precision, path)


PRESETS: dict[str, ChainedFeature] = {"face": Face()}
