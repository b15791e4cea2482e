"""The spatial transformer: from pictures to the part of each that the layers behind it are to see.

A small network of its own (two convolutions with pooling, a hidden layer) reads a picture and says an affine map; the
picture is sampled again at the places of that map. Jaderberg et al. 2015, arXiv:1506.02025; its sizes are those of
Minaee and Abdolrashidi 2019, arXiv:1902.01019.

Conventions: places run from -1 to 1 along each axis, from the outer edge of the first pixel to that of the last; a map
is ``(2, 3)``, rows x and y, and takes a place of the output to one of the picture. As training begins it is the
identity. Outside the picture is 0, which is the mean of scaled pictures.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, max_pool2d

from affex.classifiers.estimators.nets.convolutions import POOLING, Sizes, shrunk
from affex.classifiers.estimators.nets.part import ACTIVATIONS, ActivationName, Part

#: Sizes of the two convolutions, their maps, and the hidden layer.
KERNELS, MAPS, HIDDEN = (7, 5), (8, 10), 32
#: The map that changes nothing.
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class SpatialTransformer(Part):
    """A spatial transformer of each picture of a stream; its rows are pictures of the same size."""

    def __init__(self, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> None:  # noqa: ARG002
        super().__init__()
        if len(row_shape) not in (2, 3):
            raise ValueError("trunk=stn: expected a feature whose rows are pictures")
        height, width, channels = (*row_shape, 1)[:3]
        self.row_shape, self.width = row_shape, height * width * channels
        self.activation = ACTIVATIONS[activation]
        counts = (channels, *MAPS)
        self.layers = nn.ModuleList(
            nn.Conv2d(counts[n], counts[n + 1], kernel, padding="same") for n, kernel in enumerate(KERNELS)
        )
        n_values = MAPS[-1] * shrunk(height, len(MAPS), 2) * shrunk(width, len(MAPS), 2)
        self.hidden, self.map = nn.Linear(n_values, HIDDEN), nn.Linear(HIDDEN, len(IDENTITY))
        nn.init.zeros_(self.map.weight)
        with torch.no_grad():
            self.map.bias.copy_(torch.tensor(IDENTITY))

    def maps(self, pictures: Tensor) -> Tensor:
        """Return the map of each picture, ``(n, 2, 3)``; pictures are ``(n, channels, height, width)``."""
        for layer in self.layers:
            pictures = self.activation(max_pool2d(layer(pictures), POOLING[2], ceil_mode=True))
        found: Tensor = self.map(self.activation(self.hidden(pictures.flatten(1)))).reshape(-1, 2, 3)
        return found

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures sampled again, of the same shape, and the mask."""
        rows = x[mask]
        pictures = rows.reshape(len(rows), *rows.shape[1:3], -1).permute(0, 3, 1, 2)
        out = torch.zeros_like(x)
        out[mask] = sampled(pictures, self.maps(pictures)).permute(0, 2, 3, 1).reshape(rows.shape)
        return out, mask


def sampled(pictures: Tensor, maps: Tensor) -> Tensor:
    """Return pictures ``(n, channels, height, width)`` at the places of their maps ``(n, 2, 3)``, bilinear."""
    grid = affine_grid(maps, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)
