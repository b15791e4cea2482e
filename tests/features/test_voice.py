"""Voice: pitch and energy against closed forms (cepstrum and bands are test_mfcc's and test_frames' business)."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.mfcc import Mfcc
from affex.features.smile import PRESETS as SMILE
from affex.features.voice import PRESETS, Voice

RATE = 16000
FEATURE = PRESETS["voice"]


def buzz(hertz, amplitude=0.1):
    """Return harmonics of a pitch (Hz, one a sample) that fall like 1/k."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return amplitude * sum(np.sin(k * phase) / k for k in range(1, 10))


def column(samples, name):
    return FEATURE.extract(Signal(samples.astype("f4"), RATE)).values[:, FEATURE.columns.index(name)]


def test_columns_are_the_sources():
    assert len(FEATURE.columns) == 2 * (12 + 27 + 1 + 1)
    assert FEATURE.columns[:12:11] == ("mfcc_01", "mfcc_12")
    assert FEATURE.columns[39:43] == ("pitch", "energy", "mfcc_01_d1", "mfcc_02_d1")


@pytest.mark.parametrize("hertz", [80, 120.5, 220, 450])
def test_a_voice_has_the_pitch_it_is_made_with(hertz):
    np.testing.assert_allclose(column(buzz(np.full(RATE, hertz)), "pitch"), hertz, rtol=0.01)


def test_a_gliding_voice_has_the_slope_of_its_pitch():
    # 100 Hz a second are 2.5 Hz a frame of 25 ms.
    glide = buzz(120 + 100 * np.arange(RATE) / RATE)
    times = FEATURE.extract(Signal(glide.astype("f4"), RATE)).times
    np.testing.assert_allclose(column(glide, "pitch"), 120 + 100 * times, rtol=0.015)
    np.testing.assert_allclose(column(glide, "pitch_d1")[4:-4], 2.5, atol=0.5)


def test_a_pause_has_the_pitch_between_what_is_before_and_after():
    pause = np.zeros(RATE // 2)
    sound = np.concatenate([pause, buzz(np.full(RATE // 2, 100)), pause, buzz(np.full(RATE // 2, 200)), pause])
    pitch = column(sound, "pitch")
    assert (np.diff(pitch) > -2).all()
    np.testing.assert_allclose(pitch[[5, 50, -5]], [100, 150, 200], rtol=0.05)


@pytest.mark.parametrize("samples", [np.zeros(8000), 0.1 * np.random.default_rng(0).standard_normal(8000)])
def test_what_has_no_voice_has_no_pitch(samples):
    assert not column(samples, "pitch").any()


def test_silence_lies_at_the_floor_and_stands_still():
    rows = FEATURE.extract(Signal(np.zeros(8000, np.float32), RATE)).values
    np.testing.assert_allclose(rows[:, 12:39], -120, atol=1e-4)
    assert (rows[:, 40] == -120).all()
    np.testing.assert_allclose(rows[:, 41:], 0, atol=1e-4)


@pytest.mark.parametrize("amplitude", [1.0, 0.1])
def test_the_energy_of_a_sine_is_its_level(amplitude):
    sine = amplitude * np.sin(2 * np.pi * 200 * np.arange(8000) / RATE)
    np.testing.assert_allclose(column(sine, "energy"), 20 * np.log10(amplitude), atol=0.01)


def test_cepstrum_is_that_of_the_mfcc_feature_without_its_first():
    signal = Signal(buzz(np.full(8000, 150)).astype("f4"), RATE)
    other = Mfcc(n=13, window=0.050, hop=0.025, mels=27, derivatives=0).extract(signal).values
    np.testing.assert_allclose(FEATURE.extract(signal).values[:, :12], other[:, 1:], atol=1e-4)


def test_the_pitch_of_real_speech_is_the_one_that_opensmile_finds(test_data):
    # Another method (subharmonic summation) in other frames, so they differ here and there, by octaves at the worst.
    audiofile = pytest.importorskip("audiofile")
    samples, rate = audiofile.read(sorted(test_data("emodb/wav").glob("*.wav"))[100])
    other = SMILE["compare-lld"].extract(Signal(samples, rate))
    theirs = other.values[:, SMILE["compare-lld"].columns.index("F0final_sma")]
    rows = FEATURE.extract(Signal(samples, rate))
    ours = np.interp(other.times, rows.times, rows.values[:, FEATURE.columns.index("pitch")])
    ratio = ours[theirs > 0] / theirs[theirs > 0]
    assert len(ratio) > 100
    assert np.median(np.abs(ratio - 1)) < 0.03
    assert (np.abs(ratio - 1) > 0.2).mean() < 0.1


@pytest.mark.parametrize("rate", [2400, 8000, 44100])
def test_the_shortest_window_is_long_enough_for_the_deepest_voice_at_every_rate(rate):
    sine = np.sin(2 * np.pi * 70 * np.arange(rate) / rate).astype("f4")
    feature = Voice(rate=rate, window=0.035, hop=0.035, mels=20)
    pitch = feature.extract(Signal(sine, rate)).values[:, feature.columns.index("pitch")]
    np.testing.assert_allclose(pitch, 70, rtol=0.03)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 27}, "n=27: expected 1 to 26"),
        ({"window": 0.030}, "window=0.03: expected 0.034 s or more, two periods of 60 Hz"),
        ({"rate": 2000, "mels": 10, "n": 9}, "rate=2000: expected 2400 Hz"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Voice(**fields)
