"""Intervals that include training: by hand, at the ends of the range, and on really retrained models."""

import dataclasses
import importlib.util
from math import asin, sin, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from affex.pipeline.evaluation.figures import given_models, interval_of, recall_of
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.summary import method_of
from affex.pipeline.evaluation.training_variation import effective_number, inflation, with_training

GIVEN = Interval(0.7, 0.6, 0.8, 0.04, 0.95, 5)


def test_by_hand_for_classes():
    """Sizes of 10 each are worth 5; the variance is sqrt(1 + 5/4) times as large, on the arcsine scale."""
    found = with_training(GIVEN, [10] * 5, 5, bounds=(0.0, 1.0), of_values=False)
    error = 0.04 * (1 + 5 / 4) ** 0.25
    angle = asin(sqrt(0.7))
    reach = stats.t(4).ppf(0.975) * error / (2 * sqrt(0.7 * 0.3))
    assert (found.low, found.high) == pytest.approx((sin(angle - reach) ** 2, sin(angle + reach) ** 2))
    assert found.standard_error == pytest.approx(error)
    assert found.includes_training
    assert dataclasses.replace(found, low=0.6, high=0.8, standard_error=0.04, includes_training=False) == GIVEN


def test_by_hand_for_values_of_two_folds_and_unequal_speakers():
    """The whole of Nadeau and Bengio's variance; sizes 30, 10, 10, 10, 10 are worth 70^2 / 1300."""
    found = with_training(GIVEN, [30, 10, 10, 10, 10], 2, bounds=(-1.0, 1.0), of_values=True)
    assert effective_number([30, 10, 10, 10, 10]) == pytest.approx(4900 / 1300)
    angle, place = asin(sqrt(0.85)), 0.85
    freedom = sqrt(5 * 4900 / 1300) - 1
    reach = stats.t(freedom).ppf(0.975) * 0.04 * sqrt(3) / (2 * 2 * sqrt(place * (1 - place)))
    assert (found.low, found.high) == pytest.approx((2 * sin(angle - reach) ** 2 - 1, 2 * sin(angle + reach) ** 2 - 1))


def test_of_an_error_the_ends_are_ratios():
    found = with_training(GIVEN, [10] * 5, 5, bounds=(0.0, np.inf), of_values=True)
    assert found.high / 0.7 == pytest.approx(0.7 / found.low)
    assert found.high == pytest.approx(0.7 * np.exp(stats.t(4).ppf(0.975) * 0.04 * 1.5 / 0.7))


def test_no_end_lies_beyond_the_range():
    near = Interval(0.99, 0.9, 1.0, 0.05, 0.95, 4)
    found = with_training(near, [10] * 4, 4, bounds=(0.0, 1.0), of_values=False)
    assert 0 <= found.low < 0.99 < found.high <= 1
    for value in (0.0, 1.0):
        edge = Interval(value, 0.0, 1.0, 0.05, 0.95, 4)
        found = with_training(edge, [10] * 4, 4, bounds=(0.0, 1.0), of_values=False)
        assert 0 <= found.low <= value <= found.high <= 1


def test_one_fold_tells_nothing_of_training_and_no_interval_stays_none():
    assert with_training(GIVEN, [10] * 5, 1, bounds=(0.0, 1.0), of_values=False) is GIVEN
    none = Interval(0.7, None, None, None, 0.95, 1, "1 speaker")
    assert with_training(none, [10], 5, bounds=(0.0, 1.0), of_values=False) is none


def test_the_fewer_folds_the_more_training_varies():
    every = [inflation(k, of_values=False) for k in (2, 5, 10, 24)]
    assert every == sorted(every, reverse=True)
    assert inflation(10, of_values=True) == pytest.approx(1 + 10 / 9)
    assert inflation(10, of_values=False) == pytest.approx(sqrt(1 + 10 / 9))


def scores(folds: list[str]) -> Scores:
    clusters = np.repeat(["s1", "s2", "s3", "s4"], 4)
    true = np.tile(["a", "b", "a", "b"], 4)
    predicted = true.copy()
    predicted[[0, 5, 6, 11, 13]] = ["b", "a", "b", "a", "a"]
    ids = np.array([f"u{number}" for number in range(16)])
    return Scores(ids, clusters, np.repeat(folds, 4), true, predicted, ("a", "b"), np.full((16, 2), 0.5))


def test_headlines_and_recalls_include_training_and_the_old_interval_stays():
    own = scores(["1", "2", "3", "4"])
    found, given = interval_of(own, "uar", "speaker"), given_models(own, "uar", "speaker")
    assert (found.value, found.n_clusters) == (given.value, given.n_clusters)
    assert found.low < given.low < given.high < found.high
    assert (found.includes_training, given.includes_training) == (True, False)
    assert recall_of(own, "a", "speaker").includes_training
    assert "1 + k / (k - 1)" in method_of(own)


def test_a_split_has_the_interval_of_the_given_model():
    own = scores(["test"] * 4)
    assert interval_of(own, "uar", "speaker") == given_models(own, "uar", "speaker")
    assert not recall_of(own, "a", "speaker").includes_training
    assert "1 + k / (k - 1)" not in method_of(own)


def test_the_figure_with_several_seeds_is_the_mean_of_figures_and_so_is_its_jackknife():
    one = scores(["1", "2", "3", "4"])
    other = dataclasses.replace(one, predicted=np.where(one.predicted == one.true, one.true, one.true[::-1]))
    alone = [given_models(own, "war", "speaker") for own in (one, other)]
    both = given_models(one, "war", "speaker", [other])
    assert both.value == pytest.approx(np.mean([own.value for own in alone]))
    right = np.array([own.true == own.predicted for own in (one, other)]).mean(axis=0).reshape(4, 4).mean(axis=1)
    assert both.standard_error == pytest.approx(stats.sem(right))
    assert interval_of(one, "war", "speaker", [other]).value == both.value


@pytest.fixture(scope="module")
def retrained():
    spec = importlib.util.spec_from_file_location("retrained", Path(__file__).parents[1] / "benchmarks/retrained.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("unequal", [False, True])
def test_on_retrained_models_it_holds_the_truth_where_the_old_one_does_not(retrained, number, unequal):
    """Six speakers, 600 corpora: Monte Carlo error 0.9; the bounds are three of them away from 93 and 97."""
    world = retrained.WORLDS[number]
    found = retrained.found_in(world, retrained.corpora(world, 5, 600, 6, unequal=unequal, pairs=False), 6)
    shares = {
        name: 100 * np.mean((low <= found.truth) & (found.truth <= high)) for name, (low, high) in found.ends.items()
    }
    assert shares["given models"] < 93
    assert 93 - 2.7 < shares["affex"] < 97 + 2.7


def test_the_simulations_closed_form_equals_folds_in_a_loop(retrained):
    """The ridge of all speakers but one, by lstsq on their rows, has the sums that the moments gave."""
    world = dataclasses.replace(retrained.WORLDS[1], n_columns=2)
    rng = np.random.default_rng(3)
    x, y, speaker = rng.normal(size=(40, 2)), rng.normal(size=40), np.repeat(np.arange(4), 10)
    rows = np.column_stack([np.ones(40), x, y])
    moments = np.array([[rows[speaker == s].T @ rows[speaker == s] for s in range(4)]])
    sums, _ = world._left_out(moments)
    for s in range(4):
        train, test = speaker != s, speaker == s
        penalty = np.column_stack([np.zeros(2), np.sqrt(world.alpha) * np.eye(2)])
        inputs = np.vstack([np.column_stack([np.ones(train.sum()), x[train]]), penalty])
        weights = np.linalg.lstsq(inputs, np.concatenate([y[train], [0, 0]]), rcond=None)[0]
        h, own = np.column_stack([np.ones(10), x[test]]) @ weights, y[test]
        expected = [10, own.sum(), h.sum(), own @ own, h @ h, own @ h]
        assert sums[0, s] == pytest.approx(expected)
