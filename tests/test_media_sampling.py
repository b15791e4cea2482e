"""Which instants a sampling means, in closed form, and how it is written."""

import itertools
import math
from collections import Counter

import pytest

from affex.features.pictures.sampling import SLOT, Sampling, sampling


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("all", Sampling()),
        ("13/s", Sampling(13, 1.0)),
        ("20/3s", Sampling(20, 3.0)),
        ("1/0.5s", Sampling(1, 0.5)),
        ("16/clip", Sampling(16)),
        ("16-random/clip", Sampling(16, random=True)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, means: Sampling) -> None:
    assert sampling(text) == means


@pytest.mark.parametrize(
    "text",
    ["", "13", "0/s", "-1/s", "13/", "13/0s", "13/0.0s", "16/clips", "ALL", "1.5/s", "16-random/s", "-random/clip"],
)
def test_what_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected all, or a number of pictures per stretch of time, as in 13/s"):
        sampling(text)


def test_instants_are_the_middles_of_equal_steps() -> None:
    assert list(sampling("4/s").instants(10.0, 11.0)) == [10.125, 10.375, 10.625, 10.875]
    assert list(sampling("4/clip").instants(10.0, 18.0)) == [11.0, 13.0, 15.0, 17.0]
    assert list(sampling("1/2s").instants(0.0, 5.5)) == [1.0, 3.0, 5.0]
    assert list(sampling("1/2s").instants(0.0, 5.0)) == [1.0, 3.0]  # the end is not part of the span
    assert list(sampling("1/s").instants(0.0, 0.4)) == []
    assert sampling("all").instants(0.0, 1.0) is None


def test_a_rate_needs_no_end() -> None:
    assert list(itertools.islice(sampling("2/s").instants(0.0, math.inf), 3)) == [0.25, 0.75, 1.25]


def test_only_so_many_a_clip_need_its_length() -> None:
    assert [sampling(text).by_length for text in ("all", "13/s", "16/clip", "16-random/clip")] == [
        False, False, True, True,
    ]  # fmt: skip


def test_random_instants_are_distinct_in_order_and_the_same_everywhere() -> None:
    drawn = sampling("16-random/clip")
    one = list(drawn.instants(10.0, 14.0, "a"))
    assert len(one) == 16
    assert one == sorted(set(one))
    assert all(10 < instant < 14 and (instant - 10) / SLOT % 1 == pytest.approx(0.5) for instant in one)
    assert one == list(drawn.instants(10.0, 14.0, "a"))
    assert one != list(drawn.instants(10.0, 14.0, "b"))
    assert list(sampling("3-random/clip").instants(0.0, 4.0, "a")) == [0.74, 1.02, 3.9]


def test_every_instant_is_drawn_equally_often() -> None:
    drawn = sampling("5-random/clip")
    counts = Counter(round(t / SLOT - 0.5) for n in range(2000) for t in drawn.instants(0.0, 1.001, str(n)))
    assert len(counts) == 25
    assert all(count == pytest.approx(400, abs=80) for count in counts.values())


def test_a_clip_that_is_too_short_to_draw_from_is_sampled_evenly() -> None:
    assert list(sampling("16-random/clip").instants(0.0, 0.5, "a")) == list(sampling("16/clip").instants(0.0, 0.5))
