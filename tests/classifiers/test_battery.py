"""What holds for every classifier in the folder."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from toys import speakers_and_classes

from pipeline import registry

PRESETS = registry.classifier_presets()

#: Settings that make a preset quick enough for scikit-learn's fifty checks.
QUICK = {"svm": "svm:C=1,gamma=1", "gmm": "gmm:components=4", "xgboost": "xgboost:rounds=10,patience=3"}


def quick(name, seed=0):
    return registry.classifier(QUICK.get(name, name)).build(seed=seed, device="cpu")


def ours():
    estimators = [quick(name) for name in PRESETS]
    return [estimator for estimator in estimators if type(estimator).__module__.startswith("classifiers.")]


@parametrize_with_checks(ours())
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


@pytest.fixture(params=PRESETS)
def name(request):
    return request.param


def test_a_preset_says_what_it_reads_and_what_its_scores_are(name):
    classifier = PRESETS[name]
    preferred = registry.feature_specs(classifier.prefers)
    assert {spec.feature.framewise for spec in preferred} == {classifier.rows == "frame"}
    assert classifier.scores
    assert registry.classifier(name) == classifier


def test_build_gives_an_unfitted_estimator_with_the_settings(name):
    estimator = PRESETS[name].build(seed=3, device="cpu")
    assert not [key for key in vars(estimator) if key.endswith("_")]
    assert clone(estimator).get_params() == estimator.get_params()


def test_it_learns_classes_from_other_speakers(name):
    X, y, speakers = speakers_and_classes()
    tested = np.isin(speakers, ["s0", "s1"])
    estimator = quick(name).fit(X[~tested], y[~tested], groups=speakers[~tested])
    assert estimator.classes_.tolist() == ["ang", "hap", "sad"]
    assert (estimator.predict(X[tested]) == y[tested]).mean() > 0.6
    probabilities = estimator.predict_proba(X[tested])
    assert probabilities.shape == (tested.sum(), 3)
    assert (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert (estimator.classes_[probabilities.argmax(axis=1)] == y[tested]).mean() > 0.6


def test_frame_classifiers_say_how_likely_each_row_is(name):
    if PRESETS[name].rows != "frame":
        pytest.skip("reads one row an utterance")
    X, y, speakers = speakers_and_classes()
    estimator = quick(name).fit(X, y, groups=speakers)
    joint = estimator.log_likelihood(X) + estimator.class_log_prior_
    assert joint.dtype == np.float64
    assert np.exp(estimator.class_log_prior_).sum() == pytest.approx(1)
    posterior = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    assert posterior == pytest.approx(estimator.predict_proba(X))
    assert PRESETS[name].pool in ("sum", "vote")


def test_the_same_seed_gives_the_same_bytes(name):
    X, y, speakers = speakers_and_classes()
    one, other = (quick(name, seed=5).fit(X, y, groups=speakers) for _ in range(2))
    assert one.predict_proba(X).tobytes() == other.predict_proba(X).tobytes()
    assert pickle.dumps(one) == pickle.dumps(other)


def test_a_column_that_holds_nothing_changes_nothing(name, recwarn):
    X, y, speakers = speakers_and_classes()
    empty = np.column_stack([X, np.full(len(X), np.nan, dtype=np.float32)])
    filled = np.column_stack([X, np.full(len(X), 1e6, dtype=np.float32)])
    estimator = quick(name).fit(empty, y, groups=speakers)
    assert np.array_equal(estimator.predict_proba(empty), estimator.predict_proba(filled))


def test_a_missing_value_is_no_hindrance(name):
    X, y, speakers = speakers_and_classes()
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    estimator = quick(name).fit(holes, y, groups=speakers)
    assert np.isfinite(estimator.predict_proba(holes)).all()
    assert (estimator.predict(X) == y).mean() > 0.8


def test_a_class_of_one_row_is_learned_from_too(name):
    X, y, speakers = speakers_and_classes()
    y[0] = "awe"
    estimator = quick(name).fit(X, y, groups=speakers)
    assert "awe" in estimator.classes_
    assert estimator.predict_proba(X).sum(axis=1) == pytest.approx(1)


def test_one_class_is_refused(name):
    X, y, speakers = speakers_and_classes(classes=("ang",))
    with pytest.raises(ValueError, match="at least 2 classes, found 1 class: ang"):
        quick(name).fit(X, y, groups=speakers)


def test_rows_and_speakers_that_do_not_fit_together_are_refused(name):
    X, y, speakers = speakers_and_classes()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick(name).fit(X, y, groups=speakers[:-1])
