"""The metrics: cases worked by hand, plain loops over fractions, then scikit-learn's and scipy's."""

from collections.abc import Sequence
from fractions import Fraction
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from affex.pipeline.evaluation import metrics

CLASSES = ("anger", "joy", "neutral")

#   true \ predicted   anger  joy  neutral
BY_HAND = [
    [3, 1, 0],  # recall 3/4
    [2, 2, 1],  # recall 2/5
    [0, 0, 1],  # recall 1/1
]


def test_confusion_has_true_rows_and_predicted_columns():
    counts = metrics.confusion_matrix(["anger", "anger", "joy", "neutral"], ["anger", "joy", "joy", "joy"], CLASSES)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_worked_by_hand():
    assert metrics.recalls(BY_HAND) == pytest.approx([3 / 4, 2 / 5, 1])
    assert metrics.precisions(BY_HAND) == pytest.approx([3 / 5, 2 / 3, 1 / 2])
    assert metrics.f1s(BY_HAND) == pytest.approx([6 / 9, 4 / 8, 2 / 3])
    assert metrics.uar(BY_HAND) == pytest.approx((3 / 4 + 2 / 5 + 1) / 3)
    assert metrics.war(BY_HAND) == pytest.approx(6 / 10)
    assert metrics.macro_f1(BY_HAND) == pytest.approx((6 / 9 + 4 / 8 + 2 / 3) / 3)
    assert metrics.weighted_f1(BY_HAND) == pytest.approx((4 * 6 / 9 + 5 * 4 / 8 + 1 * 2 / 3) / 10)


def test_uar_and_war_are_two_averages():
    always_the_first = [[90, 0], [10, 0]]
    assert metrics.uar(always_the_first) == 0.5
    assert metrics.war(always_the_first) == 0.9


def test_uar_averages_the_classes_that_occur():
    absent = [[4, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert np.isnan(metrics.recalls(absent)[2])
    assert metrics.uar(absent) == 0.75


def test_the_precision_of_a_class_never_predicted_is_undefined_and_its_f1_zero():
    never = [[2, 0], [3, 0]]
    assert np.isnan(metrics.precisions(never)[1])
    assert metrics.f1s(never)[1] == 0
    assert metrics.macro_f1(never) == pytest.approx((4 / 7 + 0) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    classes = np.array(["a", "b", "c", "d", "e"])
    true = np.concatenate([classes, rng.choice(classes, 200, p=[0.5, 0.2, 0.15, 0.1, 0.05])])
    predicted = np.where(rng.random(len(true)) < 0.5, true, rng.choice(classes, len(true)))
    counts = metrics.confusion_matrix(true, predicted, classes)
    assert np.array_equal(counts, reference.confusion_matrix(true, predicted, labels=classes))
    assert metrics.uar(counts) == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert metrics.war(counts) == pytest.approx(reference.accuracy_score(true, predicted))
    assert metrics.macro_f1(counts) == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    assert metrics.weighted_f1(counts) == pytest.approx(reference.f1_score(true, predicted, average="weighted"))
    for ours, theirs in (
        (metrics.recalls, reference.recall_score),
        (metrics.precisions, reference.precision_score),
        (metrics.f1s, reference.f1_score),
    ):
        assert ours(counts) == pytest.approx(theirs(true, predicted, labels=classes, average=None))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["a", "b"], ["a", "b"]), "1 true labels, but 2 predicted"),
        (([], [], ["a", "b"]), "no utterances"),
        ((["a"], ["c"], ["a", "b"]), "not classes: c"),
        ((["a"], ["a"], ["a", "a"]), "named twice"),
    ],
)
def test_confusion_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.confusion_matrix(*arguments)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], "square"),
        ([[1, -1], [0, 1]], "none below 0"),
        ([[0.5, 0.5], [0, 1]], "whole numbers"),
        ([[0, 0], [0, 0]], "no utterances"),
    ],
)
def test_metrics_refuse(counts, message):
    for metric in (metrics.uar, metrics.war, metrics.macro_f1, metrics.weighted_f1, metrics.recalls):
        with pytest.raises(ValueError, match=message):
            metric(counts)


def test_labels_are_no_class_even_where_a_class_begins_like_them():
    with pytest.raises(ValueError, match=r"not classes: None, ange \("):
        metrics.confusion_matrix(["anger", "ange", None], ["anger", "anger", "joy"], CLASSES)


#: Scores of anger, joy, neutral. Anger against the rest: .5 and .2 against .2, .1: 3.5 of 4 pairs are in order.
TRUE = ["anger", "anger", "joy", "neutral"]
SCORES = [[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.2, 0.8, 0.0], [0.1, 0.3, 0.6]]


def test_auc_by_hand():
    assert metrics.auc(TRUE, SCORES, CLASSES) == pytest.approx((3.5 / 4 + 3 / 3 + 3 / 3) / 3)


def test_auc_averages_the_classes_that_occur_and_needs_two():
    assert metrics.auc(TRUE[:3], SCORES[:3], CLASSES) == pytest.approx((1.5 / 2 + 1) / 2)
    assert np.isnan(metrics.auc(TRUE[:2], SCORES[:2], CLASSES))


def test_log_loss_by_hand():
    assert metrics.log_loss(TRUE, SCORES, CLASSES) == pytest.approx(-log(0.5 * 0.2 * 0.8 * 0.6) / 4)
    assert metrics.log_loss(TRUE, np.full((4, 3), 1 / 3), CLASSES) == pytest.approx(log(3))


def test_the_log_loss_of_a_score_of_0_is_finite():
    assert metrics.log_loss(["neutral"], [[0.2, 0.8, 0.0]], CLASSES) == pytest.approx(52 * log(2))


def test_calibration_error_by_hand():
    # .5 and .5 share a bin, one of two is right: no gap. .8 and .6 have a bin each and are right.
    assert metrics.calibration_error(TRUE, largest(SCORES, CLASSES), SCORES, CLASSES) == pytest.approx((0.2 + 0.4) / 4)


def test_calibration_error_looks_at_the_score_of_the_decision_and_at_whole_bins():
    sure, classes = np.tile([0.9, 0.1], (10, 1)), ("a", "b")
    assert metrics.calibration_error(["a"] * 9 + ["b"], ["a"] * 10, sure, classes) == pytest.approx(0)
    assert metrics.calibration_error(["b"] * 10, ["a"] * 10, sure, classes) == pytest.approx(0.9)
    assert metrics.calibration_error(["b"] * 10, ["b"] * 10, sure, classes) == pytest.approx(0.9)
    assert metrics.calibration_error(["a"], ["a"], [[1.0, 0.0]], classes) == 0
    # .6 is the end of a bin and belongs to it: one of two right, .575 on average.
    edge = [[0.6, 0.4], [0.55, 0.45]]
    assert metrics.calibration_error(["a", "b"], ["a", "a"], edge, classes) == pytest.approx(0.075)


def largest(scores: Any, classes: Sequence[str]) -> list[str]:
    """Return the class with the largest score in each row."""
    return [classes[place] for place in np.asarray(scores).argmax(axis=1)]


def expected_calibration_error(true: list[str], scores: np.ndarray, classes: list[str]) -> float:
    """The definition, bin by bin."""
    total = 0.0
    for b in range(10):
        rows = [i for i, row in enumerate(scores) if b / 10 < max(row) <= (b + 1) / 10]
        if rows:
            right = sum(classes[int(np.argmax(scores[i]))] == true[i] for i in rows) / len(rows)
            total += len(rows) / len(true) * abs(right - sum(max(scores[i]) for i in rows) / len(rows))
    return total


@pytest.mark.parametrize("seed", range(5))
def test_figures_of_scores_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    classes = ["a", "b", "c", "d"]
    true = [*classes, *rng.choice(classes, 200).tolist()]
    scores = rng.dirichlet(np.ones(4), len(true)).round(2)  # rounded: equal scores occur
    scores /= scores.sum(axis=1, keepdims=True)
    theirs = reference.roc_auc_score(true, scores, labels=classes, multi_class="ovr", average="macro")
    assert metrics.auc(true, scores, classes) == pytest.approx(theirs)
    assert metrics.log_loss(true, scores, classes) == pytest.approx(reference.log_loss(true, scores, labels=classes))
    expected = expected_calibration_error(true, scores, classes)
    found = metrics.calibration_error(true, largest(scores, classes), scores, classes)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([[0.5, 0.5]], r"shape \(1, 2\), expected \(2, 2\)"),
        ([[0.5, 0.5], [np.nan, 0.5]], "number 1 has a score that is not finite"),
        (None, "there are none"),
    ],
)
def test_figures_of_scores_refuse(scores, message):
    for name in ("auc", "log_loss", "calibration_error"):
        with pytest.raises(ValueError, match=message):
            metrics.CLASS_METRICS[name].function(["a", "b"], ["a", "b"], scores, ["a", "b"])


@pytest.mark.parametrize("row", [[2.0, -1.0], [0.5, 0.6], [-3.0, -4.0]])
def test_log_loss_and_calibration_want_probabilities(row):
    for name in ("log_loss", "calibration_error"):
        with pytest.raises(ValueError, match="number 1 are no probabilities"):
            metrics.CLASS_METRICS[name].function(["a", "b"], ["a", "b"], [[0.4, 0.6], row], ["a", "b"])


# Means 2 and 3, variances 2/3 and 14/3, covariance 4/3.
VALUES = [1, 2, 3], [2, 1, 6]


def test_values_by_hand():
    assert metrics.ccc(*VALUES) == pytest.approx((2 * 4 / 3) / (2 / 3 + 14 / 3 + 1))
    assert metrics.pearson(*VALUES) == pytest.approx((4 / 3) / sqrt(2 / 3 * 14 / 3))
    assert metrics.rmse(*VALUES) == pytest.approx(sqrt((1 + 1 + 9) / 3))
    assert metrics.mae(*VALUES) == pytest.approx((1 + 1 + 3) / 3)


def test_ccc_counts_scale_and_shift_as_errors_where_pearson_does_not():
    x = np.arange(5.0)
    assert metrics.ccc(x, x) == pytest.approx(1)
    assert metrics.ccc(x, 4 - x) == pytest.approx(-1)
    assert metrics.pearson(x, 2 * x + 3) == pytest.approx(1)
    assert metrics.ccc(x, x + 2) == pytest.approx(2 * 2 / (2 + 2 + 4))
    assert metrics.ccc(x, 2 * x - 2) == pytest.approx(2 * 4 / (2 + 8))


def test_a_constant_has_no_correlation():
    x, constant = [0.1, 0.2, 0.4], [0.3, 0.3, 0.3]
    assert metrics.ccc(x, constant) == metrics.ccc(constant, x) == 0
    assert np.isnan(metrics.pearson(x, constant))
    assert np.isnan(metrics.pearson(constant, x))
    for other in (constant, [0.2, 0.2, 0.2]):
        assert np.isnan(metrics.ccc(constant, other))
    assert np.isnan(metrics.ccc([1], [2]))
    assert metrics.mae(constant, constant) == metrics.rmse(constant, constant) == 0


def concordance(true: list[int], predicted: list[int]) -> Fraction:
    """Lin's coefficient in fractions: sums of pairs, no mean is subtracted."""
    n = len(true)
    mean_x, mean_y = Fraction(sum(true), n), Fraction(sum(predicted), n)
    var_x = Fraction(sum(x * x for x in true), n) - mean_x**2
    var_y = Fraction(sum(y * y for y in predicted), n) - mean_y**2
    covariance = Fraction(sum(x * y for x, y in zip(true, predicted, strict=True)), n) - mean_x * mean_y
    return 2 * covariance / (var_x + var_y + (mean_x - mean_y) ** 2)


def average_recall(true: list[str], predicted: list[str]) -> Fraction:
    """UAR in fractions, counted in a loop."""
    recalls = []
    for name in set(true):
        own = [p for t, p in zip(true, predicted, strict=True) if t == name]
        recalls.append(Fraction(own.count(name), len(own)))
    return sum(recalls) / len(recalls)


@pytest.mark.parametrize("seed", range(5))
def test_ccc_and_uar_equal_independent_references(seed):
    rng = np.random.default_rng(seed)
    true = rng.integers(-50, 50, 40).tolist()
    predicted = (np.array(true) // 2 + rng.integers(-20, 30, 40)).tolist()
    assert metrics.ccc(true, predicted) == pytest.approx(float(concordance(true, predicted)), rel=1e-12)
    labels, output = rng.choice(CLASSES, (2, 60), p=[0.2, 0.3, 0.5]).tolist()
    counts = metrics.confusion_matrix(labels, output, CLASSES)
    assert metrics.uar(counts) == pytest.approx(float(average_recall(labels, output)), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_values_equal_scipy_and_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    true = 1e4 + rng.normal(size=100)
    predicted = 0.6 * true + 0.4e4 + rng.normal(size=100)
    assert metrics.pearson(true, predicted) == pytest.approx(stats.pearsonr(true, predicted).statistic)
    assert metrics.rmse(true, predicted) == pytest.approx(reference.root_mean_squared_error(true, predicted))
    assert metrics.mae(true, predicted) == pytest.approx(reference.mean_absolute_error(true, predicted))


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([1, 2], [1], "2 true values, but 1 predicted"),
        ([], [], "no utterances"),
        ([1, 2, 3], [1, 2, np.nan], "predicted value of utterance number 2 is not finite"),
        ([1, np.inf], [1, 2], "true value of utterance number 1 is not finite"),
        ([[1, 2]], [[1, 2]], "one number an utterance"),
    ],
)
def test_values_refuse(true, predicted, message):
    for metric in metrics.VALUE_METRICS.values():
        with pytest.raises(ValueError, match=message):
            metric.function(true, predicted)


@pytest.mark.parametrize("name", metrics.CLASS_METRICS)
def test_a_figure_of_a_part_is_the_metric_of_that_part(name):
    rng = np.random.default_rng(0)
    labels, output = rng.choice(CLASSES, (2, 50))
    scores = rng.dirichlet(np.ones(3), 50)
    figure = metrics.class_figure(name, labels, output, scores, CLASSES)
    metric = metrics.CLASS_METRICS[name]
    for part in (np.arange(50), np.arange(0, 50, 2), np.arange(20)):
        expected = metric.function(labels[part], output[part], scores[part], CLASSES)
        assert figure(part) == pytest.approx(expected, rel=1e-12)
        assert metric.low <= expected <= metric.high


def test_an_average_over_classes_is_undefined_for_a_part_without_one_of_them():
    labels, scores = ["a", "a", "b"], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    for name, metric in metrics.CLASS_METRICS.items():
        figure = metrics.class_figure(name, labels, ["a", "b", "b"], scores, ("a", "b"))
        assert np.isfinite(figure(np.array([0, 2])))
        assert np.isnan(figure(np.array([0, 1]))) == metric.each_class


@pytest.mark.parametrize("name", metrics.VALUE_METRICS)
def test_a_figure_of_values_is_the_same_from_sums(name):
    rng = np.random.default_rng(0)
    true = 100 + rng.normal(size=60)
    predicted = true + rng.normal(1, 2, size=60)
    figure, metric = metrics.value_figure(name, true, predicted), metrics.VALUE_METRICS[name]
    sums = metrics.moments(true, predicted)
    parts = [np.arange(60), np.arange(0, 60, 2)]
    expected = [metric.function(true[part], predicted[part]) for part in parts]
    assert [figure(part) for part in parts] == expected
    assert metric.from_sums(np.stack([sums[part].sum(axis=0) for part in parts])) == pytest.approx(expected, rel=1e-10)


def test_the_headlines():
    assert metrics.CLASS_HEADLINES == ("uar", "war", "macro_f1")
    assert metrics.VALUE_HEADLINES == ("ccc", "pearson", "rmse", "mae")
