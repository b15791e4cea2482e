"""Intervals over speakers: closed forms, a jackknife in fractions, and where there is none."""

import re
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import jackknife, wilson

CLASSES = ("a", "b")


def test_of_a_mean_over_equal_clusters_it_is_the_t_interval_of_the_clusters_means():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 5))
    found = jackknife(lambda rows: values.ravel()[rows].mean(), np.repeat(list("fedcba"), 5), bounds=(-9, 9))
    expected = stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), expected.low, expected.high))
    assert found.standard_error == pytest.approx(stats.sem(values.mean(axis=1)))
    assert (found.n_clusters, found.level, found.reason) == (6, 0.95, "")


def test_a_higher_level_is_wider():
    values = np.array([0.1, 0.4, 0.3, 0.6])
    narrow, wide = (jackknife(lambda rows: values[rows].mean(), np.arange(4), level=level) for level in (0.5, 0.9))
    reach = stats.t(3).ppf(0.95) / stats.t(3).ppf(0.75)
    assert wide.high - wide.value == pytest.approx(reach * (narrow.high - narrow.value))


#: Speaker, true, predicted: speaker z has no utterance of class b.
DECISIONS = [
    ("x", "a", "a"), ("x", "a", "b"), ("x", "b", "b"),
    ("y", "a", "a"), ("y", "b", "b"), ("y", "b", "a"), ("y", "b", "b"),
    ("z", "a", "a"), ("z", "a", "b"), ("z", "a", "a"),
    ("w", "b", "b"), ("w", "a", "b"),
]  # fmt: skip


def uar_in_fractions(output: list[tuple[str, str, str]]) -> Fraction:
    recalls = []
    for name in CLASSES:
        own = [predicted for _, true, predicted in output if true == name]
        recalls.append(Fraction(own.count(name), len(own)))
    return sum(recalls) / 2


def test_the_interval_of_uar_equals_a_jackknife_in_fractions():
    speakers, true, predicted = zip(*DECISIONS, strict=True)
    found = jackknife(metrics.class_figure("uar", true, predicted, None, CLASSES), speakers)
    without = [uar_in_fractions([row for row in DECISIONS if row[0] != speaker]) for speaker in "xyzw"]
    # By hand: a has 4 of 7 right, b 4 of 5; without x 3/5 and 3/4, without y 3/6 and 2/2, ...
    assert without == [Fraction(27, 40), Fraction(3, 4), Fraction(13, 20), Fraction(17, 24)]
    mean = sum(without) / 4
    error = sqrt(Fraction(3, 4) * sum((figure - mean) ** 2 for figure in without))
    assert found.value == pytest.approx(float(uar_in_fractions(DECISIONS)), rel=1e-12)
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    quantile = 3.182446305284263  # of t(3) at .975, from tables
    assert found.low == pytest.approx(float(uar_in_fractions(DECISIONS)) - quantile * error)
    assert found.high == pytest.approx(float(uar_in_fractions(DECISIONS)) + quantile * error)


def ccc_in_fractions(pairs: list[tuple[int, int]]) -> Fraction:
    """Lin's coefficient as 1 - E(x - y)^2 / E(x - y)^2 under independence, over all pairs."""
    together = Fraction(sum((x - y) ** 2 for x, y in pairs), len(pairs))
    apart = Fraction(sum((x - y) ** 2 for x, _ in pairs for _, y in pairs), len(pairs) ** 2)
    return 1 - together / apart


def test_the_interval_of_ccc_equals_a_jackknife_in_fractions():
    pairs = [(1, 2), (3, 2), (5, 6), (2, 2), (4, 3), (6, 5), (3, 5), (7, 6), (1, 1), (2, 4)]
    speakers = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    found = jackknife(metrics.value_figure("ccc", *zip(*pairs, strict=True)), speakers, bounds=(-1, 1))
    without = [
        ccc_in_fractions([pair for pair, own in zip(pairs, speakers, strict=True) if own != speaker])
        for speaker in range(4)
    ]
    mean = sum(without) / 4
    error = sqrt(Fraction(3, 4) * sum((figure - mean) ** 2 for figure in without))
    assert found.value == pytest.approx(float(ccc_in_fractions(pairs)), rel=1e-12)
    assert found.standard_error == pytest.approx(error, rel=1e-12)
    assert found.low == pytest.approx(float(ccc_in_fractions(pairs)) - 3.182446305284263 * error)
    assert found.high == pytest.approx(float(ccc_in_fractions(pairs)) + 3.182446305284263 * error)


def test_it_is_clipped_to_the_range():
    values = np.array([1.0, 1.0, 0.2])
    found = jackknife(lambda rows: values[rows].mean(), np.arange(3))
    assert (found.low, found.high) == (0, 1)
    assert found.standard_error == pytest.approx(stats.sem(values))


def test_the_names_and_the_order_of_clusters_do_not_matter():
    rng = np.random.default_rng(1)
    values, clusters, order = rng.random(20), rng.integers(0, 5, 20), rng.permutation(20)
    one = jackknife(lambda rows: values[rows].mean(), clusters)
    other = jackknife(lambda rows: values[order][rows].mean(), [f"s{-cluster}" for cluster in clusters[order]])
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


@pytest.mark.parametrize(
    ("figure", "clusters", "reason"),
    [
        (lambda rows: 0.5, ["x", "x"], "1 video: an interval over videos needs at least 2"),
        (lambda rows: float("nan"), ["x", "y"], "the figure is undefined"),
        (lambda rows: 0.5 if 1 in rows else float("nan"), ["x", "y"], "undefined without video y .*only one of them"),
        (lambda rows: 1.0, ["x", "y"], "the same without any one video"),
    ],
)
def test_where_there_is_no_interval_it_says_why(figure, clusters, reason):
    found = jackknife(figure, clusters, unit="video")
    assert (found.low, found.high, found.standard_error) == (None, None, None)
    assert re.search(reason, found.reason)
    assert found.n_clusters == len(set(clusters))


def test_a_class_of_one_speaker_alone_leaves_uar_without_an_interval_but_not_war():
    speakers, true, output = ["x", "x", "y", "y", "z"], ["a", "b", "a", "a", "a"], ["a", "b", "b", "a", "a"]
    assert jackknife(metrics.class_figure("uar", true, output, None, CLASSES), speakers).reason
    assert jackknife(metrics.class_figure("war", true, output, None, CLASSES), speakers).low is not None


def test_it_refuses():
    with pytest.raises(ValueError, match="no utterances"):
        jackknife(lambda rows: 0.5, [])
    with pytest.raises(ValueError, match=r"between 0 and 1; got 95"):
        jackknife(lambda rows: 0.5, ["x", "y"], level=95)


def test_a_share_has_the_interval_of_wilson():
    """The ends are the shares that lie z standard errors, their own, from the one that was found."""
    found = wilson(7, 10)
    z = 1.959963984540054
    for end in (found.low, found.high):
        assert abs(0.7 - end) == pytest.approx(z * (end * (1 - end) / 10) ** 0.5)
    assert found.low < found.value == 0.7 < found.high
    assert (found.level, found.n) == (0.95, 10)


def test_a_share_of_none_or_all_has_one_end_there():
    z2 = 1.959963984540054**2
    none, every = wilson(0, 4), wilson(4, 4)
    assert (none.low, none.high) == (0, pytest.approx(z2 / (4 + z2)))
    assert (every.low, every.high) == (pytest.approx(4 / (4 + z2)), 1)


@pytest.mark.parametrize(("n_right", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(n_right, n):
    with pytest.raises(ValueError, match="is no share"):
        wilson(n_right, n)
