"""Torchvision's networks in torch, named as in their published weights, without their classifiers of 1000 classes.

* `AlexNet`: Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997.
* `Vgg16`: Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D.
* `ResNet50`: He et al. 2016, doi:10.1109/CVPR.2016.90, with the stride in the 3 x 3 convolution, as in torchvision.
* `DenseNet121`: Huang et al. 2017, doi:10.1109/CVPR.2017.243.

Imported only where a network is built. Parameters of the classes are smaller in tests only.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from affex.features.networks.architectures import Convolutional


class AlexNet(Convolutional):
    """AlexNet without its last layer: the second fully connected one of 4096."""

    def __init__(self, filters: Sequence[int] = (64, 192, 384, 256, 256), width: int = 4096) -> None:
        super().__init__()
        one, two, three, four, five = filters
        self.features = nn.Sequential(
            *(nn.Conv2d(3, one, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(one, two, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(two, three, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(three, four, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(four, five, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.classifier = nn.Sequential(
            *(nn.Dropout(), nn.Linear(five * 36, width), nn.ReLU()),
            *(nn.Dropout(), nn.Linear(width, width), nn.ReLU()),
        )

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last pooling."""
        maps: Tensor = self.features(x)
        return maps

    def vector(self, maps: Tensor) -> Tensor:
        """Return the numbers of the second fully connected layer; maps of any size are averaged to 6 x 6."""
        vectors: Tensor = self.classifier(functional.adaptive_avg_pool2d(maps, 6).flatten(1))
        return vectors


class Vgg16(Convolutional):
    """VGG-16 without its last layer: the second fully connected one of 4096."""

    def __init__(self, filters: int = 64, width: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for stage, n_layers in enumerate((2, 2, 3, 3, 3)):
            after = filters << min(stage, 3)
            for _ in range(n_layers):
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            *(nn.Linear(before * 49, width), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(width, width), nn.ReLU()),
        )

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last pooling."""
        maps: Tensor = self.features(x)
        return maps

    def vector(self, maps: Tensor) -> Tensor:
        """Return the numbers of the second fully connected layer; maps of any size are averaged to 7 x 7."""
        vectors: Tensor = self.classifier(functional.adaptive_avg_pool2d(maps, 7).flatten(1))
        return vectors


class ResNet50(Convolutional):
    """ResNet-50 without its last layer: the last maps, 2048, averaged over places."""

    def __init__(self, filters: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, filters, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        before = filters
        for number, n_blocks in enumerate((3, 4, 6, 3)):
            inner, stride = filters << number, 2 if number else 1
            blocks = [Bottleneck(before, inner, stride)]
            before = inner * Bottleneck.WIDER
            blocks += [Bottleneck(before, inner, 1) for _ in range(n_blocks - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last block."""
        x = functional.max_pool2d(functional.relu_(self.bn1(self.conv1(x))), 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        return x


class Bottleneck(nn.Module):
    """A convolution between two of 1 x 1, with a shortcut."""

    #: The number of maps of a block by that of its inner convolutions.
    WIDER = 4

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = inner * self.WIDER
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.downsample = None
        if before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of both maps."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu_(self.bn1(self.conv1(x)))
        x = functional.relu_(self.bn2(self.conv2(x)))
        return functional.relu_(self.bn3(self.conv3(x)) + shortcut)


class DenseNet121(Convolutional):
    """DenseNet-121 without its last layer: the last maps, 1024, averaged over places."""

    def __init__(self, growth: int = 32) -> None:
        super().__init__()
        maps = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, maps, 7, 2, 3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(maps))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        for number, n_layers in enumerate((6, 12, 24, 16), 1):
            if number > 1:
                self.features.add_module(f"transition{number - 1}", _transition(maps))
                maps //= 2
            self.features.add_module(f"denseblock{number}", DenseBlock(maps, growth, n_layers))
            maps += growth * n_layers
        self.features.add_module("norm5", nn.BatchNorm2d(maps))

    def maps(self, x: Tensor) -> Tensor:
        """Return the maps of the last block."""
        return functional.relu_(self.features(x))


class DenseBlock(nn.Module):
    """Layers of two convolutions, each of which is given the maps of all before it."""

    def __init__(self, before: int, growth: int, n_layers: int) -> None:
        super().__init__()
        for number in range(n_layers):
            maps = before + number * growth
            layer = nn.Sequential()
            layer.add_module("norm1", nn.BatchNorm2d(maps))
            layer.add_module("relu1", nn.ReLU())
            layer.add_module("conv1", nn.Conv2d(maps, 4 * growth, 1, bias=False))
            layer.add_module("norm2", nn.BatchNorm2d(4 * growth))
            layer.add_module("relu2", nn.ReLU())
            layer.add_module("conv2", nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False))
            self.add_module(f"denselayer{number + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps that were given and those of every layer."""
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


def _transition(maps: int) -> nn.Sequential:
    layers = nn.Sequential()
    layers.add_module("norm", nn.BatchNorm2d(maps))
    layers.add_module("relu", nn.ReLU())
    layers.add_module("conv", nn.Conv2d(maps, maps // 2, 1, bias=False))
    layers.add_module("pool", nn.AvgPool2d(2))
    return layers
