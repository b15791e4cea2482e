"""VGGish: from 0.96 s of sound to 128 numbers, with torchvggish's weights or your own.

Hershey et al. 2017, CNN architectures for large-scale audio classification, doi:10.1109/ICASSP.2017.7952132; trained on
the sound of films of YouTube. The network is given 96 frames of `features.sound.vggish` at a time, one after another;
what fills no picture at the end is left out, and a shorter utterance's last frame is repeated.

Without ``weights=``, the published file is used. A file of your own that also holds ``pproc.eigen_vectors`` (128, 128)
and ``pproc.means`` (128, 1) gives whitened principal components with ``pca=whitened``, and with ``pca=quantised`` those
as whole numbers, 0 to 255, as AudioSet is published.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import numpy as np

from affex.features.base import AudioFeature, Feature, Rows, Signal
from affex.features.networks import local
from affex.features.networks.base import Network
from affex.features.networks.sounds import SoundEmbedding
from affex.features.networks.weights import WeightFile
from affex.features.sound import vggish as sound
from affex.features.sound.frames import frame_times
from affex.features.sound.pictures import segments

if TYPE_CHECKING:
    import torch

Pca = Literal["none", "whitened", "quantised"]

#: Frames of a picture, 0.96 s.
FRAMES = 96


@dataclass(frozen=True, kw_only=True)
class VggishLogmel(AudioFeature):
    """VGGish's log-mel pictures, 96 frames x 64 bands, one every 0.96 s."""

    cites: ClassVar[tuple[str, ...]] = ("hershey2017",)

    framewise = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate != sound.RATE:
            raise ValueError(f"rate={self.rate}: expected {sound.RATE} Hz, for which the bands were chosen")

    @property
    def shortest(self) -> float:
        """One window, s."""
        return sound.WINDOW

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Frames, bands and the one channel of the picture."""
        return (FRAMES, sound.BANDS, 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """``f00_m00``, ``f00_m01``, ..."""
        return _columns()

    def extract(self, signal: Signal) -> Rows:
        """Compute the pictures, each with the middle of its frames."""
        levels = sound.log_mel(signal)
        pictures = segments(levels, FRAMES, FRAMES)
        times = frame_times(len(levels), sound.WINDOW, sound.HOP, signal.rate)
        middles = [times[begin : begin + FRAMES].mean() for begin in FRAMES * np.arange(len(pictures))]
        return Rows(np.ascontiguousarray(pictures.reshape(len(pictures), -1)), np.array(middles))


@cache
def _columns() -> tuple[str, ...]:
    return tuple(f"f{frame:02}_m{band:02}" for frame in range(FRAMES) for band in range(sound.BANDS))


@dataclass(frozen=True, kw_only=True)
class Vggish(local.Layered, SoundEmbedding):
    """VGGish's embedding of every 0.96 s of sound; parameters as in `SoundEmbedding`.

    Parameters
    ----------
    pca
        ``none``: the numbers of the last layer. ``whitened``: their principal components, scaled to a variance of 1 and
        cut at 2. ``quantised``: those as whole numbers, 0 to 255.
    """

    cites: ClassVar[tuple[str, ...]] = ("hershey2017",)

    published: ClassVar[WeightFile | None] = local.PUBLISHED["vggish"]

    sound: AudioFeature = field(default_factory=VggishLogmel)
    pca: Pca = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pca not in get_args(Pca):
            raise ValueError(f"pca={self.pca}: expected {', '.join(get_args(Pca))}")

    @property
    def network(self) -> Network:
        """VGGish with the digest of the weight file."""
        layer = local.VGGISH.network.layer if self.pca == "none" else f"pproc, {self.pca}"
        return replace(local.VGGISH.of(self.digest), layer=layer)

    def module(self, path: Path | None) -> "torch.nn.Module":
        """Return the layers with the weights of a file, or as they start without one."""
        known = replace(local.VGGISH, unused="pproc." if self.pca == "none" else "")
        return known.build(pca=self.pca) if path is None else known.filled(path, pca=self.pca)


PRESETS: dict[str, Feature] = {"vggish": Vggish(), "vggish-logmel": VggishLogmel()}
