"""A small convolutional network: from a face, or a picture of sound, to 64 numbers, with weights of `make tune`.

Three convolutions, 23 696 weights, for the box widened by 30 %, or the picture of `features.segments`, at 64 x 64: as
much as a corpus of some hundred faces can teach. There is no published file.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.sounds import SoundBackbone


@dataclass(frozen=True, kw_only=True)
class SmallCnn(local.FaceBackbone):
    """A small network's embedding of the face, tuned here; parameters as in `Embedding` and `Backbone`."""

    architecture: ClassVar[local.Architecture] = local.SMALLCNN

    height: int = 64
    width: int = 64


@dataclass(frozen=True, kw_only=True)
class SmallCnnOfSound(SoundBackbone):
    """A small network's embedding of pictures of sound, tuned here; parameters as in `SoundBackbone`."""

    architecture: ClassVar[local.Architecture] = local.SMALLCNN

    height: int = 64
    width: int = 64


PRESETS: dict[str, ChainedFeature] = {"smallcnn": SmallCnn(), "smallcnn-segments": SmallCnnOfSound()}
