"""The fingerprint: what changes it, and what does not."""

import numpy as np
import pytest
import soxr
from copies import voice

from affex.features.base import ExtractionError, Signal
from affex.features.fingerprint import PRESETS

PRINT = PRESETS["fingerprint"]


def rows(samples, rate=16000):
    return PRINT.extract(Signal(np.asarray(samples, np.float32), rate)).values


def test_a_gain_falls_out():
    spoken = voice(0)
    np.testing.assert_allclose(rows(0.1 * spoken), rows(spoken), atol=0.01)
    assert np.abs(rows(spoken)).mean() > 1


def test_a_swelling_tone_changes_against_its_silent_neighbours_by_its_own_slope():
    # 60 dB a second are 3.84 dB in the 64 ms between the two frames of a row; between two bands that both hold the
    # tone, or neither does, nothing changes.
    t = np.arange(11200) / 16000
    values = rows(10 ** (3 * (t - 0.7)) * np.sin(2 * np.pi * 500 * t))
    np.testing.assert_allclose(values.max(axis=1), 3.84, atol=0.1)
    np.testing.assert_allclose(values.sum(axis=1), 0, atol=0.01)


def test_silence_is_rows_of_zeros_and_changes_no_others():
    spoken = voice(1)
    padded = rows(np.concatenate([np.zeros(16 * 256), spoken, np.zeros(8000)]))
    alone = rows(spoken)
    np.testing.assert_allclose(padded[16 : 16 + len(alone)], alone, atol=1e-3)
    # The first window that hears the utterance is the second frame of its row.
    assert not padded[: 16 - 8 - 4].any()
    assert not rows(np.zeros(8000)).any()
    assert not rows(np.random.default_rng(0).integers(-1, 2, 8000) / 2**15).any()


def test_half_the_rate_leaves_the_rows_as_they_are():
    spoken = voice(2)
    there_and_back = soxr.resample(soxr.resample(spoken, 16000, 8000), 8000, 16000)
    assert np.corrcoef(rows(there_and_back).ravel(), rows(spoken).ravel())[0, 1] > 0.99


def test_the_shortest_clip_has_one_row_in_its_middle():
    found = PRINT.extract(Signal(voice(3)[:3072].astype(np.float32), 16000))
    assert found.values.shape == (1, 32)
    np.testing.assert_allclose(found.times, [0.096])
    with pytest.raises(ExtractionError, match=r"too short: 0\.192 s, and a fingerprint needs at least 0\.192 s"):
        PRINT.extract(Signal(np.zeros(3071, np.float32), 16000))
