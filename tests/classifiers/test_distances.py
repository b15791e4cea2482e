"""Squared distances: those of the definition, whatever the blocks and wherever they are computed."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics.pairwise import euclidean_distances

from affex.classifiers.estimators import distances
from affex.classifiers.estimators.distances import squared_distances


def by_torch_on_the_cpu(A, B=None, *, device):
    """The way of a GPU, on the CPU."""
    return distances._in_blocks(A, B, partial(distances._with_torch, device=device))


WAYS = pytest.mark.parametrize("way", [squared_distances, by_torch_on_the_cpu], ids=["numpy", "torch"])


def rows(n, n_columns=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_columns)).astype(np.float32)


@WAYS
def test_three_four_five(way):
    A, B = np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[3.0, 4.0]])
    assert way(A, B, device="cpu").tolist() == [[25.0], [16.0]]
    assert way(A, device="cpu").tolist() == [[0.0, 9.0], [9.0, 0.0]]


@WAYS
@pytest.mark.parametrize("rows_a_block", [1, 2, 5, 100])
def test_blocks_leave_no_seam(way, rows_a_block, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK_BYTES", rows_a_block * 8 * 6)
    A, B = rows(13), rows(7, seed=1)
    assert way(A, B, device="cpu") == pytest.approx(euclidean_distances(A, B, squared=True).astype(float), rel=1e-5)
    exact = np.array([[((a - b) ** 2).sum() for b in B.astype(float)] for a in A.astype(float)])
    assert way(A, B, device="cpu") == pytest.approx(exact, rel=1e-13)
    assert way(A, device="cpu") == pytest.approx(way(A, A.copy(), device="cpu"), abs=1e-13)


@WAYS
def test_among_themselves_they_are_symmetric_to_the_bit_and_zero_to_themselves(way, monkeypatch):
    monkeypatch.setattr(distances, "BLOCK_BYTES", 4 * 8 * 6)
    D = way(rows(11), device="cpu")
    assert np.array_equal(D, D.T)
    assert (np.diag(D) == 0).all()


@WAYS
def test_equal_rows_are_never_nearer_than_nothing(way):
    A = 1e3 * rows(50, 500)
    D = way(A, A.copy(), device="cpu")
    assert (D >= 0).all()
    assert np.diag(D).max() < 1e-13 * (A[0].astype(float) ** 2).sum()


def test_no_block_is_larger_than_it_may_be():
    long = np.empty((5, distances.BLOCK_BYTES // 8 // 2), dtype=np.float32)
    assert [(block.start, block.stop) for block in distances._blocks(long)] == [(0, 2), (2, 4), (4, 6)]
    assert len(list(distances._blocks(np.empty((3, distances.BLOCK_BYTES))))) == 3


def test_both_ways_agree():
    A, B = rows(20, 500), rows(30, 500, seed=1)
    assert squared_distances(A, B) == pytest.approx(by_torch_on_the_cpu(A, B, device="cpu"), rel=1e-13)


@pytest.mark.parametrize("device", ["cuda:99", "tpu"])
def test_a_device_that_is_not_there_is_refused(device):
    import torch

    if device != "tpu" and torch.cuda.is_available():
        pytest.skip("there is a GPU on this machine")
    with pytest.raises(ValueError, match=f"device={device}: .*expected cpu"):
        squared_distances(rows(2), device=device)


def test_many_columns_lose_no_more_than_libsvm_s_float32_does():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(40, 6373)), rng.normal(size=(30, 6373))
    exact = ((A[:, None] - B[None]) ** 2).mean(axis=2)
    found = squared_distances(A, B) / A.shape[1]
    assert found == pytest.approx(exact, rel=1e-6)
    assert (found != exact).any()  # float32 it was
    own = squared_distances(A)
    assert (own == own.T).all()
    assert (np.diag(own) == 0).all()
