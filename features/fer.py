"""Expression: mini-Xception's seven scores of a face, and the 128 maps they are made of, pooled.

The network learned FER2013 (see `features.networks.mini_xception`), whose grey pictures of 48 x 48 were cut where
OpenCV's face detector saw a face (Goodfellow et al. 2013, Challenges in representation learning, arXiv:1307.0414):
its chip is the box, upright as the frame, without alignment, widened to the size of boxes of that kind (1.22 times
those of `features.faces`: the median over 96 faces and a cascade of the same make, half of them 1.15 to 1.27). Its
scores were learned on pictures found by searching for words; of people who speak they say something, not the truth.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import mini_xception
from affex.features.networks.base import Embedder, Network
from affex.features.networks.embedding import Embedding
from affex.features.networks.weights import WeightFile


@dataclass(frozen=True, kw_only=True)
class Fer(Embedding):
    """Scores of seven expressions and 128 pooled maps of mini-Xception; parameters as in `Embedding`."""

    published: ClassVar[WeightFile | None] = mini_xception.WEIGHTS

    widened: float = 0.2

    @property
    def network(self) -> Network:
        """mini-Xception's."""
        return mini_xception.NETWORK

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return mini-Xception."""
        return mini_xception.load(path, device, self.precision)


PRESETS: dict[str, ChainedFeature] = {"fer": Fer()}
