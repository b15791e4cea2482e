"""Fisher vectors: closed forms, what the fold learns, planted signals, and what scikit-learn asks of an estimator."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture
from sklearn.utils.estimator_checks import parametrize_with_checks
from synthetic import changed, make_table
from test_evaluate import BAYES, corrupted, fitted_states

from affex.classifiers.estimators.fisher import FisherMachine, fisher_vector
from affex.pipeline.corpora.base import LOSO
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.figures import confusion_of
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.specs import pooling
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

#: Settings without a search.
QUICK = {"C": 1.0, "gamma": 1.0}
NOT_PROMISED = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data",),
    "the mixture counts each frame once, and without speakers inner folds part a row from its repetition",
)


@pytest.fixture(scope="module")
def mixture() -> GaussianMixture:
    rng = np.random.default_rng(0)
    frames = np.concatenate([rng.normal(size=(300, 3)) - 2, 0.5 * rng.normal(size=(200, 3)) + 2])
    return GaussianMixture(2, covariance_type="diag", random_state=0, tol=1e-9, max_iter=500).fit(frames)


def lengths(n_utterances: int) -> np.ndarray:
    return np.append(0, np.cumsum(np.random.default_rng(1).integers(2, 9, size=n_utterances)))


# Closed forms


def raw(row: np.ndarray) -> np.ndarray:
    """Return a row before its square roots, up to its length."""
    return np.sign(row) * row**2


def test_a_row_is_the_gradient_of_the_log_likelihood(mixture: GaussianMixture):
    frames = np.random.default_rng(1).normal(size=(40, 3))
    found = raw(fisher_vector(frames, mixture))[2:8].reshape(2, 3)
    gradient = np.empty((2, 3))
    means, step = mixture.means_, 1e-5
    for place in np.ndindex(2, 3):
        either = []
        for sign in (1, -1):
            mixture.means_ = means.copy()
            mixture.means_[place] += sign * step
            either.append(mixture.score(frames))
        gradient[place] = (either[0] - either[1]) / (2 * step)
    mixture.means_ = means
    wanted = gradient * np.sqrt(mixture.covariances_) / np.sqrt(mixture.weights_)[:, None]
    np.testing.assert_allclose(found / np.linalg.norm(found), wanted / np.linalg.norm(wanted), atol=1e-6)


def test_a_row_has_length_1_and_knows_neither_order_nor_number(mixture: GaussianMixture):
    frames = np.random.default_rng(2).normal(size=(40, 3))
    row = fisher_vector(frames, mixture)
    assert row.shape == (2 + 2 * 2 * 3,)
    assert np.linalg.norm(row) == pytest.approx(1)
    for other in (frames[::-1], np.repeat(frames, 3, axis=0)):
        np.testing.assert_allclose(fisher_vector(other, mixture), row, atol=1e-7)


def test_frames_as_the_mixture_expects_them_have_gradients_of_0():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(500, 2)) * (1, 3)
    one = GaussianMixture(1, covariance_type="diag", reg_covar=0).fit(frames)
    from skimage.feature import fisher_vector as gradients

    np.testing.assert_allclose(gradients(frames, one), 0, atol=1e-9)


def test_each_utterance_is_the_row_of_its_own_frames():
    rng, limits = np.random.default_rng(0), lengths(30)
    limits[5] = limits[4]  # an utterance without frames
    X, y = rng.normal(size=(limits[-1], 4)).astype(np.float32), np.tile(["a", "b", "c"], 10)
    fitted = FisherMachine(gaussians=3, components=2, **QUICK).fit(X, y, offsets=limits)
    rows = fitted.vectors(X, limits)
    assert rows.shape == (30, 3 * (2 * 2 + 1))
    assert not rows[4].any()
    seen = fitted.pca_.transform(fitted.scale_.transform(X.astype(np.float64)))
    for row, begin, end in zip(rows, limits[:-1], limits[1:], strict=True):
        if begin < end:
            assert row.tobytes() == fisher_vector(seen[begin:end], fitted.mixture_).tobytes()
    assert fitted.predict(X, limits).shape == (30,)
    np.testing.assert_allclose(fitted.predict_proba(X, limits).sum(axis=1), 1)


def test_components_of_0_leave_the_columns_and_most_frames_are_spread():
    X, y = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32), np.tile(["a", "b"], 20)
    limits = np.arange(0, 401, 10)
    plain = FisherMachine(gaussians=2, components=0, **QUICK).fit(X, y, offsets=limits)
    assert plain.pca_ is None
    assert plain.mixture_.n_features_in_ == 3
    few = FisherMachine(gaussians=50, most_frames=100, **QUICK).fit(X, y, offsets=limits)
    assert few.scale_.n_samples_seen_ == 100
    assert few.best_params_["gaussians"] == 10


def test_utterances_of_weight_0_are_not_learned_from():
    X, y = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32), np.tile(["a", "b"], 10)
    limits, weight = np.arange(0, 201, 10), np.ones(20)
    weight[[3, 8]] = 0
    other = X.copy()
    other[30:40] += 50
    other[80:90] = np.nan
    one, two = (FisherMachine(gaussians=2, **QUICK).fit(x, y, offsets=limits, sample_weight=weight) for x in (X, other))
    assert one.mixture_.means_.tobytes() == two.mixture_.means_.tobytes()


@pytest.mark.parametrize(
    ("offsets", "message"), [([0, 3, 2, 10], "rise from 0 to 10"), ([0, 4, 9], "rise from 0"), ([1, 10], "rise from 0")]
)
def test_offsets_that_do_not_fit_are_refused(offsets, message):
    with pytest.raises(ValueError, match=message):
        FisherMachine(**QUICK).fit(np.zeros((10, 2)), ["a", "b", "c"][: len(offsets) - 1], offsets=offsets)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fisher:gaussians=0", "gaussians=0: expected 1 or more"),
        ("fisher:components=-1", "components=-1: expected 0 or more"),
        ("fisher:most_frames=10", "most_frames=10: expected 100 or more"),
        ("fisher:C=0", "C=0.0: expected more than 0"),
        ("fisher:weights=all", "weights=all: expected balanced or none"),
    ],
)
def test_what_makes_no_sense_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        classifier_of(text)


# The fold


@parametrize_with_checks(
    [FisherMachine(gaussians=2, components=2, **QUICK)], expected_failed_checks=lambda _: NOT_PROMISED
)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


def test_mixture_and_components_keep_no_trace_of_the_tested_speaker():
    table = make_table(n_speakers=4, n_frames=12, n_columns=4)
    settings = replace(BAYES, classifier=classifier_of("fisher:gaussians=3,components=2,C=1,gamma=1"))
    state = fitted_states(table, settings, "02")
    assert state == fitted_states(corrupted(table, "02"), settings, "02")
    assert state != fitted_states(corrupted(table, "03"), settings, "02")


def test_the_same_seed_gives_the_same_bytes_and_another_another_mixture():
    X, y = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32), np.tile(["a", "b"], 15)
    fits = [
        FisherMachine(gaussians=4, seed=seed, **QUICK).fit(X, y, offsets=np.arange(0, 301, 10)) for seed in (0, 0, 1)
    ]
    one, same, other = (pickle.dumps(fit.mixture_.means_) for fit in fits)
    assert pickle.dumps(fits[0]) == pickle.dumps(fits[1])
    assert one == same != other


# Planted: the label is in where frames lie, while each column looks the same


def planted(seed: int) -> Table:
    """Return 96 utterances of 40 frames in four clusters; the class is which two of them an utterance has more of."""
    table = make_table(n_speakers=6, n_each=8, classes=("alike", "unlike"), n_columns=4, n_frames=40, seed=seed)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=table.X.shape)
    for number, utterance in enumerate(table.utterances):
        own = X[40 * number : 40 * (number + 1)]
        first = rng.permutation(np.repeat([-1, 1], 20))
        agrees = rng.permutation(np.repeat([1, -1], [28, 12])) * (1 if utterance.label == "alike" else -1)
        own[:, :2] = 2 * np.column_stack([first, first * agrees]) + 0.5 * own[:, :2]
    return changed(table, X=X.astype(np.float32))


def uar(table: Table, classifier: str) -> float:
    settings = Plan(
        corpus="toy", features=("made",), keys=("0" * 64,), classifier=classifier_of(classifier), protocol=LOSO
    )
    return metrics.uar(confusion_of(evaluate(table, settings).scores))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
def test_a_label_in_where_frames_lie_is_found_by_fisher_vectors_alone(seed):
    table = planted(seed)
    rows = pooling.pooled(table.X, table.offsets, table.columns, pooling.DEFAULT)
    columns, offsets = pooling.columns(table.columns, pooling.DEFAULT), np.arange(len(table) + 1)
    without = uar(changed(table, X=rows, offsets=offsets, columns=columns), "svm:C=10,gamma=1")
    with_ = uar(table, "fisher:gaussians=8,components=0,C=10,gamma=1")
    print(seed, without, with_)
    assert without < 0.65
    assert with_ > 0.9
