"""Expression: from a face to mini-Xception's scores of seven expressions and its last 128 maps, pooled.

The network was trained on FER2013 (see `features.networks.mini_xception`), grey pictures of 48 x 48 that were cut by
OpenCV's face detector (Goodfellow et al. 2013, Challenges in representation learning, arXiv:1307.0414):
so its chip is the box without alignment, widened to the size of that detector's boxes (1.22 times those of
`features.faces`: the median over 96 faces and a cascade of the same kind; half of them 1.15 to 1.27). The training
pictures were found by searching for words, so the scores describe people who speak only roughly.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from affex.features.base import ChainedFeature
from affex.features.networks import mini_xception
from affex.features.networks.base import Network
from affex.features.networks.embedding import Embedding
from affex.features.networks.local import Layered
from affex.features.networks.weights import WeightFile

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Fer(Layered, Embedding):
    """Scores of seven expressions and 128 pooled maps of mini-Xception; parameters as in `Embedding`."""

    cites: ClassVar[tuple[str, ...]] = ("arriaga2017",)

    published: ClassVar[WeightFile | None] = mini_xception.WEIGHTS

    widened: float = 0.2

    @property
    def network(self) -> Network:
        """mini-Xception's; the first numbers of one that was tuned (`make tune`) are no scores of expressions."""
        tuned = replace(mini_xception.NETWORK, digest=self.digest, scores=())
        return tuned if self.own_digest else mini_xception.NETWORK

    def module(self, path: Path | None) -> "torch.nn.Module":
        """Return mini-Xception with the published weights, or with those that `make tune` made from them."""
        return mini_xception.tuned(path) if self.own_digest else mini_xception.published(path)


PRESETS: dict[str, ChainedFeature] = {"fer": Fer()}
