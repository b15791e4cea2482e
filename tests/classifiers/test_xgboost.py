"""Boosted trees: they stop where inner speakers say so, weigh classes alike, and take what is missing as it is."""

import json

import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight
from toys import speakers_and_classes, speakers_and_values

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.training import ONE_SPEAKER
from affex.classifiers.estimators.xgboost import FIXED_ROUNDS, BoostedRegressor, BoostedTrees
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


def test_rounds_are_those_with_the_least_loss_on_inner_speakers():
    X, y, speakers = speakers_and_classes(shift=0.7)
    settings = {"rounds": 15, "patience": 15, "learning_rate": 0.5, "subsample": 1.0}
    trees = BoostedTrees(**settings).fit(X, y, groups=speakers)
    codes, weight = np.unique(y, return_inverse=True)[1], compute_sample_weight("balanced", y)
    losses = np.zeros(15)
    for train, test in inner_folds(speakers):
        own = xgb.DMatrix(X[train], codes[train], weight=weight[train])
        booster = xgb.train(trees._settings(), own, 15)
        for n in range(15):
            predicted = booster.predict(xgb.DMatrix(X[test]), iteration_range=(0, n + 1))
            losses[n] += log_loss(codes[test], predicted, sample_weight=weight[test], labels=[0, 1, 2])
    assert trees.best_params_ == {"rounds": losses.argmin() + 1}
    assert 1 < trees.best_params_["rounds"] < 15
    assert trees.booster_.num_boosted_rounds() == trees.best_params_["rounds"]


def test_rounds_for_values_are_those_with_the_least_error_on_inner_speakers():
    X, y, speakers = speakers_and_values(noise=1.0)
    settings = {"rounds": 30, "patience": 30, "learning_rate": 0.3, "subsample": 1.0}
    trees = BoostedRegressor(**settings).fit(X, y, groups=speakers)
    errors = np.zeros(30)
    for train, test in inner_folds(speakers):
        booster = xgb.train(trees._settings(), xgb.DMatrix(X[train], y[train]), 30)
        for n in range(30):
            predicted = booster.predict(xgb.DMatrix(X[test]), iteration_range=(0, n + 1))
            errors[n] += np.sqrt(np.mean((predicted - y[test]) ** 2))
    assert trees.best_params_ == {"rounds": errors.argmin() + 1}
    assert 1 < trees.best_params_["rounds"] < 30
    whole = xgb.train(trees._settings(), xgb.DMatrix(X, y), trees.best_params_["rounds"])
    assert trees.predict(X) == pytest.approx(whole.predict(xgb.DMatrix(X)))


def test_values_far_from_zero_are_met():
    X, y, speakers = speakers_and_values()
    assert BoostedRegressor(rounds=100).fit(X, y + 1e4, groups=speakers).predict(X) == pytest.approx(y + 1e4, abs=15)


def test_what_tells_speakers_apart_does_not_keep_it_going():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(20), 10)
    X = rng.normal(size=(20, 5))[speakers] + 0.01 * rng.normal(size=(200, 5))
    y = np.array(["ang", "sad"])[rng.permutation(np.arange(20) % 2)[speakers]]
    alone = BoostedTrees(rounds=100, colsample_bynode=1.0).fit(X, y).best_params_["rounds"]
    together = BoostedTrees(rounds=100, colsample_bynode=1.0).fit(X, y, groups=speakers).best_params_["rounds"]
    assert together <= 5
    assert alone > 10 * together


def test_rare_classes_weigh_as_much_as_frequent_ones():
    X, y = np.zeros((200, 1)), np.repeat(["often", "rare"], [180, 20])
    trees = BoostedTrees(rounds=10).fit(X, y, groups=np.arange(200) % 10)
    assert trees.predict_proba(X[:1])[0] == pytest.approx([0.5, 0.5], abs=0.02)


def test_rare_classes_may_weigh_as_little_as_they_are():
    X, y = np.zeros((200, 1)), np.repeat(["often", "rare"], [180, 20])
    trees = BoostedTrees(rounds=100, weights="none", subsample=1.0).fit(X, y, groups=np.arange(200) % 10)
    assert trees.predict_proba(X[:1])[0] == pytest.approx([0.9, 0.1], abs=0.02)


def test_a_row_weighs_what_it_is_told():
    X, y = np.zeros((200, 1)), np.repeat(["one", "other"], 100)
    weight = np.where(y == "one", 3.0, 1.0)
    trees = BoostedTrees(rounds=100, weights="none", subsample=1.0)
    trees.fit(X, y, groups=np.arange(200) % 10, sample_weight=weight)
    assert trees.predict_proba(X[:1])[0] == pytest.approx([0.75, 0.25], abs=0.02)
    means = BoostedRegressor(rounds=100, subsample=1.0)
    means.fit(X, np.where(y == "one", 4.0, 0.0), groups=np.arange(200) % 10, sample_weight=weight)
    assert means.predict(X[:1]) == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("kind", [BoostedTrees, BoostedRegressor])
def test_its_state_is_text(kind):
    X, y, speakers = speakers_and_classes() if kind is BoostedTrees else speakers_and_values()
    trees = kind(rounds=5).fit(X, y, groups=speakers)
    state = trees.__getstate__()
    assert json.loads(state["booster_"])["learner"]
    assert isinstance(trees.booster_, xgb.Booster)
    other = kind.__new__(kind)
    other.__setstate__(state)
    assert other.booster_.save_raw("json") == trees.booster_.save_raw("json")
    assert other.predict(X).tolist() == trees.predict(X).tolist()
    assert "booster_" not in kind().__getstate__()


def test_a_missing_value_says_something_too():
    rng = np.random.default_rng(0)
    y = np.repeat(["here", "gone"], 100)
    X = np.where((y == "here")[:, None], rng.normal(size=(200, 1)), np.nan)
    assert (BoostedTrees(rounds=20).fit(X, y, groups=np.arange(200) % 10).predict(X) == y).all()


def test_it_learns_what_no_single_column_says():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = np.where((X > 0).all(axis=1) | (X < 0).all(axis=1), "same", "other")
    trees = BoostedTrees(colsample_bynode=1.0).fit(X, y, groups=np.arange(400) % 10)
    assert (trees.predict(X) == y).mean() > 0.95


def test_seeds_move_it():
    X, y, speakers = speakers_and_classes()
    one, other = (BoostedTrees(rounds=5, seed=seed).fit(X, y, groups=speakers) for seed in (0, 1))
    assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("rounds", 2),
        ("patience", 1),
        ("learning_rate", 0.9),
        ("max_depth", 1),
        ("subsample", 0.3),
        ("colsample_bynode", 1.0),
        ("max_bin", 3),
    ],
)
def test_every_setting_counts(setting, value):
    X, y, speakers = speakers_and_classes(shift=0.7)
    usual = BoostedTrees(rounds=10).fit(X, y, groups=speakers)
    other = BoostedTrees(rounds=10).set_params(**{setting: value}).fit(X, y, groups=speakers)
    assert not np.array_equal(usual.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize(("rounds", "taken"), [(1000, FIXED_ROUNDS), (7, 7)])
def test_one_training_speaker_takes_a_fixed_number_of_rounds(rounds, taken):
    X, y, _ = speakers_and_classes()
    trees = BoostedTrees(rounds=rounds).fit(X, y, groups=np.zeros(len(X)))
    assert trees.best_params_ == {"rounds": taken}
    assert trees.limits_ == {"search": ONE_SPEAKER}
    assert trees.booster_.num_boosted_rounds() == taken
    values = BoostedRegressor(rounds=rounds).fit(X, X[:, 0], groups=np.zeros(len(X)))
    assert (values.best_params_, values.limits_) == (trees.best_params_, trees.limits_)


def test_a_device_that_is_not_there_is_refused():
    X, y, speakers = speakers_and_classes()
    with pytest.raises(ValueError, match="device=cuda:99: XGBoost finds no such device on this machine"):
        BoostedTrees(device="cuda:99").fit(X, y, groups=speakers)


def test_settings_reach_the_trees():
    trees = classifier_of("xgboost:rounds=7,max_depth=2,subsample=0.5").estimator(seed=9, device="cuda")
    settings = {"rounds": 7, "max_depth": 2, "subsample": 0.5, "seed": 9, "device": "cuda"}
    assert settings.items() <= trees.get_params().items()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("xgboost:rounds=0", "rounds=0: expected 1 or more"),
        ("xgboost:weights=heavy", "weights=heavy: expected balanced or none"),
        ("xgboost:max_bin=1", "max_bin=1: expected 2 or more"),
        ("xgboost:subsample=1.5", "subsample=1.5: expected more than 0, at most 1"),
    ],
)
def test_settings_without_sense_are_refused(spec, expected):
    with pytest.raises(UsageError, match=expected):
        classifier_of(spec)
