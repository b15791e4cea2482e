"""Which instants a sampling means, in closed form, and how it is written."""

import itertools
import math

import pytest

from affex.features.pictures.sampling import Sampling, sampling


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("all", Sampling()),
        ("13/s", Sampling(13, 1.0)),
        ("20/3s", Sampling(20, 3.0)),
        ("1/0.5s", Sampling(1, 0.5)),
        ("16/clip", Sampling(16)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, means: Sampling) -> None:
    assert sampling(text) == means


@pytest.mark.parametrize("text", ["", "13", "0/s", "-1/s", "13/", "13/0s", "13/0.0s", "16/clips", "ALL", "1.5/s"])
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
    assert [sampling(text).by_length for text in ("all", "13/s", "16/clip")] == [False, False, True]
