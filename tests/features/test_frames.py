"""Frames against closed forms: where they lie, what is in them, how they change."""

import warnings

import numpy as np
import pytest

from affex.features.base import ExtractionError, Signal
from affex.features.sound.frames import (
    FLOOR,
    amplitude_levels,
    check_mels,
    column_names,
    frame_times,
    mel_levels,
    with_derivatives,
)

RATE = 16000


def sine(hertz, amplitude=1.0, seconds=0.5, rate=RATE):
    return Signal((amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4"), rate)


def noise(n_samples, amplitude=0.1, rate=RATE):
    return Signal((amplitude * np.random.default_rng(1).standard_normal(n_samples)).astype(np.float32), rate)


@pytest.mark.parametrize(("n_samples", "n_frames"), [(400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (16000, 98)])
def test_only_whole_frames_are_taken(n_samples, n_frames):
    assert mel_levels(noise(n_samples), 0.025, 0.010, 40).shape == (n_frames, 40)
    assert amplitude_levels(noise(n_samples), 0.025, 0.010, 40).shape == (n_frames, 40)


@pytest.mark.parametrize("levels", [mel_levels, amplitude_levels])
def test_a_clip_one_sample_short_of_a_window_is_refused(levels):
    with pytest.raises(ExtractionError, match=r"too short: 0\.040 s.*at least 0\.040 s"):
        levels(noise(639), 0.040, 0.010, 20)


def test_the_durations_are_rounded_to_whole_samples():
    # 0.025 s at 22050 Hz are 551.25 samples, 0.010 s 220.5.
    assert len(mel_levels(noise(551, rate=22050), 0.025, 0.010, 20)) == 1
    assert len(mel_levels(noise(551 + 220, rate=22050), 0.025, 0.010, 20)) == 2


def test_times_are_the_middles_of_the_frames():
    np.testing.assert_allclose(frame_times(3, 0.025, 0.010, RATE), [0.0125, 0.0225, 0.0325], atol=1e-12)


@pytest.mark.parametrize("levels", [mel_levels, amplitude_levels])
@pytest.mark.parametrize("where", [10, 410, 1000, 1590])
def test_a_click_is_in_the_frames_that_cover_it_and_in_no_other(levels, where):
    click = Signal(np.zeros(1600, np.float32), RATE)
    click.samples[where] = 1
    heard = (levels(click, 0.025, 0.010, 20) > FLOOR + 0.1).any(axis=1)
    starts = 160 * np.arange(len(heard))
    np.testing.assert_array_equal(heard, (starts < where) & (where < starts + 400))


@pytest.mark.parametrize("bin_", [4, 40, 150])
@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_a_sine_stands_in_its_bin_at_its_amplitude(bin_, amplitude):
    levels = amplitude_levels(sine(25 * bin_, amplitude), 0.040, 0.010, 200)
    assert (levels.argmax(axis=1) == bin_).all()
    np.testing.assert_allclose(levels[:, bin_], 20 * np.log10(amplitude), atol=0.01)


@pytest.mark.parametrize(("window", "mels"), [(0.025, 40), (0.025, 64), (0.128, 90)])
def test_a_tone_lands_in_its_mel_band(window, mels):
    librosa = pytest.importorskip("librosa")
    centres = librosa.mel_frequencies(mels + 2, fmin=0, fmax=RATE / 2)[1:-1]
    for band in range(10, mels, 9):
        levels = mel_levels(sine(centres[band]), window, 0.010, mels)
        assert (levels.argmax(axis=1) == band).all()


@pytest.mark.parametrize("window", [0.025, 0.050, 0.128])
@pytest.mark.parametrize("mels", [26, 64])
def test_the_bands_of_a_full_scale_sine_add_up_to_0_db(window, mels):
    levels = mel_levels(sine(1000), window, 0.010, mels)
    np.testing.assert_allclose(10 * np.log10((10 ** (levels / 10)).sum(axis=1)), 0, atol=0.1)


@pytest.mark.parametrize("levels", [mel_levels, amplitude_levels])
def test_twice_the_amplitude_is_6_02_db_more(levels):
    quiet, loud = levels(noise(8000, 0.1), 0.025, 0.010, 40), levels(noise(8000, 0.2), 0.025, 0.010, 40)
    np.testing.assert_allclose(loud - quiet, 20 * np.log10(2), atol=1e-3)


@pytest.mark.parametrize("levels", [mel_levels, amplitude_levels])
def test_silence_lies_at_the_floor(levels):
    np.testing.assert_allclose(levels(Signal(np.zeros(8000, np.float32), RATE), 0.025, 0.010, 40), FLOOR, atol=1e-4)


def test_levels_agree_with_a_transform_written_out():
    signal = noise(2000)
    frame = signal.samples[320:720].astype(np.float64)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400)
    expected = 20 * np.log10(np.abs(np.fft.rfft(frame * window)) * 2 / window.sum())
    np.testing.assert_allclose(amplitude_levels(signal, 0.025, 0.010, 100)[2], expected[:100], atol=1e-3)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("window", [0.02, 0.025, 0.128])
def test_as_many_mels_are_allowed_as_find_a_bin_each(rate, window):
    librosa = pytest.importorskip("librosa")
    with pytest.raises(ValueError, match=r"expected 1 to \d+") as error:
        check_mels(10**6, window, rate)
    most = int(str(error.value).split(" to ")[1].split()[0])
    n_fft = 2 ** int(np.ceil(np.log2(round(window * rate))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa's own, of empty filters
        fits, too_many = (librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n, norm=None) for n in (most, most + 1))
    assert (fits.max(axis=1) > 0).all()
    assert not (too_many.max(axis=1) > 0).all()


def test_the_derivative_of_a_ramp_is_its_slope_and_its_curvature_none():
    ramp = np.outer(np.arange(20), [1, -2.5]).astype(np.float32)
    values = with_derivatives(ramp, 2)
    np.testing.assert_array_equal(values[:, :2], ramp)
    np.testing.assert_allclose(values[4:-4, 2:4], np.tile([1, -2.5], (12, 1)), atol=1e-5)
    np.testing.assert_allclose(values[4:-4, 4:], 0, atol=1e-5)


def test_the_second_derivative_of_a_parabola_is_constant():
    parabola = (np.arange(20)[:, None] ** 2).astype(np.float32)
    np.testing.assert_allclose(with_derivatives(parabola, 2)[4:-4, 2], 2, atol=1e-4)


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_derivatives_take_a_few_frames_too(n_frames):
    still = np.full((n_frames, 3), 7, np.float32)
    values = with_derivatives(still, 2)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, np.tile([7.0] * 3 + [0.0] * 6, (n_frames, 1)), atol=1e-5)


def test_columns_are_named_after_static_first_and_second():
    assert column_names("mfcc", 2, 2) == (
        "mfcc_00", "mfcc_01", "mfcc_d1_00", "mfcc_d1_01", "mfcc_d2_00", "mfcc_d2_01",
    )  # fmt: skip
    assert column_names("spectrogram", 101, 0)[-1] == "spectrogram_100"
