"""Paired permutation tests: p-values counted by hand and in loops, Holm's correction, and the verdicts."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.conclusions import ROPE
from affex.pipeline.evaluation.significance import BETTER, SAME, Predictions, holm, least_p, pairwise

CLASSES = ("a", "b", "c")


def of_classes(quality: float, n_speakers: int, seed: int = 0, n_each: int = 12) -> Predictions:
    """Say the truth as often as `quality` tells; equal seeds say the same where they say it."""
    rng = np.random.default_rng(seed)
    n = n_speakers * n_each
    true = np.tile(CLASSES, n // 3)
    predicted = np.where(rng.random(n) < quality, true, rng.choice(CLASSES, n))
    return Predictions(true, predicted, np.repeat(np.arange(n_speakers), n_each), CLASSES)


def of_values(noise: float, n_speakers: int, seed: int = 0, n_each: int = 8) -> Predictions:
    truth = np.random.default_rng(99).normal(5, 1, n_speakers * n_each)
    output = truth + np.random.default_rng(seed).normal(0, noise, len(truth))
    return Predictions(truth, output, np.repeat(np.arange(n_speakers), n_each))


def figure(metric: str, true, predicted) -> float:
    if metric in metrics.VALUE_METRICS:
        return metrics.VALUE_METRICS[metric].function(true, predicted)
    return metrics.CLASS_METRICS[metric].function(true, predicted, None, CLASSES)


def p_in_a_loop(one: Predictions, other: Predictions, metric: str) -> float:
    """Every way of swapping, each speaker's utterances really exchanged, the metric computed from scratch."""
    differences = []
    for swapped in product((False, True), repeat=len(np.unique(one.clusters))):
        mask = np.array(swapped)[one.clusters]
        a = np.where(mask, other.predicted, one.predicted)
        b = np.where(mask, one.predicted, other.predicted)
        differences.append(abs(figure(metric, one.true, a) - figure(metric, one.true, b)))
    return float(np.mean(np.array(differences) >= differences[0] - 1e-12))


@pytest.mark.parametrize("metric", metrics.CLASS_HEADLINES + metrics.VALUE_HEADLINES)
@pytest.mark.parametrize("seed", range(3))
def test_p_equals_a_loop_over_all_swaps(metric, seed):
    make, qualities = (of_values, (0.8, 1.0)) if metric in metrics.VALUE_METRICS else (of_classes, (0.6, 0.5))
    runs = {"one": make(qualities[0], 6, seed), "other": make(qualities[1], 6, seed + 10)}
    (found,) = pairwise(runs, metric)
    assert found.exact
    assert found.p == found.p_holm == pytest.approx(p_in_a_loop(*runs.values(), metric))
    difference = figure(metric, runs["one"].true, runs["one"].predicted)
    difference -= figure(metric, runs["one"].true, runs["other"].predicted)
    assert found.difference.value == pytest.approx(difference)


def test_p_equals_scipys_where_the_figure_is_a_mean_over_equal_speakers():
    one, other = of_classes(0.7, 9, 1), of_classes(0.4, 9, 2)
    right = [(run.true == run.predicted).reshape(9, -1).mean(axis=1) for run in (one, other)]
    expected = stats.permutation_test(
        right, lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert pairwise({"one": one, "other": other}, "war")[0].p == pytest.approx(expected.pvalue)


def by_speaker(*right: int) -> Predictions:
    """Ten utterances a speaker, of which so many are right."""
    predicted = np.concatenate([["a"] * n + ["b"] * (10 - n) for n in right])
    return Predictions(np.array(["a"] * len(predicted)), predicted, np.repeat(np.arange(len(right)), 10), ("a", "b"))


def test_p_by_hand():
    # Differences of the speakers: +3, +2, -1. Of all 8 signs, |sum| >= 4 has +++ (6), ++- (4), and their mirrors.
    (found,) = pairwise({"one": by_speaker(8, 7, 5), "other": by_speaker(5, 5, 6)}, "war")
    assert found.p == 4 / 8
    assert found.difference.value == pytest.approx(4 / 30)
    assert found.difference.standard_error == pytest.approx(stats.sem([0.3, 0.2, -0.1]))


def test_one_better_with_every_speaker_reaches_the_least_p():
    for n_speakers in (1, 2, 6, 10, 14):
        runs = {"one": by_speaker(*[8] * n_speakers), "other": by_speaker(*[5] * n_speakers)}
        (found,) = pairwise(runs, "war")
        assert found.p == found.least_p == 2 ** (1 - n_speakers)
        assert found.exact


def test_equal_runs_have_p_1():
    run = of_classes(0.5, 8)
    (found,) = pairwise({"one": run, "other": run})
    assert (found.p, found.difference.value, found.verdict) == (1, 0, SAME)


def test_different_counts_with_equal_figures_have_p_1():
    # Recalls 2/3 and 1/3 against 1/3 and 2/3: the difference is 0 up to rounding.
    true, clusters = np.array(["a"] * 3 + ["b"] * 3), np.array([0, 0, 1, 1, 2, 2])
    one = Predictions(true, np.array(list("aabbaa")), clusters, ("a", "b"))
    (found,) = pairwise({"one": one, "other": replace(one, predicted=np.array(list("abbbba")))})
    assert found.p == 1


def test_the_order_of_two_runs_changes_the_sign_alone():
    one, other = of_classes(0.7, 7, 1), of_classes(0.5, 7, 2)
    (found,), (mirrored,) = pairwise({"one": one, "other": other}), pairwise({"other": other, "one": one})
    assert found.p == mirrored.p
    assert found.difference.value == pytest.approx(-mirrored.difference.value)
    assert found.difference.low == pytest.approx(-mirrored.difference.high)


@pytest.mark.parametrize("metric", ["uar", "ccc"])
def test_drawn_swaps_come_near_all_swaps(metric, monkeypatch):
    make = of_classes if metric == "uar" else of_values
    runs = {"one": make(0.7, 13, 1), "other": make(0.6, 13, 2)}
    (exact,) = pairwise(runs, metric)
    monkeypatch.setattr("affex.pipeline.evaluation.significance.MOST_EXACT", 12)
    drawn, again, other = (pairwise(runs, metric, seed=seed)[0] for seed in (0, 0, 1))
    assert not drawn.exact
    assert drawn.p == again.p != other.p
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 10_000) + 1e-4)
    assert (drawn.p * 10_001) == pytest.approx(round(drawn.p * 10_001))


def test_a_drawn_p_is_never_0():
    (found,) = pairwise({"one": by_speaker(*[9] * 40), "other": by_speaker(*[2] * 40)}, "war")
    assert found.p == found.least_p == 1 / 10_001


def test_the_least_p():
    assert [least_p(n) for n in (4, 6, 10)] == [0.125, 0.03125, 0.001953125]
    assert least_p(15) == 1 / 10_001


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([0.02]) == [0.02]


def test_verdicts():
    good, bad = by_speaker(*[8] * 6), by_speaker(*[5] * 6)
    runs = {"good": good, "bad": bad}
    (found,) = pairwise(runs, "war")
    assert (found.verdict, found.winner) == (BETTER, "good")
    (found,) = pairwise({"bad": bad, "good": good}, "war")
    assert (found.verdict, found.winner) == (BETTER, "good")
    mixed = by_speaker(6, 4, 5, 6, 4, 5)
    (found,) = pairwise({"bad": bad, "mixed": mixed}, "war")
    assert (found.verdict, found.winner) == ("too few speakers to tell (6)", None)
    # 3 pairs over 6 speakers: 3 * 2^-5 > .05, so nothing can be decided, the same difference as above among them.
    for found in pairwise(runs | {"mixed": mixed}, "war"):
        assert (found.verdict, found.winner) == ("too few speakers to tell (6)", None)
    for found in pairwise(runs | {"mixed": mixed}, "war", against="bad", alpha=0.07):  # 2 pairs: 2 * 2^-5
        assert found.other == "bad"
        assert (found.verdict == BETTER) == (found.one == "good")
    with pytest.raises(ValueError, match="run 'worse' is not among the runs that are compared"):
        pairwise(runs, "war", against="worse")
    few = {name: by_speaker(*[n] * 4) for name, n in (("good", 8), ("bad", 5))}
    assert pairwise(few, "war", unit="video")[0].verdict == "too few videos to tell (4)"


def test_two_runs_are_equal_only_where_the_difference_is_likely_small():
    """One utterance of 10 a speaker, now for one run and now for the other: Student's t around 0."""
    gains = np.tile([1, -1], 24) / 10
    scale = gains.std(ddof=1) * np.sqrt(1 / 48 + 1 / 47)
    runs = {"one": by_speaker(*[6, 5] * 24), "other": by_speaker(*[5, 6] * 24)}
    for rope, verdict in ((0.02, "too few speakers to tell (48)"), (0.05, "equal within 0.05")):
        (found,) = pairwise(runs, "war", rope=rope)
        share = stats.t(47, scale=scale).cdf([-rope, rope])
        likely = found.likely
        assert [likely.below, likely.within, likely.above] == pytest.approx([share[0], np.diff(share)[0], share[0]])
        assert (found.verdict, found.winner) == (verdict, None)
    (found,) = pairwise(runs, "war")
    assert found.likely.rope == ROPE
    few = {name: by_speaker(*[8, 2, *right] * 2) for name, right in (("one", (6, 5)), ("other", (5, 6)))}
    (found,) = pairwise(few, "war", rope=0.05)
    assert found.verdict == "too few speakers to tell (8)"


def test_an_error_in_the_targets_unit_has_no_region_unless_one_is_said():
    runs = {"one": of_values(0.5, 10, 1), "other": of_values(0.5, 10, 2)}
    assert pairwise(runs, "rmse")[0].likely is None
    found = pairwise(runs, "rmse", rope=0.3)[0]
    assert found.likely.within > 0.95
    assert found.verdict == "equal within 0.3"


def test_folds_of_several_speakers_make_the_test_of_equality_more_careful():
    runs = {"one": by_speaker(*[6, 5] * 24), "other": by_speaker(*[5, 6] * 24)}
    by_folds = [
        pairwise({name: replace(run, n_folds=k) for name, run in runs.items()}, "war", rope=0.03)[0].likely.within
        for k in (2, 5, 48)
    ]
    assert by_folds == sorted(by_folds)
    assert by_folds[0] < by_folds[2] - 0.05
    one_fold = pairwise({name: replace(run, n_folds=1) for name, run in runs.items()}, "war", rope=0.03)[0].likely
    gains = np.tile([1, -1], 24) / 10
    plain = stats.t(47, scale=gains.std(ddof=1) / np.sqrt(48))
    assert one_fold.within == pytest.approx(np.diff(plain.cdf([-0.03, 0.03]))[0])


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_of_an_error_less_is_better(metric):
    (found,) = pairwise({"bad": of_values(2.0, 10, 1), "good": of_values(0.1, 10, 2)}, metric)
    assert found.difference.value > 0
    assert (found.verdict, found.winner) == (BETTER, "good")


def test_all_pairs_are_compared_in_order_and_corrected_together():
    runs = {
        name: of_classes(quality, 10, i) for i, (name, quality) in enumerate(zip("xyz", (0.9, 0.5, 0.5), strict=True))
    }
    found = pairwise(runs)
    assert [(c.one, c.other) for c in found] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert [c.p_holm for c in found] == holm([c.p for c in found])
    assert [c.winner for c in found] == ["x", "x", None]


def test_under_the_null_it_is_as_often_significant_as_alpha_allows():
    rng = np.random.default_rng(0)
    rejected = 0
    for _ in range(400):
        ease = rng.normal(0, 1, 6)  # speakers differ, the two runs do not
        runs = {name: by_speaker(*rng.binomial(10, 1 / (1 + np.exp(-ease)))) for name in ("one", "other")}
        rejected += pairwise(runs, "war")[0].p <= 1 / 16
    assert rejected <= 400 / 16 + 3 * np.sqrt(400 / 16)


def test_it_refuses():
    run = of_classes(0.5, 4)
    cases = [
        ({"one": run}, "uar", "at least 2 runs, got 1"),
        ({"one": run, "other": of_classes(0.5, 5)}, "uar", "'one' and 'other' are not on the same utterances"),
        ({"one": run, "other": replace(run, clusters=run.clusters[::-1])}, "uar", "not on the same utterances"),
        ({"one": run, "other": replace(run, classes=("c", "b", "a"))}, "uar", "other classes"),
        ({"one": run, "other": replace(run, predicted=run.predicted[1:])}, "uar", "'other' has columns of different"),
        ({"one": run, "other": run}, "ccc", "'ccc' cannot be compared here; what can: uar, war, macro_f1"),
        ({"one": run, "other": run}, "auc", "'auc' cannot be compared"),
    ]
    for runs, metric, message in cases:
        with pytest.raises(ValueError, match=message):
            pairwise(runs, metric)
    values = of_values(1, 4)
    with pytest.raises(ValueError, match="Pearson of run 'flat' is undefined"):
        pairwise({"one": values, "flat": replace(values, predicted=np.ones(32))}, "pearson")
