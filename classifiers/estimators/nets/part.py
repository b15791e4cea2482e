"""What the parts of a network on sequences have in common; the conventions stand in `nets.parts`."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

ActivationName = Literal["relu", "tanh", "sigmoid"]

ACTIVATIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}


class Part(nn.Module):
    """A part of a network.

    `width` is the number of columns of its output; `row_shape` the shape of its rows if they still are pictures.
    """

    width: int
    row_shape: tuple[int, ...] = ()
