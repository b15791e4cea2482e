"""Parts of a network on sequences: trunks, pools over time, and fusions of streams.

Conventions: a batch is ``(n, n_steps, *row_shape)`` float32, with a mask ``(n, n_steps)`` bool that is True for a step
that the sequence has. Absent steps come last, and no output depends on their number. A sequence without any step gives
zeros.
"""

from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from affex.classifiers.estimators.nets.convolutions import CONVOLUTIONS, Sizes
from affex.classifiers.estimators.nets.part import ActivationName, Part
from affex.classifiers.estimators.nets.transformer import SpatialTransformer

FusionName = Literal["concat", "bilinear", "scores"]

RECURRENT: dict[str, type[nn.RNN | nn.GRU | nn.LSTM]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "bilstm": nn.LSTM,
}

#: Keeps a root, and a division by the sum of weights, away from 0.
LEAST = 1e-12


class Recurrent(Part):
    """A recurrent layer over the steps of each sequence, forwards or both ways."""

    def __init__(self, kind: str, n_columns: int, units: int) -> None:
        super().__init__()
        self.width = units * (2 if kind == "bilstm" else 1)
        self.layer = RECURRENT[kind](n_columns, units, batch_first=True, bidirectional=kind == "bilstm")

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer's output at each step, ``(n, n_steps, width)``, and the mask."""
        lengths = mask.sum(dim=1).clamp(min=1).cpu()
        packed = pack_padded_sequence(x.flatten(2), lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.layer(packed)[0], batch_first=True, total_length=x.shape[1])
        return out * mask[..., None], mask


class Layers(Part):
    """A sum of a row's lines, which are layers of another network, weighted by a softmax over learned scores.

    Yang et al. 2021, SUPERB, doi:10.21437/Interspeech.2021-1775. Scores begin at 0, which gives the mean, and are
    enlarged by `STEEP`. Enlarged more, they settle on a layer before the head has learned which one tells the class.
    """

    STEEP = 2.0

    def __init__(self, row_shape: tuple[int, ...]) -> None:
        super().__init__()
        if len(row_shape) < 2:
            raise ValueError("trunk=layers: the rows are plain columns; expected a feature of layers (ssl:layer=all)")
        self.width = prod(row_shape[1:])
        self.scores = nn.Parameter(torch.zeros(row_shape[0]))

    @property
    def shares(self) -> Tensor:
        """The weight of each layer, ``(n_layers,)``, which add up to 1."""
        return torch.softmax(self.STEEP * self.scores, dim=0)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum at each step, ``(n, n_steps, width)``, and the mask."""
        return torch.einsum("l,ntlc->ntc", self.shares, x.flatten(3)) * mask[..., None], mask


class Columns(Part):
    """No trunk: the columns as they are."""

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.width = n_columns

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows as plain columns, and the mask."""
        return x.flatten(2) * mask[..., None], mask


class Stack(Part):
    """Layers of a trunk, one after another: each reads the steps of the layer before."""

    def __init__(self, layers: list[Part]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.width = layers[-1].width

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's output at each step that is left, and its mask."""
        for layer in self.layers:
            x, mask = layer(x, mask)
        return x, mask


def of_streams(kind: str, names: str, n_streams: int) -> list[str]:
    """Return the trunk or the pool of each stream: of names joined by /, or the only one for all.

    Raises
    ------
    ValueError
        If there are several, and not as many as streams.
    """
    found = names.split("/")
    if len(found) not in (1, n_streams):
        raise ValueError(f"{kind}={names}: expected one, or one for each feature ({n_streams}), found {len(found)}")
    return found * n_streams if len(found) == 1 else found


def trunk(names: str, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> Part:
    """Return the trunk of a stream; layers joined by + follow one another. Parameters as those of `_layer`."""
    layers: list[Part] = []
    for name in names.split("+"):
        layers.append(_layer(name, row_shape, sizes, activation))
        row_shape = layers[-1].row_shape or (layers[-1].width,)
    if len(row_shape) > 1:
        layers.append(Columns(prod(row_shape)))
    return Stack(layers) if len(layers) > 1 else layers[0]


def _layer(name: str, row_shape: tuple[int, ...], sizes: Sizes, activation: ActivationName) -> Part:
    """Return a layer of a trunk.

    Parameters
    ----------
    row_shape
        The shape of a row: ``(n_columns,)``, or ``(height, width)`` or ``(height, width, channels)``, or of a cube
        ``(frames, height, width, channels)``.

    Raises
    ------
    ValueError
        If the trunk needs pictures, and rows are plain columns.
    """
    if name == "none":
        return Columns(prod(row_shape))
    if name == "layers":
        return Layers(row_shape)
    if name in RECURRENT:
        return Recurrent(name, prod(row_shape), sizes.units)
    if name == "stn":
        return SpatialTransformer(row_shape, sizes, activation)
    return CONVOLUTIONS[name](row_shape, sizes, activation)


class Pool(Part):
    """Statistics over the steps of each sequence: ``mean``, ``meanstd`` (mean and standard deviation) or ``last``."""

    def __init__(self, name: str, n_columns: int) -> None:
        super().__init__()
        self.name = name
        self.width = n_columns * (2 if name == "meanstd" else 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        if self.name == "last":
            last = mask.sum(dim=1).clamp(min=1) - 1
            return x[torch.arange(len(x)), last] * mask.any(dim=1, keepdim=True)
        mean = weighted_mean(x, mask.to(x.dtype))
        if self.name == "mean":
            return mean
        variance = weighted_mean((x - mean[:, None]) ** 2, mask.to(x.dtype))
        return torch.cat([mean, (variance + LEAST).sqrt()], dim=1)


class SelfAttention(Part):
    """``sum a_i f_i / sum a_i`` with ``a_i = sigmoid(f_i . w0)``; Zhou et al. 2019, doi:10.1145/3340555.3355713.

    There is no bias, so columns are to be centred: otherwise no step can have a low weight.
    """

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.width = n_columns
        self.weight = nn.Linear(n_columns, 1, bias=False)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return the weight of each step, ``(n, n_steps)``, 0 for an absent one."""
        return torch.sigmoid(self.weight(x)[..., 0]) * mask

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        return weighted_mean(x, self.weights(x, mask))


class RelationAttention(Part):
    """Self-attention, then a second weight by how each step relates to its result.

    ``f_r = sum a_i b_i [f_i : f_s] / sum a_i b_i`` with ``b_i = sigmoid([f_i : f_s] . w1)``; ``f_s`` is the result of
    self-attention, and ``w1`` has twice as many entries as there are columns. Zhou et al. 2019,
    doi:10.1145/3340555.3355713; there, the sums begin at 0 and ``w1`` has half as many entries, both misprints.
    """

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.width = 2 * n_columns
        self.first = SelfAttention(n_columns)
        self.weight = nn.Linear(2 * n_columns, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        own = self.first.weights(x, mask)
        pairs = torch.cat([x, weighted_mean(x, own)[:, None].expand_as(x)], dim=2)
        return weighted_mean(pairs, own * torch.sigmoid(self.weight(pairs)[..., 0]))


class TransformerAttention(Part):
    """A mean weighted by ``exp(u . tanh(W f_i + b))``; Zhou et al. 2019, doi:10.1145/3340555.3355713."""

    def __init__(self, n_columns: int, units: int) -> None:
        super().__init__()
        self.width = n_columns
        self.inner = nn.Linear(n_columns, units)
        self.weight = nn.Linear(units, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        energy = self.weight(torch.tanh(self.inner(x)))[..., 0].masked_fill(~mask, -torch.inf)
        highest = energy.amax(dim=1, keepdim=True).clamp(min=torch.finfo(x.dtype).min)
        return weighted_mean(x, torch.exp(energy - highest))


def weighted_mean(x: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the steps, ``(n, n_columns)``; 0 where all weights are."""
    return (weights[..., None] * x).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=LEAST)


def pool(name: str, n_columns: int, units: int) -> Part:
    """Return a pool over time."""
    if name == "self":
        return SelfAttention(n_columns)
    if name == "relation":
        return RelationAttention(n_columns)
    return TransformerAttention(n_columns, units) if name == "transformer" else Pool(name, n_columns)


class Concatenation(Part):
    """The vectors of all streams, one after another."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.width = sum(widths)

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        return torch.cat(vectors, dim=1)


class Bilinear(Part):
    """Factorised bilinear pooling of two streams: ``SumPool(U'a o V'v, factors)``, divided by its length.

    Each entry equals ``a' W_i v`` with a matrix ``W_i`` of rank `factors`. Yu et al. 2017,
    doi:10.1109/ICCV.2017.202, as Zhou et al. 2019 use it, doi:10.1145/3340555.3355713.

    Raises
    ------
    ValueError
        If there are not two streams.
    """

    def __init__(self, widths: list[int], units: int, factors: int, dropout: float) -> None:
        super().__init__()
        if len(widths) != 2:
            raise ValueError(f"fusion=bilinear: the product of two streams; expected two features, found {len(widths)}")
        self.width = units
        self.left, self.right = (nn.Linear(width, units * factors, bias=False) for width in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, *vectors: Tensor) -> Tensor:
        """Return ``(n, width)``, each row of length 1."""
        one, other = vectors
        sums = (self.left(one) * self.right(other)).unflatten(1, (self.width, -1)).sum(dim=2)
        return nn.functional.normalize(self.dropout(sums), dim=1, eps=LEAST)
