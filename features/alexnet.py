"""AlexNet: from a face, or a picture of sound, to 4096 numbers per frame, with torchvision's weights or your own.

Architecture after Krizhevsky 2014, arXiv:1404.5997. Without ``weights=``, torchvision's file is used, which was trained
on photographs of things (ImageNet), not of faces: tune it with `make tune`, or name a file of your own. The chip is the
one that expression recognisers use: the box widened by 30 %, at 224 x 224 (Zhou et al. 2019,
doi:10.1145/3340555.3355713); ``chip=aligned`` turns the face upright.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.sounds import SoundBackbone
from affex.features.networks.weights import WeightFile
from affex.features.spectrogram import Spectrogram


@dataclass(frozen=True, kw_only=True)
class AlexNet(local.FaceBackbone):
    """AlexNet's embedding of the face; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("krizhevsky2014", "deng2009")

    architecture: ClassVar[local.Architecture] = local.ALEXNET
    published: ClassVar[WeightFile | None] = local.PUBLISHED["alexnet"]


@dataclass(frozen=True, kw_only=True)
class AlexNetOfSound(SoundBackbone):
    """AlexNet's embedding of pictures of sound; parameters as in `SoundEmbedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("krizhevsky2014", "deng2009")

    architecture: ClassVar[local.Architecture] = local.ALEXNET
    published: ClassVar[WeightFile | None] = local.PUBLISHED["alexnet"]


PRESETS: dict[str, ChainedFeature] = {
    "alexnet": AlexNet(),
    # Pictures of 64 x 64 are enlarged to the network's input, as in Zhang et al. 2018 (doi:10.1109/TCSVT.2017.2719043).
    "alexnet-segments": AlexNetOfSound(),
    # Maps of 5 x 8 of the spectrogram of 3 s, as vectors: Zhou et al. 2019 (doi:10.1145/3340555.3355713; the length is
    # ours).
    "alexnet-spectrogram": AlexNetOfSound(sound=Spectrogram(frames=300), output="maps", height=200, width=300),
}
