"""Batches of fixed sizes: no black picture, few copies, and the same bits in every batch."""

import numpy as np
import pytest
import torch

from affex.features.networks import batches, dlib_resnet
from affex.features.networks.batches import Batches, filled, size_for, split, within

LADDER = (4, 8, 16, 32, 64, 256)


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (1, [4]),
        (4, [4]),
        (5, [4, 4]),
        (7, [8]),
        (9, [8, 4]),
        (24, [32]),  # 8 copies are a third
        (23, [16, 8]),
        (47, [32, 16]),
        (48, [64]),
        (300, [256, 32, 16]),
        (520, [256, 256, 8]),
    ],
)
def test_pictures_are_divided_among_the_sizes(n, sizes):
    parts = list(split(n, LADDER))
    assert [size for _, size in parts] == sizes
    assert [number for part, _ in parts for number in range(n)[part]] == list(range(n))


def test_few_copies_are_computed():
    shares = np.array([sum(size for _, size in split(n, LADDER)) / n for n in range(8, 2000)])
    assert shares.min() == 1
    assert shares.max() <= 4 / 3 + 0.1
    assert shares.mean() < 1.1


def test_the_next_batch_of_what_waits():
    assert [size_for(n, LADDER) for n in (1, 3, 8, 60, 255, 256, 1000)] == [4, 4, 8, 64, 256, 256, 256]
    assert [size_for(n, (1,)) for n in (1, 50)] == [1, 1]


def test_sizes_that_do_not_fit_in_memory_are_left_out():
    assert [within(LADDER, most) for most in (0, 3, 4, 40, 10**6)] == [(1,), (1,), (4,), (4, 8, 16, 32), LADDER]


def test_a_batch_is_filled_up_with_its_last_picture():
    pictures = [np.full((2, 3, 3), grey, np.uint8) for grey in (10, 20)]
    assert filled(pictures, 4)[:, 0, 0, 0].tolist() == [10, 20, 20, 20]
    assert filled(pictures, 2).shape == (2, 2, 3, 3)


def test_batches_are_computed_in_parts_of_the_smallest_size(monkeypatch):
    monkeypatch.setitem(batches.LADDER, "cpu", (4, 8, 32))
    seen = []

    def compute(pictures: torch.Tensor) -> torch.Tensor:
        seen.append(len(pictures))
        return pictures.float().mean((1, 2, 3))[:, None]

    network = Batches(compute, "cpu")
    assert network.sizes(5, 6) == (4, 8, 32)
    greys = np.arange(31, dtype=np.uint8)
    [numbers] = network.run(np.broadcast_to(greys[:, None, None, None], (31, 5, 6, 3)))
    assert numbers[:, 0].tolist() == greys.tolist()
    assert set(seen) == {4}


def test_a_size_in_which_bits_depend_on_the_place_is_not_used(monkeypatch):
    monkeypatch.setitem(batches.LADDER, "cpu", (4, 8, 12, 16))

    def compute(pictures: torch.Tensor) -> torch.Tensor:
        numbers = pictures.float().mean((1, 2, 3))[:, None]
        numbers[-1] += 1e-3 if len(pictures) == 4 else 0
        return numbers

    network = Batches(compute, "cpu")
    assert network.sizes(5, 6) == (8, 16)
    [numbers] = network.run(np.full((1, 5, 6, 3), 7, np.uint8))
    assert numbers.tolist() == [[7.0]]


def test_a_part_beyond_the_memory_is_not_used(monkeypatch):
    monkeypatch.setitem(batches.LADDER, "cpu", (4, 8))

    def compute(pictures: torch.Tensor) -> torch.Tensor:
        if len(pictures) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pictures.float().mean((1, 2, 3))[:, None]

    assert Batches(compute, "cpu").sizes(5, 6) == (1,)


def test_no_pictures_have_no_numbers():
    assert list(Batches(lambda pictures: pictures.float(), "cpu").run(np.empty((0, 5, 6, 3), np.uint8))) == []


def test_an_embedding_is_the_same_to_the_bit_in_every_batch(monkeypatch):
    chips = np.random.default_rng(3).integers(256, size=(13, 150, 150, 3), dtype=np.uint8)
    expected = dlib_resnet.load().embed(chips)
    monkeypatch.setitem(batches.LADDER, "cpu", (4, 8))
    network = dlib_resnet.load()
    assert len(network.batches.sizes(150, 150)) >= 1
    for n in (1, 3, 5, 13):
        np.testing.assert_array_equal(network.embed(chips[:n]), expected[:n])
