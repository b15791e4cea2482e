"""Derivatives by the clock: closed forms, ends, gaps, and scipy's for frames that come evenly."""

import numpy as np
import pytest
from scipy.signal import savgol_filter

from affex.features.capture.motion import runs, with_derivatives


def derived(static: np.ndarray, times: np.ndarray, parts: list[slice] | None = None, span: float = 0.3) -> np.ndarray:
    """Return values, slopes and curvatures, (3, n_frames, n)."""
    parts = [slice(0, len(times))] if parts is None else parts
    values = with_derivatives(np.asarray(static, np.float32).reshape(len(times), -1), times, parts, 2, span)
    assert values.dtype == np.float32
    return np.stack(np.split(values, 3, axis=1))


def test_runs_are_parted_by_what_is_missing():
    assert runs(np.array([0, 1, 2, 5, 7, 8])) == [slice(0, 3), slice(3, 4), slice(4, 6)]
    assert runs(np.array([4])) == [slice(0, 1)]
    assert runs(np.array([], int)) == []


@pytest.mark.parametrize("span", [0, 0.3, 5])
def test_a_line_has_its_slope_and_a_parabola_its_curvature_whenever_frames_come(span):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.3, 40))
    values, slopes, curvatures = derived(np.stack([3 * times - 1, times**2], axis=1), times, span=span)
    assert np.allclose(slopes, np.stack([np.full(40, 3), 2 * times], axis=1), rtol=1e-3, atol=1e-3)
    assert np.allclose(curvatures[:, 1], 2, atol=0.05)
    assert np.abs(curvatures[:, 0]).max() < 0.05
    assert np.allclose(values[:, 0], 3 * times - 1)


def test_even_frames_have_the_derivatives_of_savitzky_and_golay():
    times = np.arange(30) / 25
    static = np.random.default_rng(1).standard_normal((30, 4)).astype(np.float32)
    _, slopes, curvatures = derived(static, times, span=0.25)  # seven frames
    for order, ours in ((1, slopes), (2, curvatures)):
        theirs = savgol_filter(static.astype(float), 7, 2, deriv=order, delta=1 / 25, axis=0)
        np.testing.assert_allclose(ours[3:-3], theirs[3:-3], rtol=1e-4, atol=1e-3)


def test_nothing_is_derived_across_a_gap():
    times = np.array([0.0, 0.2, 0.4, 1.0, 1.2, 1.4])
    static = np.where(times < 0.9, times, 100 - times)
    _, slopes, curvatures = derived(static, times, [slice(0, 3), slice(3, 6)], span=3)
    assert np.allclose(slopes.ravel(), [1, 1, 1, -1, -1, -1], atol=1e-4)
    assert np.allclose(curvatures, 0, atol=1e-2)
    assert np.abs(derived(static, times, span=3)[1]).max() > 50  # what it would be across it


def test_short_runs_have_a_line_or_stand_still():
    times = np.array([0.0, 0.2, 1.0])
    _, slopes, curvatures = derived(np.array([1.0, 2.0, 7.0]), times, [slice(0, 2), slice(2, 3)])
    assert slopes.ravel() == pytest.approx([5, 5, 0])
    assert not curvatures.any()


def test_fewer_derivatives_are_the_first_columns():
    static, times = np.random.default_rng(0).random((5, 3), np.float32), np.arange(5.0)
    full = with_derivatives(static, times, [slice(0, 5)], 2, 0.3)
    for derivatives in (0, 1):
        part = with_derivatives(static, times, [slice(0, 5)], derivatives, 0.3)
        assert part.tobytes() == np.ascontiguousarray(full[:, : part.shape[1]]).tobytes()
