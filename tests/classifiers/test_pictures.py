"""Training on pictures: one step by hand, what is not shown, batches, and the number of epochs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from affex.classifiers.estimators.nets.pictures import Labelled, PictureTrainer, trained
from affex.classifiers.estimators.nets.training import Schedule

RNG = np.random.default_rng(4)


class Flat(nn.Module):
    """The pixels of a picture, times a weight each."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(12))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.float().flatten(1) / 255 * self.weight


def make() -> tuple[nn.Module, int]:
    return Flat(), 12


def labelled(n: int = 20, weight: float = 1.0) -> Labelled:
    """Return pictures of 2 x 2 that are bright on the left (0) or on the right (1)."""
    target = np.arange(n) % 2
    pictures = RNG.integers(0, 100, (n, 2, 2, 3), dtype=np.uint8)
    pictures[np.arange(n), :, target] += 100
    return Labelled(pictures, target, np.full(n, weight), 2)


def test_a_step_is_that_of_the_weighted_mean_of_cross_entropies():
    given = replace(labelled(6), weight=np.array([1.0, 1, 1, 1, 1, 3]))
    schedule = Schedule(optimiser="sgd", momentum=0.0, rate=0.5, batch=6, clip=1e9)
    trainer = PictureTrainer(make, given, schedule, 0, "cpu")
    head = [parameter.detach().clone().requires_grad_() for parameter in trainer._head.parameters()]
    weight = torch.ones(12, requires_grad=True)
    flat = torch.tensor(given.pictures).permute(0, 3, 1, 2).float().flatten(1) / 255
    shares = torch.tensor(given.weight / given.weight.mean())
    losses = nn.functional.cross_entropy(
        (flat * weight) @ head[0].T + head[1], torch.tensor(given.target), reduction="none"
    )
    (shares * losses).mean().backward()
    trainer.epoch()
    np.testing.assert_allclose(trainer.network.weight.detach(), (weight - 0.5 * weight.grad).detach(), rtol=1e-5)
    np.testing.assert_allclose(trainer._head.bias.detach(), (head[1] - 0.5 * head[1].grad).detach(), atol=1e-6)


def test_pictures_of_weight_0_are_not_shown_and_equal_seeds_give_equal_bytes():
    given = labelled()
    alone = Labelled(given.pictures[:10], given.target[:10], given.weight[:10], 2)
    states = [
        trained(make, one.only(np.arange(10)), Schedule(batch=4), [], 3, 0, seed, "cpu")[0].weight.detach().numpy()
        for one, seed in ((given, 0), (alone, 0), (given, 1))
    ]
    assert states[0].tobytes() == states[1].tobytes()
    assert states[0].tobytes() != states[2].tobytes()


def test_no_batch_is_one_picture_alone(monkeypatch: pytest.MonkeyPatch):
    sizes = []
    trainer = PictureTrainer(make, labelled(9), Schedule(batch=4), 0, "cpu")
    loss = trainer._loss
    monkeypatch.setattr(trainer, "_loss", lambda numbers, weight: sizes.append(len(numbers)) or loss(numbers, weight))
    trainer.epoch()
    assert sizes == [3, 3, 3]


def test_epochs_are_those_of_the_least_loss_on_what_is_held_out():
    given = labelled(40)
    folds = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
    same = trained(make, given, Schedule(rate=0.01, batch=10), folds, 5, 2, 0, "cpu")
    assert same[1] == 5  # the loss still falls
    wrong = replace(given, target=np.where(np.arange(40) < 20, given.target, 1 - given.target))
    assert trained(make, wrong, Schedule(rate=0.01, batch=10), folds, 5, 1, 0, "cpu")[1] == 1
    assert trained(make, given, Schedule(), [], 0, 0, 0, "cpu")[1] == 0
