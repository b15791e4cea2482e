"""Spectrogram: its shape and its limits (the numbers are test_frames' business), its band, its pictures."""

import numpy as np
import pytest
from make_references import tone

from affex.features.base import Signal
from affex.features.sound.bands import band_passed
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


def sine(hertz, rate=44100, seconds=0.5):
    return Signal(np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32), rate)


@pytest.mark.parametrize(("hertz", "gain"), [(100, -100), (500, -6.02), (1500, 0), (3000, -6.02), (8000, -60)])
def test_a_band_keeps_what_lies_in_it_and_shifts_no_time(hertz, gain):
    passed = band_passed(sine(hertz), 500, 3000)
    middle = slice(4000, 18000)
    level = 20 * np.log10(np.std(passed.samples[middle]) / np.std(sine(hertz).samples[middle]))
    assert level == pytest.approx(gain, abs=0.1) if gain > -60 else level < gain + 3
    if gain == 0:
        np.testing.assert_allclose(passed.samples[middle], sine(hertz).samples[middle], atol=0.01)


def test_a_band_from_1_hz_takes_away_the_mean():
    signal = Signal(sine(440).samples + np.float32(0.5), 44100)
    passed = band_passed(signal, 1, None)
    assert abs(passed.samples.mean()) < 0.2 < signal.samples.mean()
    assert band_passed(signal, 0, None) is signal


def test_the_printed_band_lies_above_half_the_rate():
    with pytest.raises(ValueError, match=r"high=30000: expected more than 1 and less than 22050 Hz, half the rate"):
        Spectrogram(rate=44100, low=1, high=30000)
    assert Spectrogram(rate=96000, low=1, high=30000).high == 30000
    with pytest.raises(ValueError, match=r"low=8000: expected 0 to less than 8000 Hz"):
        Spectrogram(low=8000)


def test_bins_may_begin_higher():
    signal = tone(16000)
    whole = Spectrogram(bins=321).extract(signal).values
    np.testing.assert_array_equal(Spectrogram(first=40, bins=100).extract(signal).values, whole[:, 40:140])
    with pytest.raises(ValueError, match=r"bins=200: expected 1 to 71"):
        Spectrogram(first=250)
    with pytest.raises(ValueError, match=r"first=321: expected 0 to 320"):
        Spectrogram(first=321)


def test_levels_have_a_floor():
    signal = tone(16000)
    whole = Spectrogram().extract(signal).values
    np.testing.assert_array_equal(Spectrogram(floor=-60).extract(signal).values, np.maximum(whole, -60))
    with pytest.raises(ValueError, match=r"floor=-130: expected -120 to less than 0 dB"):
        Spectrogram(floor=-130)


def test_pictures_are_the_frames_of_segments():
    signal = tone(16000)
    frames = Spectrogram(bins=50).extract(signal)
    feature = Spectrogram(bins=50, frames=20, step=10)
    rows = feature.extract(signal)
    pictures = rows.values.reshape(-1, *feature.row_shape)
    assert feature.row_shape == (50, 20, 1)
    assert len(pictures) == (len(frames.values) - 20) // 10 + 1
    for number, picture in enumerate(pictures):
        own = slice(10 * number, 10 * number + 20)
        np.testing.assert_array_equal(picture[:, :, 0], frames.values[own].T)
        assert rows.times[number] == pytest.approx(frames.times[own].mean())
    assert feature.columns[:2] == ("b00_f00", "b00_f01")
    assert len(set(feature.columns)) == 1000


def test_a_picture_repeats_the_last_frame_where_there_are_too_few():
    signal = Signal(tone(16000).samples[:3200], 16000)
    feature = Spectrogram(bins=10, frames=297)
    picture = feature.extract(signal).values.reshape(feature.row_shape)[:, :, 0]
    frames = Spectrogram(bins=10).extract(signal).values
    np.testing.assert_array_equal(picture[:, : len(frames)], frames.T)
    assert (picture[:, len(frames) :] == frames[-1][:, None]).all()


@pytest.mark.parametrize("settings", [{"frames": 2000}, {"frames": 20, "step": 21}, {"step": 5}])
def test_other_pictures_are_refused(settings):
    with pytest.raises(ValueError, match="expected 1 to"):
        Spectrogram(**settings)
