"""The spatial transformer: identity and shifts in closed form, objects that only it finds; where a network looks."""

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone

from affex.classifiers.estimators.nets import looking
from affex.classifiers.estimators.nets.convolutions import Sizes
from affex.classifiers.estimators.nets.estimator import NetClassifier
from affex.classifiers.estimators.nets.training import seeded
from affex.classifiers.estimators.nets.transformer import SpatialTransformer, sampled

#: The planted signal is found with each of these seeds; all but the first are slow tests.
with_seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])

SIDE, BLOB = 16, 6


def transformer(shape=(7, 9, 2)):
    with seeded(0):
        return SpatialTransformer(shape, Sizes(), "relu").double()


def test_it_begins_as_the_identity():
    x = torch.randn(2, 3, 7, 9, 2, dtype=torch.float64)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    out, same = transformer()(x, mask)
    assert torch.allclose(out[mask], x[mask], atol=1e-12)
    assert not out[~mask].any()
    assert torch.equal(same, mask)


@pytest.mark.parametrize(("right", "down"), [(2, 0), (0, 3), (-1, 2)])
def test_a_map_that_shifts_by_pixels_shifts_by_pixels(right, down):
    layer, picture = transformer((7, 9)), torch.randn(7, 9, dtype=torch.float64)
    with torch.no_grad():
        layer.map.bias += torch.tensor([0, 0, 2 * right / 9, 0, 0, 2 * down / 7], dtype=torch.float64)
    out = layer(picture[None, None], torch.ones(1, 1, dtype=torch.bool))[0][0, 0]
    padded = torch.nn.functional.pad(picture, (9, 9, 7, 7))
    assert torch.allclose(out, padded[7 + down : 14 + down, 9 + right : 18 + right], atol=1e-12)


def test_a_map_that_halves_samples_the_middle():
    picture = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    picture[..., 2:6, 2:6] = 1
    half = torch.tensor([[[0.5, 0, 0], [0, 0.5, 0]]], dtype=torch.float64)
    assert sampled(picture, half)[0, 0, 1:-1, 1:-1].eq(1).all()


def somewhere(seed, n):
    """Return pictures of a bright square at a random place, with one diagonal or the other across it."""
    rng = np.random.default_rng(seed)
    y, pictures = rng.integers(0, 2, n), 0.3 * rng.standard_normal((n, SIDE, SIDE))
    lines, columns = np.indices((BLOB, BLOB))
    across = [np.abs(lines - columns) <= 1, np.abs(lines + columns - BLOB + 1) <= 1]
    for picture, label in zip(pictures, y, strict=True):
        line, column = rng.integers(0, SIDE - BLOB, 2)
        picture[line : line + BLOB, column : column + BLOB] += 1 + 1.5 * np.where(across[label], 1, -0.6)
    return pictures.astype(np.float32), y


def seen(trunk, seed):
    X, y = somewhere(seed, 600)
    net = NetClassifier(trunk=trunk, rate=0.003, epochs=30, patience=0, dropout=0.0, seed=seed, seeds=2)
    net.fit(X[:400], y[:400], np.arange(400) % 8, offsets=np.arange(401))
    return float((net.predict(X[400:], np.arange(201)) == y[400:]).mean())


@with_seeds
def test_only_a_spatial_transformer_brings_an_object_to_one_place(seed):
    """A single network does not always find it: some of the first arrays end in a poor optimum."""
    assert seen("stn", seed) > 0.85
    assert seen("none", seed) < 0.7


def fitted(trunk="stn+cnn2d", **settings):
    X, y = somewhere(0, 60)
    quick = {"units": 4, "maps": 2, "depth": 1, "epochs": 2, "patience": 0}
    net = NetClassifier(trunk=trunk, **quick | settings)
    return net.fit(X, y, np.arange(60) % 6, offsets=np.arange(61)), X


def test_equal_fits_have_equal_bytes():
    one, other = fitted()[0], fitted()[0]
    assert joblib.hash(one.__dict__) == joblib.hash(other.__dict__)
    assert joblib.hash(one.states_) != joblib.hash(fitted(seed=1)[0].states_)


def test_the_part_that_is_sampled_is_that_of_the_map():
    net, X = fitted()
    state = dict(net.states_[0])
    state["streams.0.trunk.layers.0.map.weight"] = np.zeros_like(state["streams.0.trunk.layers.0.map.weight"])
    state["streams.0.trunk.layers.0.map.bias"] = np.array([0.5, 0, 0.25, 0, 0.25, -0.5], np.float32)
    net.states_[0] = state
    corners = looking.regions(net, X[:2])
    assert corners.shape == (2, 4, 2)
    assert corners[0] == pytest.approx(np.array([[6, 2], [14, 2], [14, 6], [6, 6]]))
    assert looking.regions(fitted("cnn2d")[0], X[:2]) is None
    assert looking.regions(fitted("none")[0], X[:2]) is None


def test_the_score_falls_where_what_counts_is_covered():
    """Only the third line, fifth column tells the class."""
    rng = np.random.default_rng(0)
    y, X = rng.integers(0, 2, 200), 0.1 * rng.standard_normal((200, 12, 10)).astype(np.float32)
    X[:, 2, 4] += np.where(y, 3, -3)
    net = NetClassifier(trunk="none", epochs=20, rate=0.02, patience=0, dropout=0.0)
    net.fit(X, y, np.arange(200) % 8, offsets=np.arange(201))
    before = X[0].copy()
    scores, fall = looking.falls(net, X[0])
    assert scores.argmax() == y[0]
    assert fall.shape == (12, 10)
    assert fall[2, 4] == fall.max() > 0.2
    assert np.abs(fall[6:]).max() < 0.1
    assert np.array_equal(X[0], before)


def test_saliency_of_an_equal_network_is_equal_and_the_network_stays_as_it_is():
    net, X = fitted()
    before = joblib.hash(clone(net).set_params(**net.get_params()).__dict__), joblib.hash(net.states_)
    one, other = (looking.falls(net, X[0]) for _ in range(2))
    assert one[1].tobytes() == other[1].tobytes()
    assert joblib.hash(net.states_) == before[1]
