"""VGG-Face: from a face to 4096 numbers per frame, with your own weight file.

Use it as ``FEATURES=vggface:weights=path/vggface.pth`` (formats: `features.networks.local`). It was trained on detected
faces with some margin, not aligned, at 224 x 224 (Parkhi, Vedaldi and Zisserman 2015, doi:10.5244/C.29.41). The chip is
the one that expression recognisers use: the box widened by 30 % (Zhou et al. 2019, doi:10.1145/3340555.3355713). Unless
it was trained further on expressions, it identifies the person: its rows are biometric data.
"""

from dataclasses import dataclass
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import local


@dataclass(frozen=True, kw_only=True)
class VggFace(local.FaceBackbone):
    """VGG-Face's embedding of the face, with your own weights; parameters as in `Embedding` and `Backbone`."""

    cites: ClassVar[tuple[str, ...]] = ("parkhi2015",)

    architecture: ClassVar[local.Architecture] = local.VGGFACE


PRESETS: dict[str, ChainedFeature] = {"vggface": VggFace()}
