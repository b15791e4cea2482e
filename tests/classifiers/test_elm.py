"""The extreme learning machine: ridge regression on its hidden layer, and on soft targets."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from toys import speakers_and_classes, speakers_and_values

from affex.classifiers.estimators.elm import RandomLayer, RidgeShares
from affex.classifiers.estimators.fitting import fit
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


@parametrize_with_checks([RandomLayer(units=20), RidgeShares()])
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


def machine(target="classes", seed=3):
    return classifier_of("elm:units=30,alpha=0.5").estimator(target=target, seed=seed)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_the_hidden_layer_by_hand(activation):
    X = np.random.default_rng(0).normal(size=(7, 4))
    layer = RandomLayer(5, activation, seed=1).fit(X)
    function = {"sigmoid": expit, "tanh": np.tanh, "relu": lambda x: x * (x > 0)}[activation]
    assert layer.transform(X) == pytest.approx(function(X @ layer.weights_ + layer.biases_), abs=1e-15)
    assert (layer.weights_ == RandomLayer(5, seed=1).fit(X).weights_).all()
    assert (layer.weights_ != RandomLayer(5, seed=2).fit(X).weights_).all()


def test_sums_do_not_grow_with_the_number_of_columns():
    X = np.random.default_rng(0).normal(size=(200, 900))
    layer = RandomLayer(500, seed=0).fit(X)
    assert np.std(X @ layer.weights_) == pytest.approx(1, abs=0.05)


def test_values_are_those_of_ridge_regression_on_the_hidden_layer():
    X, y, speakers = speakers_and_values()
    model = fit(machine("values"), X, y, groups=speakers)
    hidden = make_pipeline(StandardScaler(), RandomLayer(30, seed=3)).fit_transform(X)
    assert model.predict(X) == pytest.approx(Ridge(0.5).fit(hidden, y).predict(hidden), abs=1e-6)


def test_soft_targets_are_weighted_repeats():
    rng = np.random.default_rng(0)
    X, shares = rng.normal(size=(40, 6)), rng.dirichlet(np.ones(3), size=40)
    classes = np.array(["a", "b", "c"])
    repeated = RidgeShares(0.7).fit(np.repeat(X, 3, axis=0), np.tile(classes, 40), shares.ravel())
    soft = Ridge(0.7).fit(X, shares)
    assert repeated.ridge_.predict(X) == pytest.approx(soft.predict(X), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_raters_shares_are_learned_from_soft_targets_only(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(600, 3))
    shares = expit(X[:, 0])  # of the first class
    classes, both = np.repeat(["a", "b"], 600), np.concatenate([shares, 1 - shares])
    soft = machine().fit(np.concatenate([X, X]), classes, ridgeshares__sample_weight=both)
    hard = machine().fit(X, np.where(shares > 0.5, "a", "b"))
    tested = rng.normal(size=(400, 3))
    soft_error, hard_error = (
        np.abs(model.predict_proba(tested)[:, 0] - expit(tested[:, 0])).mean() for model in (soft, hard)
    )
    assert soft_error < 0.05
    assert hard_error > 0.1


def test_shares_sum_to_1_before_any_is_cut():
    X, y, _ = speakers_and_classes()
    model = RidgeShares(1.0).fit(X, y)
    assert model.ridge_.predict(X).sum(axis=1) == pytest.approx(1)
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert (model.predict_proba(100 * X) >= 0).all()


def test_the_layer_finds_what_no_line_parts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)).astype(np.float32)
    y = np.where(X[:, 0] * X[:, 1] > 0, "alike", "apart")
    model = fit(classifier_of("elm:units=200,alpha=0.01").estimator(seed=0), X[:300], y[:300], groups=y[:300])
    assert (model.predict(X[300:]) == y[300:]).mean() > 0.9
    assert (RidgeShares(0.01).fit(X[:300], y[:300]).predict(X[300:]) == y[300:]).mean() < 0.65


@pytest.mark.parametrize("settings", ["units=0", "alpha=0", "activation=step"])
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(UsageError, match="expected"):
        classifier_of(f"elm:{settings}")
