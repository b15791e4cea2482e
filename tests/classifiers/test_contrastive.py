"""Contrastive pre-training: its loss in closed form, a signal that only pairs in step find, and what it may not see."""

import itertools

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone

from affex.classifiers.estimators.nets.contrastive import Pairs, contrastive_loss
from affex.classifiers.estimators.nets.estimator import NetClassifier
from affex.classifiers.estimators.nets.network import Design, n_parameters
from affex.classifiers.estimators.nets.sequences import sequences
from affex.classifiers.estimators.nets.training import Schedule, Task, Trainer
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError

#: The planted signal is found with each of these seeds; all but the first are slow tests.
with_seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])

N_PAIRS, N_LABELS, N_TESTED = 4000, 40, 800
QUICK = {"trunk": "none", "units": 4, "epochs": 2, "patience": 0, "pretrain": "contrastive", "pretrain_epochs": 2}


def two_streams(seed, n):
    """Return two streams of 40 columns that share four hidden numbers, which tell the class; the rest is their own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    shared = 1.5 * np.linalg.qr(rng.standard_normal((4, 4)))[0][y] + 0.7 * rng.standard_normal((n, 4))
    streams = []
    for _ in range(2):
        own = 4.5 * rng.standard_normal((n, 12)) @ rng.standard_normal((12, 40)) / np.sqrt(12)
        seen = shared @ rng.standard_normal((4, 40)) / 2 + own + 0.3 * rng.standard_normal((n, 40))
        streams.append(seen.astype(np.float32))
    return streams, y


def found(seed, pretrain, *, shuffled=False):
    """Return the accuracy of a network that sees 40 labels, and pairs without."""
    streams, y = two_streams(seed, N_PAIRS + N_TESTED)
    sides = [[one[part] for one in streams] for part in (slice(N_PAIRS), slice(N_PAIRS, None))]
    if shuffled:
        order = N_LABELS + np.random.default_rng(seed).permutation(N_PAIRS - N_LABELS)
        sides[0][1] = np.concatenate([sides[0][1][:N_LABELS], sides[0][1][order]])
    ends = [np.arange(n + 1) for n in (N_PAIRS, N_TESTED)]
    net = NetClassifier(
        trunk="none", units=8, rate=0.01, epochs=60, patience=0, dropout=0.0, batch=128,
        pretrain=pretrain, pretrain_epochs=5, frozen=pretrain != "none", seed=seed,
    )  # fmt: skip
    weight = np.where(np.arange(N_PAIRS) < N_LABELS, 1.0, 0.0)
    net.fit(sides[0], y[:N_PAIRS], np.arange(N_PAIRS) % 8, sample_weight=weight, offsets=[ends[0]] * 2)
    return float((net.predict(sides[1], offsets=[ends[1]] * 2) == y[N_PAIRS:]).mean())


@with_seeds
def test_pairs_in_step_show_what_40_labels_do_not(seed):
    assert found(seed, "contrastive") > 0.75
    assert found(seed, "none") < 0.55
    assert found(seed, "contrastive", shuffled=True) < 0.5


def test_the_loss_is_its_formula():
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 5, 3))
    distance = np.linalg.norm(one[:, None] - other[None], axis=2)
    apart = np.maximum(0, 2.5 - distance[~np.eye(5, dtype=bool)]) ** 2
    loss = contrastive_loss(torch.from_numpy(one), torch.from_numpy(other), 2.5)
    assert float(loss) == pytest.approx((np.diag(distance) ** 2).mean() + apart.mean())


def test_the_loss_is_0_where_pairs_in_step_agree_and_others_are_a_margin_apart():
    vectors = torch.eye(3, dtype=torch.float64)
    assert float(contrastive_loss(vectors, vectors, 2**0.5)) == pytest.approx(0)
    assert float(contrastive_loss(vectors, vectors, 2.0)) == pytest.approx((2 - 2**0.5) ** 2)
    alike = torch.ones(3, 2, requires_grad=True)
    contrastive_loss(alike, alike, 1.0).backward()
    assert alike.grad.isfinite().all()


def test_equal_pairs_are_shown_once_and_half_a_pair_never():
    rows = [np.arange(5.0)[:, None], np.arange(10.0, 15)[:, None]]
    rows[0][3], rows[1][3] = rows[0][1], rows[1][1]
    given = sequences(rows, [np.array([0, 1, 2, 3, 4, 5]), np.array([0, 1, 2, 2, 4, 5])], None)
    assert Pairs(given, [], np.array([0, 1, 2, 4])).distinct.tolist() == [0, 1, 4]
    given = sequences(rows, [np.arange(6)] * 2, None)
    assert Pairs(given, [], np.arange(5)).distinct.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_no_batch_is_one_pair(n):
    given = sequences([np.arange(float(n))[:, None]] * 2, [np.arange(n + 1)] * 2, None)
    shown = [
        some.tolist() for some in Pairs(given, [], np.arange(n)).batches(np.arange(n), 3, np.random.default_rng(0))
    ]
    assert sorted(itertools.chain.from_iterable(shown)) == list(range(n))
    assert min(map(len, shown)) > 1


def toy(n=24):
    rng = np.random.default_rng(0)
    y = np.array(["joy", "sad"])[np.arange(n) % 2]
    streams = [(rng.standard_normal((n, 3)) + (y == "joy")[:, None]).astype(np.float32) for _ in range(2)]
    return streams, y, np.arange(n) % 6, [np.arange(n + 1)] * 2


def test_a_layer_that_is_compared_follows_each_pool():
    design = Design(trunk="none", units=5, pretrain="contrastive")
    assert n_parameters(design, [(3,), (4,)], 2) == 5 * 4 + 5 * 5 + 2 * 11


def test_frozen_trunks_stay_as_pairs_made_them_and_others_do_not():
    X, y, groups, offsets = toy()
    frozen, tuned = (NetClassifier(**QUICK, frozen=how).fit(X, y, groups, offsets=offsets) for how in (True, False))
    task = Task(sequences(X, offsets, None), (y == "sad").astype(np.int64), np.ones(24), 2, groups, np.ones(24, bool))
    before = Trainer(task, frozen.design, frozen._schedule, 0, "cpu").state
    layers = [name for name in before if name.startswith("streams")]
    assert layers
    assert all(np.array_equal(frozen.states_[0][name], before[name]) for name in layers)
    assert not any(np.array_equal(tuned.states_[0][name], before[name]) for name in layers)
    assert not np.array_equal(frozen.states_[0]["heads.0.layers.0.weight"], before["heads.0.layers.0.weight"])


def test_labels_teach_frozen_trunks_nothing():
    X, y, groups, offsets = toy()
    turned = np.where(y == "joy", "sad", "joy")
    one, other = (NetClassifier(**QUICK, frozen=True).fit(X, labels, groups, offsets=offsets) for labels in (y, turned))
    assert all(np.array_equal(one.states_[0][n], other.states_[0][n]) for n in one.states_[0] if n.startswith("stream"))


def test_a_search_on_inner_speakers_sees_no_pair_of_theirs():
    X, y, groups, offsets = toy()
    train = np.flatnonzero(groups < 4)
    spoilt = [np.where(groups[:, None] >= 4, 99 * one, one) for one in X]
    states = []
    for rows in (X, spoilt):
        task = Task(
            sequences(rows, offsets, None), (y == "sad").astype(np.int64), np.ones(24), 2, groups, np.ones(24, bool)
        )
        states.append(Trainer(task.only(train), Design(trunk="none", units=4, pretrain="contrastive"),
                              Schedule(pretrain="contrastive", pretrain_epochs=2), 0, "cpu").state)  # fmt: skip
    assert joblib.hash(states[0]) == joblib.hash(states[1])


def test_equal_fits_have_equal_bytes():
    X, y, groups, offsets = toy()
    net = NetClassifier(**QUICK, augment=("noise",))
    one, other = (clone(net).fit(X, y, groups, offsets=offsets) for _ in range(2))
    assert joblib.hash(one.__dict__) == joblib.hash(other.__dict__)
    third = clone(net).set_params(seed=1).fit(X, y, groups, offsets=offsets)
    assert joblib.hash(one.states_) != joblib.hash(third.states_)


def test_pairs_need_two_streams_and_two_utterances_that_have_both():
    X, y, groups, offsets = toy()
    with pytest.raises(ValueError, match="expected two features, found 1"):
        NetClassifier(**QUICK).fit(X[0], y, groups, offsets=offsets[0])
    lacking = [offsets[0], np.append(np.zeros(24, np.int64), 1)]
    with pytest.raises(ValueError, match="expected 2 or more utterances that have both features, found 1"):
        NetClassifier(**QUICK).fit([X[0], X[1][:1]], y, groups, offsets=lacking)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("net:pretrain=pairs", "expected none, contrastive"),
        ("net:frozen=1", "expected pretrain=contrastive"),
        ("net:pretrain=contrastive,margin=0", "margin=0.0: expected more than 0"),
        ("net:pretrain=contrastive,pretrain_epochs=0", "expected 1 or more"),
    ],
)
def test_wrong_settings_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(spec)
