"""Training of a network: from sequences and targets to its arrays, epoch by epoch.

Equal seeds give equal bytes on the CPU: a network is trained on one thread, and nothing is drawn from the process's own
random numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from affex.classifiers.estimators.nets import contrastive
from affex.classifiers.estimators.nets.augmentation import Augmentation
from affex.classifiers.estimators.nets.losses import LOSSES, LossName
from affex.classifiers.estimators.nets.network import Design, Network, PretrainName, State
from affex.classifiers.estimators.nets.sequences import Scale, Sequences, batch, scale
from affex.classifiers.estimators.spelling import AugmentationName
from affex.classifiers.estimators.training import Numbers

OptimiserName = Literal["adam", "sgd"]


@dataclass(frozen=True)
class Schedule:
    """How a network is trained; the parameters of `classifiers.net.Net` of the same names."""

    loss: LossName = "ce"
    optimiser: OptimiserName = "adam"
    rate: float = 1e-3
    momentum: float = 0.9
    decay: float = 0.0
    batch: int = 32
    clip: float = 5.0
    components: int = 0
    augment: tuple[AugmentationName, ...] = ()
    noise: float = 0.1
    widest: float = 0.2
    angle: float = 10.0
    pretrain: PretrainName = "none"
    pretrain_epochs: int = 20
    margin: float = 1.0
    frozen: bool = False

    @property
    def augmentation(self) -> Augmentation:
        """How training batches are changed."""
        return Augmentation(self.augment, self.noise, self.widest, self.angle)


def only(weight: NDArray[np.float64], numbers: Numbers) -> NDArray[np.float64]:
    """Return weights of which all but those with some numbers are 0."""
    kept = np.zeros_like(weight)
    kept[numbers] = weight[numbers]
    return kept


@dataclass(frozen=True, eq=False)
class Task:
    """What a network learns from.

    Parameters
    ----------
    given
        The rows of utterances.
    target : (n_utterances,) int64 or float32
        The number of each one's class, or its value.
    weight : (n_utterances,) float64
        How many times each counts; one with weight 0 gives context only.
    n_outputs
        How many classes there are; 1 for values.
    speakers : (n_utterances,)
        Who speaks.
    paired : (n_utterances,) bool
        Those whose streams may be compared in training before, which takes no target.
    """

    given: Sequences
    target: NDArray[np.int64] | NDArray[np.float32]
    weight: NDArray[np.float64]
    n_outputs: int
    speakers: NDArray[Any]
    paired: NDArray[np.bool_]

    def dialogs(self, utterances: Numbers) -> Numbers:
        """Return the dialogs that have any of some utterances."""
        return np.unique(np.searchsorted(self.given.dialogs, utterances, side="right") - 1)

    def only(self, utterances: Numbers) -> "Task":
        """Return the task with the weight 0 for all other utterances, and without pairs of others' speakers."""
        others = np.setdiff1d(np.flatnonzero(self.weight > 0), utterances)
        held_out = np.isin(self.speakers, self.speakers[others])
        own = np.isin(self.speakers, self.speakers[utterances]) | ~held_out
        return replace(self, weight=only(self.weight, utterances), paired=self.paired & own)


class Trainer:
    """A network in training on some utterances of a task.

    Parameters
    ----------
    task
        Utterances with a weight above 0 are learned from; their dialogs give context.
    seed
        Seeds the first arrays, the order of the batches, the dropout and the augmentation.
    device
        ``"cpu"`` or ``"cuda"``.
    """

    def __init__(self, task: Task, design: Design, schedule: Schedule, seed: int, device: str) -> None:
        self._task = task
        self._schedule = schedule
        self._device = device
        self._dialogs = task.dialogs(np.flatnonzero(task.weight > 0))
        self._weight = task.weight / task.weight[task.weight > 0].mean()
        self.scales = [self._scale(number, seed) for number in range(len(task.given.streams))]
        shapes = [how.shape(shape) for how, shape in zip(self.scales, task.given.row_shapes, strict=True)]
        self._random = np.random.default_rng(seed)
        self._changes = torch.Generator().manual_seed(seed)  # of its own: without changes, all else is drawn as ever
        if schedule.pretrain != "none":
            contrastive.require_pairs(len(shapes))
        schedule.augmentation.require(task.given.row_shapes)
        with seeded(seed):
            self._network = Network(design, shapes, task.n_outputs).to(device)
        if schedule.pretrain != "none":
            self._pretrain(seed)
        learning = (one for one in self._network.parameters() if one.requires_grad)
        self._optimiser = optimiser_of(learning, schedule)

    def _pretrain(self, seed: int) -> None:
        """Train the trunks on pairs, and freeze them if the schedule says so."""
        schedule = self._schedule
        with seeded(seed):
            contrastive.pretrain(
                self._network,
                contrastive.Pairs(self._task.given, self.scales, np.flatnonzero(self._task.paired)),
                optimiser_of(self._network.streams.parameters(), schedule),
                schedule.augmentation,
                margin=schedule.margin,
                epochs=schedule.pretrain_epochs,
                size=schedule.batch,
                clip=schedule.clip,
                seed=seed,
                device=self._device,
            )
        self._network.streams.requires_grad_(not schedule.frozen)

    def _scale(self, number: int, seed: int) -> Scale:
        given, counted = self._task.given, self._task.weight
        if self._schedule.pretrain != "none":
            counted = np.where(self._task.paired & (counted == 0), 1.0, counted)
        weight = np.repeat(counted, np.diff(given.offsets[number]))
        return scale(given.streams[number], weight, self._schedule.components, seed)

    @property
    def state(self) -> State:
        """The network's arrays."""
        return self._network.state

    def epoch(self) -> None:
        """Show all utterances once, in batches of whole dialogs, drawn anew."""
        self._network.train()
        with seeded(int(self._random.integers(2**31))):
            for dialogs in self._batches():
                self._optimiser.zero_grad()
                loss, n_counted = self._loss(dialogs, self._weight, augmented=True)
                (loss / n_counted).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._schedule.clip)
                self._optimiser.step()

    def loss_of(self, utterances: Numbers, weight: NDArray[np.float64]) -> float:
        """Return the mean loss of other utterances, each with its weight."""
        self._network.eval()
        shown = only(weight, utterances)
        with single_thread(), torch.inference_mode():
            parts = [self._loss(dialogs, shown)[0].item() for dialogs in _parts(self._task, utterances, self._schedule)]
        return float(sum(parts) / shown.sum())

    def _batches(self) -> Iterator[Numbers]:
        """Yield the dialogs of each batch: as many as hold about `batch` utterances that count."""
        order = self._random.permutation(self._dialogs)
        counted = np.add.reduceat(self._task.weight > 0, self._task.given.dialogs[:-1], dtype=np.int64)[order]
        yield from np.split(order, np.flatnonzero(np.diff((np.cumsum(counted) - 1) // self._schedule.batch)) + 1)

    def _loss(
        self, dialogs: Numbers, weight: NDArray[np.float64], *, augmented: bool = False
    ) -> tuple[torch.Tensor, int]:
        numbers = self._task.given.of_dialogs(dialogs)
        rows = batch(self._task.given, self.scales, dialogs, self._device)
        outputs = self._network(self._schedule.augmentation.changed(rows, self._changes) if augmented else rows)
        counted = np.flatnonzero(weight[numbers] > 0)
        target = torch.from_numpy(self._task.target[numbers[counted]]).to(self._device)
        shares = torch.from_numpy(weight[numbers[counted]].astype(np.float32)).to(self._device)
        return LOSSES[self._schedule.loss](outputs[torch.from_numpy(counted)], target, shares), len(counted)


def _parts(task: Task, utterances: Numbers, schedule: Schedule) -> Iterator[Numbers]:
    dialogs = task.dialogs(utterances)
    for first in range(0, len(dialogs), schedule.batch):
        yield dialogs[first : first + schedule.batch]


def optimiser_of(parameters: Iterable[torch.nn.Parameter], schedule: Schedule) -> torch.optim.Optimizer:
    """Return what changes parameters as a schedule says."""
    if schedule.optimiser == "adam":
        return torch.optim.Adam(parameters, schedule.rate, weight_decay=schedule.decay)
    momentum = schedule.momentum
    return torch.optim.SGD(parameters, schedule.rate, momentum, weight_decay=schedule.decay, nesterov=momentum > 0)


class InTraining(Protocol):
    """A network in training."""

    def epoch(self) -> None:
        """Show all that it learns from once."""
        ...

    def loss_of(self, numbers: Numbers, weight: NDArray[np.float64], /) -> float:
        """Return the mean loss of others, by their numbers, each with its weight."""
        ...


def best_epochs(
    trainers: Sequence[InTraining],
    held_out: Sequence[Numbers],
    weight: NDArray[np.float64],
    most: int,
    patience: int,
) -> int:
    """Return the number of epochs with the least mean loss on what inner folds hold out.

    The folds are trained side by side until the mean has not improved for `patience` epochs, at most `most`.

    Parameters
    ----------
    trainers
        The network of each fold.
    held_out
        What each does not learn from, by number.
    weight
        How many times each counts, also of those that are learned from.
    """
    losses: list[float] = []
    while len(losses) < most and len(losses) - int(np.argmin(losses or [0])) <= patience:
        for trainer in trainers:
            trainer.epoch()
        held = [trainer.loss_of(test, weight) for trainer, test in zip(trainers, held_out, strict=True)]
        losses.append(float(np.mean(held)))
    return int(np.argmin(losses)) + 1


def outputs_of(
    network: Network, given: Sequences, scales: Sequence[Scale], at_once: int, device: str
) -> NDArray[np.float64]:
    """Return a network's outputs for all utterances, ``(n_utterances, n_outputs)``."""
    network.eval()
    numbers = np.arange(len(given.dialogs) - 1)
    parts = []
    with single_thread(), torch.inference_mode():
        for first in range(0, len(numbers), at_once):
            parts.append(network(batch(given, scales, numbers[first : first + at_once], device)).double().cpu().numpy())
    found: NDArray[np.float64] = np.concatenate(parts)
    return found


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from a seed, on one thread; afterwards the process draws its own again."""
    with torch.random.fork_rng(), single_thread():
        torch.manual_seed(seed)
        yield


@contextmanager
def single_thread() -> Iterator[None]:
    """Compute on one thread: the last bits of torch's sums depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
