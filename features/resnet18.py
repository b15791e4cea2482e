"""ResNet-18: from a face to 512 numbers per frame, with your own weight file.

Use it as ``FEATURES=resnet18:weights=path/resnet18.pth`` (formats: `features.networks.local`). The chip is the one that
expression recognisers use: the box widened by 30 %, at 224 x 224 (Zhou et al. 2019, Exploring emotion features and
fusion strategies for audio-video emotion recognition, doi:10.1145/3340555.3355713). A network trained to recognise
people identifies the person: its rows are biometric data.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import local


@dataclass(frozen=True, kw_only=True)
class ResNet18(local.FaceBackbone):
    """ResNet-18's embedding of the face, with your own weights; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("he2016",)

    architecture: ClassVar[local.Architecture] = local.RESNET18


PRESETS: dict[str, ChainedFeature] = {"resnet18": ResNet18()}
