"""Networks with the user's own weights: from a face to an embedding, with a local file in a published format.

* `RESNET18` (512): He et al. 2016, doi:10.1109/CVPR.2016.90; torchvision's names, as in the weights trained on
  MS-Celeb-1M that many expression recognisers start from.
* `IR50` (512): Deng et al. 2019, ArcFace, doi:10.1109/CVPR.2019.00482; the names of face.evoLVe.
* `VGGFACE` (4096): Parkhi, Vedaldi and Zisserman 2015, Deep face recognition, doi:10.5244/C.29.41; the names and the
  mean of the port of their model to PyTorch.

Files are state dicts of `torch.save` (read with ``weights_only=True``) or safetensors; a classifier in them is
ignored. Weights trained to recognise people identify the person (see `features.networks.dlib_resnet`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from affex.features.networks.base import Embedder, Network, Precision
from affex.features.networks.embedding import Embedding
from affex.features.networks.weights import WeightError, fill, read_state, sha256

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Architecture:
    """A kind of network, without weights.

    Parameters
    ----------
    network
        Its identity without the weights' digest.
    build
        Function that builds its layers.
    unused
        The prefixes of the names of its classifier's weights, separated by spaces.
    """

    network: Network
    build: "Callable[[], torch.nn.Module]"
    unused: str = ""

    def of(self, digest: str) -> Network:
        """Return its identity with the weights of a file."""
        return replace(self.network, digest=digest)


def _layers(name: str) -> "torch.nn.Module":
    """Return the layers of a class of `features.networks.architectures`, without weights."""
    from affex.features.networks import architectures

    module: torch.nn.Module = getattr(architectures, name)()
    return module


RESNET18 = Architecture(
    Network(
        name="resnet18",
        width=512,
        input_size=(224, 224),
        channels="rgb",
        # ImageNet's values, as in torchvision.
        mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
        scale=(1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
        layer="avgpool",
    ),
    build=partial(_layers, "ResNet18"),
    unused="fc.",
)
IR50 = Architecture(
    Network(
        name="ir50",
        width=512,
        input_size=(112, 112),
        channels="rgb",
        mean=(127.5,) * 3,
        scale=(1 / 127.5,) * 3,
        layer="output_layer",
    ),
    build=partial(_layers, "Ir50"),
)
VGGFACE = Architecture(
    Network(
        name="vggface",
        width=4096,
        input_size=(224, 224),
        channels="rgb",
        mean=(129.186279296875, 104.76238250732422, 93.59396362304688),
        scale=(1.0,) * 3,
        layer="relu7",
    ),
    build=partial(_layers, "VggFace"),
    unused="fc8.",
)
ARCHITECTURES = {one.network.name: one for one in (RESNET18, IR50, VGGFACE)}


def load(
    architecture: Architecture,
    path: Path,
    digest: str = "",
    device: str = "cpu",
    precision: Precision = "float32",
) -> Embedder:
    """Return a network with the weights of a file, ready to run.

    Parameters
    ----------
    architecture
        One of this module's architectures.
    path
        The weight file; ``*.safetensors``, or a state dict saved by torch.
    digest
        The expected sha256; empty to accept any file. The network's identity contains the file's sha256 in both cases.
    device, precision
        Where and in which number format it runs.

    Raises
    ------
    WeightError
        If the file is missing, has another digest, cannot be read safely or does not fit.
    """
    found = sha256(path)
    if digest not in ("", found):
        raise WeightError(f"{path} has the sha256 {found}, expected {digest}: it is not the expected file.")
    module = architecture.build()
    fill(module, read_state(path), path, architecture.unused)
    return Embedder(architecture.of(found), module, device, precision)


@dataclass(frozen=True, kw_only=True)
class LocalEmbedding(Embedding):
    """Base of the embeddings by a network with the user's own weights; parameters as in `Embedding`."""

    architecture: ClassVar[Architecture]

    @property
    def network(self) -> Network:
        """The network with the digest of the weight file."""
        return self.architecture.of(self.digest)

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a file."""
        return load(self.architecture, path, self.digest, device, self.precision)
