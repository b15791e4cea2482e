"""What holds for the classifiers with an estimator of our own, for classes and for values."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from toys import speakers_and_classes, speakers_and_values

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.training import Learner
from affex.classifiers.estimators.trusted import foreign
from affex.pipeline.specs import discovery
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.specs.features import feature_specs

PRESETS = {
    name: preset for name, preset in discovery.classifier_presets().items() if isinstance(preset.estimator(), Learner)
}
MODELS = [(name, target) for name, preset in PRESETS.items() for target in preset.targets]

#: Settings that make a preset quick enough for scikit-learn's fifty checks.
QUICK = {"svm": "svm:C=1,gamma=1", "gmm": "gmm:components=4", "xgboost": "xgboost:rounds=10,patience=3"}

#: And with principal features; of the two columns that some checks give, one would not do.
SELECTING = ("svm:C=1,gamma=1,select=pfa", "gmm:components=4,select=pfa,keep=1")

#: Checks of scikit-learn's that ask for what the estimators do not promise.
NOT_PROMISED = {
    "check_sample_weight_equivalence_on_dense_data": "without speakers, inner folds part a row from its repetition"
}
ALIKE = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data", "check_sample_weights_not_overwritten"),
    "frames count alike: other weights are refused",
)


def quick(name, target, seed=0, **settings):
    return classifier_of(QUICK.get(name, name)).estimator(target=target, seed=seed, device="cpu", **settings)


def ours():
    estimators = [quick(*model) for model in MODELS]
    estimators += [classifier_of(spec).estimator(seed=0, device="cpu") for spec in SELECTING]
    return [estimator for estimator in estimators if type(estimator).__module__.startswith("affex.classifiers.")]


def not_promised(estimator):
    return ALIKE if type(estimator).__name__ == "ClassMixtures" else NOT_PROMISED


@parametrize_with_checks(ours(), expected_failed_checks=not_promised)
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


@pytest.fixture(params=MODELS, ids="-".join)
def model(request):
    return request.param


@pytest.fixture(params=PRESETS)
def name(request):
    return request.param


def toy(model, **settings):
    """Rows, targets and speakers for a model."""
    return speakers_and_classes(**settings) if model[1] == "classes" else speakers_and_values(**settings)


def outputs(estimator, X):
    """All that an estimator says of rows."""
    return [estimator.predict_proba(X)] if is_classifier(estimator) else [estimator.predict(X)]


def same(one, other, X):
    return all(np.array_equal(a, b) for a, b in zip(outputs(one, X), outputs(other, X), strict=True))


def test_a_preset_says_what_it_reads_and_what_its_scores_are(name):
    classifier = PRESETS[name]
    preferred = feature_specs(classifier.prefers)
    assert {spec.feature.framewise for spec in preferred} == {classifier.reads == "frame"}
    assert classifier.scores
    assert classifier.targets
    assert classifier_of(name) == classifier


def test_build_gives_an_unfitted_estimator_with_the_settings(model):
    name, target = model
    estimator = PRESETS[name].estimator(target=target, seed=3, device="cpu")
    assert is_regressor(estimator) == (target == "values")
    assert is_classifier(estimator) == (target == "classes")
    assert not [key for key in vars(estimator) if key.endswith("_")]
    assert clone(estimator).get_params() == estimator.get_params()


def test_what_it_cannot_predict_is_refused(name):
    for target in {"classes", "values"} - set(PRESETS[name].targets):
        with pytest.raises(ValueError, match=f"{name} predicts classes, not {target}"):
            PRESETS[name].estimator(target=target, seed=0, device="cpu")


def test_distances_are_built_with_where_there_are_some(name):
    X = speakers_and_classes()[0]
    if PRESETS[name].distances(X, device="cpu") is None:
        with pytest.raises(ValueError, match="no use for distances"):
            PRESETS[name].estimator(precomputed=True, seed=0, device="cpu")
    else:
        assert PRESETS[name].estimator(precomputed=True, seed=0, device="cpu").__sklearn_tags__().input_tags.pairwise


def test_it_learns_from_other_speakers(model):
    X, y, speakers = toy(model)
    tested = np.isin(speakers, ["s0", "s1"])
    estimator = quick(*model).fit(X[~tested], y[~tested], groups=speakers[~tested])
    predicted = estimator.predict(X[tested])
    if model[1] == "values":
        assert predicted.shape == (tested.sum(),)
        assert predicted.dtype == np.float64
        assert np.corrcoef(predicted, y[tested])[0, 1] > 0.6
        assert np.abs(predicted - y[tested]).mean() < y.std()
        return
    assert estimator.classes_.tolist() == ["ang", "hap", "sad"]
    assert (predicted == y[tested]).mean() > 0.6
    probabilities = estimator.predict_proba(X[tested])
    assert probabilities.shape == (tested.sum(), 3)
    assert (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-9)
    assert (estimator.classes_[probabilities.argmax(axis=1)] == y[tested]).mean() > 0.6


def test_frame_classifiers_say_how_likely_each_row_is(name):
    if PRESETS[name].reads != "frame":
        pytest.skip("reads one row an utterance")
    X, y, speakers = speakers_and_classes()
    estimator = quick(name, "classes").fit(X, y, groups=speakers)
    joint = estimator.log_likelihood(X) + estimator.class_log_prior_
    assert joint.dtype == np.float64
    assert np.exp(estimator.class_log_prior_).sum() == pytest.approx(1)
    posterior = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    assert posterior == pytest.approx(estimator.predict_proba(X))
    assert PRESETS[name].decision in ("sum", "vote")


def test_the_same_seed_gives_the_same_bytes(model):
    X, y, speakers = toy(model)
    one, other = (quick(*model, seed=5).fit(X, y, groups=speakers) for _ in range(2))
    assert same(one, other, X)
    assert pickle.dumps(one) == pickle.dumps(other)


def test_a_model_is_saved_and_read_without_a_pickle(model):
    X, y, speakers = toy(model)
    estimator = quick(*model).fit(X, y, groups=speakers)
    saved = skops.io.dumps(estimator)
    refused, trusted = foreign(saved)
    assert not refused
    read = skops.io.loads(saved, trusted=trusted)
    assert same(read, estimator, X)
    assert np.array_equal(read.predict(X), estimator.predict(X))
    assert read.get_params() == estimator.get_params()


def test_inner_folds_are_those_of_the_speakers_unless_named(model):
    X, y, speakers = toy(model)
    usual = quick(*model).fit(X, y, groups=speakers)
    named = quick(*model).fit(X, y, inner=list(inner_folds(speakers)))
    assert same(usual, named, X)
    one = [(np.flatnonzero(speakers != "s0"), np.flatnonzero(speakers == "s0"))]
    quick(*model).fit(X, y, groups=np.zeros(len(X)), inner=one)  # one speaker would not do without


def test_inner_folds_with_nothing_on_one_side_are_refused(model):
    if model[0] == "gmm":
        pytest.skip("nothing is tuned")
    X, y, _ = toy(model)
    rows = np.arange(len(X))
    for inner in ([(rows, rows[:0])], [(rows[:0], rows)]):
        with pytest.raises(ValueError, match="rows to learn from and rows to test"):
            quick(*model).fit(X, y, inner=inner)


def test_rows_that_all_weigh_the_same_weigh_as_without_weights(model):
    X, y, speakers = toy(model)
    usual, ones = (quick(*model).fit(X, y, groups=speakers, sample_weight=w) for w in (None, np.ones(len(X))))
    assert same(usual, ones, X)


@pytest.mark.parametrize(
    ("weight", "expected"), [(np.full(108, -1.0), "[Nn]egative values"), (np.ones(5), "sample_weight.shape")]
)
def test_weights_without_sense_are_refused(model, weight, expected):
    X, y, speakers = toy(model)
    with pytest.raises(ValueError, match=expected):
        quick(*model).fit(X, y, groups=speakers, sample_weight=weight)


def test_a_column_that_holds_nothing_changes_nothing(model, recwarn):
    X, y, speakers = toy(model)
    empty = np.column_stack([X, np.full(len(X), np.nan, dtype=np.float32)])
    filled = np.column_stack([X, np.full(len(X), 1e6, dtype=np.float32)])
    estimator = quick(*model).fit(empty, y, groups=speakers)
    assert np.array_equal(*(outputs(estimator, rows)[0] for rows in (empty, filled)))
    assert not recwarn.list


def test_a_missing_value_is_no_hindrance(model):
    X, y, speakers = toy(model)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    estimator = quick(*model).fit(holes, y, groups=speakers)
    assert all(np.isfinite(output).all() for output in outputs(estimator, holes))
    if model[1] == "classes":
        assert (estimator.predict(X) == y).mean() > 0.8
    else:
        assert np.corrcoef(estimator.predict(X), y)[0, 1] > 0.7


def test_rows_are_left_as_they_were(model):
    X, y, speakers = toy(model)
    X[3, 2] = np.nan
    before = X.copy()
    quick(*model).fit(X, y, groups=speakers).predict(X)
    assert X.tobytes() == before.tobytes()


def test_a_class_of_one_row_is_learned_from_too(name):
    X, y, speakers = speakers_and_classes()
    y[0] = "awe"
    estimator = quick(name, "classes").fit(X, y, groups=speakers)
    assert "awe" in estimator.classes_
    assert estimator.predict_proba(X).sum(axis=1) == pytest.approx(1)


def test_targets_that_are_all_alike_are_refused(model):
    X, y, speakers = toy(model)
    expected = "at least 2 classes, found 1 class: ang" if model[1] == "classes" else "at least 2 different values"
    with pytest.raises(ValueError, match=expected):
        quick(*model).fit(X, np.full_like(y, y[0]), groups=speakers)


def test_rows_and_speakers_that_do_not_fit_together_are_refused(model):
    X, y, speakers = toy(model)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick(*model).fit(X, y, groups=speakers[:-1])
