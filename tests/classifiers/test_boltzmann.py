"""Boltzmann machines: closed forms by enumeration of all states, and signals that only trained machines find."""

import itertools
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from synthetic import make_table

from affex.classifiers.estimators.dbm import JointLayer, Machine
from affex.classifiers.estimators.dbn import BeliefNetwork
from affex.classifiers.estimators.fitting import fit
from affex.classifiers.estimators.rbm import Rbm, Schedule, contrast, random_rbm, trained
from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation import evaluate as evaluation
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import prepare
from affex.pipeline.models import model_file, models
from affex.pipeline.specs.classifiers import classifier_of, classifier_spec
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

#: Planted signals are found with each of these seeds; all but the first are slow tests.
with_seeds = pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])


def states(n):
    """Return all states of n binary units, ``(2**n, n)``."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def tiny(*, gaussian, seed=0, n_visible=3, n_hidden=4):
    """Return a small machine with weights and biases of about 1."""
    rng = np.random.default_rng(seed)
    return Rbm(rng.normal(size=(n_visible, n_hidden)), rng.normal(size=n_visible), rng.normal(size=n_hidden), gaussian)


def energy(rbm, v, h):
    own = ((v - rbm.visible) ** 2).sum() / 2 if rbm.gaussian else -v @ rbm.visible
    return own - h @ rbm.hidden - v @ rbm.weights @ h


def likelihood_gradient(rbm, rows):
    """Return the exact gradient of the rows' mean log-likelihood for the weights, from all states."""
    hidden = states(len(rbm.hidden))
    if rbm.gaussian:  # given h, v is normal with the mean b + W h; what is left of the energy weighs h
        means = rbm.visible + hidden @ rbm.weights.T
        weight = np.exp(hidden @ rbm.hidden + (means**2).sum(axis=1) / 2 - (rbm.visible**2).sum() / 2)
        expected = np.einsum("s,si,sj->ij", weight / weight.sum(), means, hidden)
    else:
        visible = states(len(rbm.visible))
        weight = np.exp([[-energy(rbm, v, h) for h in hidden] for v in visible])
        expected = np.einsum("st,si,tj->ij", weight / weight.sum(), visible, hidden)
    return rows.T @ rbm.hidden_means(rows) / len(rows) - expected


# Closed forms


@pytest.mark.parametrize("gaussian", [False, True])
def test_free_energy_sums_all_states_of_the_hidden_units_out(gaussian):
    rbm = tiny(gaussian=gaussian)
    rows = np.random.default_rng(1).normal(size=(5, 3)) if gaussian else states(3)
    summed = [-np.log(sum(np.exp(-energy(rbm, v, h)) for h in states(4))) for v in rows]
    assert rbm.free_energy(rows) == pytest.approx(np.array(summed), abs=1e-12)


@pytest.mark.parametrize("gaussian", [False, True])
def test_means_are_those_of_all_states(gaussian):
    rbm, h = tiny(gaussian=gaussian), states(4)
    v = np.array([[1.0, 0.0, 1.0]])
    weight = np.exp([-energy(rbm, v[0], one) for one in h])
    assert rbm.hidden_means(v)[0] == pytest.approx(weight @ h / weight.sum(), abs=1e-12)
    if not gaussian:
        weight = np.exp([-energy(rbm, one, h[5]) for one in states(3)])
        assert rbm.visible_means(h[5:6])[0] == pytest.approx(weight @ states(3) / weight.sum(), abs=1e-12)


@pytest.mark.parametrize("gaussian", [False, True])
def test_long_contrastive_divergence_is_the_exact_gradient(gaussian):
    rbm = tiny(gaussian=gaussian)
    rbm = replace(rbm, weights=rbm.weights / 2)
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.normal(size=(3, 3)) if gaussian else states(3)[[1, 4, 6]], 6000, axis=0)
    found = contrast(rbm, rows, np.ones(len(rows)), rng, steps=15)
    assert found.weights == pytest.approx(likelihood_gradient(rbm, rows[::6000]), abs=0.03)


def test_one_step_points_to_where_the_exact_gradient_points():
    rbm = tiny(gaussian=True)
    rows = np.random.default_rng(3).normal(size=(4, 3)) + 1
    drawn = contrast(rbm, np.repeat(rows, 2000, axis=0), np.ones(8000), np.random.default_rng(0))
    exact = likelihood_gradient(rbm, rows)
    assert (drawn.weights * exact).sum() / np.linalg.norm(drawn.weights) / np.linalg.norm(exact) > 0.7


@pytest.mark.parametrize("gaussian", [False, True])
def test_training_makes_the_rows_likely(gaussian):
    rng = np.random.default_rng(0)
    kinds = np.array([[1, 1, 0, 0], [0, 0, 1, 1]])[rng.integers(2, size=200)]
    rows = 2.0 * kinds - 1 + 0.3 * rng.normal(size=kinds.shape) if gaussian else kinds.astype(float)
    others = rng.permuted(rows, axis=0)  # each column as before, without the others
    before = random_rbm(4, 3, rng, gaussian=gaussian)
    after = trained(before, rows, np.ones(200), Schedule(60, 0.5, 20), rng)
    gaps = [(rbm.free_energy(others).mean() - rbm.free_energy(rows).mean()) for rbm in (before, after)]
    assert gaps[1] > gaps[0] + 0.3


def test_a_row_that_counts_for_nothing_is_not_learned_from():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    weight, machine = np.repeat([1.0, 0.0], 10), tiny(gaussian=True)
    found = [
        trained(
            machine, np.concatenate([rows[:10], rest]), weight, Schedule(3, 0.1, 4), np.random.default_rng(1)
        ).weights
        for rest in (rows[10:], 100 * rows[10:])
    ]
    assert np.array_equal(*found)


# A deep Boltzmann machine against all states


def tiny_machine(scale=0.4, seed=0):
    """Return a machine of two modalities: 2 and 3 columns, 2 hidden units each, 3 joint ones."""
    rng = np.random.default_rng(seed)
    return Machine(
        *([scale * rng.normal(size=shape) for shape in shapes] for shapes in (((2, 2), (3, 2)), ((2, 3), (2, 3)))),
        *([scale * rng.normal(size=n) for n in sizes] for sizes in ((2, 3), (2, 2))),
        scale * rng.normal(size=3),
    )


def all_states(machine, visible):
    """Return hidden and joint states and their exact log-weights; of a modality that is None, v is integrated out."""
    h, j = np.repeat(states(4), 8, axis=0), np.tile(states(3), (16, 1))
    logs = j @ machine.joint
    for m, own in enumerate(visible):
        part = h[:, 2 * m : 2 * m + 2]
        logs = logs + part @ machine.hidden[m] + ((part @ machine.above[m]) * j).sum(axis=1)
        if own is None:
            pull = part @ machine.below[m].T
            logs = logs + pull @ machine.visible[m] + (pull**2).sum(axis=1) / 2
        else:
            logs = logs + part @ (own @ machine.below[m]) - ((own - machine.visible[m]) ** 2).sum() / 2
    return h, j, logs


def marginals(machine, visible):
    h, j, logs = all_states(machine, visible)
    share = np.exp(logs - np.logaddexp.reduce(logs))
    return share @ h, share @ j


ROW = [np.array([0.7, -1.2]), np.array([1.5, 0.3, -0.8])]


def test_mean_field_is_near_the_exact_means():
    machine = tiny_machine()
    exact_h, exact_j = marginals(machine, ROW)
    found = machine.mean_field([own[None] for own in ROW], 30)
    assert np.concatenate(found.hidden, axis=1)[0] == pytest.approx(exact_h, abs=0.02)
    assert found.joint[0] == pytest.approx(exact_j, abs=0.02)


def test_mean_field_infers_a_modality_that_is_missing():
    machine = tiny_machine()
    exact_h, exact_j = marginals(machine, [None, ROW[1]])
    found = machine.mean_field([np.full((1, 2), np.nan), ROW[1][None]], 30)
    assert np.concatenate(found.hidden, axis=1)[0] == pytest.approx(exact_h, abs=0.04)
    assert found.joint[0] == pytest.approx(exact_j, abs=0.02)
    assert found.visible[0][0] == pytest.approx(machine.visible[0] + machine.below[0] @ exact_h[:2], abs=0.05)
    assert (found.visible[1] == ROW[1]).all()


def test_mean_field_bounds_the_likelihood_more_tightly_with_each_step():
    machine = tiny_machine(scale=1.5)
    h, j, logs = all_states(machine, ROW)
    bounds = []
    for steps in range(1, 8):
        found = machine.mean_field([own[None] for own in ROW], steps)
        means = np.concatenate([*found.hidden, found.joint], axis=1)[0]
        unit = np.concatenate([h, j], axis=1)
        log_share = (unit * np.log(means) + (1 - unit) * np.log1p(-means)).sum(axis=1)
        bounds.append((np.exp(log_share) * (logs - log_share)).sum())
    assert (np.diff(bounds) > -1e-12).all()
    assert bounds[-1] < np.logaddexp.reduce(logs)


def test_the_step_of_a_machine_is_along_the_difference_of_means():
    machine, rng = tiny_machine(), np.random.default_rng(0)
    rows = [rng.normal(size=(6, 2)), rng.normal(size=(6, 3))]
    data = machine.mean_field(rows, 5)
    chains = machine.sampled(data, rng)
    after = machine.moved(data, np.ones(6), chains, rate=0.6)
    for m, n_columns in enumerate((2, 3)):
        wanted = data.visible[m].T @ data.hidden[m] / 6 - chains.visible[m].T @ chains.hidden[m] / 6
        assert after.below[m] - machine.below[m] == pytest.approx(0.6 / n_columns * wanted, abs=1e-12)
        wanted = data.hidden[m].T @ data.joint / 6 - chains.hidden[m].T @ chains.joint / 6
        assert after.above[m] - machine.above[m] == pytest.approx(0.6 / 4 * wanted, abs=1e-12)
    assert after.joint - machine.joint == pytest.approx(0.15 * (data.joint - chains.joint).mean(axis=0), abs=1e-12)
    same = machine.moved(data, np.ones(6), data, rate=0.6)
    assert all(np.allclose(a, b) for a, b in zip(same.below, machine.below, strict=True))


# Planted signals


def clusters(seed, n, n_columns=30):
    """Return rows of two modalities, classes and clusters; each class is two opposite clusters, so no line parts them.

    A cluster has a pattern in each modality.
    """
    rng = np.random.default_rng(seed)
    one, other = rng.choice([-1, 1], size=(2, 2 * n_columns))
    kind = rng.integers(4, size=n)
    X = np.stack([one, -one, other, -other])[kind] + rng.normal(size=(n, 2 * n_columns))
    return X.astype(np.float32), np.where(kind < 2, "ang", "sad")


def both_bits(seed, n, n_columns=100, shift=0.5):
    """Return rows and classes: whether a bit that shifts the sound's columns agrees with one that shifts the face's."""
    rng = np.random.default_rng(seed)
    patterns, bits = rng.choice([-1, 1], size=(2, n_columns)), rng.choice([-1, 1], size=(n, 2))
    X = np.concatenate([shift * bits[:, [m]] * patterns[m] + rng.normal(size=(n, n_columns)) for m in (0, 1)], axis=1)
    return X.astype(np.float32), np.where(bits.prod(axis=1) > 0, "ang", "sad")


@with_seeds
def test_only_a_trained_machine_s_joint_layer_parts_clusters_even_without_sound(seed):
    X, y = clusters(seed, 420)
    silent = X[120:].copy()
    silent[:, :30] = np.nan
    found = {}
    for spec in ("dbm:epochs=50", "dbm:epochs=0", "logistic"):
        model = fit(classifier_of(spec).estimator(seed=seed), X[:120], y[:120], groups=y[:120], widths=(30, 30))
        found[spec] = [(model.predict(rows) == y[120:]).mean() for rows in (X[120:], silent)]
    assert min(found["dbm:epochs=50"]) > 0.85
    assert max(found["dbm:epochs=0"] + found["logistic"]) < 0.75


@with_seeds
def test_only_a_network_that_was_trained_without_labels_first_finds_what_two_modalities_say_together(seed):
    X, y = both_bits(seed, 560)
    found = {}
    for spec in ("dbn:rate=1", "dbn:epochs=0", "logistic"):
        model = fit(classifier_of(spec).estimator(seed=seed), X[:160], y[:160], groups=y[:160])
        found[spec] = (model.predict(X[160:]) == y[160:]).mean()
    assert found["dbn:rate=1"] > 0.85
    assert max(found["dbn:epochs=0"], found["logistic"]) < 0.65


# Duties


BATCHED = {"check_sample_weight_equivalence_on_dense_data": "a row that counts twice is in one batch, not in two"}


@parametrize_with_checks(
    [
        BeliefNetwork(layers=(6,), epochs=3, tuning=60, tuning_rate=0.03),
        JointLayer(hidden=3, joint=3, epochs=2, chains=4),
    ],
    expected_failed_checks=lambda _: BATCHED,
)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


QUICK = ["dbn:layers=6+4,epochs=3,tuning=3", "dbm:hidden=4,joint=3,epochs=3,chains=5"]


def two_features(seed=0):
    """Return a table of two features side by side, 4 and 3 columns; some utterances lack the first."""
    whole = make_table(n_speakers=4, n_columns=7, class_shift=1.5, seed=seed)
    streams = tuple(
        replace(whole.streams[0], feature=name, columns=tuple(f"{name}{i}" for i in range(stop - start)),
                rows=(np.ascontiguousarray(whole.X[:, start:stop]), None))
        for name, start, stop in (("a", 0, 4), ("b", 4, 7))
    )  # fmt: skip
    table = replace(whole, streams=streams, present=np.ones((len(whole), 2), bool)).side_by_side()
    lacks = np.flatnonzero(np.arange(len(whole)) % 7 == 3)
    table.X[lacks, :4] = np.nan
    table.present[lacks, 0] = False
    return table


def plan(spec):
    return Plan(
        corpus="toy", features=("a", "b"), keys=("0" * 64, "1" * 64), classifier=classifier_of(spec), protocol=LOSO
    )


def test_the_run_says_that_a_modality_is_inferred():
    notes = prepare(two_features(), plan(QUICK[1])).notes
    assert any("lack a: its columns are inferred by mean field" in note for note in notes)
    assert any(
        "lack a: its columns are filled with the means" in note
        for note in prepare(two_features(), plan(QUICK[0])).notes
    )


def fitted(table: Table, spec):
    """Return the estimator of the fold that tests the speaker 02."""
    task = prepare(table, plan(spec))
    fold = next(fold for fold in task.folds if fold.name == "02")
    return evaluation.fit(evaluation.build(plan(spec), task.examples), task.examples, fold, plan(spec))


def test_each_feature_is_a_modality():
    assert fitted(two_features(), QUICK[1])["jointlayer"].widths_.tolist() == [4, 3]
    alone = make_table(n_speakers=4)
    assert fitted(alone, QUICK[1])["jointlayer"].widths_.tolist() == [5]


@pytest.mark.parametrize("spec", QUICK)
def test_nothing_of_the_tested_speaker_is_learned_without_labels(spec):
    table = two_features()
    state = joblib.hash(fitted(table, spec))
    for speaker, same in (("02", True), ("03", False)):
        poisoned = two_features()
        poisoned.X[poisoned.speakers == speaker] *= -1000
        assert (joblib.hash(fitted(poisoned, spec)) == state) is same


@pytest.mark.parametrize("spec", QUICK)
def test_a_saved_machine_says_the_same_of_utterances_that_lack_a_feature(spec, tmp_path):
    table = two_features()
    model = models.fit(table, plan(spec), exclude=("02",), recipes=["{}", "{}"])
    contents = []
    for name in ("one", "two"):
        model_file.write(model, tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    tested = table.take(np.flatnonzero(table.speakers == "02"))
    before, after = (models.predict(one, tested).fold_scores for one in (model, model_file.read(tmp_path / "one")))
    assert before.scores.tolist() == after.scores.tolist()
    assert np.isfinite(before.scores).all()


@pytest.mark.parametrize("spec", QUICK)
def test_the_same_seed_gives_the_same_machine(spec):
    X, y = clusters(0, 40)
    machine = classifier_of(spec).estimator(seed=1)
    one, two, other = (joblib.hash(clone(classifier_of(spec).estimator(seed=seed)).fit(X, y)) for seed in (1, 1, 2))
    assert one == two != other
    assert machine.fit(X, y).predict_proba(X[:5]).tolist() == machine.predict_proba(X)[:5].tolist()
    assert classifier_of(classifier_spec(classifier_of(spec))) == classifier_of(spec)


@pytest.mark.parametrize(
    "settings",
    ["dbn:layers=none", "dbn:layers=5+0", "dbn:epochs=-1", "dbn:rate=0", "dbn:batch=0", "dbn:decay=-1",
     "dbm:hidden=0", "dbm:joint=0", "dbm:epochs=-1", "dbm:rate=0", "dbm:iterations=0", "dbm:chains=0", "dbm:C=0"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(UsageError, match="expected"):
        classifier_of(settings)


@pytest.mark.parametrize(("kind", "rate"), [(BeliefNetwork, 1e200), (JointLayer, 1e200)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_grow_without_limit_are_refused(kind, rate):
    X, y = clusters(0, 60)
    with pytest.raises(ValueError, match="grew without limit; expected a smaller rate"):
        kind(rate=rate, epochs=20).fit(X, y)


def test_widths_that_are_not_those_of_the_columns_are_refused():
    with pytest.raises(ValueError, match=r"widths=\[3, 3\]: expected a sum of 7, the number of columns"):
        JointLayer().fit(np.zeros((5, 7)), widths=(3, 3))
