"""ResNet-50: from a face, or a picture of sound, to 2048 numbers per frame, with torchvision's weights or your own.

Architecture after He et al. 2016, doi:10.1109/CVPR.2016.90. Without ``weights=``, torchvision's file is used, which was
trained on photographs of things (ImageNet), not of faces: tune it with `make tune`, or name a file of your own. The
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
class ResNet50(local.FaceBackbone):
    """ResNet-50's embedding of the face; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("he2016", "deng2009")

    architecture: ClassVar[local.Architecture] = local.RESNET50
    published: ClassVar[WeightFile | None] = local.PUBLISHED["resnet50"]


@dataclass(frozen=True, kw_only=True)
class ResNet50OfSound(SoundBackbone):
    """ResNet-50's embedding of pictures of sound; parameters as in `SoundEmbedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("he2016", "deng2009")

    architecture: ClassVar[local.Architecture] = local.RESNET50
    published: ClassVar[WeightFile | None] = local.PUBLISHED["resnet50"]


PRESETS: dict[str, ChainedFeature] = {
    "resnet50": ResNet50(),
    "resnet50-segments": ResNet50OfSound(),
}
