"""Networks with weight files: from pictures to vectors, with a file in a published format.

The user's own files only (`resnet18`, `ir50`, `vggface`):

* `RESNET18` (512): He et al. 2016, doi:10.1109/CVPR.2016.90; torchvision's names, as in the weights trained on
  MS-Celeb-1M that many expression recognisers start from.
* `IR50` (512): Deng et al. 2019, ArcFace, doi:10.1109/CVPR.2019.00482; the names of face.evoLVe.
* `VGGFACE` (4096): Parkhi, Vedaldi and Zisserman 2015, Deep face recognition, doi:10.5244/C.29.41; the names and the
  mean of the port of their model to PyTorch.

Published by torchvision, trained on ImageNet (Deng et al. 2009, doi:10.1109/CVPR.2009.5206848), or the user's own, see
`features.networks.backbones`: `ALEXNET` (4096), `VGG16` (4096), `RESNET50` (2048), `DENSENET121` (1024).

Published by torchvggish: `VGGISH` (128), see `features.vggish`. Made here by `make tune`: `SMALLCNN` (64).

Files are state dicts of `torch.save` (read with ``weights_only=True``) or safetensors; a classifier in them is
ignored. Weights trained to recognise people identify the person (see `features.networks.dlib_resnet`).
"""

import importlib
import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from affex.features.networks.base import Embedder, Network, Precision
from affex.features.networks.embedding import Embedding
from affex.features.networks.feature import NetworkFeature
from affex.features.networks.weights import WeightError, WeightFile, fill, read_state, sha256

if TYPE_CHECKING:
    import torch

Output = Literal["vector", "maps"]

#: The smallest and the largest height or width of a backbone's input, px.
LEAST, MOST = 32, 1024
#: Mean and scale of red, green and blue on ImageNet, as in torchvision.
IMAGENET_MEAN = (255 * 0.485, 255 * 0.456, 255 * 0.406)
IMAGENET_SCALE = (1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225))


@dataclass(frozen=True)
class Architecture:
    """A kind of network, without weights.

    Parameters
    ----------
    network
        Its identity without the weights' digest.
    build
        Function that builds its layers, a `features.networks.architectures.Convolutional`; it takes the `sizes` of
        pictures as ``size`` if there are any.
    unused
        The prefixes of the names of its classifier's weights, separated by spaces.
    n_maps
        The number of maps before its vector.
    sizes
        The only heights, and equal widths, of pictures that it makes vectors of, px; empty for any.
    renamed
        Function from the name of a tensor in a file to that in the layers.
    """

    network: Network
    build: "Callable[..., torch.nn.Module]"
    unused: str = ""
    n_maps: int = 0
    sizes: tuple[int, ...] = ()
    renamed: Callable[[str], str] = str

    def of(self, digest: str) -> Network:
        """Return its identity with the weights of a file."""
        return replace(self.network, digest=digest)

    def filled(self, path: Path, **settings: Any) -> "torch.nn.Module":
        """Return its layers with the weights of a file; `settings` go to `build`.

        Raises
        ------
        WeightError
            If the file is missing, cannot be read safely or does not fit.
        """
        module = self.build(**settings)
        state = {self.renamed(name): tensor for name, tensor in read_state(path).items()}
        fill(module, state, path, self.unused)
        return module


def _layers(module: str, name: str, **settings: Any) -> "torch.nn.Module":
    """Return the layers of a class of a module of `features.networks`, without weights."""
    known = importlib.import_module(f"affex.features.networks.{module}")
    built: torch.nn.Module = getattr(known, name)(**settings)
    return built


def _imagenet(name: str, width: int, layer: str, size: int = 224) -> Network:
    """Return the identity of a network whose pictures are scaled as in torchvision."""
    return Network(name, width, (size, size), "rgb", IMAGENET_MEAN, IMAGENET_SCALE, layer)


def joined_numbers(name: str) -> str:
    """Return the present name of a tensor of DenseNet's published file, which has ``norm.1`` for ``norm1``."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", name)


RESNET18 = Architecture(
    _imagenet("resnet18", 512, "avgpool"), partial(_layers, "architectures", "ResNet18"), unused="fc.", n_maps=512
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
    partial(_layers, "architectures", "Ir50"),
    n_maps=512,
    sizes=(112, 224),
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
    partial(_layers, "architectures", "VggFace"),
    unused="fc8.",
    n_maps=512,
    sizes=(224,),
)
ALEXNET = Architecture(
    _imagenet("alexnet", 4096, "classifier.5"),
    partial(_layers, "backbones", "AlexNet"),
    unused="classifier.6.",
    n_maps=256,
)
VGG16 = Architecture(
    _imagenet("vgg16", 4096, "classifier.4"), partial(_layers, "backbones", "Vgg16"), unused="classifier.6.", n_maps=512
)
RESNET50 = Architecture(
    _imagenet("resnet50", 2048, "avgpool"), partial(_layers, "backbones", "ResNet50"), unused="fc.", n_maps=2048
)
DENSENET121 = Architecture(
    _imagenet("densenet121", 1024, "norm5, averaged over places"),
    partial(_layers, "backbones", "DenseNet121"),
    unused="classifier.",
    n_maps=1024,
    renamed=joined_numbers,
)
SMALLCNN = Architecture(
    _imagenet("smallcnn", 64, "the last maps, averaged over places", 64),
    partial(_layers, "architectures", "SmallCnn"),
    n_maps=64,
)
VGGISH = Architecture(
    Network("vggish", 128, (96, 64), "one", (0.0,), (1.0,), "embeddings.5", dtype="float32"),
    partial(_layers, "architectures", "Vggish"),
    n_maps=512,
)
ARCHITECTURES = {
    one.network.name: one for one in (RESNET18, IR50, VGGFACE, ALEXNET, VGG16, RESNET50, DENSENET121, SMALLCNN, VGGISH)
}


def _of_torchvision(name: str, digest: str) -> WeightFile:
    file = f"{name}-{digest[:8]}.pth"
    return WeightFile(file, digest, source="torchvision", url=f"https://download.pytorch.org/models/{file}")


#: The published files; those of torchvision were trained on ImageNet.
PUBLISHED = {
    "vggish": WeightFile(
        "vggish-10086976.pth",
        "10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
        source="torchvggish",
        url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
    ),
    "alexnet": _of_torchvision("alexnet-owt", "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"),
    "vgg16": _of_torchvision("vgg16", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"),
    "resnet50": _of_torchvision("resnet50", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"),
    "densenet121": _of_torchvision("densenet121", "a639ec97d7c33b07ae66f0b5fb7d0192f95a3b11b7576c66c0126c2a727c4395"),
}


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
    found = _expected(path, digest)
    return Embedder(architecture.of(found), architecture.filled(path), device, precision)


def _expected(path: Path, digest: str) -> str:
    """Return the sha256 of a weight file, if it is the expected one or any may be."""
    found = sha256(path)
    if digest not in ("", found):
        raise WeightError(f"{path} has the sha256 {found}, expected {digest}: it is not the expected file.")
    return found


@dataclass(frozen=True, kw_only=True)
class Layered(NetworkFeature):
    """Base of features by a network whose layers are built here, so that it can be tuned; parameters as there."""

    @abstractmethod
    def module(self, path: Path | None) -> "torch.nn.Module":
        """Return the layers with the weights of a file, or as they start without one.

        Raises
        ------
        WeightError
            If the file cannot be read safely or does not fit.
        """

    def wrapped(self, module: "torch.nn.Module") -> "torch.nn.Module":
        """Return layers with what makes the rows of their output; by default they do."""
        return module

    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a file."""
        _expected(path, self.digest)
        return Embedder(self.network, self.wrapped(self.module(path)), device, self.precision)


@dataclass(frozen=True, kw_only=True)
class Backbone(Layered):
    """Base of features by a network of convolutions, and of what makes a vector of their maps.

    Parameters
    ----------
    precision, weights, digest
        As in `NetworkFeature`.
    output
        ``vector``: a row for each picture. ``maps``: the maps of the last pooling, a row for each place of a picture,
        line by line from the top, all with the time of the picture.
    height, width
        The size of the network's input, px.
    """

    architecture: ClassVar[Architecture]

    output: Output = "vector"
    height: int = 224
    width: int = 224

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output not in get_args(Output):
            raise ValueError(f"output={self.output}: expected {', '.join(get_args(Output))}")
        for name in ("height", "width"):
            if not LEAST <= getattr(self, name) <= MOST:
                raise ValueError(f"{name}={getattr(self, name)}: expected {LEAST} to {MOST} px")
        sizes = self.architecture.sizes
        if self.output == "vector" and sizes and (self.height != self.width or self.height not in sizes):
            able = " or ".join(f"{size} x {size}" for size in sizes)
            raise ValueError(
                f"height={self.height}, width={self.width}: {self.name} makes vectors of {able} px only; "
                "output=maps takes any size"
            )

    @property
    def network(self) -> Network:
        """The network with the digest of the weight file, for its size and output."""
        known = replace(self.architecture.of(self.digest), input_size=(self.height, self.width))
        if self.output == "vector":
            return known
        return replace(known, width=self.architecture.n_maps, layer="the last maps")

    def module(self, path: Path | None) -> "torch.nn.Module":
        """Return the layers with the weights of a file, or as they start without one; errors as in `Layered`."""
        known = self.architecture
        settings = {"size": self.height} if len(known.sizes) > 1 and self.height in known.sizes else {}
        return known.build(**settings) if path is None else known.filled(path, **settings)

    def wrapped(self, module: "torch.nn.Module") -> "torch.nn.Module":
        """Return the layers, without those that make a vector if the output is maps."""
        from affex.features.networks.architectures import Convolutional, Maps

        assert isinstance(module, Convolutional)
        return module if self.output == "vector" else Maps(module)


@dataclass(frozen=True, kw_only=True)
class FaceBackbone(Backbone, Embedding):
    """Base of the embeddings of a face by a backbone; parameters as in `Embedding` and `Backbone`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.chip == "aligned" and self.height != self.width:
            raise ValueError(f"height={self.height}, width={self.width}: an aligned chip is a square")
        if self.output == "maps" and self.views != "one":
            raise ValueError(f"views={self.views}: the places of two views are not the same; expected output=vector")
