"""Spectrogram: its shape and its limits (the numbers are test_frames' business)."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.spectrogram import PRESETS, Spectrogram


def test_bins_are_25_hz_apart_up_to_4975_hz():
    tones = sum(np.sin(2 * np.pi * hertz * np.arange(8000) / 16000) for hertz in (100, 4975, 5100))
    rows = PRESETS["spectrogram"].extract(Signal((tones / 3).astype(np.float32), 16000))
    assert rows.values.shape == (47, 200)
    loudest = np.sort(np.argsort(rows.values[0])[-2:])
    np.testing.assert_array_equal(loudest, [100 // 25, 4975 // 25])
    np.testing.assert_allclose(rows.times[:2], [0.020, 0.030])


def test_all_bins_reach_to_half_the_rate():
    assert len(Spectrogram(bins=321).columns) == 321
    with pytest.raises(ValueError, match=r"bins=322: expected 1 to 321 with"):
        Spectrogram(bins=322)
