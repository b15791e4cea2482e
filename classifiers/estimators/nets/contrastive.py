"""Contrastive pre-training: from the two streams of training utterances, without their labels, to trunks of a network.

The sound and the pictures of one sequence are a pair in step, the sound of one and the pictures of another a pair out
of step. Trunks learn vectors that lie near each other for pairs in step and far apart for the others. A sequence is
what the network reads as one: an utterance, or a segment of it.

The loss of a batch, with the distances ``d_ij`` of the first stream of ``i`` and the second of ``j``, is the mean of
``d_ii^2`` over pairs in step, and of ``max(0, margin - d_ij)^2`` over all pairs out of step. Hadsell, Chopra and LeCun
2006, doi:10.1109/CVPR.2006.100; of sound and mouths Torfi et al. 2017, doi:10.1109/ACCESS.2017.2761539.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor, nn

from affex.classifiers.estimators.nets.augmentation import Augmentation
from affex.classifiers.estimators.nets.network import Network
from affex.classifiers.estimators.nets.sequences import Scale, Sequences, batch
from affex.classifiers.estimators.training import Numbers

#: Keeps the derivative of a root finite.
LEAST = 1e-12


def contrastive_loss(one: Tensor, other: Tensor, margin: float) -> Tensor:
    """Return the contrastive loss with a margin of vectors whose rows are pairs in step, ``(n, width)`` each."""
    squares = ((one[:, None] - other[None]) ** 2).sum(dim=2)
    in_step = torch.eye(len(one), dtype=torch.bool, device=one.device)
    lacking = (margin - (squares + LEAST).sqrt()).clamp(min=0.0) ** 2
    return squares[in_step].mean() + lacking[~in_step].mean()


def require_pairs(n_streams: int) -> None:
    """Refuse other than two streams.

    Raises
    ------
    ValueError
        The message says how many there are.
    """
    if n_streams != 2:
        raise ValueError(f"pretrain: pairs of two streams; expected two features, found {n_streams}")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs in step.

    Parameters
    ----------
    given
        The rows of sequences.
    scales
        The scale of each stream.
    numbers : (n,) int64
        The sequences that are shown.
    """

    given: Sequences
    scales: list[Scale]
    numbers: Numbers

    @property
    def distinct(self) -> Numbers:
        """Those that have rows of both streams, each once: two equal ones are not out of step with each other."""
        seen = {self._digest(number): number for number in reversed(self.numbers.tolist()) if self._is_whole(number)}
        return np.sort(np.fromiter(seen.values(), np.int64, len(seen)))

    def _is_whole(self, number: int) -> bool:
        return all(offsets[number] < offsets[number + 1] for offsets in self.given.offsets)

    def _digest(self, number: int) -> bytes:
        found = blake2b(digest_size=16)
        for rows, offsets in zip(self.given.streams, self.given.offsets, strict=True):
            found.update(rows[offsets[number] : offsets[number + 1]].tobytes())
        return found.digest()

    def batches(self, numbers: Numbers, size: int, random: np.random.Generator) -> Iterator[Numbers]:
        """Yield some of the numbers in batches, drawn anew; none is of one pair, which is out of step with none."""
        order = random.permutation(numbers)
        yield from np.array_split(order, max(1, min(-(-len(order) // size), len(order) // 2)))


def pretrain(
    network: Network,
    pairs: Pairs,
    optimiser: torch.optim.Optimizer,
    augmentation: Augmentation,
    *,
    margin: float,
    epochs: int,
    size: int,
    clip: float,
    seed: int,
    device: str,
) -> None:
    """Train the streams of a network on pairs in step and out of step; its head learns nothing.

    Parameters
    ----------
    margin
        The distance from which on a pair out of step is far enough apart.
    size
        Pairs in a batch.
    seed
        Seeds the order of the batches and the augmentation.

    Raises
    ------
    ValueError
        If there are fewer than two distinct pairs.
    """
    numbers = pairs.distinct
    if len(numbers) < 2:
        raise ValueError(f"pretrain: expected 2 or more utterances that have both features, found {len(numbers)}")
    random, changes = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    alone = replace(pairs.given, dialogs=np.arange(len(pairs.given) + 1))
    network.train()
    for _ in range(epochs):
        for some in pairs.batches(numbers, size, random):
            rows = augmentation.changed(batch(alone, pairs.scales, some, device), changes)
            optimiser.zero_grad()
            one, other = network.vectors(rows)
            contrastive_loss(one, other, margin).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimiser.step()
