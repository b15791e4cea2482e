"""Log-mel presets: their shapes, and parameters that make no sense (the numbers are test_frames' business)."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.logmel import PRESETS, Logmel


def test_the_first_preset_is_2048_by_512_samples_at_16_khz():
    rows = PRESETS["logmel"].extract(Signal(np.zeros(2048 + 512, np.float32), 16000))
    assert rows.values.shape == (2, 90)
    np.testing.assert_allclose(rows.times, [0.064, 0.096])


def test_the_second_preset_has_two_derivatives():
    feature = PRESETS["logmel-64"]
    rows = feature.extract(Signal(np.zeros(16000, np.float32), 16000))
    assert rows.values.shape == (98, 192)
    assert feature.columns[::64] == ("logmel_00", "logmel_d1_00", "logmel_d2_00")


def test_a_swelling_tone_has_the_slope_of_its_level():
    # 60 dB a second are 0.6 dB a frame of 10 ms, in whatever band the tone is heard.
    t = np.arange(16000) / 16000
    swell = (10 ** (3 * (t - 1)) * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    values = PRESETS["logmel-64"].extract(Signal(swell, 16000)).values
    band = values[:, :64].mean(axis=0).argmax()
    np.testing.assert_allclose(values[4:-4, 64 + band], 0.6, atol=0.05)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mels": 0}, "mels=0: expected 1 to 771"),
        ({"hop": 1.0}, "hop=1.0"),
        ({"window": 3.0}, "window=3.0"),
        ({"derivatives": -1}, "derivatives=-1"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Logmel(**fields)
