"""Batches of fixed sizes: from pictures of one shape to a network's numbers, the same to the bit in every batch.

The last bits of torch's results depend on the shape of a batch. So a network only gets batches of the sizes of a
`LADDER`, and computes each in parts of the smallest of them. Before its first batch of a shape of pictures, that size
is tried on the device: if a picture's bits depend on its place there, the next size takes its place. A batch is filled
up with copies of its last picture. `split` divides pictures among the sizes so that few copies are needed.

On a GPU, pictures are sent on a stream of their own and a batch is only begun, so that the next one can be collected
while it runs. The commonest shapes run as CUDA graphs, once a graph has given the same bits as its layers.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Pictures = NDArray[np.uint8]
Numbers = NDArray[np.float32]

#: What is laid out like pictures, too: numbers with a height, a width and channels.
Inputs = Pictures | Numbers

#: From pictures, (n, 3, height, width) uint8 RGB on the device, to numbers, (n, ...) float32 on the device.
Compute = Callable[["torch.Tensor"], "torch.Tensor"]

#: Pictures per batch, by kind of device: few fit in a CPU's cache, many keep a GPU busy. On a CPU, to compare several
#: sizes would take longer than they save. On an H100, cuDNN chose other algorithms for other sizes, with other bits,
#: hence the parts. Without 16, 64 streams at different places of their films would give 22 times
#: the frames of one, instead of 26 (`tests/test_collecting.py`).
LADDER: dict[str, tuple[int, ...]] = {"cpu": (8,), "cuda": (4, 8, 16, 32, 64, 256)}
#: A batch is filled up with copies if they are at most this share of its other pictures: 24 pictures take about as long
#: in one batch of 32 as in three of 8.
FILLED = 1 / 3
#: Batches of one shape before they run as a CUDA graph, and the most graphs of a network.
OFTEN, GRAPHS = 16, 8
#: Batches that are sent to a GPU while the one before runs.
AHEAD = {"cpu": 1, "cuda": 2}


def kind_of(device: str) -> str:
    """Return the kind of a device: ``cpu`` or ``cuda``."""
    return device.partition(":")[0]


def memory_format(device: str) -> "torch.memory_format":
    """Return how the pictures of a network lie in memory: channels last on a CPU, and plane by plane on a GPU."""
    import torch

    return torch.channels_last if kind_of(device) == "cpu" else torch.contiguous_format


def within(ladder: Sequence[int], most: int) -> tuple[int, ...]:
    """Return the sizes of a ladder up to the most pictures that fit in memory; 1 if none does."""
    return tuple(size for size in ladder if size <= most) or (1,)


def size_for(n: int, sizes: Sequence[int]) -> int:
    """Return the size of the next batch for `n` waiting pictures, at least one.

    That is the smallest size for all of them if it needs few copies (`FILLED`), or else the largest size that they
    fill, or else the smallest size.
    """
    for size in sorted(sizes):
        if size >= n and size - n <= FILLED * n:
            return size
    return max((size for size in sizes if size <= n), default=min(sizes))


def split(n: int, sizes: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yield the batches of `n` pictures: which pictures, and the size of the batch."""
    first = 0
    while first < n:
        size = size_for(n - first, sizes)
        yield slice(first, min(first + size, n)), size
        first += size


def filled(pictures: Sequence[Inputs], size: int) -> Inputs:
    """Return a batch of a size: the pictures, then copies of the last one.

    Parameters
    ----------
    pictures : n of (height, width, 3) uint8
        At least one, at most `size`.

    Returns
    -------
    batch : (size, height, width, 3) uint8
    """
    batch: Inputs = np.stack([*pictures, *[pictures[-1]] * (size - len(pictures))])  # type: ignore[assignment]
    return batch


@dataclass(frozen=True)
class Batch:
    """A batch that was begun.

    Parameters
    ----------
    n
        The number of its pictures without the copies.
    result : (size, ...) float32 tensor
        In the memory of the host; complete after `ended`.
    took
        How long a CPU computed it, s.
    began, ended
        When the GPU begins and ends it; None on a CPU.
    """

    n: int
    result: "torch.Tensor"
    took: float = 0.0
    began: "torch.cuda.Event | None" = None
    ended: "torch.cuda.Event | None" = None

    @property
    def is_done(self) -> bool:
        """Whether its numbers can be read without a wait."""
        return self.ended is None or bool(self.ended.query())  # type: ignore[no-untyped-call]

    def numbers(self) -> Numbers:
        """Wait for its end; return the numbers of its pictures, (n, ...)."""
        if self.ended is not None:
            self.ended.synchronize()
        numbers: Numbers = self.result[: self.n].numpy()
        return numbers

    def seconds(self) -> float:
        """Return how long the device computed it, s."""
        if self.began is None or self.ended is None:
            return self.took
        return float(self.began.elapsed_time(self.ended)) / 1000  # from ms


def in_parts(compute: Compute, given: "torch.Tensor", part: int) -> "torch.Tensor":
    """Compute a batch in parts of a size, so that its bits do not depend on its own size."""
    import torch

    if len(given) <= part:
        return compute(given)
    # A graph writes each result to the same memory.
    return torch.cat([compute(one).clone() for one in torch.split(given, part)])


class Batches:
    """A network that gets its pictures in batches of fixed sizes.

    Parameters
    ----------
    compute
        The network.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    most
        Function from the height and width of pictures, px, to the most of them that fit in memory; None for any number.
    depth
        The number of channels of its pictures.
    least
        The smallest size of a batch, if there are larger ones.
    """

    def __init__(
        self,
        compute: Compute,
        device: str,
        most: Callable[[int, int], int] | None = None,
        *,
        depth: int = 3,
        least: int = 1,
    ) -> None:
        self.device = device
        self._least = least
        self._depth = depth
        self._compute = compute
        self._most = most
        self._sizes: dict[tuple[int, int], tuple[int, ...]] = {}
        self._sending: torch.cuda.Stream | None = None
        self._graphs = _Graphs(compute)

    def sizes(self, height: int, width: int) -> tuple[int, ...]:
        """Return the sizes of batches for pictures of a height and width, px; the first is tried at the first call."""
        if (height, width) not in self._sizes:
            self._sizes[height, width] = self._tried(height, width)
        return self._sizes[height, width]

    def _tried(self, height: int, width: int) -> tuple[int, ...]:
        ladder = LADDER[kind_of(self.device)]
        sizes = within(ladder, self._most(height, width) if self._most else ladder[-1])
        if len(sizes) == 1:
            return sizes
        picture = np.random.default_rng(0).integers(256, size=(height, width, self._depth), dtype=np.uint8)
        wanted = [size for size in sizes if size >= self._least]
        smaller = [size for size in reversed(sizes) if size < self._least]
        part = next((size for size in wanted + smaller if self._is_alike(picture, size)), 1)
        return tuple(size for size in sizes if size >= part and size % part == 0) if part > 1 else (1,)

    def _is_alike(self, picture: Pictures, size: int) -> bool:
        """Return whether copies of a picture have the same bits at each place of a part, which fits in memory."""
        import torch

        try:
            numbers = self._begun_in(size, [picture] * size, size).numbers()
        except torch.OutOfMemoryError:
            return False
        return len({row.tobytes() for row in numbers}) == 1

    def run(self, pictures: Inputs) -> Iterator[Numbers]:
        """Yield the numbers of each batch of pictures, in order.

        Parameters
        ----------
        pictures : (n, height, width, 3) uint8, RGB
        """
        under_way: deque[Batch] = deque()
        for part, size in split(len(pictures), self.sizes(*pictures.shape[1:3]) if len(pictures) else (1,)):
            under_way.append(self.begin(list(pictures[part]), size))
            if len(under_way) == AHEAD[kind_of(self.device)]:
                yield under_way.popleft().numbers()
        yield from (batch.numbers() for batch in under_way)

    def begin(self, pictures: Sequence[Pictures], size: int) -> Batch:
        """Begin a batch of a size, filled up with copies, and computed in parts of the smallest size.

        Parameters
        ----------
        pictures : n of (height, width, 3) uint8, RGB
            At least one, at most `size`. On a GPU they must not change before the batch has ended.
        """
        return self._begun_in(self.sizes(*pictures[0].shape[:2])[0], pictures, size)

    def _begun_in(self, part: int, pictures: Sequence[Pictures], size: int) -> Batch:
        import torch

        with exact():
            if kind_of(self.device) == "cpu":
                began = time.perf_counter()
                result = in_parts(self._compute, torch.from_numpy(filled(pictures, size)).permute(0, 3, 1, 2), part)
                return Batch(len(pictures), result, time.perf_counter() - began)
            with torch.cuda.device(self.device):
                return self._on_gpu(self._sent(pictures, size), len(pictures), part)

    def _sent(self, pictures: Sequence[Inputs], size: int) -> "torch.Tensor":
        """Copy pictures to the GPU while it computes; the copy does not wait if they lie in pinned memory."""
        import torch

        self._sending = self._sending or torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(self._sending):
            tensors = [torch.from_numpy(np.ascontiguousarray(picture)) for picture in pictures]
            given = torch.empty((size, *tensors[0].shape), dtype=tensors[0].dtype, device=self.device)
            for place, picture in enumerate(tensors):
                given[place].copy_(picture, non_blocking=True)
            given[len(pictures) :] = given[len(pictures) - 1]
        torch.cuda.current_stream().wait_stream(self._sending)
        given.record_stream(torch.cuda.current_stream())
        return given.permute(0, 3, 1, 2)

    def _on_gpu(self, given: "torch.Tensor", n: int, part: int) -> Batch:
        import torch

        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        began.record()
        computed = in_parts(self._graphs, given, part)
        result = torch.empty(computed.shape, dtype=computed.dtype, pin_memory=True)
        result.copy_(computed, non_blocking=True)
        ended.record()
        return Batch(n, result, began=began, ended=ended)


class _Graphs:
    """A network on a GPU whose commonest shapes run as CUDA graphs: a launch for all layers instead of one for each."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._graphs: dict[tuple[int, ...], Compute | None] = {}

    def __call__(self, given: "torch.Tensor") -> "torch.Tensor":
        shape = tuple(given.shape)
        self._seen[shape] += 1
        if self._seen[shape] == OFTEN and len(self._graphs) < GRAPHS:
            self._graphs[shape] = captured(self._compute, given)
        return (self._graphs.get(shape) or self._compute)(given)


def captured(compute: Compute, given: "torch.Tensor") -> Compute | None:
    """Return a network as a CUDA graph for tensors of this shape; None if it gives other bits, or cannot be captured.

    The graph reads and writes the same memory at each call: its result must be copied on the same stream.
    """
    import torch

    try:
        expected, fixed = compute(given), given.clone()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries prepare themselves at the first calls, which cannot be captured
            for _ in range(3):
                compute(fixed)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            result = compute(fixed)
    except RuntimeError:
        return None

    def replayed(pictures: torch.Tensor) -> torch.Tensor:
        fixed.copy_(pictures)
        graph.replay()
        return result

    return replayed if torch.equal(replayed(given), expected) else None


@contextmanager
def exact() -> "Iterator[None]":
    """Run networks without gradients, without TF32 and with deterministic algorithms of cuDNN."""
    import torch

    # `flags` turns off what it is not told: without cuDNN, torch convolves picture by picture.
    exactly = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exactly:
        yield
