"""What an interval allows to be said: every case by hand, and the sentences that rest on it."""

from types import SimpleNamespace

import pytest

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.conclusions import ROPE, SURE, in_words, of_test, rope_of, verdict
from affex.pipeline.evaluation.equivalence import Probabilities
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.summary import Figure
from affex.pipeline.reporting.tables import chance_words


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.20, "better"),
        (0.01, 0.02, "better"),  # small, but not 0
        (-0.20, -0.01, "worse"),
        (-0.01, 0.01, "equal"),
        (-0.003, 0.004, "equal"),
        (-0.282, 0.407, "unknown"),  # of 4 speakers: was called "worth little or nothing"
        (-0.011, 0.005, "unknown"),
        (0.0, 0.2, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_the_four_verdicts(low, high, expected):
    assert verdict(low, high, 4) == expected
    turned = {"better": "worse", "worse": "better"}.get(expected, expected)
    assert verdict(low, high, 4, rises=False) == turned
    assert verdict(low, high, 3) == "unknown"  # two speakers may agree by chance, and their interval is then narrow


def test_where_no_difference_is_too_small_none_is_equal():
    assert verdict(-0.001, 0.001, 10, rope=None) == "unknown"
    assert verdict(-0.4, 0.4, 10, rope=0.5) == "equal"
    assert (rope_of(1), rope_of(float("inf")), rope_of(1, 0.02), rope_of(float("inf"), 3)) == (ROPE, None, 0.02, 3)


def within(share: float) -> Probabilities:
    return Probabilities((1 - share) / 2, share, (1 - share) / 2, ROPE)


@pytest.mark.parametrize(
    ("difference", "likely", "p", "n", "expected"),
    [
        (0.1, within(0.02), 0.01, 7, "better"),
        (0.004, within(0.99), 0.01, 7, "better"),  # whether one is better is for the permutation test to say
        (-0.1, None, 0.05, 7, "worse"),
        (0.1, within(0.02), 0.2, 7, "unknown"),  # not significant, so no better; nor is it equal
        (0.002, within(SURE), 0.2, 7, "equal"),
        (0.002, within(SURE - 0.001), 0.2, 7, "unknown"),
        (0.0, within(0.999), 1.0, 3, "unknown"),  # three speakers may agree by chance
        (0.0, None, 1.0, 7, "unknown"),
    ],
)
def test_the_verdict_of_a_test(difference, likely, p, n, expected):
    assert of_test(difference, p, 0.05, n, likely) == expected
    turned = {"better": "worse", "worse": "better"}.get(expected, expected)
    assert of_test(difference, p, 0.05, n, likely, rises=False) == turned


def test_words():
    output = [in_words(found, 4) for found in ("better", "worse", "equal", "unknown")]
    assert output == ["clearly better", "clearly worse", "equal within 0.01", "too few speakers to tell (4)"]
    assert in_words("unknown", 1, "session") == "too few sessions to tell (1)"
    assert in_words("equal", 9, rope=0.02) == "equal within 0.02"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.30, 0.60, "clearly better"),
        (0.023, 0.239, "clearly worse"),  # URDU under SPEAKER_NORM: below chance
        (0.245, 0.255, "equal within 0.01"),
        (0.1, 0.9, "too few speakers to tell (29)"),
        (None, None, "too few speakers to tell (29)"),
    ],
)
def test_a_figure_beside_chance(low, high, expected):
    interval = Interval(0.4, low, high, None if low is None else 0.1, 0.95, 29)
    about = SimpleNamespace(unit="speaker")
    found = SimpleNamespace(
        headlines={"uar": metrics.CLASS_METRICS["uar"]},
        interval=lambda _: interval,
        figures={"uar": Figure(0.4, 0.25, interval)},
        n_clusters=29,
        about=about,
    )
    assert chance_words(found) == f"UAR 0.400 to 0.250, {expected}"
