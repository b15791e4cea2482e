"""Cuts: films made here, whose cuts are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from scenes import scenes

from affex.features.base import Frames
from affex.features.detectors.cuts import change, difference, marked, small

SIZE = (90, 160)


def wall(seed: int, width: int = SIZE[1], bright: float = 1.0) -> np.ndarray:
    """Return a picture of patches of 10 px, which differ from seed to seed."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(30, 160, (SIZE[0] // 10, width // 10, 3))
    return (np.kron(patches, np.ones((10, 10, 1))) * bright).astype(np.uint8)


def noisy(pictures: Sequence[np.ndarray]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([np.clip(p + rng.normal(0, 3, p.shape), 0, 255).astype(np.uint8) for p in pictures])


def cuts(pictures: Sequence[np.ndarray], window: int = 4) -> list[int]:
    """Return the numbers of the frames that begin a shot."""
    film, times = noisy(pictures), np.arange(len(pictures)) / 5
    parts = (Frames(film[i : i + window], times[i : i + window]) for i in range(0, len(film), window))
    found = [
        (float(time), cut) for frames, marks in marked(parts) for time, cut in zip(frames.times, marks, strict=True)
    ]
    assert [time for time, _ in found] == times.tolist()
    return [number for number, (_, cut) in enumerate(found) if cut]


def test_pictures_are_compared_but_not_their_light():
    one, other = small(wall(0)), small(wall(1))
    assert difference(one, one) == pytest.approx(0, abs=1e-6)
    assert difference(one, small(wall(0, bright=0.6))) < 0.01
    assert difference(one, other) > 0.7
    flat, dark = (small(np.full((*SIZE, 3), level, np.uint8)) for level in (100, 0))
    assert difference(flat, dark) == pytest.approx(0, abs=1e-6)
    assert difference(flat, one) > 0.8


@pytest.mark.parametrize("window", [1, 4, 100])
def test_cuts_are_found_wherever_windows_end(window):
    film = [wall(0)] * 7 + [wall(1)] * 5 + [wall(0)] * 6
    assert cuts(film, window) == [7, 12]


def test_a_film_of_few_frames_has_cuts_too():
    assert cuts([]) == []
    assert cuts([wall(0)]) == []
    assert cuts([wall(0), wall(1)]) == [1]


def test_frames_may_change_their_size():
    film = [wall(0)[None]] * 3 + [wall(0)[None, :, ::2]] * 6
    found = list(marked(Frames(frame, np.array([k / 5])) for k, frame in enumerate(film)))
    assert [frame.shape for frames, _ in found for frame in frames.pictures] == [f.shape[1:] for f in film]
    assert not any(cut for _, cuts in found for cut in cuts)


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length):
    for flash in (np.full((*SIZE, 3), 255, np.uint8), wall(0, bright=1.6), wall(5)):
        assert cuts([wall(0)] * 6 + [flash] * length + [wall(0)] * 6) == []


def test_someone_who_is_gone_for_two_frames_is_no_cut():
    pictures = scenes([0, 1, 2, 3, None, None, 6, 7, 8, 9])
    assert change(small(pictures[3]), small(pictures[6])) > 0.06  # she has moved meanwhile
    assert cuts(pictures) == []


def test_light_that_is_switched_on_is_no_cut():
    assert cuts([wall(0, bright=0.5)] * 6 + [wall(0)] * 6) == []


def pan(seed: int, count: int, pace: int) -> list[np.ndarray]:
    """Return pictures that move along a wall, so many px from one to the next."""
    return [wall(seed, 480)[:, pace * k : pace * k + SIZE[1]] for k in range(count)]


@pytest.mark.parametrize("pace", [1, 4, 10])
def test_a_pan_is_no_cut(pace):
    assert cuts(pan(0, 16, pace)) == []


def test_a_cut_in_a_slow_pan_is_found():
    assert cuts(pan(0, 12, 1) + pan(1, 8, 1)) == [12]


def test_someone_who_covers_one_half_is_no_cut():
    covered = wall(0)
    covered[:, : SIZE[1] // 2] = 110
    assert change(small(wall(0)), small(covered)) < 0.06
    assert cuts([wall(0)] * 6 + [covered] * 6 + [wall(0)] * 6) == []
