"""MFCC against closed forms."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.mfcc import PRESETS, Mfcc
from affex.features.sound.frames import FLOOR, mel_levels

RATE = 16000


def noise(amplitude=0.1):
    return Signal((amplitude * np.random.default_rng(2).standard_normal(8000)).astype(np.float32), RATE)


def test_a_flat_spectrum_has_coefficient_0_only():
    # Silence is flat: every band lies at the floor, and the orthonormal DCT of a constant c over 64 bands is
    # c * sqrt(64) in its first coefficient.
    values = Mfcc(derivatives=0).extract(Signal(np.zeros(8000, np.float32), RATE)).values
    np.testing.assert_allclose(values[:, 0], FLOOR * np.sqrt(64), rtol=1e-5)
    np.testing.assert_allclose(values[:, 1:], 0, atol=1e-3)


def test_loudness_is_in_coefficient_0_only():
    quiet, loud = (Mfcc(derivatives=0).extract(noise(amplitude)).values for amplitude in (0.05, 0.1))
    np.testing.assert_allclose((loud - quiet)[:, 0], 20 * np.log10(2) * np.sqrt(64), atol=0.01)
    np.testing.assert_allclose((loud - quiet)[:, 1:], 0, atol=0.01)


def test_all_coefficients_turn_back_into_the_mel_levels():
    values = Mfcc(n=64, derivatives=0).extract(noise()).values
    k, band = np.arange(64)[:, None], np.arange(64)
    dct = np.sqrt(2 / 64) * np.cos(np.pi * k * (2 * band + 1) / 128)
    dct[0] /= np.sqrt(2)
    np.testing.assert_allclose(values @ dct, mel_levels(noise(), 0.025, 0.010, 64), atol=1e-3)


def test_fewer_coefficients_are_the_first_of_more():
    few, many = (Mfcc(n=n, derivatives=0).extract(noise()).values for n in (12, 40))
    np.testing.assert_allclose(few, many[:, :12], atol=1e-4)


def test_the_voice_preset_is_the_papers():
    voice = PRESETS["mfcc-voice"]
    assert len(voice.columns) == 36
    times = voice.extract(noise()).times
    np.testing.assert_allclose(times[:2], [0.025, 0.050])


def test_the_long_preset_has_40_coefficients_of_the_frames_of_logmel():
    from affex.features.logmel import PRESETS as LOGMEL

    rows, levels = PRESETS["mfcc-long"].extract(noise()), LOGMEL["logmel"].extract(noise())
    assert rows.values.shape == (len(levels.values), 40)
    np.testing.assert_array_equal(rows.times, levels.times)
    # The orthonormal DCT's first row is constant: coefficient 0 is the sum of the levels over sqrt(90).
    np.testing.assert_allclose(rows.values[:, 0], levels.values.sum(axis=1) / np.sqrt(90), rtol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 0}, "n=0: expected 1 to mels=64"),
        ({"n": 65}, "n=65: expected 1 to mels=64"),
        ({"window": 0.001}, r"window=0.001: expected 0.005 to 2 s"),
        ({"window": float("nan")}, "window=nan"),
        ({"hop": 0.0}, r"hop=0.0: expected 0.001 s to the window's 0.025 s"),
        ({"hop": 0.03}, "hop=0.03"),
        ({"mels": 500}, "mels=500: expected 1 to 192 with a window of 0.025 s at 16000 Hz"),
        ({"derivatives": 3}, "derivatives=3: expected 0"),
        ({"rate": 10}, "rate=10: expected 1000"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Mfcc(**fields)
