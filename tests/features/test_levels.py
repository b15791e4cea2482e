"""Levels, by closed forms: a sine's level, clipped samples, silence, zeros, an offset, the file's own rate."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from affex.features.base import Signal
from affex.features.levels import Levels
from affex.features.logmel import Logmel
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.media.audio import decode_audio

RATE = 8000


def measured(samples: np.ndarray, rate: int = RATE) -> dict[str, float]:
    feature = Levels()
    rows = feature.extract(Signal(np.asarray(samples, np.float32), rate))
    return dict(zip(feature.columns, rows.values[0].tolist(), strict=True))


def sine(seconds: float = 1.0, amplitude: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * 400 * np.arange(round(seconds * RATE)) / RATE)


def test_a_sine_of_half_the_amplitude_is_6_decibels_below_full_scale():
    found = measured(sine(amplitude=0.5))
    half = 20 * np.log10(0.5)
    assert found["duration_s"] == 1
    assert found["rate_Hz"] == RATE
    for column in ("level_dBFS", "peak_dBFS", "background_dBFS"):
        assert found[column] == pytest.approx(half, abs=0.01)
    assert [found[name] for name in ("clipped", "silent", "zeros")] == [0, 0, 0]


def test_an_offset_counts_for_the_peak_only():
    plain, moved = measured(sine(amplitude=0.5)), measured(sine(amplitude=0.5) + 0.25)
    assert moved["offset"] == pytest.approx(0.25, abs=1e-6)
    assert moved["level_dBFS"] == pytest.approx(plain["level_dBFS"], abs=1e-4)
    assert moved["peak_dBFS"] == pytest.approx(20 * np.log10(0.75), abs=1e-4)


def test_clipped_are_three_samples_in_a_row_at_full_scale():
    samples = sine(amplitude=0.5)
    samples[100:102] = samples[200:203] = samples[300:310] = 1.0
    assert measured(samples)["clipped"] == pytest.approx(13 / RATE)


def test_a_quiet_half_is_silent_and_zeros_are_counted_apart():
    quiet = sine(amplitude=0.001)
    assert measured(np.concatenate([sine(), quiet]))["silent"] == 0.5
    assert measured(np.concatenate([sine(), 100 * quiet]))["silent"] == 0
    found = measured(np.concatenate([sine(amplitude=0.9), np.zeros(RATE)]))
    assert found["silent"] == pytest.approx(0.5)
    assert found["zeros"] == pytest.approx(0.5, abs=1e-3)
    assert measured(np.zeros(RATE))["silent"] == 1


def test_the_background_is_the_level_of_the_quietest_tenth():
    found = measured(np.concatenate([sine(0.2, 0.01), sine(0.8)]))
    assert found["background_dBFS"] == pytest.approx(-40, abs=0.1)


def test_the_file_keeps_its_own_rate_unless_one_is_named(tmp_path: Path):
    soundfile.write(tmp_path / "a.wav", np.column_stack([sine(), sine()]) * 0.5, RATE, subtype="FLOAT")
    own = decode_audio(tmp_path, Media("a.wav"), Levels().rate, 60.0)
    assert own.rate == RATE
    np.testing.assert_array_equal(own.samples, (0.5 * sine()).astype(np.float32))
    assert decode_audio(tmp_path, Media("a.wav"), Levels(rate=16000).rate, 60.0).rate == 16000


@pytest.mark.parametrize("wrong", [{"rate": 999}, {"rate": -1}, {"window": 0}, {"below": 0}, {"below": 121}])
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.*: expected"):
        Levels(**wrong)


def test_other_features_need_a_rate():
    with pytest.raises(ValueError, match="rate=0: expected 1000 to 192000 Hz"):
        Logmel(rate=0)
