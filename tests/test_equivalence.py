"""Equality has a test of its own: closed forms against integrals, planted differences, and where nothing is known."""

import numpy as np
import pytest
from scipy import integrate, special

from affex.pipeline.evaluation.equivalence import probabilities, pseudo_values


def density(x: float, freedom: int, middle: float, scale: float) -> float:
    """Student's t, written out."""
    constant = special.gamma((freedom + 1) / 2) / special.gamma(freedom / 2) / np.sqrt(freedom * np.pi) / scale
    return constant * (1 + ((x - middle) / scale) ** 2 / freedom) ** (-(freedom + 1) / 2)


def without(gains: np.ndarray) -> np.ndarray:
    """Return the mean without each speaker."""
    return (gains.sum() - gains) / (len(gains) - 1)


def test_of_a_mean_the_pseudo_values_are_the_speakers_own():
    gains = np.array([0.3, -0.1, 0.2, 0.05])
    assert pseudo_values(gains.mean(), without(gains)) == pytest.approx(gains)


@pytest.mark.parametrize("n_folds", [2, 6, 1])
def test_the_probabilities_are_integrals_of_students_t(n_folds):
    gains = np.array([0.02, -0.01, 0.03, 0.005, -0.02, 0.01])
    rho = 1 / n_folds  # the share that a fold tests
    beyond = 0 if n_folds == 1 else rho / (1 - rho) * n_folds / 6
    scale = np.sqrt(gains.var(ddof=1) * (1 / 6 + beyond))
    if n_folds == 6:
        assert scale == pytest.approx(gains.std(ddof=1) * np.sqrt(1 / 6 + 1 / 5))  # Nadeau and Bengio
    found = probabilities(gains.mean(), without(gains), n_folds, 0.01)
    parts = [(-np.inf, -0.01), (-0.01, 0.01), (0.01, np.inf)]
    expected = [integrate.quad(density, *part, args=(5, gains.mean(), scale))[0] for part in parts]
    assert [found.below, found.within, found.above] == pytest.approx(expected, abs=1e-8)
    assert sum(expected) == pytest.approx(1)
    assert found.rope == 0.01


@pytest.mark.parametrize(
    ("whole", "others"),
    [
        (0.1, [0.1]),
        (float("nan"), [0.1, 0.2]),
        (0.1, [0.1, float("nan"), 0.2]),
        (0.1, [0.1, 0.1, 0.1]),  # no speaker changes it: that it is certain, no one can say
    ],
)
def test_where_the_speakers_leave_it_open_there_are_none(whole, others):
    assert probabilities(whole, np.array(others), len(others), 0.01) is None


def test_it_finds_planted_differences_and_planted_equality():
    """Sets of 40 speakers, whose gains have a known mean: the largest share is that of the truth."""
    rng = np.random.default_rng(0)
    right = {0.0: 0, 0.05: 0, -0.05: 0}
    wrong = 0
    for truth in right:
        for gains in rng.normal(truth, 0.02, (200, 40)):
            found = probabilities(gains.mean(), without(gains), 40, 0.015)
            sure = (found.below >= 0.95, found.within >= 0.95, found.above >= 0.95)
            expected = (truth < 0, truth == 0, truth > 0)
            right[truth] += sure == expected
            wrong += any(sure) and sure != expected
    assert wrong <= 3
    assert min(right.values()) > 180


def test_differences_at_the_edge_of_the_region_are_seldom_called_equal():
    rng = np.random.default_rng(1)
    every = [probabilities(gains.mean(), without(gains), 10, 0.01) for gains in rng.normal(0.01, 0.01, (1000, 10))]
    assert np.mean([found.within >= 0.95 for found in every]) < 0.05
