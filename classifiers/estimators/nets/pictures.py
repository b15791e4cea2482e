"""Training on pictures: from labelled pictures to a network's weights, with a layer of classes that is then left out.

The network is the caller's: it takes ``(n, channels, height, width)`` as the pictures are, and returns ``(n, width)``.
Equal seeds give equal bytes on the CPU, as in `classifiers.estimators.nets.training`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from affex.classifiers.estimators.nets.losses import LOSSES
from affex.classifiers.estimators.nets.training import (
    Schedule,
    best_epochs,
    only,
    optimiser_of,
    seeded,
    single_thread,
)
from affex.classifiers.estimators.training import Numbers

#: Function that returns the network as training begins, and the width of its vectors. It may draw random numbers.
Make = Callable[[], tuple[nn.Module, int]]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures with their classes.

    Parameters
    ----------
    pictures : (n, height, width, channels) uint8 or float32
        They may lie in a file.
    target : (n,) int64
        The number of each one's class.
    weight : (n,) float64
        How many times each counts; one with weight 0 is not shown.
    n_classes
        How many classes there are.
    """

    pictures: NDArray[np.uint8] | NDArray[np.float32]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    n_classes: int

    def only(self, numbers: Numbers) -> "Labelled":
        """Return the same with the weight 0 for all other pictures."""
        return replace(self, weight=only(self.weight, numbers))


class PictureTrainer:
    """A network in training on pictures.

    Parameters
    ----------
    make
        Returns the network as it begins.
    given
        The pictures.
    schedule
        How it is trained; the loss is one of classes.
    seed
        Seeds the first weights, the order of the batches and the dropout.
    device
        ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, make: Make, given: Labelled, schedule: Schedule, seed: int, device: str) -> None:
        self._given, self._schedule, self._device = given, schedule, device
        self._shown = np.flatnonzero(given.weight > 0)
        self._weight = given.weight / given.weight[self._shown].mean()
        self._random = np.random.default_rng(seed)
        with seeded(seed):
            self.network, width = make()
            self._head = nn.Linear(width, given.n_classes)
        self.network.to(device)
        self._head.to(device)
        self._optimiser = optimiser_of(self._parameters, schedule)

    @property
    def _parameters(self) -> list[nn.Parameter]:
        return [*self.network.parameters(), *self._head.parameters()]

    def epoch(self) -> None:
        """Show all pictures once, in batches that are drawn anew; no batch is one picture alone if it can be helped."""
        self.network.train()
        order = self._random.permutation(self._shown)
        with seeded(int(self._random.integers(2**31))), exact():
            for numbers in np.array_split(order, -(-len(order) // self._schedule.batch)):
                self._optimiser.zero_grad()
                (self._loss(numbers, self._weight) / len(numbers)).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self._parameters, self._schedule.clip)
                self._optimiser.step()

    def loss_of(self, numbers: Numbers, weight: NDArray[np.float64]) -> float:
        """Return the mean loss of other pictures, each with its weight."""
        self.network.eval()
        parts = np.split(numbers, range(self._schedule.batch, len(numbers), self._schedule.batch))
        with single_thread(), exact(), torch.inference_mode():
            return sum(float(self._loss(part, weight)) for part in parts) / float(weight[numbers].sum())

    def _loss(self, numbers: Numbers, weight: NDArray[np.float64]) -> torch.Tensor:
        pictures = torch.from_numpy(np.ascontiguousarray(self._given.pictures[numbers])).permute(0, 3, 1, 2)
        target = torch.from_numpy(self._given.target[numbers]).to(self._device)
        shares = torch.from_numpy(weight[numbers].astype(np.float32)).to(self._device)
        return LOSSES[self._schedule.loss](self._head(self.network(pictures.to(self._device))), target, shares)


def trained(
    make: Make,
    given: Labelled,
    schedule: Schedule,
    folds: Sequence[tuple[Numbers, Numbers]],
    epochs: int,
    patience: int,
    seed: int,
    device: str,
) -> tuple[nn.Module, int]:
    """Return a network that has learned from all pictures that count, and the number of epochs.

    Parameters
    ----------
    make, given, schedule, seed, device
        As in `PictureTrainer`.
    folds
        Pairs of (train, test) numbers of pictures, on which the number of epochs is searched, `epochs` at most, as in
        `best_epochs`. Without any, the network is trained for `epochs`.
    """
    if folds and epochs:
        trainers = [PictureTrainer(make, given.only(train), schedule, seed, device) for train, _ in folds]
        epochs = best_epochs(trainers, [test for _, test in folds], given.weight, epochs, patience)
    trainer = PictureTrainer(make, given, schedule, seed, device)
    for _ in range(epochs):
        trainer.epoch()
    return trainer.network, epochs


@contextmanager
def exact() -> Iterator[None]:
    """Use deterministic algorithms of cuDNN on a GPU, without TF32."""
    # `flags` turns off what it is not told: without cuDNN, torch convolves picture by picture.
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
