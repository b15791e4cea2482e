"""The networks' layers in torch, named as in their published weights.

Imported only where a network is built, since torch takes a second to load. Every network takes
``(n, channels, height, width)``, normalised, and returns ``(n, width)``. Torchvision's larger ones are in
`features.networks.backbones`.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from affex.features.networks.base import Network, normalised


class Convolutional(nn.Module):
    """A network of two halves: convolutions that give maps, and what makes a vector of them."""

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last convolution or pooling before the vector, ``(n, n_maps, height, width)``."""
        raise NotImplementedError

    def vector(self, maps: Tensor) -> Tensor:
        """Return the vectors of maps: unless a network has another way, their means over places."""
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the embeddings."""
        return self.vector(self.maps(x))


class Maps(nn.Module):
    """The maps of a network as vectors: one of ``n_maps`` numbers for each place, line by line."""

    def __init__(self, network: Convolutional) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, height * width, n_maps)``."""
        return self.network.maps(x).flatten(2).transpose(1, 2)


class Normalised(nn.Module):
    """A network that is shown pictures as they are, ``(n, 3, height, width)`` uint8 RGB."""

    def __init__(self, layers: nn.Module, network: Network) -> None:
        super().__init__()
        self.layers = layers
        self._network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the embeddings."""
        embeddings: Tensor = self.layers(normalised(pictures, self._network))
        return embeddings


class DlibResnet(nn.Module):
    """dlib's face embedding, built from its folded convolutions in order and the last matrix ``(256, 128)``."""

    def __init__(self, convolutions: Sequence[nn.Conv2d], last: Tensor) -> None:
        super().__init__()
        self.stem = convolutions[0]
        pairs = zip(convolutions[1::2], convolutions[2::2], strict=True)
        self.blocks = nn.Sequential(*(DlibBlock(first, second) for first, second in pairs))
        self.last = nn.Parameter(last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the embeddings."""
        x = functional.relu_(functional.max_pool2d(self.stem(x), 3, 2))  # the same in this order, on fewer values
        pooled: Tensor = self.blocks(x).mean((2, 3))
        return pooled @ self.last


class DlibBlock(nn.Module):
    """Two convolutions with a shortcut; a block that halves averages the shortcut over 2 x 2."""

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both maps; the smaller is padded with zeros at the end of each dimension."""
        shortcut = functional.avg_pool2d(x, 2) if self.first.stride[0] > 1 else x
        x = self.second(functional.relu_(self.first(x)))
        channels, height, width = (max(m, n) for m, n in zip(x.shape[1:], shortcut.shape[1:], strict=True))
        return functional.relu_(_grown(x, channels, height, width) + _grown(shortcut, channels, height, width))


def _grown(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    if x.shape[1:] == (channels, height, width):
        return x
    return functional.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))


class SumOfShifted(nn.Module):
    """The sum of an odd number of maps, the middle one in its place and the others shifted towards it column by column.

    Values are taken to be zero outside a map; the sum is float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum, (n, 1, height, width)."""
        n_maps, width = x.shape[1], x.shape[3]
        wide = functional.pad(x.float(), (n_maps // 2, n_maps // 2))
        total = wide[:, :1, :, :width].clone()
        for shift in range(1, n_maps):
            total += wide[:, shift : shift + 1, :, shift : shift + width]
        return total


class MiniXception(nn.Module):
    """mini-Xception with folded batch norms: 7 scores that add up to 1, then the last maps, pooled.

    Layers are named by their numbers in Keras: ``conv2d_1`` ..., ``separable_conv2d_1`` ...
    """

    def __init__(self, filters: Sequence[int] = (16, 32, 64, 128), stem: int = 8, classes: int = 7) -> None:
        super().__init__()
        self.conv2d_1 = nn.Conv2d(1, stem, 3)
        self.conv2d_2 = nn.Conv2d(stem, stem, 3)
        self.shortcuts, self.separable = nn.ModuleList(), nn.ModuleList()
        for before, after in zip((stem, *filters), filters, strict=False):
            self.shortcuts.append(nn.Conv2d(before, after, 1, 2))
            self.separable.extend([_separable(before, after), _separable(after, after)])
        self.scores = nn.Conv2d(filters[-1], classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores and pooled maps side by side."""
        x = functional.relu_(self.conv2d_2(functional.relu_(self.conv2d_1(x))))
        pairs = zip(self.shortcuts, self.separable[::2], self.separable[1::2], strict=True)
        for shortcut, first, second in pairs:
            x = _pooled_like_keras(second(functional.relu_(first(x)))) + shortcut(x)
        scores = self.scores(x).mean((2, 3)).softmax(1)
        return torch.cat([scores, x.mean((2, 3))], dim=1)


def _separable(before: int, after: int) -> nn.Sequential:
    """Return a separable convolution; the batch norm after it is folded into its second part."""
    return nn.Sequential(
        nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False), nn.Conv2d(before, after, 1)
    )


def _pooled_like_keras(x: Tensor) -> Tensor:
    """Pool 3 x 3 by 2 with Keras's padding ``same``, which puts the odd pixel at the end."""
    before = [side % 2 for side in x.shape[2:]]  # an odd side lacks a pixel at both ends, an even one at its end
    return functional.max_pool2d(x, 3, 2, before, ceil_mode=True)


class ResNet18(Convolutional):
    """ResNet-18 without its classifier, under torchvision's names; the pooled last maps."""

    def __init__(self, filters: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, filters, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        before = filters
        for number in range(4):
            after = filters << number
            stride = 2 if number else 1
            self.add_module(
                f"layer{number + 1}", nn.Sequential(BasicBlock(before, after, stride), BasicBlock(after, after, 1))
            )
            before = after

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last layer."""
        x = functional.max_pool2d(functional.relu_(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return x


class BasicBlock(nn.Module):
    """Two convolutions with a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both maps."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu_(self.bn1(self.conv1(x)))
        return functional.relu_(self.bn2(self.conv2(x)) + shortcut)


class Ir50(Convolutional):
    """IR-50, the improved residual network of ArcFace, under the names of face.evoLVe."""

    def __init__(self, filters: int = 64, size: int = 112, width: int = 512) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters), nn.PReLU(filters)
        )
        self.body = nn.Sequential(*(ImprovedBlock(*block) for block in _ir50_blocks(filters)))
        last = filters * 8
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(last),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(last * (size // 16) ** 2, width),
            nn.BatchNorm1d(width),
        )

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last block."""
        maps: Tensor = self.body(self.input_layer(x))
        return maps

    def vector(self, maps: Tensor) -> Tensor:
        """Return the output layer's numbers."""
        embeddings: Tensor = self.output_layer(maps)
        return embeddings


def _ir50_blocks(filters: int) -> Iterator[tuple[int, int, int]]:
    before = filters
    for number, units in enumerate((3, 4, 14, 3)):
        after = filters << number
        yield (before, after, 2)
        yield from [(after, after, 1)] * (units - 1)
        before = after


class ImprovedBlock(nn.Module):
    """Two convolutions of the normalised input, with a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if before != after:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(before),
            nn.Conv2d(before, after, 3, 1, 1, bias=False),
            nn.PReLU(after),
            nn.Conv2d(after, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both maps."""
        added: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return added


class VggFace(Convolutional):
    """VGG-Face without its classifier, under the names of its authors' layers; the second fully connected one."""

    def __init__(self, filters: int = 64, size: int = 224, width: int = 4096) -> None:
        super().__init__()
        before = 3
        for stage, layers in enumerate((2, 2, 3, 3, 3), 1):
            after = filters << min(stage - 1, 3)
            for number in range(1, layers + 1):
                self.add_module(f"conv{stage}_{number}", nn.Conv2d(before, after, 3, padding=1))
                before = after
        self.fc6 = nn.Linear(before * (size // 32) ** 2, width)
        self.fc7 = nn.Linear(width, width)

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last pooling."""
        stage = "1"
        for name, layer in self.named_children():
            if name.startswith("fc"):
                continue
            if name[4] != stage:
                x, stage = functional.max_pool2d(x, 2), name[4]
            x = functional.relu_(layer(x))
        return functional.max_pool2d(x, 2)

    def vector(self, maps: Tensor) -> Tensor:
        """Return the numbers of the second fully connected layer."""
        return functional.relu_(self.fc7(functional.relu_(self.fc6(maps.flatten(1)))))


class SmallCnn(Convolutional):
    """Three convolutions of 3 x 3, each with batch norm and pooling by 2; the last maps, averaged over places."""

    def __init__(self, filters: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for after in (filters, 2 * filters, 4 * filters):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = after
        self.layers = nn.Sequential(*layers)

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last pooling."""
        maps: Tensor = self.layers(x)
        return maps


class Vggish(Convolutional):
    """VGGish under the names of torchvggish: 128 numbers, or their whitened components, whole numbers if quantised."""

    def __init__(self, filters: int = 64, width: int = 4096, embedding: int = 128, pca: str = "none") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for stage, n_layers in enumerate((1, 1, 2, 2)):
            after = filters << stage
            for _ in range(n_layers):
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            *(nn.Linear(before * 24, width), nn.ReLU()),
            *(nn.Linear(width, width), nn.ReLU()),
            *(nn.Linear(width, embedding), nn.ReLU()),
        )
        self.pproc = nn.Identity() if pca == "none" else Components(embedding, quantised=pca == "quantised")

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last pooling, 6 x 4."""
        maps: Tensor = self.features(x)
        return maps

    def vector(self, maps: Tensor) -> Tensor:
        """Return the embeddings; the maps are laid out as in TensorFlow, channels last."""
        vectors: Tensor = self.pproc(self.embeddings(maps.permute(0, 2, 3, 1).flatten(1)))
        return vectors


class VoiceEncoder(nn.Module):
    """Resemblyzer's LSTMs under its names: windows of frames to vectors of length 1."""

    def __init__(self, bands: int, width: int, hidden: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden, num_layers=3, batch_first=True)
        self.linear = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors of windows, (n, 1, frames, bands); that of a window without any output is zeros."""
        _, (hidden, _) = self.lstm(x[:, 0].contiguous())
        return nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=1)


class Components(nn.Module):
    """Whitened principal components as published with VGGish: no further than 2 from 0, or quantised, 0 to 255."""

    LIMIT, STEPS = 2.0, 255

    def __init__(self, width: int, *, quantised: bool) -> None:
        super().__init__()
        self.eigen_vectors = nn.Parameter(torch.zeros(width, width))
        self.means = nn.Parameter(torch.zeros(width, 1))
        self._quantised = quantised

    def forward(self, x: Tensor) -> Tensor:
        """Return the components."""
        components = ((x - self.means[:, 0]) @ self.eigen_vectors.T).clamp(-self.LIMIT, self.LIMIT)
        if not self._quantised:
            return components
        return ((components + self.LIMIT) * (self.STEPS / (2 * self.LIMIT))).round()
