"""VGG-Face: from a face to 4096 numbers per frame, with your own weight file.

Use it as ``FEATURES=vggface:weights=path/vggface.pth`` (formats: `features.networks.local`). It was trained on detected
faces with some margin, not aligned, at 224 x 224 (Parkhi, Vedaldi and Zisserman 2015, doi:10.5244/C.29.41). The chip is
the one that expression recognisers use: the box widened by 30 % (Zhou et al. 2019, doi:10.1145/3340555.3355713). Unless
it was trained further on expressions, it identifies the person: its rows are biometric data.
"""

from dataclasses import dataclass
from pathlib import Path

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.base import Embedder, Network
from affex.features.networks.embedding import Embedding


@dataclass(frozen=True, kw_only=True)
class VggFace(Embedding):
    """VGG-Face's embedding of the face, with your own weights; parameters as in `Embedding`."""

    @property
    def network(self) -> Network:
        """The network with the digest of the weight file."""
        return local.VGGFACE.of(self.digest)

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a file."""
        return local.load(local.VGGFACE, path, self.digest, device, self.precision)


PRESETS: dict[str, ChainedFeature] = {"vggface": VggFace()}
