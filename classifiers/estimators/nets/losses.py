"""Losses: from a network's outputs and the targets of utterances to one number, each utterance with its weight."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

LossName = Literal["ce", "mse", "ccc"]


def cross_entropy(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of the weighted cross-entropies of the right classes; `target` is ``(n,)`` int64."""
    return (weight * nn.functional.cross_entropy(outputs, target, reduction="none")).sum()


def squared_error(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the sum of weighted squared errors: of values, or of the softmax against 1 for the right class, else 0."""
    if target.dtype == torch.int64:
        right = nn.functional.one_hot(target, outputs.shape[1]).to(outputs.dtype)
        return (weight * ((torch.softmax(outputs, dim=1) - right) ** 2).mean(dim=1)).sum()
    return (weight * (outputs[:, 0] - target) ** 2).sum()


def discordance(outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return 1 - CCC, times the sum of the weights; Lin 1989, doi:10.2307/2532051.

    It is that of the utterances in the batch. A single utterance has no CCC, and gives its squared error.
    """
    values, total = outputs[:, 0], weight.sum()
    if (weight > 0).sum() < 2:
        return squared_error(outputs, target, weight)
    means = (weight * values).sum() / total, (weight * target).sum() / total
    off, away = values - means[0], target - means[1]
    covariance = (weight * off * away).sum() / total
    spread = (weight * (off**2 + away**2)).sum() / total + (means[0] - means[1]) ** 2
    return total * (1 - 2 * covariance / spread.clamp(min=torch.finfo(values.dtype).tiny))


LOSSES: Mapping[LossName, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "ce": cross_entropy,
    "mse": squared_error,
    "ccc": discordance,
}
