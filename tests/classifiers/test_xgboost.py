"""Boosted trees: they stop where inner speakers say so, weigh classes alike, and take what is missing as it is."""

import numpy as np
import pytest
import xgboost as xgb
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight
from toys import speakers_and_classes

from classifiers.base import inner_folds
from classifiers.estimators.xgboost import BoostedTrees
from pipeline import registry
from pipeline.errors import UsageError


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
            said = booster.predict(xgb.DMatrix(X[test]), iteration_range=(0, n + 1))
            losses[n] += log_loss(codes[test], said, sample_weight=weight[test], labels=[0, 1, 2])
    assert trees.best_params_ == {"rounds": losses.argmin() + 1}
    assert 1 < trees.best_params_["rounds"] < 15
    assert trees.booster_.num_boosted_rounds() == trees.best_params_["rounds"]


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


def test_one_speaker_is_refused():
    X, y, _ = speakers_and_classes()
    with pytest.raises(ValueError, match="at least 2 training speakers to tell apart, found 1"):
        BoostedTrees().fit(X, y, groups=np.zeros(len(X)))


def test_a_device_that_is_not_there_is_refused():
    X, y, speakers = speakers_and_classes()
    with pytest.raises(ValueError, match="device=cuda:99: XGBoost finds no such device on this machine"):
        BoostedTrees(device="cuda:99").fit(X, y, groups=speakers)


def test_settings_reach_the_trees():
    trees = registry.classifier("xgboost:rounds=7,max_depth=2,subsample=0.5").build(seed=9, device="cuda")
    settings = {"rounds": 7, "max_depth": 2, "subsample": 0.5, "seed": 9, "device": "cuda"}
    assert settings.items() <= trees.get_params().items()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("xgboost:rounds=0", "rounds=0: expected 1 or more"),
        ("xgboost:max_bin=1", "max_bin=1: expected 2 or more"),
        ("xgboost:subsample=1.5", "subsample=1.5: expected more than 0, at most 1"),
    ],
)
def test_settings_without_sense_are_refused(spec, expected):
    with pytest.raises(UsageError, match=expected):
        registry.classifier(spec)
