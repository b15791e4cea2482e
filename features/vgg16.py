"""VGG-16: from a face, or a picture of sound, to 4096 numbers per frame, with torchvision's weights or your own.

Architecture after Simonyan and Zisserman 2015, arXiv:1409.1556. Without ``weights=``, torchvision's file is used, which
was trained on photographs of things (ImageNet), not of faces: tune it with `make tune`, or name a file of your own. The
chip is the one that expression recognisers use: the box widened by 30 %, at 224 x 224 (Zhou et al. 2019,
doi:10.1145/3340555.3355713); ``chip=aligned`` turns the face upright.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.sounds import SoundBackbone
from affex.features.networks.weights import WeightFile


@dataclass(frozen=True, kw_only=True)
class Vgg16(local.FaceBackbone):
    """VGG-16's embedding of the face; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("simonyan2015", "deng2009")

    architecture: ClassVar[local.Architecture] = local.VGG16
    published: ClassVar[WeightFile | None] = local.PUBLISHED["vgg16"]


@dataclass(frozen=True, kw_only=True)
class Vgg16OfSound(SoundBackbone):
    """VGG-16's embedding of pictures of sound; parameters as in `SoundEmbedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("simonyan2015", "deng2009")

    architecture: ClassVar[local.Architecture] = local.VGG16
    published: ClassVar[WeightFile | None] = local.PUBLISHED["vgg16"]


PRESETS: dict[str, ChainedFeature] = {
    "vgg16": Vgg16(),
    "vgg16-segments": Vgg16OfSound(),
}
