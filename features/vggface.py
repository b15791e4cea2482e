"""VGG-Face: 4096 numbers a frame, with a weight file of yours.

As in ``FEATURES=vggface:weights=path/vggface.pth`` (formats: `features.networks.local`). It learned on faces that were
found and cut with some margin, not aligned, at 224 x 224 (Parkhi, Vedaldi and Zisserman 2015, doi:10.5244/C.29.41);
expression recognisers show it the box widened by 30 % (Zhou et al. 2019, doi:10.1145/3340555.3355713), and so does
this. Unless it was tuned to expressions it says who somebody is: what it makes is biometric data.
"""

from dataclasses import dataclass
from pathlib import Path

from affex.features.base import ChainedFeature
from affex.features.networks import local
from affex.features.networks.base import Embedder, Network
from affex.features.networks.embedding import Embedding


@dataclass(frozen=True, kw_only=True)
class VggFace(Embedding):
    """VGG-Face's embedding of the face, with weights of yours; parameters as in `Embedding`."""

    @property
    def network(self) -> Network:
        """That of the file."""
        return local.VGGFACE.of(self.digest)

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return it with the weights of a file."""
        return local.load(local.VGGFACE, path, self.digest, device, self.precision)


PRESETS: dict[str, ChainedFeature] = {"vggface": VggFace()}
