"""Gaussian mixtures: posteriors that are known, and as many components as the frames can bear."""

import numpy as np
import pytest
import skops.io
from scipy.stats import norm
from sklearn.preprocessing import StandardScaler
from toys import speakers_and_classes

from affex.classifiers.estimators.gmm import ClassMixtures, is_quiet
from affex.classifiers.estimators.principal import PrincipalFeatures
from affex.classifiers.estimators.trusted import foreign
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


def test_two_gaussians_have_the_posterior_of_the_textbook():
    rng = np.random.default_rng(0)
    y = np.repeat(["high", "low"], 20_000)
    X = rng.normal(size=(40_000, 1)) + np.where(y == "high", 1, -1)[:, None]
    mixtures = ClassMixtures(components=1, floor=1e-4).fit(X, y)
    x = np.linspace(-3, 3, 13)
    assert mixtures.predict_proba(x[:, None])[:, 0] == pytest.approx(1 / (1 + np.exp(-2 * x)), abs=0.02)


def test_one_component_is_the_gaussian_of_the_standardised_frames():
    X, y, _ = speakers_and_classes(n_each=50)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    own = Z[y == "hap"]
    deviation = np.sqrt(own.var(axis=0) + 0.25)
    expected = norm.logpdf(Z, own.mean(axis=0), deviation).sum(axis=1)
    found = ClassMixtures(components=1, floor=0.25).fit(X, y).log_likelihood(X)[:, 1]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_two_components_hold_what_one_cannot():
    rng = np.random.default_rng(0)
    y = np.repeat(["around", "between"], 400)
    centre = np.where(y == "around", rng.choice([-3, 3], 800), 0)
    X = centre[:, None] + 0.5 * rng.normal(size=(800, 2))
    assert (ClassMixtures(components=2).fit(X, y).predict(X) == y).mean() > 0.95


def test_rare_classes_are_as_probable_as_frequent_ones():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2200, 2)), np.repeat(["often", "rare"], [2000, 200])
    mixtures = ClassMixtures(components=1).fit(X, y)
    assert np.exp(mixtures.class_log_prior_) == pytest.approx([0.5, 0.5])
    assert mixtures.predict_proba(X).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.03)


def test_rare_classes_may_be_as_rare_as_they_were():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2200, 2)), np.repeat(["often", "rare"], [2000, 200])
    mixtures = classifier_of("gmm:components=1,weights=none").estimator(seed=0, device="cpu").fit(X, y)
    assert np.exp(mixtures.class_log_prior_) == pytest.approx([10 / 11, 1 / 11])
    assert mixtures.predict_proba(X).mean(axis=0) == pytest.approx([10 / 11, 1 / 11], abs=0.01)
    assert (mixtures.predict(X) == mixtures.classes_[mixtures.predict_proba(X).argmax(axis=1)]).all()


def test_frames_that_should_count_more_are_refused():
    X, y, _ = speakers_and_classes()
    with pytest.raises(ValueError, match="the same sample_weight for all, found 1 to 108"):
        ClassMixtures(components=2).fit(X, y, sample_weight=np.arange(1, len(X) + 1))


def test_a_class_has_no_more_components_than_its_frames_bear():
    X, y, _ = speakers_and_classes(n_each=50)
    y[y == "sad"] = np.where(np.arange((y == "sad").sum()) < 25, "sad", "ang")
    mixtures = ClassMixtures(components=8).fit(X, y)
    assert mixtures.components_ == {"ang": 8, "hap": 8, "sad": 2}
    assert np.isfinite(mixtures.log_likelihood(X)).all()


def test_classes_with_the_same_frames_cannot_be_told_apart():
    frames = speakers_and_classes(n_each=40)[0]
    y = np.repeat(["one", "other"], len(frames))
    likelihood = ClassMixtures(components=8).fit(np.concatenate([frames, frames]), y).log_likelihood(frames)
    assert np.array_equal(likelihood[:, 0], likelihood[:, 1])


def test_class_mixtures_grow_from_a_common_one():
    X, y, _ = speakers_and_classes(n_each=100, n_columns=3)
    mixtures = ClassMixtures(components=6).fit(X, y).mixtures_
    starts = {np.sort(mixture.means_init, axis=0).tobytes() for mixture in mixtures}
    assert len(starts) == 1
    assert not np.array_equal(mixtures[0].means_, mixtures[1].means_)


def test_mixtures_are_fitted_in_single_precision():
    X, y, _ = speakers_and_classes()
    mixtures = ClassMixtures(components=2).fit(X.astype(np.float64), y)
    assert {mixture.means_.dtype for mixture in mixtures.mixtures_} == {np.dtype(np.float32)}


def test_frames_far_out_stay_finite():
    X, y, _ = speakers_and_classes()
    X[0] = 1e6
    mixtures = ClassMixtures(components=4).fit(X, y)
    assert np.isfinite(mixtures.log_likelihood(np.concatenate([X, -X]))).all()


# Noise


def test_a_frame_is_quiet_below_a_share_of_its_own_speakers_range():
    level, speakers = np.arange(101.0), np.zeros(101)
    assert is_quiet(level, speakers, 0.5).sum() == 50  # 5 + 0.5 * 90 = 50
    assert is_quiet(level, speakers, 0.1).tolist() == [n < 14 for n in range(101)]
    assert not is_quiet(level, speakers, 0.0).any()
    both = is_quiet(np.concatenate([level, 30 + 2 * level]), np.repeat(["a", "b"], 101), 0.1)
    assert both.tolist() == 2 * [n < 14 for n in range(101)]
    assert not is_quiet(np.ones(9), np.zeros(9), 0.5).any()


def voices(rng, n_each=400):
    """Two classes of loud frames, and quiet ones among both that are all alike: level, and what tells the class."""
    y = np.repeat(["ang", "sad"], n_each)
    quiet = rng.random(2 * n_each) < 0.3
    tells = np.where(quiet, -4, np.where(y == "ang", 1, -1))
    return np.stack([np.where(quiet, -60, -20), tells], axis=1) + rng.normal(size=(2 * n_each, 2)), y, quiet


def test_noise_has_a_mixture_of_its_own():
    X, y, quiet = voices(np.random.default_rng(0))
    mixtures = ClassMixtures(components=1, floor=1e-4, noise=0.5).fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert mixtures.noise_.means_[0] == pytest.approx(Z[quiet].mean(axis=0), abs=1e-4)
    assert mixtures.mixtures_[0].means_[0] == pytest.approx(Z[~quiet & (y == "ang")].mean(axis=0), abs=1e-4)
    output = {"components.ang": 1, "components.sad": 1, "noise.frames": quiet.sum(), "noise.components": 1}
    assert mixtures.best_params_ == output
    others, _, noisy = voices(np.random.default_rng(1))
    won = mixtures.noise_log_likelihood(others) > mixtures.log_likelihood(others).max(axis=1)
    assert (won == noisy).all()


def test_without_noise_nothing_is_noise():
    X, y, _ = voices(np.random.default_rng(0))
    mixtures = ClassMixtures(components=2).fit(X, y)
    assert mixtures.noise_ is None
    assert mixtures.best_params_ == {"components.ang": 2, "components.sad": 2}
    assert (mixtures.noise_log_likelihood(X) == -np.inf).all()


def test_frames_that_are_all_as_loud_have_no_noise_among_them():
    X, y, _ = voices(np.random.default_rng(0))
    X[:, 0] = 1
    mixtures = ClassMixtures(components=2, noise=0.5).fit(X, y)
    assert mixtures.noise_ is None
    assert (mixtures.best_params_["noise.frames"], mixtures.best_params_["noise.components"]) == (0, 0)
    assert np.array_equal(mixtures.log_likelihood(X), ClassMixtures(components=2).fit(X, y).log_likelihood(X))


def test_a_class_without_a_loud_frame_is_refused():
    X, y, _ = voices(np.random.default_rng(0))
    X[y == "sad", 0] = -60
    with pytest.raises(ValueError, match=r"all 400 training frames of sad are quiet: with noise=0\.5"):
        ClassMixtures(components=1, noise=0.5).fit(X, y)


@pytest.mark.parametrize("noise", [0, 0.5])
def test_noise_is_saved_with_the_classes(noise):
    X, y, _ = voices(np.random.default_rng(0))
    fitted = ClassMixtures(components=2, noise=noise).fit(X, y)
    saved = skops.io.dumps(fitted)
    again = skops.io.loads(saved, trusted=foreign(saved)[1])
    assert np.array_equal(again.noise_log_likelihood(X), fitted.noise_log_likelihood(X))
    assert again.best_params_ == fitted.best_params_


def test_principal_features_are_those_of_the_training_frames():
    X, y, _ = voices(np.random.default_rng(0))
    X = np.column_stack([X, X, -X]).astype(np.float32)
    fitted = ClassMixtures(components=2, select="pfa", keep=1 / 3, noise=0.5).fit(X, y)
    kept = PrincipalFeatures(1 / 3).fit(StandardScaler().fit_transform(X)).support_
    assert np.array_equal(fitted.choice_.support_, kept)
    assert fitted.mixtures_[0].n_features_in_ == fitted.noise_.n_features_in_ == kept.sum() < X.shape[1]
    # The level, by which noise is known, is the first column whether it is kept or not.
    plain = ClassMixtures(components=2, noise=0.5).fit(X, y)
    assert fitted.best_params_["noise.frames"] == plain.best_params_["noise.frames"] > 0
    saved = skops.io.dumps(fitted)
    again = skops.io.loads(saved, trusted=foreign(saved)[1])
    assert np.array_equal(again.log_likelihood(X), fitted.log_likelihood(X))


def test_settings_reach_the_mixtures():
    estimator = classifier_of("gmm:components=3,iterations=7,floor=0.5,noise=0.2").estimator(seed=9, device="cpu")
    expected = {"components": 3, "iterations": 7, "floor": 0.5, "weights": "balanced", "noise": 0.2, "seed": 9}
    assert estimator.get_params() == expected | {"select": "none", "keep": None}
    assert classifier_of("gmm:select=pfa,keep=0.3").estimator(seed=0, device="cpu").keep == 0.3
    assert classifier_of("gmm:decision=vote").decision == "vote"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("gmm:components=0", "components=0: expected 1 or more"),
        ("gmm:iterations=0", "iterations=0: expected 1 or more"),
        ("gmm:floor=0", "floor=0.0: expected 0.0001 or more"),
        ("gmm:weights=heavy", "weights=heavy: expected balanced or none"),
        ("gmm:noise=1", "noise=1.0: expected 0"),
        ("gmm:decision=max", "decision=max: expected sum or vote"),
        ("gmm:pool=vote", r"There is no parameter of gmm 'pool'(?s:.*)\nDid you mean gmm:decision=vote\?"),
        ("gmm:select=pca", "select=pca: expected none or pfa"),
        ("gmm:keep=0.5", "keep=0.5: nothing is selected; expected select=pfa"),
        ("gmm:select=pfa", "keep=None: expected the share of the columns that select=pfa keeps"),
        ("gmm:select=pfa,keep=2", "keep=2.0: expected the share"),
    ],
)
def test_settings_without_sense_are_refused(spec, expected):
    with pytest.raises(UsageError, match=expected):
        classifier_of(spec)
