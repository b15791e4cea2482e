"""Convolutions: trunks of a network along time, over pictures, and over pictures along time.

The conventions of batches and masks stand in `nets.parts`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod
from typing import Any

import torch
from torch import Tensor, nn

from affex.classifiers.estimators.nets.part import ACTIVATIONS, ActivationName, Part

#: The usual size of a convolution, and of the pooling behind it, by the number of dimensions that they slide along. For
#: three dimensions those of Poria et al. 2017, doi:10.18653/v1/P17-1081.
CONVOLUTION, POOLING = {1: 5, 2: 3, 3: 5}, {2: 2, 3: 3}
#: The dimensions that the convolutions of a trunk slide along, in the order of a kernel's sizes.
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "conv1d": ("rows",),
    "cnn2d": ("height", "width"),
    "cnn3d": ("rows", "height", "width"),
}


@dataclass(frozen=True)
class Sizes:
    """The sizes of a trunk's layers.

    Parameters
    ----------
    units
        The width of its output; a ``bilstm`` has as many each way.
    maps, depth
        Maps of the first convolution, and the number of convolutions.
    kernels
        The size of each convolution, in the order of `DIMENSIONS`; none: `depth` of the usual size.
    """

    units: int = 64
    maps: int = 16
    depth: int = 2
    kernels: Sequence[tuple[int, ...]] = ()

    def of(self, trunk: str) -> list[Any]:
        """Return the size of each convolution of a trunk.

        Raises
        ------
        ValueError
            If a kernel has another number of dimensions.
        """
        along = DIMENSIONS[trunk]
        for kernel in self.kernels:
            if len(kernel) != len(along):
                raise ValueError(
                    f"kernels={'x'.join(map(str, kernel))}: expected the sizes {' x '.join(along)} for trunk={trunk}"
                )
        return [*self.kernels] or [(CONVOLUTION[len(along)],) * len(along)] * self.depth


class Conv1d(Part):
    """Convolutions along time; a step sees as many steps of the layer before as its kernel has."""

    def __init__(self, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> None:
        super().__init__()
        self.width = sizes.units
        self.activation = ACTIVATIONS[activation]
        kernels = sizes.of("conv1d")
        widths = [prod(row_shape), *[sizes.units] * len(kernels)]
        self.layers = nn.ModuleList(
            nn.Conv1d(*counts, kernel, padding="same") for counts, kernel in zip(pairwise(widths), kernels, strict=True)
        )

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's output at each step, ``(n, n_steps, width)``, and the mask."""
        x = x.flatten(2) * mask[..., None]
        for layer in self.layers:
            x = self.activation(layer(x.transpose(1, 2))).transpose(1, 2) * mask[..., None]
        return x, mask


class Cnn2d(Part):
    """Convolutions over pictures, each row of a stream one; a stream of plain rows is one picture, time by columns.

    Each layer has a pooling behind it and twice as many maps as the layer before; a linear layer of `units` follows.
    """

    def __init__(self, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> None:
        super().__init__()
        if len(row_shape) > 3:
            raise ValueError("trunk=cnn2d: the rows are cubes of pictures; expected cnn3d")
        self.width = sizes.units
        self.activation = ACTIVATIONS[activation]
        self.is_picture = len(row_shape) > 1
        height, width, channels = (*row_shape, 1)[:3] if self.is_picture else (1, row_shape[0], 1)
        kernels = sizes.of("cnn2d")
        counts = [channels, *(sizes.maps * 2**n for n in range(len(kernels)))]
        self.layers = nn.ModuleList(
            nn.Conv2d(*pair, kernel, padding="same") for pair, kernel in zip(pairwise(counts), kernels, strict=True)
        )
        rows = shrunk(height, len(kernels), 2) if self.is_picture else 1
        self.linear = nn.Linear(counts[-1] * rows * shrunk(width, len(kernels), 2), sizes.units)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return `units` numbers for each picture, or for each step that pooling leaves, and their mask."""
        if not self.is_picture:
            return self._along_time(x, mask)
        pictures = x[mask].reshape(-1, *x.shape[2:4], 1 if x.ndim == 4 else x.shape[4]).permute(0, 3, 1, 2)
        for layer in self.layers:
            pictures = nn.functional.max_pool2d(self.activation(layer(pictures)), POOLING[2], ceil_mode=True)
        out = x.new_zeros(*mask.shape, self.width)
        out[mask] = self.activation(self.linear(pictures.flatten(1)))
        return out, mask

    def _along_time(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = x[:, None]
        for layer in self.layers:
            there = mask[:, None, :, None]
            x = self.activation(layer(x * there)).masked_fill(~there, -torch.inf)
            x = nn.functional.max_pool2d(x, POOLING[2], ceil_mode=True)
            mask = pooled_mask(mask, POOLING[2])
            x = x.masked_fill(~mask[:, None, :, None], 0.0)
        out = self.activation(self.linear(x.permute(0, 2, 1, 3).flatten(2)))
        return out * mask[..., None], mask


class Cnn3d(Part):
    """Convolutions over time, height and width; a linear layer of `units` follows.

    Of a stream of pictures, time is that of its rows, and pooling shortens it. Of a stream of cubes, each row has its
    own time, which is not pooled, as in Torfi et al. 2017, doi:10.1109/ACCESS.2017.2761539.
    """

    def __init__(self, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> None:
        super().__init__()
        if len(row_shape) < 2:
            raise ValueError("trunk=cnn3d: the rows are plain columns; expected a feature whose rows are pictures")
        self.width = sizes.units
        self.activation = ACTIVATIONS[activation]
        self.is_cube = len(row_shape) > 3
        n_frames = row_shape[0] if self.is_cube else 1
        height, width, channels = (*row_shape[self.is_cube :], 1)[:3]
        kernels = sizes.of("cnn3d")
        counts = [channels, *(sizes.maps * 2**n for n in range(len(kernels)))]
        self.layers = nn.ModuleList(
            nn.Conv3d(*pair, kernel, padding="same") for pair, kernel in zip(pairwise(counts), kernels, strict=True)
        )
        area = shrunk(height, len(kernels), 3) * shrunk(width, len(kernels), 3)
        self.linear = nn.Linear(counts[-1] * n_frames * area, sizes.units)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return `units` numbers for each cube, or for each step that pooling along time leaves, and their mask."""
        if self.is_cube:
            return self._each_row(x, mask)
        x = x.reshape(*x.shape[:4], -1).permute(0, 4, 1, 2, 3)
        for layer in self.layers:
            there = mask[:, None, :, None, None]
            x = self.activation(layer(x * there)).masked_fill(~there, -torch.inf)
            x = nn.functional.max_pool3d(x, POOLING[3], ceil_mode=True)
            mask = pooled_mask(mask, POOLING[3])
            x = x.masked_fill(~mask[:, None, :, None, None], 0.0)
        out = self.activation(self.linear(x.permute(0, 2, 1, 3, 4).flatten(2)))
        return out * mask[..., None], mask

    def _each_row(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        cubes = x[mask].permute(0, 4, 1, 2, 3)
        for layer in self.layers:
            cubes = nn.functional.max_pool3d(self.activation(layer(cubes)), (1, POOLING[3], POOLING[3]), ceil_mode=True)
        out = x.new_zeros(*mask.shape, self.width)
        out[mask] = self.activation(self.linear(cubes.flatten(1)))
        return out, mask


#: By the name of the trunk.
CONVOLUTIONS: Mapping[str, type[Conv1d | Cnn2d | Cnn3d]] = {"conv1d": Conv1d, "cnn2d": Cnn2d, "cnn3d": Cnn3d}


def shrunk(size: int, depth: int, dimensions: int) -> int:
    """Return a size after `depth` poolings that round up."""
    for _ in range(depth):
        size = ceil(size / POOLING[dimensions])
    return size


def pooled_mask(mask: Tensor, size: int) -> Tensor:
    """Return the mask of steps of which each stands for `size`; one is there if any of them is."""
    return nn.functional.max_pool1d(mask[:, None].float(), size, ceil_mode=True)[:, 0] > 0
