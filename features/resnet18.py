"""ResNet-18: from a face to 512 numbers per frame, with your own weight file.

Use it as ``FEATURES=resnet18:weights=path/resnet18.pth`` (formats: `features.networks.local`). The chip is the one that
expression recognisers use: the box widened by 30 %, at 224 x 224 (Zhou et al. 2019, Exploring emotion features and
fusion strategies for audio-video emotion recognition, doi:10.1145/3340555.3355713). A network trained to recognise
people identifies the person: its rows are biometric data.
"""

from dataclasses import dataclass
from pathlib import Path

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.base import Embedder, Network
from affex.features.networks.embedding import Embedding


@dataclass(frozen=True, kw_only=True)
class ResNet18(Embedding):
    """ResNet-18's embedding of the face, with your own weights; parameters as in `Embedding`."""

    @property
    def network(self) -> Network:
        """The network with the digest of the weight file."""
        return local.RESNET18.of(self.digest)

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a file."""
        return local.load(local.RESNET18, path, self.digest, device, self.precision)


PRESETS: dict[str, ChainedFeature] = {"resnet18": ResNet18()}
