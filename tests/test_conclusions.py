"""What an interval allows to be said: every case by hand, and the sentences that rest on it."""

from types import SimpleNamespace

import pytest

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.conclusions import MARGIN, in_words, margin_of, of_test, verdict
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.summary import Figure
from affex.pipeline.reporting.tables import chance_words


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.20, "better"),
        (0.01, 0.02, "better"),  # small, but not 0
        (-0.20, -0.01, "worse"),
        (-0.05, 0.05, "equal"),
        (-0.03, 0.04, "equal"),
        (-0.282, 0.407, "unknown"),  # of 4 speakers: was called "worth little or nothing"
        (-0.051, 0.01, "unknown"),
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
    assert verdict(-0.001, 0.001, 10, margin=None) == "unknown"
    assert verdict(-0.4, 0.4, 10, margin=0.5) == "equal"
    assert (margin_of(1), margin_of(float("inf"))) == (MARGIN, None)


def interval(value: float, low: float | None, high: float | None) -> Interval:
    return Interval(value, low, high, None, 0.95, 7)


@pytest.mark.parametrize(
    ("value", "low", "high", "p", "expected"),
    [
        (0.1, 0.02, 0.18, 0.01, "better"),
        (0.1, -0.02, 0.22, 0.01, "better"),  # whether one is better is for the test to say
        (-0.1, -0.2, -0.01, 0.05, "worse"),
        (0.1, 0.02, 0.18, 0.2, "unknown"),  # not significant, so no better; nor is it equal
        (0.02, 0.01, 0.03, 0.2, "equal"),
        (0.0, -0.05, 0.05, 1.0, "equal"),
        (0.0, None, None, 1.0, "unknown"),
    ],
)
def test_the_verdict_of_a_test(value, low, high, p, expected):
    assert of_test(interval(value, low, high), p, 0.05, margin=MARGIN) == expected


def test_words():
    output = [in_words(found, 4) for found in ("better", "worse", "equal", "unknown")]
    assert output == ["clearly better", "clearly worse", "equal within 0.05", "undecided with 4 speakers"]
    assert in_words("unknown", 1, "session") == "undecided with 1 session"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.30, 0.60, "clearly better"),
        (0.023, 0.239, "clearly worse"),  # URDU under SPEAKER_NORM: below chance
        (0.21, 0.29, "equal within 0.05"),
        (0.1, 0.9, "undecided with 29 speakers"),
        (None, None, "undecided with 29 speakers"),
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
