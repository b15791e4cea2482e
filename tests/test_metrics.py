"""The metrics: cases worked by hand, then scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as reference

from pipeline import metrics

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
    for metric in (metrics.uar, metrics.war, metrics.macro_f1, metrics.recalls, metrics.precisions):
        with pytest.raises(ValueError, match=message):
            metric(counts)
