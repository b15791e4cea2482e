"""Augmentation of training batches: closed forms, and what is tested stays as it is."""

import joblib
import numpy as np
import pytest
import torch

from affex.classifiers.estimators.nets.augmentation import (
    Augmentation,
    flipped,
    frequency_masked,
    noisy,
    rotated,
    time_masked,
)
from affex.classifiers.estimators.nets.estimator import NetClassifier
from affex.classifiers.estimators.nets.network import Design
from affex.classifiers.estimators.nets.sequences import Batch, sequences
from affex.classifiers.estimators.nets.training import Schedule, Task, Trainer
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.stream import offsets_of
from affex.pipeline.text.errors import UsageError

QUICK = {"trunk": "conv1d", "units": 4, "epochs": 3, "patience": 0, "rate": 0.01}


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(lengths, n_columns=10):
    """Return rows of ones, and their mask."""
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return mask[:, :, None].float().repeat(1, 1, n_columns), mask


def pictures(n=3, height=12, width=8, channels=2):
    return torch.rand(n, 4, height, width, channels, generator=random())


# Closed forms


def test_noise_has_its_deviation_and_spares_the_padding():
    x, mask = rows([500, 200])
    change = noisy(x, mask, 0.3, random()) - x
    assert change[mask].std().item() == pytest.approx(0.3, rel=0.03)
    assert change[mask].mean().item() == pytest.approx(0, abs=0.02)
    assert not change[~mask].any()


def test_a_time_mask_is_one_span_of_at_most_its_share_of_the_rows():
    lengths = [20, 50, 10, 4, 1] * 200
    x, mask = rows(lengths)
    hidden = (time_masked(x, mask, 0.3, random()) == 0) & mask[:, :, None]
    assert (hidden == hidden[:, :, :1]).all()
    widths = {n: set() for n in lengths}
    for own, n in zip(hidden[:, :, 0].numpy(), lengths, strict=True):
        places = np.flatnonzero(own)
        assert not len(places) or np.array_equal(places, np.arange(places[0], places[-1] + 1))
        widths[n].add(len(places))
    assert widths == {20: set(range(7)), 50: set(range(16)), 10: set(range(4)), 4: {0, 1}, 1: {0}}


def test_a_time_mask_may_lie_anywhere():
    x, mask = rows([10] * 4000)
    hidden = (time_masked(x, mask, 0.1, random()) == 0)[:, :, 0].float().mean(dim=0)
    assert hidden.numpy() == pytest.approx(np.full(10, 0.05), abs=0.015)


def test_a_frequency_mask_hides_the_same_columns_of_all_rows():
    x, _ = rows([6] * 300)
    hidden = frequency_masked(x, 0.4, random()) == 0
    assert (hidden == hidden[:, :1]).all()
    assert set(hidden[:, 0].sum(dim=1).tolist()) == {0, 1, 2, 3, 4}


def test_two_flips_are_none():
    x = pictures()
    chosen = torch.tensor([True, False, True])
    once = flipped(x, chosen)
    assert torch.equal(once[0], x[0].flip(2))
    assert torch.equal(once[1], x[1])
    assert torch.equal(flipped(once, chosen), x)


@pytest.mark.parametrize("shape", [(9, 9), (12, 8), (12, 8, 3)])
def test_no_rotation_is_the_picture_and_a_half_one_is_its_two_flips(shape):
    x = torch.rand(2, 3, *shape, generator=random())
    turned = rotated(x, torch.tensor([0.0, 180.0]))
    assert turned[0].numpy() == pytest.approx(x[0].numpy(), abs=1e-5)
    assert turned[1].numpy() == pytest.approx(x[1].flip(1, 2).numpy(), abs=1e-5)


def test_a_quarter_turn_of_a_square_moves_its_corners():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 0, 0] = 1
    assert rotated(x, torch.tensor([90.0]))[0, 0, [0, 4], [4, 0]].abs().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_rotation_keeps_angles_where_pictures_are_no_squares():
    x = torch.zeros(1, 1, 41, 81)
    x[0, 0, 20, 50] = 1  # 10 to the right of the centre
    turned = rotated(x, torch.tensor([90.0]))[0, 0]
    assert sorted(divmod(turned.argmax().item(), 81)) in ([10, 40], [30, 40])


def test_all_is_drawn_from_the_seed_and_the_streams_keep_their_kind():
    x, mask = rows([9, 5])
    seen = pictures(2)
    batch = Batch([(x, mask), (seen, torch.ones(2, 4, dtype=torch.bool))], [1, 1])
    every = Augmentation(("noise", "time", "frequency", "flip", "rotation"))
    one, same, other = (every.changed(batch, random(seed)) for seed in (1, 1, 2))
    for number in range(2):
        assert torch.equal(one.streams[number][0], same.streams[number][0])
        assert not torch.equal(one.streams[number][0], other.streams[number][0])
        assert one.streams[number][0].shape == batch.streams[number][0].shape
    flips = Augmentation(("flip", "rotation")).changed(batch, random())
    assert torch.equal(flips.streams[0][0], x)
    masks = Augmentation(("frequency",)).changed(batch, random())
    assert torch.equal(masks.streams[1][0], seen)


# In training, and nowhere else


def toy(n=36):
    rng = np.random.default_rng(0)
    y = np.array(["joy", "sad"])[np.arange(n) % 2]
    X = (rng.standard_normal((n, 6, 3)) + 2 * (y == "joy")[:, None, None]).astype(np.float32)
    return X.reshape(-1, 3), y, np.arange(n) % 6, offsets_of(np.full(n, 6))


def fitted(**settings):
    X, y, groups, offsets = toy()
    return NetClassifier(**QUICK | settings).fit(X, y, groups, offsets=offsets)


def test_changes_of_strength_0_change_nothing():
    plain = fitted(dropout=0.3)
    assert joblib.hash(fitted(dropout=0.3, augment=("noise",), noise=0.0).states_) == joblib.hash(plain.states_)
    still = fitted(dropout=0.3, augment=("time", "frequency"), widest=0.0)
    assert joblib.hash(still.states_) == joblib.hash(plain.states_)
    assert joblib.hash(fitted(dropout=0.3, augment=("time",)).states_) != joblib.hash(plain.states_)


def test_what_is_tested_and_what_scales_is_not_changed():
    X, _, _, offsets = toy()
    net, plain = fitted(augment=("noise", "time"), noise=5.0), fitted()
    assert joblib.hash(net.scales_) == joblib.hash(plain.scales_)
    before = net.predict_proba(X, offsets)
    assert (net.predict_proba(X, offsets) == before).all()
    assert (
        plain.set_params(augment=("noise",), noise=5.0).predict_proba(X, offsets) == fitted().predict_proba(X, offsets)
    ).all()


def test_the_loss_on_held_out_utterances_is_that_of_unchanged_rows():
    X, y, _, offsets = toy()
    target = (y == "joy").astype(np.int64)
    task = Task(sequences(X, offsets, None), target, np.ones(36), 2, np.arange(36), np.ones(36, bool))
    design, held = Design(trunk="conv1d", units=4), np.arange(9)
    losses = [
        Trainer(task, design, Schedule(augment=names, noise=9.0), 0, "cpu").loss_of(held, task.weight)
        for names in ((), ("noise", "time"))
    ]
    assert losses[0] == losses[1]


def test_equal_seeds_give_equal_bytes():
    names = ("noise", "time", "frequency")
    assert joblib.hash(fitted(augment=names).states_) == joblib.hash(fitted(augment=names).states_)
    assert joblib.hash(fitted(augment=names, seed=1).states_) != joblib.hash(fitted(augment=names).states_)


def mirrored(seed, n=48):
    """Return pictures with a bright spot on the left, whose height tells the class."""
    rng = np.random.default_rng(seed)
    y = np.array(["high", "low"])[np.arange(n) % 2]
    X = 0.1 * rng.standard_normal((n, 8, 8)).astype(np.float32)
    X[np.arange(n), np.where(y == "high", 1, 6), rng.integers(0, 2, n)] += 3
    return X, y


@pytest.mark.parametrize("seed", range(3))
def test_flips_teach_the_other_side(seed):
    X, y = mirrored(seed)
    settings = {"trunk": "none", "epochs": 30, "patience": 0, "rate": 0.05, "dropout": 0.0, "decay": 0.01, "seed": seed}
    offsets = np.arange(len(y) + 1)
    scores = [
        (
            NetClassifier(**settings, augment=names).fit(X, y, offsets=offsets).predict(X[:, :, ::-1], offsets) == y
        ).mean()
        for names in ((), ("flip",))
    ]
    assert scores[1] > 0.95 > scores[0] + 0.2


# Settings


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "net:augment=blur",
            "augment=blur: expected none, or some of noise, time, frequency, flip, rotation, joined by",
        ),
        ("net:augment=time,widest=2", "widest=2.0: expected 0 to 1"),
        ("net:augment=noise,noise=-1", "noise=-1.0: expected 0 or more"),
        ("net:augment=frequency,components=5", "expected components=0"),
    ],
)
def test_wrong_settings_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(spec)


@pytest.mark.parametrize(("name", "shape", "wanted"), [("flip", (3,), "pictures"), ("frequency", (8, 8), "columns")])
def test_what_changes_no_stream_is_refused(name, shape, wanted):
    X = np.zeros((4, *shape), np.float32)
    with pytest.raises(ValueError, match=f"augment={name}: expected a feature of {wanted}"):
        NetClassifier(**QUICK | {"trunk": "none"}, augment=(name,)).fit(X, ["a", "b"] * 2, offsets=np.arange(5))


def test_the_first_rows_are_kept():
    offsets = np.array([0, 5, 5, 7])
    cut = sequences(np.arange(14).reshape(7, 2), offsets, None).first_rows(3)
    assert cut.streams[0][:, 0].tolist() == [0, 2, 4, 10, 12]
    assert cut.offsets[0].tolist() == [0, 3, 3, 5]


def test_a_network_reads_no_more_than_the_first_rows():
    X, y, groups, offsets = toy()
    net = NetClassifier(**QUICK, most_rows=4).fit(X, y, groups, offsets=offsets)
    own = (np.arange(len(X)) % 6) < 4
    short = NetClassifier(**QUICK).fit(X[own], y, groups, offsets=offsets_of(np.full(36, 4)))
    assert joblib.hash(net.states_) == joblib.hash(short.states_)
    noise = np.where(own[:, None], X, 9).astype(np.float32)
    assert (net.predict_proba(noise, offsets) == net.predict_proba(X, offsets)).all()
