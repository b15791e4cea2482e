"""The interface of embeddings: from chips to vectors.

A `Network` is the identity of an embedding: the digest of its weights, its input, its output layer. An `Embedder` is a
network ready to run on a device with a precision; the precision is part of a cache key.

Conventions: chips are ``(n, height, width, 3) uint8 RGB``, cut to the network's input size by the caller;
embeddings are ``(n, width) float32``. Networks get batches of fixed sizes (`features.networks.batches`). So the
embedding of a chip is the same to the bit with any other chips in its batch, and with any number of threads. TF32 is
off.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.networks import batches
from affex.features.networks.batches import LADDER, Batches, kind_of, memory_format

if TYPE_CHECKING:
    import torch

Pictures = batches.Pictures
Inputs = batches.Inputs
Vectors = NDArray[np.float32]
Channels = Literal["rgb", "bgr", "grey", "one"]
#: ``float32``; ``float16`` for the factors of every product, with float32 for sums and between the layers;
#: ``bfloat16`` for everything, the fastest on a CPU and the least exact.
Precision = Literal["float32", "float16", "bfloat16"]

#: The smallest batch of chips on a GPU: many chips wait at once, since no chip waits for another's vector.
MANY = 64

#: The dtype of a network's input pictures, by precision.
GIVEN: dict[Precision, str] = {"float32": "float32", "float16": "float32", "bfloat16": "bfloat16"}

#: Red, green and blue in grey (0.299, 0.587, 0.114: ITU-R BT.601) as shares of 2**15, the values with which
#: OpenCV computes the grey pictures that networks are trained on.
GREY = (9798, 19235, 3735)


@dataclass(frozen=True)
class Network:
    """The identity of an embedding: equal fields give equal numbers.

    Parameters
    ----------
    name
        The name of the network.
    width
        The number of values per chip.
    input_size
        Height and width of its chips, px.
    channels
        The channels of a chip that it reads, in their order; ``one`` is a chip's only channel.
    mean, scale
        One value per channel, on the scale of 0 to 255: the input is ``(x - mean) * scale``.
    layer
        The layer whose output is the embedding.
    digest
        The sha256 of its weight file; empty for a network without weights.
    scores
        The names of its first values if they have a meaning, such as classes.
    dtype
        The type of its chips: ``uint8``, or ``float32`` for what is no photograph.
    """

    name: str
    width: int
    input_size: tuple[int, int]
    channels: Channels
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    layer: str
    digest: str = ""
    scores: tuple[str, ...] = ()
    dtype: Literal["uint8", "float32"] = "uint8"

    @property
    def depth(self) -> int:
        """The number of channels of its chips."""
        return 1 if self.channels == "one" else 3

    @property
    def columns(self) -> tuple[str, ...]:
        """The name of each value."""
        digits = len(str(self.width - 1))
        named = tuple(f"{self.name}_{score}" for score in self.scores)
        return named + tuple(f"{self.name}_{i:0{digits}}" for i in range(self.width - len(named)))


@dataclass(frozen=True)
class Embedder:
    """A network ready to run.

    Parameters
    ----------
    network
        The identity of the network.
    module
        The torch network: ``(n, channels, height, width)``, normalised, to ``(n, width)``, or to ``(n, m, width)`` for
        several vectors of each chip.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    precision
        The number format in which its layers compute; the output is float32.
    """

    network: Network
    module: "torch.nn.Module"
    device: str = "cpu"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        place(self.module, self.device, self.precision)

    @cached_property
    def batches(self) -> Batches:
        """The network as it gets its chips."""
        return Batches(self._vectors, self.device, depth=self.network.depth, least=MANY)

    @property
    def batch(self) -> int:
        """The most chips in a batch on this device."""
        return LADDER[kind_of(self.device)][-1]

    def embed(self, chips: Inputs) -> Vectors:
        """Turn chips into vectors; see `embedded`."""
        return embedded(self.network, chips, self.batches.run)

    def _vectors(self, chips: "torch.Tensor") -> "torch.Tensor":
        """Return the vectors of a batch of chips, (n, 3, height, width) uint8 RGB."""
        import torch

        vectors: torch.Tensor = self.module(normalised(chips, self.network).to(getattr(torch, GIVEN[self.precision])))
        return vectors.float()


@dataclass(frozen=True)
class AskedEmbedder:
    """A network that runs in another process.

    Parameters
    ----------
    network
        The identity of the network.
    run
        Function that asks for the vectors of chips, and returns them in parts.
    batch
        The most chips to ask for at once; they share a batch with those of other utterances.
    """

    network: Network
    run: Callable[[Inputs], Iterable[Vectors]]
    batch: int = 64

    def embed(self, chips: Inputs) -> Vectors:
        """Turn chips into vectors; see `embedded`."""
        return embedded(self.network, chips, self.run)


def embedded(network: Network, chips: Inputs, run: Callable[[Inputs], Iterable[Vectors]]) -> Vectors:
    """Turn chips into vectors.

    Parameters
    ----------
    network
        The identity of the network.
    chips : (n, height, width, 3) uint8, RGB; or as the network's `dtype` and `channels` say
    run
        Function from chips to their vectors, in parts.

    Returns
    -------
    vectors : (n, width) float32, or (n * m, width) where the network gives m vectors of each chip

    Raises
    ------
    ValueError
        If `chips` do not have the network's size, or an embedding is not finite.
    """
    check_pictures(chips, "chips", network.input_size, network.dtype, network.depth)
    parts = (part.reshape(-1, network.width) for part in run(chips))
    vectors = np.concatenate([np.empty((0, network.width), np.float32), *parts])
    if not np.isfinite(vectors).all():
        chip = int(np.nonzero(~np.isfinite(vectors).all(axis=1))[0][0]) // (len(vectors) // len(chips))
        raise ValueError(f"chip {chip} of {len(chips)}: {network.name} returned a value that is not finite")
    return vectors


def place(module: "torch.nn.Module", device: str, precision: Precision) -> None:
    """Move a network to its device and precision, ready to run.

    Raises
    ------
    ValueError
        If there is no such device or precision.
    """
    import torch

    if precision not in get_args(Precision):
        raise ValueError(f"precision={precision}: expected {' or '.join(get_args(Precision))}")
    kind = kind_of(device)
    if kind not in LADDER:
        raise ValueError(f"device={device}: expected {' or '.join(LADDER)}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={device}: this torch finds no GPU. Use cpu, or install with TORCH=cuda.")
    module.requires_grad_(requires_grad=False).eval()
    # For the whole process: a GPU adds up products of float16 in float32, as a CPU does.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    module.to(device=device, dtype=getattr(torch, GIVEN[precision]), memory_format=memory_format(device))  # type: ignore[call-overload]
    if precision == "float16":
        # CPUs have no fast float16: products of its numbers are the same in float32.
        _halve(module, torch.float16 if kind == "cuda" else torch.float32)


def _halve(module: "torch.nn.Module", computed: "torch.dtype") -> None:
    """Make every layer with weights, and nothing else, read and return float16: errors then do not add up.

    The sums of residual networks stay in float32, as in mixed-precision training (Micikevicius et al. 2018,
    arXiv:1710.03740).

    Parameters
    ----------
    computed
        The dtype in which the layers compute with these numbers.
    """
    import torch

    def taken(_: "torch.nn.Module", given: "tuple[torch.Tensor]") -> "torch.Tensor":
        return given[0].half().to(computed)

    def made(_: "torch.nn.Module", __: "tuple[torch.Tensor]", result: "torch.Tensor") -> "torch.Tensor":
        return result.half().float()

    for layer in module.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.half().to(computed)
            layer.register_forward_pre_hook(taken)
            layer.register_forward_hook(made)


def normalised(pictures: "torch.Tensor", network: Network) -> "torch.Tensor":
    """Return the input of a network: its channels, ``(x - mean) * scale``.

    Parameters
    ----------
    pictures : (n, 3, height, width) uint8 tensor, RGB; or as the network's `dtype` and `channels` say

    Returns
    -------
    shown : (n, channels, height, width) float32 tensor, in memory as `memory_format` says
    """
    import torch

    if network.channels == "bgr":
        pictures = pictures.flip(1)
    elif network.channels == "grey":
        shares = (pictures.int() * _along_channels(GREY, pictures.device).int()).sum(1, keepdim=True, dtype=torch.int32)
        pictures = (shares + (1 << 14)) >> 15
    mean, scale = (_along_channels(values, pictures.device) for values in (network.mean, network.scale))
    return pictures.float().sub_(mean).mul_(scale).contiguous(memory_format=memory_format(pictures.device.type))


@cache
def _along_channels(values: tuple[float, ...], device: "torch.device") -> "torch.Tensor":
    """Return one value per channel, (1, channels, 1, 1), kept on the device: to copy it, a GPU would have to wait."""
    import torch

    with torch.inference_mode(mode=False):
        return torch.tensor(values, device=device).reshape(1, -1, 1, 1)


def check_picture(picture: Pictures) -> None:
    """Raise if an array is not an RGB picture.

    Raises
    ------
    ValueError
        The message gives the expected shape and type.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ValueError(f"the picture is {picture.shape} {picture.dtype}: expected (height, width, 3) uint8, RGB")


def check_pictures(
    pictures: Inputs, what: str, size: tuple[int, int] | None = None, dtype: str = "uint8", depth: int = 3
) -> None:
    """Raise if an array is not a batch of pictures: of RGB, unless another type or number of channels is given.

    Raises
    ------
    ValueError
        The message gives the expected shape and type.
    """
    wanted = f"(n, height, width, {depth})" if size is None else f"(n, {size[0]}, {size[1]}, {depth})"
    if pictures.dtype != dtype or pictures.ndim != 4 or pictures.shape[3] != depth:
        raise ValueError(f"{what} are {pictures.shape} {pictures.dtype}: expected {wanted} {dtype}, RGB")
    if (size is not None and pictures.shape[1:3] != size) or 0 in pictures.shape[1:3]:
        raise ValueError(f"{what} are {pictures.shape}: expected {wanted}")
