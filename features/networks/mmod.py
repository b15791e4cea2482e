"""dlib's trained face detector: from pictures to a map of scores over all places and scales.

King 2015, Max-margin object detection, arXiv:1502.00046; the network of ``mmod_human_face_detector.dat`` (King 2016),
run in torch with dlib's weights on dlib's tiled pyramid, with folded affine layers. Each cell of the map scores one
window of 80 x 80 px of the tiled pyramid; a score above 0 is a face.

Memory depends on the size of a frame, not on the number of frames: as many run at once as `PIXELS` allows, at least
one, in the fixed sizes of `features.networks.batches`. The first layers, which have the largest maps, run in strips
that overlap by the receptive field of a cell. The split depends on the frame's size alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.asking import Ask
from affex.features.networks.base import GIVEN, Network, Pictures, Precision, normalised, place
from affex.features.networks.batches import Batches, kind_of
from affex.features.networks.dlib_weights import DETECTOR, fold, read_tensors
from affex.features.networks.tiling import enlarged, enlarged_size, layout, tiled

if TYPE_CHECKING:
    import torch

Scores = NDArray[np.float32]

NETWORK = Network(
    name="mmod",
    width=1,
    input_size=(80, 80),
    channels="rgb",
    mean=(122.782, 117.001, 104.298),
    scale=(1 / 256, 1 / 256, 1 / 256),
    layer="con (last)",
    digest=DETECTOR.sha256,
)

#: Inputs, outputs, size and stride of the convolutions; those with a stride are not padded.
LAYERS = ((3, 16, 5, 2), (16, 32, 5, 2), (32, 32, 5, 2), (32, 45, 5, 1), (45, 45, 5, 1), (45, 45, 5, 1), (45, 1, 9, 1))
#: The number of convolutions with a stride.
STRIDING = 3
#: The size of a window, px.
WINDOW = 80
#: Pixels between two cells of the map, and to the middle of the first cell's window.
CELL, FIRST = 8, 14
#: The receptive field of a cell of the last layer with a stride, px.
FIELD = 29
#: dlib adds this to a variance before it divides by its root.
EPSILON = 1e-4
#: Rows of cells per strip: the maps of one strip fit in a CPU's cache.
STRIP = 64
#: Pixels of tiled pyramids that are in memory at once, by kind of device. On a CPU it is one frame (more
#: gain nothing), on a GPU 256 squares of 256 x 256 or 32 frames of 640 x 480.
PIXELS = {"cpu": 1, "cuda": 1 << 26}


@cache
def load(device: str = "cpu", precision: Precision = "float32") -> "torch.nn.Module":
    """Return the network with dlib's weights, ready to run; one per process, device and precision.

    Raises
    ------
    WeightError
        If the package with its weights is missing or contains other files.
    """
    import torch

    tensors = iter(read_tensors(DETECTOR, _shapes()))
    steps: list[torch.nn.Module] = []
    for layer in LAYERS[:-1]:
        both = next(tensors)
        gamma, beta, _, _, mean, variance = np.concatenate([next(tensors).ravel() for _ in range(5)]).reshape(6, -1)
        gain = gamma / np.sqrt(variance.astype(np.float64) + EPSILON)
        steps += [fold(both, gain, beta - gain * mean, layer), torch.nn.ReLU(inplace=True)]
    network = torch.nn.Sequential(*steps, *_column_by_column(fold(next(tensors), np.ones(1), np.zeros(1), LAYERS[-1])))
    place(network, device, precision)
    return network


def _column_by_column(last: "torch.nn.Conv2d") -> "tuple[torch.nn.Module, torch.nn.Module]":
    """Return a convolution with one output as one with an output for each column of its filter, and their sum.

    One output would leave most of a CPU's vector unit idle: this takes an eighth of the time.
    """
    import torch

    from affex.features.networks.architectures import SumOfShifted

    size = last.kernel_size[0]
    columns = torch.nn.Conv2d(last.in_channels, size, (size, 1), padding=(size // 2, 0))
    columns.weight.data = last.weight.data[0].permute(2, 0, 1).unsqueeze(3).contiguous()
    assert last.bias is not None
    # To the middle map, which is not shifted: zeros take the place of the others at the edges.
    columns.bias = torch.nn.Parameter(torch.nn.functional.pad(last.bias.data, (size // 2, size // 2)))
    return columns, SumOfShifted()


def _shapes() -> "Iterator[tuple[int, int, int, int]]":
    """Yield the shapes of a layer's filters and biases, gamma and beta, and four tensors of the batch's statistics."""
    for inputs, outputs, size, _ in LAYERS:
        yield (outputs * inputs * size * size + outputs, 1, 1, 1)
        if outputs > 1:
            yield (2 * outputs, 1, 1, 1)
            yield from [(1, outputs, 1, 1)] * 4


@dataclass(frozen=True)
class Maps:
    """The maps of scores, to ask another process for; parameters as in `score_maps`."""

    upsample: int = 0
    precision: Precision = "float32"
    levels: int = 0

    def batches(self, device: str, weights: str) -> Batches:  # noqa: ARG002 - its weights come with a package
        """Return the network on a device."""
        return batches(self.upsample, device, self.precision, self.levels)


def score_maps(
    frames: Pictures,
    upsample: int = 0,
    device: str = "cpu",
    precision: Precision = "float32",
    levels: int = 0,
    ask: Ask | None = None,
) -> "Iterator[Scores]":
    """Yield the map of scores of each frame's tiled pyramid.

    Parameters
    ----------
    frames : (n, height, width, 3) uint8, RGB
    upsample
        How many times frames are enlarged by 2 before.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    precision
        The number format in which the layers compute.
    levels
        How many levels the pyramid has; 0 for all.
    ask
        The way to the process that runs the network; None to run it here.

    Yields
    ------
    scores : (rows, columns) float32
        The window of cell ``(r, c)`` has its middle at ``(FIRST + CELL * c, FIRST + CELL * r)`` of the pyramid.
    """
    plan = layout(*enlarged_size(frames.shape[1], frames.shape[2], upsample), levels)
    if min(plan.height, plan.width) < FIELD:  # not one cell
        yield from np.zeros((len(frames), 0, 0), np.float32)
        return
    found = (
        ask(Maps(upsample, precision, levels), frames)
        if ask
        else batches(upsample, device, precision, levels).run(frames)
    )
    for maps in found:
        yield from maps


@cache
def batches(upsample: int = 0, device: str = "cpu", precision: Precision = "float32", levels: int = 0) -> Batches:
    """Return the network as it gets its frames, at least one cell large; parameters as in `score_maps`."""
    import torch

    network = load(device, precision)

    def most(height: int, width: int) -> int:
        plan = layout(*enlarged_size(height, width, upsample), levels)
        return PIXELS[kind_of(device)] // (plan.height * plan.width)

    def compute(pictures: torch.Tensor) -> torch.Tensor:
        for _ in range(upsample):
            pictures = enlarged(pictures)
        pyramids = tiled(normalised(pictures, NETWORK), levels).to(getattr(torch, GIVEN[precision]))
        return _run(network, pyramids)[:, 0].float()

    return Batches(compute, device, most)


def _run(network: "torch.nn.Module", pyramids: "torch.Tensor") -> "torch.Tensor":
    """Run the layers with a stride strip by strip, and the others on the whole map."""
    import torch

    assert isinstance(network, torch.nn.Sequential)
    striding, others = network[: 2 * STRIDING], network[2 * STRIDING :]
    rows = (pyramids.shape[2] - FIELD) // CELL + 1
    strips = [
        striding(pyramids[:, :, CELL * row : CELL * (min(row + STRIP, rows) - 1) + FIELD])
        for row in range(0, rows, STRIP)
    ]
    scores: torch.Tensor = others(torch.cat(strips, dim=2))
    return scores
