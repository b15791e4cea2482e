"""Networks on sequences: closed forms of the parts, signals that only one part finds, and duties of an estimator."""

import itertools

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.autograd import gradcheck

from affex.classifiers.estimators.nets import losses, parts
from affex.classifiers.estimators.nets.convolutions import Sizes
from affex.classifiers.estimators.nets.estimator import NetClassifier, NetRegressor
from affex.classifiers.estimators.nets.network import Design, Network, n_parameters
from affex.classifiers.estimators.nets.sequences import batch, scale, sequences
from affex.classifiers.estimators.nets.training import seeded
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.stream import offsets_of
from affex.pipeline.text.errors import UsageError

TRUNKS = (
    *("none", "conv1d", "rnn", "gru", "lstm", "bilstm", "cnn2d", "cnn3d", "layers"),
    *("cnn2d+gru", "layers+gru", "stn+cnn2d", "cubes"),
)
POOLS = ("mean", "meanstd", "last", "self", "relation", "transformer")

NETS = (NetClassifier, NetRegressor)

#: Planted signals are found with each of these seeds; all but the first are slow tests.
with_seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])

QUICK = {"units": 4, "epochs": 2, "patience": 0, "rate": 0.01}


def trunk_of(name, seed=0):
    """Return a small trunk in float64, and the shape of its rows."""
    shapes = {"cnn3d": (6, 6, 2), "stn+cnn2d": (6, 6, 2), "cubes": (2, 6, 6, 2)}
    shape = shapes.get(name, (4, 3) if name.startswith("layers") else (3,))
    name = "cnn3d" if name == "cubes" else name
    with seeded(seed):
        return parts.trunk(name, shape, Sizes(units=4, maps=2, depth=1), "tanh").double(), shape


def pool_of(name, n_columns, seed=0):
    with seeded(seed):
        return parts.pool(name, n_columns, 4).double()


def ragged(lengths, shape, n_steps, seed=0):
    """Return padded rows of given lengths, with numbers where no step is, and their mask."""
    torch.manual_seed(seed)
    mask = torch.arange(n_steps) < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), n_steps, *shape, dtype=torch.float64), mask


# Closed forms


@pytest.mark.parametrize(("trunk", "pool"), list(itertools.product(TRUNKS, POOLS)))
def test_padding_and_order_of_a_batch_change_nothing(trunk, pool):
    layers, shape = trunk_of(trunk)
    over = pool_of(pool, layers.width)
    x, mask = ragged([7, 3, 1], shape, 9)
    together = over(*layers(x, mask))
    for n, length in enumerate(mask.sum(dim=1)):
        alone = over(*layers(x[n : n + 1, :length], mask[n : n + 1, :length]))
        assert torch.allclose(alone, together[n : n + 1], atol=1e-12)
    backwards = over(*layers(x.flip(0), mask.flip(0)))
    assert torch.allclose(backwards.flip(0), together, atol=1e-12)


@pytest.mark.parametrize(("trunk", "pool"), list(itertools.product(TRUNKS, POOLS)))
def test_gradients_are_those_of_finite_differences(trunk, pool):
    layers, shape = trunk_of(trunk)
    over = pool_of(pool, layers.width)
    x, mask = ragged([4, 2], shape, 4)
    assert gradcheck(lambda rows: over(*layers(rows, mask)), x.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("pool", POOLS)
def test_a_sequence_without_a_step_gives_zeros(pool):
    x, mask = ragged([2, 0], (3,), 2)
    assert not pool_of(pool, 3)(x, mask)[1].abs().gt(1e-5).any()


def test_simple_pools_are_numpys():
    x, mask = ragged([5, 3], (2,), 5)
    rows = [x[n, : mask[n].sum()].numpy() for n in range(2)]
    mean, deviation = ([f(one, axis=0) for one in rows] for f in (np.mean, np.std))
    assert np.allclose(pool_of("mean", 2)(x, mask), mean)
    assert np.allclose(pool_of("meanstd", 2)(x, mask), np.hstack([mean, deviation]))
    assert np.allclose(pool_of("last", 2)(x, mask), [one[-1] for one in rows])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_attention_is_the_equation_of_its_source():
    x, mask = ragged([6], (3,), 6)
    f = x[0].numpy() - x[0].numpy().mean(axis=0)
    x = torch.from_numpy(f)[None]
    own, relation, transformer = (pool_of(name, 3) for name in ("self", "relation", "transformer"))
    a = sigmoid(f @ own.weight.weight.detach().numpy()[0])
    f_s = (a[:, None] * f).sum(axis=0) / a.sum()
    assert np.allclose(own(x, mask).detach(), f_s)
    a = sigmoid(f @ relation.first.weight.weight.detach().numpy()[0])
    f_s = (a[:, None] * f).sum(axis=0) / a.sum()
    pairs = np.hstack([f, np.tile(f_s, (6, 1))])
    ab = a * sigmoid(pairs @ relation.weight.weight.detach().numpy()[0])
    assert np.allclose(relation(x, mask).detach(), (ab[:, None] * pairs).sum(axis=0) / ab.sum())
    w, b, u = (one.detach().numpy() for one in (*transformer.inner.parameters(), transformer.weight.weight))
    g = np.exp(np.tanh(f @ w.T + b) @ u[0])
    assert np.allclose(transformer(x, mask).detach(), (g[:, None] * f).sum(axis=0) / g.sum())


def test_attention_reads_centred_columns():
    """There is no bias: of columns that are all above 0, no row could be scored low."""
    X, y, groups, offsets = toy()
    net = NetClassifier(trunk="none", pool="self", **QUICK)
    one, other = (clone(net).fit(rows, y, groups, offsets=offsets) for rows in (X, X + 64))
    assert other.predict_proba(X + 64, offsets) == pytest.approx(one.predict_proba(X, offsets), abs=1e-3)
    assert other.predict_proba(X, offsets) != pytest.approx(one.predict_proba(X, offsets), abs=0.1)


def test_bilinear_pooling_is_a_form_of_the_rank_of_its_factors():
    with seeded(1):
        fusion = parts.Bilinear([3, 4], units=5, factors=2, dropout=0.0).double()
    a, v = torch.randn(3, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    u, w = (layer.weight.detach().reshape(5, 2, -1) for layer in (fusion.left, fusion.right))
    forms = torch.einsum("ifa,ifv->iav", u, w)
    z = torch.einsum("a,iav,v->i", a, forms, v)
    assert torch.linalg.matrix_rank(forms).eq(2).all()
    assert torch.allclose(fusion(a[None], v[None])[0], z / z.norm(), atol=1e-12)


def test_a_bilinear_fusion_needs_two_streams():
    with pytest.raises(ValueError, match="expected two features, found 1"):
        parts.Bilinear([3], units=5, factors=2, dropout=0.0)


def test_a_network_of_pictures_over_time_refuses_plain_columns():
    with pytest.raises(ValueError, match="expected a feature whose rows are pictures"):
        Network(Design(trunk="cnn3d"), [(3,)], 2)


@pytest.mark.parametrize(
    ("design", "shape", "message"),
    [
        (Design(trunk="cnn2d"), (2, 6, 6, 1), "the rows are cubes of pictures; expected cnn3d"),
        (Design(trunk="stn"), (3,), "trunk=stn: expected a feature whose rows are pictures"),
        (Design(trunk="cnn2d", kernels="3x3x5"), (6, 6), "kernels=3x3x5: expected the sizes height x width"),
        (Design(trunk="conv1d", kernels="3x3"), (3,), "expected the sizes rows for trunk=conv1d"),
    ],
)
def test_a_trunk_refuses_rows_and_kernels_of_another_shape(design, shape, message):
    with pytest.raises(ValueError, match=message):
        Network(design, [shape], 2)


def test_each_stream_has_a_trunk_or_all_have_the_same():
    with pytest.raises(ValueError, match=r"one for each feature \(2\), found 3"):
        Network(Design(trunk="lstm/none/none"), [(3,), (4,)], 2)
    with pytest.raises(ValueError, match=r"one for each feature \(1\), found 2"):
        Network(Design(pool="self/mean"), [(3,)], 2)


@pytest.mark.parametrize(
    ("design", "shapes", "n"),
    [
        # 4 gates of (3 inputs + 5 units + 2 biases) x 5, both ways, then 2 outputs of 10 units and a bias.
        (Design(trunk="bilstm", units=5), [(3,)], 2 * 4 * 5 * (3 + 5 + 2) + 2 * 11),
        (Design(trunk="none", head=(7, 5)), [(3,), (4,)], 7 * 8 + 5 * 8 + 2 * 6),
        (Design(trunk="conv1d", units=6, depth=2), [(3,)], 6 * (3 * 5 + 1) + 6 * (6 * 5 + 1) + 2 * 7),
        # 3 gates of (3 inputs + 5 units + 2 biases) x 5, then of 5 inputs, and attention; beside it 4 columns.
        (Design("gru+gru/none", "self/mean", units=5), [(3,), (4,)], 3 * 5 * (10 + 12) + 5 + 2 * 10),
        # 2 maps of 3 x 3 x 1, 2 x 2 pooling of 8 x 8, then 4 units.
        (Design(trunk="cnn2d", units=4, maps=2, depth=1), [(8, 8)], 2 * 10 + 4 * (2 * 16 + 1) + 2 * 5),
        # 2 maps of 3 x 7, then 4 of 3 x 5; 8 x 8 becomes 2 x 2.
        (
            Design(trunk="cnn2d", units=4, maps=2, kernels="3x7+3x5"),
            [(8, 8)],
            2 * (21 + 1) + 4 * (2 * 15 + 1) + 4 * (4 * 4 + 1) + 2 * 5,
        ),
        # Cubes of 9 grey pictures of 60 x 100: 16, 32 and 64 maps of kernels that grow narrower; all 9 are left,
        # 60 x 100 becomes 3 x 4. Beside them 40 bands of 15 frames and their derivatives, which become 10 x 4.
        (
            Design(trunk="cnn3d/cnn2d", units=64, kernels="3x5x9+3x3x5+3x3x3/5x3+3x3", pretrain="contrastive"),
            [(9, 60, 100, 1), (40, 15, 3)],
            16 * (135 + 1)
            + 32 * (16 * 45 + 1)
            + 64 * (32 * 27 + 1)
            + 64 * (64 * 9 * 12 + 1)
            + 64 * 65
            + 16 * (3 * 15 + 1)
            + 32 * (16 * 9 + 1)
            + 64 * (32 * 40 + 1)
            + 64 * 65
            + 2 * 129,
        ),
        # A spatial transformer of 8 maps of 7 x 7 and 10 of 5 x 5, 32 hidden units and 6 numbers, and 64 columns.
        (Design(trunk="stn"), [(8, 8)], 8 * 50 + 10 * (8 * 25 + 1) + 32 * (10 * 4 + 1) + 6 * 33 + 2 * 65),
    ],
)
def test_a_network_has_as_many_parameters_as_its_layers(design, shapes, n):
    assert n_parameters(design, shapes, 2) == n


def test_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    predicted, true, weight = rng.normal(size=6), rng.normal(size=6), rng.integers(1, 4, 6).astype(float)
    given = (torch.from_numpy(predicted)[:, None], torch.from_numpy(true), torch.from_numpy(weight))
    p, t = (np.repeat(one, weight.astype(int)) for one in (predicted, true))
    ccc = 2 * np.cov(p, t, bias=True)[0, 1] / (p.var() + t.var() + (p.mean() - t.mean()) ** 2)
    assert float(losses.discordance(*given)) == pytest.approx(weight.sum() * (1 - ccc))
    assert float(losses.squared_error(*given)) == pytest.approx((weight * (predicted - true) ** 2).sum())
    logits, classes = torch.from_numpy(rng.normal(size=(6, 3))), torch.tensor([0, 1, 2, 0, 1, 2])
    logs = torch.log_softmax(logits, dim=1).numpy()[np.arange(6), classes]
    assert float(losses.cross_entropy(logits, classes, given[2])) == pytest.approx(-(weight * logs).sum())


def test_a_stream_is_scaled_by_its_training_rows_and_reduced_to_principal_components():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(400, 2)) @ rng.normal(size=(2, 5)) * 3 + 7).astype(np.float32)
    plain = scale(rows, np.ones(400), 0, seed=0).scaled(rows)
    assert plain.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert plain.std(axis=0) == pytest.approx(1, abs=1e-4)
    reduced = scale(rows, np.ones(400), 2, seed=0).scaled(rows)
    assert np.cov(reduced.T) == pytest.approx(np.eye(2), abs=1e-3)


def test_a_missing_value_is_the_mean():
    rows = np.array([[1, 5], [3, np.nan], [5, 9]], np.float32)
    assert scale(rows, np.ones(3), 0, seed=0).scaled(rows)[1].tolist() == [0, 0]


def test_a_batch_pads_dialogs_that_stay_whole():
    given = sequences(np.arange(12.0)[:, None], np.array([0, 2, 5, 6, 12]), np.array([0, 1, 3, 4]))
    how = scale(given.streams[0], np.ones(12), 0, seed=0)
    made = batch(given, [how], np.array([1, 2]), "cpu")
    assert made.dialogs == [2, 1]
    assert made.streams[0][1].sum(dim=1).tolist() == [3, 1, 6]


# Planted signals: the part finds them, the others do not


def parted(lengths, X, y, groups):
    """Return the training and the test arguments: speakers 0 to 7 and 8 to 11."""
    offsets = offsets_of(lengths)
    sides = []
    for chosen in (np.flatnonzero(groups < 8), np.flatnonzero(groups >= 8)):
        rows = np.concatenate([np.arange(offsets[n], offsets[n + 1]) for n in chosen])
        sides.append((X[rows], y[chosen], groups[chosen], offsets_of(lengths[chosen])))
    return sides


def accuracy(net, train, test):
    (X, y, groups, offsets), (held, right, _, ends) = train, test
    net.fit(X, y, groups, offsets=offsets)
    return float((net.predict(held, offsets=ends) == right).mean())


def spotted(seed, n):
    """Return sequences with the class in one frame of 50, and frames of other classes that are not marked."""
    rng = np.random.default_rng(seed)
    y, lengths = rng.integers(0, 3, n), np.full(n, 50)
    X = rng.standard_normal((n, 50, 8)).astype(np.float32)
    own = rng.integers(0, 50, n)
    X[np.arange(n), own] += 6 * np.eye(8)[y] + 6 * np.eye(8)[7]
    for shift in (1, 2):  # decoys, without the mark in the last column
        X[np.arange(n), (own + 7 * shift) % 50] += 6 * np.eye(8)[(y + shift) % 3]
    return parted(lengths, X.reshape(-1, 8), y, np.arange(n) % 12)


def spotting(pool, seed, n=360, seeds=1):
    net = NetClassifier(trunk="none", pool=pool, rate=0.02, epochs=40, patience=10, folds=1, seed=seed, seeds=seeds)
    return accuracy(net, *spotted(seed, n))


def test_attention_finds_the_one_frame_that_counts():
    assert spotting("relation", 0) > 0.9
    assert spotting("transformer", 0) > 0.9
    assert spotting("mean", 0) < 0.55


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_three_networks_together_always_find_it(seed):
    """A single network with `transformer` attention does not: some of the first arrays end in a poor optimum."""
    assert spotting("relation", seed, n=720, seeds=3) > 0.95
    assert spotting("transformer", seed, n=720, seeds=3) > 0.95
    assert spotting("mean", seed, n=720, seeds=3) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_support_vector_machine_on_statistics_finds_neither_the_frame_nor_the_product(seed):
    def accuracy_of(train, test):
        svm = classifier_of("svm:C=10,gamma=0.03").build().fit(*train)
        return float((svm.predict(test[0]) == test[1]).mean())

    def statistics(X, y, groups, _):
        frames = X.reshape(len(y), 50, -1)
        return np.hstack([f(frames, axis=1) for f in (np.mean, np.std, np.min, np.max)]), y, groups

    assert accuracy_of(*(statistics(*side) for side in spotted(seed, 360))) < 0.45
    streams, y, groups = multiplied(seed)
    rows = np.hstack(streams)
    assert accuracy_of(*((rows[own], y[own], groups[own]) for own in (groups < 8, groups >= 8))) < 0.7


def spoken(shift, seed, n_dialogs=72, n_turns=20):
    """Return dialogs in which the class of a turn is what another turn showed, `shift` turns away."""
    rng = np.random.default_rng(seed)
    shown = rng.integers(0, 3, (n_dialogs, n_turns))
    y = np.roll(shown, -shift, axis=1).ravel()
    X = (3 * np.eye(3)[shown.ravel()] + rng.standard_normal((shown.size, 3))).astype(np.float32)
    groups = np.repeat(np.arange(n_dialogs) % 12, n_turns)
    counted = np.ones(shown.shape)
    if shift:
        counted[:, n_turns - 1 if shift > 0 else 0] = 0  # whose other turn does not exist
    return X, y, groups, counted.ravel(), n_turns


def in_dialogs(turns, shift, seed, n_dialogs=72):
    X, y, groups, counted, n_turns = spoken(shift, seed, n_dialogs)
    net = NetClassifier(trunk="none", turns=turns, units=16, rate=0.02, epochs=25, patience=5, folds=1, seed=seed)
    train, test = groups < 8, groups >= 8
    dialogs = [np.arange(0, side.sum() + 1, n_turns) if turns != "none" else None for side in (train, test)]
    net.fit(X[train], y[train], groups[train], sample_weight=counted[train], dialogs=dialogs[0])
    right = net.predict(X[test], dialogs=dialogs[1]) == y[test]
    return float(right[counted[test] > 0].mean())


def support_vectors(shift, seed):
    """Return the accuracy of the support vector machine on single turns of 120 dialogs."""
    X, y, groups, counted, _ = spoken(shift, seed, n_dialogs=120)
    train, test = (side & (counted > 0) for side in (groups < 8, groups >= 8))
    svm = classifier_of("svm:C=1,gamma=0.1").build().fit(X[train], y[train], groups[train])
    return float((svm.predict(X[test]) == y[test]).mean())


@with_seeds
def test_only_a_layer_over_turns_knows_the_turn_before(seed):
    assert in_dialogs("lstm", -1, seed) > 0.8
    assert in_dialogs("none", -1, seed) < 0.45


@with_seeds
def test_only_a_layer_both_ways_knows_the_turn_after(seed):
    assert in_dialogs("bilstm", 1, seed) > 0.8
    assert in_dialogs("lstm", 1, seed) < 0.45


@pytest.mark.slow
@with_seeds
def test_a_layer_over_turns_beats_an_svm_where_the_dialog_tells_and_only_there(seed):
    """bc-LSTM against uni-SVM (Poria et al. 2017) on 120 dialogs of 20 turns."""
    assert in_dialogs("bilstm", -1, seed, n_dialogs=120) > support_vectors(-1, seed) + 0.3
    assert in_dialogs("bilstm", 0, seed, n_dialogs=120) < support_vectors(0, seed) + 0.02


def multiplied(seed, n=600):
    """Return two streams of one row; the class is the sign of the product of one hidden number in each."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((2, n))
    y = (hidden.prod(axis=0) > 0).astype(int)
    streams = [np.column_stack([one, rng.standard_normal((n, 3))]).astype(np.float32) for one in hidden]
    return streams, y, np.arange(n) % 12


def fused(fusion, seed):
    streams, y, groups = multiplied(seed)
    train, test = np.flatnonzero(groups < 8), np.flatnonzero(groups >= 8)
    net = NetClassifier(trunk="none", fusion=fusion, units=8, rate=0.02, epochs=60, patience=15, folds=1, seed=seed)
    ends = [np.arange(len(side) + 1) for side in (train, test)]
    net.fit([one[train] for one in streams], y[train], groups[train], offsets=[ends[0]] * 2)
    return float((net.predict([one[test] for one in streams], offsets=[ends[1]] * 2) == y[test]).mean())


@with_seeds
def test_only_the_product_of_two_streams_tells_their_sign(seed):
    assert fused("bilinear", seed) > 0.8
    assert fused("concat", seed) < 0.65


def seeing(trunk, pictures, y):
    n_frames = len(pictures) // len(y)
    net = NetClassifier(trunk=trunk, units=8, maps=4, depth=1, rate=0.01, epochs=15, patience=0)
    return accuracy(net, *parted(np.full(len(y), n_frames), pictures.astype(np.float32), y, np.arange(len(y)) % 12))


def test_convolutions_over_pictures_see_shapes():
    rng = np.random.default_rng(0)
    y, pictures = rng.integers(0, 2, 120), rng.standard_normal((480, 9, 9))
    for n, (row, column) in enumerate(rng.integers(0, 9, (480, 2))):  # a line across or down, anywhere
        line = (np.arange(4) + row) % 9
        pictures[n][(column, line) if y[n // 4] else (line, column)] += 4
    assert seeing("cnn2d", pictures, y) > 0.9
    assert seeing("none", pictures, y) < 0.75


def test_only_convolutions_over_time_see_where_a_point_moves():
    rng = np.random.default_rng(0)
    y, pictures = rng.integers(0, 2, 240), rng.standard_normal((240, 6, 8, 8))
    for n, (row, column) in enumerate(rng.integers(0, 8, (240, 2))):
        steps = np.arange(6) if y[n] else -np.arange(6)
        pictures[n, np.arange(6), row, (column + steps) % 8] += 6
    pictures = pictures.reshape(-1, 8, 8)
    assert seeing("cnn3d", pictures, y) > 0.85
    assert seeing("cnn2d", pictures, y) < 0.65


@pytest.mark.parametrize("loss", ["mse", "ccc"])
def test_values_are_learned(loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3)).astype(np.float32)
    y = 5 + 2 * X[:, 0] + 0.1 * rng.standard_normal(200)
    net = NetRegressor(trunk="none", loss=loss, rate=0.05, epochs=40, patience=0).fit(X[:150], y[:150])
    assert np.corrcoef(net.predict(X[150:]), y[150:])[0, 1] > 0.95
    assert net.predict(X[150:]).mean() == pytest.approx(y[150:].mean(), abs=0.5)


# What every estimator owes


@parametrize_with_checks(
    [kind(**QUICK | {"trunk": "none", "head": (8,), "rate": 0.03, "epochs": 30}) for kind in NETS],
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "a row that counts twice is in one batch, not in two",
    },
)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


def toy(seed=0, n=36):
    rng = np.random.default_rng(seed)
    y = np.array(["joy", "sad"])[np.arange(n) % 2]
    X = (rng.standard_normal((n, 4, 2)) + 2 * (y == "joy")[:, None, None]).astype(np.float32)
    return X.reshape(-1, 2), y, np.arange(n) % 6, offsets_of(np.full(n, 4))


@pytest.mark.parametrize("trunk", ["conv1d", "bilstm"])
def test_equal_fits_have_equal_bytes_and_leave_the_process_as_it_was(trunk):
    X, y, groups, offsets = toy()
    net = NetClassifier(trunk=trunk, pool="relation", **QUICK | {"patience": 2})
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one = clone(net).fit(X, y, groups, offsets=offsets)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    torch.manual_seed(99)
    other = clone(net).fit(X, y, groups, offsets=offsets)
    assert joblib.hash(one.__dict__) == joblib.hash(other.__dict__)
    third = clone(net).set_params(seed=1).fit(X, y, groups, offsets=offsets)
    assert joblib.hash(one.states_) != joblib.hash(third.states_)


def test_several_seeds_are_averaged():
    X, y, groups, offsets = toy()
    alone = [NetClassifier(**QUICK, seed=seed).fit(X, y, groups, offsets=offsets) for seed in (3, 4)]
    both = NetClassifier(**QUICK, seed=3, seeds=2).fit(X, y, groups, offsets=offsets)
    mean = np.mean([net.predict_proba(X, offsets) for net in alone], axis=0)
    assert both.predict_proba(X, offsets) == pytest.approx(mean, abs=1e-12)


def test_an_utterance_with_weight_0_teaches_nothing():
    X, y, groups, offsets = toy()
    weight = np.ones(len(y))
    weight[5] = 0
    changed = X.copy()
    changed[offsets[5] : offsets[6]] = 1e6
    labels = y.copy()
    labels[5] = "joy"
    one = NetClassifier(**QUICK).fit(X, y, groups, sample_weight=weight, offsets=offsets)
    other = NetClassifier(**QUICK).fit(changed, labels, groups, sample_weight=weight, offsets=offsets)
    assert joblib.hash(one.states_) == joblib.hash(other.states_)


def test_epochs_are_found_on_speakers_who_are_not_learned_from():
    """Labels without any reason are learned by heart, and the loss of all who are learned from falls for ever."""
    rng = np.random.default_rng(0)
    X, y, groups = rng.standard_normal((48, 20)).astype(np.float32), rng.integers(0, 2, 48), np.arange(48) % 6
    net = NetClassifier(trunk="none", head=(32,), rate=0.01, dropout=0.0, epochs=40, patience=40)
    assert net.fit(X, y, groups).best_params_["epochs"] < 10
    everybody = [(np.arange(48), np.arange(48))] * 2
    assert net.fit(X, y, groups, inner=everybody).best_params_["epochs"] == 40


def test_soft_targets_are_weighted_repeats():
    X, y, groups, _ = toy()
    rows = X.reshape(len(y), -1)
    halves = np.concatenate([rows, rows]), np.concatenate([y, y]), np.concatenate([groups, groups])
    settings = QUICK | {"trunk": "none", "batch": 1000, "dropout": 0.0, "weights": "none"}
    whole = NetClassifier(**settings).fit(rows, y, groups)
    soft = NetClassifier(**settings).fit(*halves, sample_weight=np.full(2 * len(y), 0.5))
    assert soft.predict_proba(rows) == pytest.approx(whole.predict_proba(rows), abs=1e-6)


def test_a_missing_stream_is_no_hindrance():
    X, y, groups, offsets = toy()
    lacking = np.delete(X, np.arange(offsets[3], offsets[4]), axis=0)
    ends = offsets - np.where(np.arange(len(offsets)) > 3, 4, 0)
    net = NetClassifier(**QUICK).fit([X, lacking], y, groups, offsets=[offsets, ends])
    assert np.isfinite(net.predict_proba([X, lacking], [offsets, ends])).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("net:trunk=lstmm", "expected none, conv1d"),
        ("net:trunk=lstm+cnn/gru", "expected none, conv1d"),
        ("net:pool=self/best", "expected mean, meanstd"),
        ("net:head=64+x", r"head=64\+x: expected none, or units"),
        ("net:dropout=1", "expected 0 to less than 1"),
        ("net:kernels=3x4", "kernels=3x4: expected auto, or odd sizes"),
        ("net:kernels=3x", "expected auto, or odd sizes"),
        ("net:units=0", "units=0: expected 1 or more"),
        ("net:rate=0", "rate=0.0: expected more than 0"),
    ],
)
def test_wrong_settings_are_refused(spec, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(spec)


def test_a_loss_is_one_for_the_target():
    with pytest.raises(ValueError, match="loss=ccc: to predict classes, expected ce or mse"):
        classifier_of("net:loss=ccc").estimator()
