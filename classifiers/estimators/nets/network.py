"""The network: trunks and pools of the streams, their fusion, the turns of a dialog, and a head."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from affex.classifiers.estimators.nets.convolutions import Sizes
from affex.classifiers.estimators.nets.part import ACTIVATIONS, ActivationName, Part
from affex.classifiers.estimators.nets.parts import (
    Bilinear,
    Concatenation,
    FusionName,
    Recurrent,
    of_streams,
    pool,
    trunk,
)
from affex.classifiers.estimators.nets.sequences import Batch
from affex.classifiers.estimators.spelling import kernel_sizes

TurnsName = Literal["none", "rnn", "gru", "lstm", "bilstm"]
#: How trunks are trained before: not at all, or as `nets.contrastive` does.
PretrainName = Literal["none", "contrastive"]

#: The arrays of a network, by name: what a saved model holds.
State = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Design:
    """What a network is built of; the parameters of `classifiers.net.Net` of the same names."""

    trunk: str = "bilstm"
    pool: str = "mean"
    fusion: FusionName = "concat"
    turns: TurnsName = "none"
    head: tuple[int, ...] = ()
    units: int = 64
    maps: int = 16
    depth: int = 2
    kernels: str = "auto"
    factors: int = 4
    activation: ActivationName = "relu"
    dropout: float = 0.0
    pretrain: PretrainName = "none"


class Stream(Part):
    """The trunk and the pool of a stream: from its rows to one vector an utterance.

    Where streams are compared in training before (`nets.contrastive`), a linear layer of `units` follows: in its
    output, vectors of two streams are near each other or far apart.
    """

    def __init__(self, design: Design, layers: str, over_time: str, kernels: str, row_shape: tuple[int, ...]) -> None:
        super().__init__()
        sizes = Sizes(design.units, design.maps, design.depth, kernel_sizes("kernels", kernels))
        self.trunk = trunk(layers, row_shape, sizes, design.activation)
        self.pool = pool(over_time, self.trunk.width, design.units)
        self.dropout = nn.Dropout(design.dropout)
        is_compared = design.pretrain != "none"
        self.shared = nn.Linear(self.pool.width, design.units) if is_compared else nn.Identity()
        self.width = design.units if is_compared else self.pool.width

    def vector(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)`` without dropout."""
        out: Tensor = self.shared(self.pool(*self.trunk(x, mask)))
        return out

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return ``(n, width)``."""
        out: Tensor = self.dropout(self.vector(x, mask))
        return out


class Head(nn.Module):
    """Linear layers from an utterance's vector to its outputs."""

    def __init__(self, design: Design, width: int, n_outputs: int) -> None:
        super().__init__()
        widths = [width, *design.head, n_outputs]
        self.activation = ACTIVATIONS[design.activation]
        self.dropout = nn.Dropout(design.dropout)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, n_outputs)``."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.dropout(self.activation(layer(x)))
        out: Tensor = last(x)
        return out


class Turns(Part):
    """A recurrent layer over the utterances of each dialog, in order of time."""

    def __init__(self, design: Design, width: int) -> None:
        super().__init__()
        self.layer = Recurrent(design.turns, width, design.units)
        self.width = self.layer.width

    def forward(self, x: Tensor, dialogs: list[int]) -> Tensor:
        """Return ``(n, width)``, in the order of the utterances."""
        lengths = torch.tensor(dialogs, device=x.device)
        mask = torch.arange(int(lengths.max()), device=x.device) < lengths[:, None]
        padded = x.new_zeros(*mask.shape, x.shape[1])
        padded[mask] = x
        out: Tensor = self.layer(padded, mask)[0][mask]
        return out


class Network(nn.Module):
    """A network on one or several streams, with one output an utterance.

    Parameters
    ----------
    row_shapes
        The shape of a row of each stream.
    n_outputs
        How many numbers an utterance gets: one a class, or 1.
    """

    def __init__(self, design: Design, row_shapes: list[tuple[int, ...]], n_outputs: int) -> None:
        super().__init__()
        trunks = of_streams("trunk", design.trunk, len(row_shapes))
        pools = of_streams("pool", design.pool, len(row_shapes))
        kernels = of_streams("kernels", design.kernels, len(row_shapes))
        streams = [Stream(design, *parts) for parts in zip(trunks, pools, kernels, row_shapes, strict=True)]
        widths = [stream.width for stream in streams]
        self.by_scores = design.fusion == "scores"
        fusion: Part = Concatenation(widths)
        if design.fusion == "bilinear":
            fusion = Bilinear(widths, design.units, design.factors, design.dropout)
        widths = widths if self.by_scores else [fusion.width]
        turns = [Turns(design, width) for width in widths] if design.turns != "none" else []
        widths = [part.width for part in turns] or widths
        self.streams, self.fusion, self.turns = nn.ModuleList(streams), fusion, nn.ModuleList(turns)
        self.heads = nn.ModuleList(Head(design, width, n_outputs) for width in widths)

    def vectors(self, batch: Batch) -> list[Tensor]:
        """Return the vectors of each stream without dropout, ``(n, width)``."""
        streams = (stream for stream in self.streams if isinstance(stream, Stream))
        return [stream.vector(*rows) for stream, rows in zip(streams, batch.streams, strict=True)]

    def forward(self, batch: Batch) -> Tensor:
        """Return the outputs of each utterance, ``(n, n_outputs)``: logits of the classes, or a value.

        With ``fusion=scores`` they are the logarithms of the mean of the streams' softmax, or the mean of the values.
        """
        vectors = [stream(*rows) for stream, rows in zip(self.streams, batch.streams, strict=True)]
        fused = vectors if self.by_scores else [self.fusion(*vectors)]
        if len(self.turns):
            fused = [turns(vector, batch.dialogs) for turns, vector in zip(self.turns, fused, strict=True)]
        outputs = torch.stack([head(vector) for head, vector in zip(self.heads, fused, strict=True)])
        if len(outputs) == 1:
            return outputs[0]
        if outputs.shape[2] == 1:
            return outputs.mean(dim=0)
        return torch.logsumexp(torch.log_softmax(outputs, dim=2), dim=0)

    @property
    def state(self) -> dict[str, NDArray[np.float32]]:
        """Its arrays by name."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.state_dict().items()}

    def with_state(self, state: State) -> Any:
        """Return it with the arrays of another network of the same design.

        Raises
        ------
        ValueError
            If names or shapes differ.
        """
        try:
            self.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
        except RuntimeError as error:
            raise ValueError(f"the arrays are those of another network: {error}") from error
        return self


def n_parameters(design: Design, row_shapes: list[tuple[int, ...]], n_outputs: int) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in Network(design, row_shapes, n_outputs).parameters())
