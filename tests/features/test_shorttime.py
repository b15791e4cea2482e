"""Short-time features against closed forms."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.shorttime import PRESETS, SEMITONES, ShortTime, entropy

RATE = 16000
FEATURE = PRESETS["shorttime"]


def values_of(samples, rate=RATE):
    """Return the columns by name."""
    return dict(zip(FEATURE.columns, FEATURE.extract(Signal(samples.astype("f4"), rate)).values.T, strict=True))


def tone(hertz, amplitude=1.0, seconds=1.0):
    # A quarter of a sample late, so that no sample is 0 and no change of sign is a matter of rounding.
    return amplitude * np.sin(2 * np.pi * hertz * (np.arange(round(seconds * RATE)) + 0.25) / RATE)


def noise(seconds=5.0):
    return 0.1 * np.random.default_rng(3).standard_normal(round(seconds * RATE))


def test_there_are_34_as_published():
    assert len(FEATURE.columns) == 34
    assert FEATURE.columns[:8] == (
        *("zcr", "energy", "energy_entropy", "centroid", "spread", "spectral_entropy", "flux", "rolloff"),
    )


@pytest.mark.parametrize(("seconds", "rows"), [(0.2, 1), (0.299, 1), (0.3, 2), (10.1, 100), (10.2, 100), (30.0, 100)])
def test_frames_are_0_2_s_long_every_0_1_s_and_at_most_100(seconds, rows):
    found = FEATURE.extract(Signal(noise(seconds).astype("f4"), RATE))
    assert found.values.shape == (rows, 34)
    np.testing.assert_allclose(found.times, 0.1 + 0.1 * np.arange(rows), atol=1e-9)


def test_what_comes_after_the_last_frame_changes_nothing():
    long = noise(12)
    np.testing.assert_array_equal(
        *(FEATURE.extract(Signal(x.astype("f4"), RATE)).values for x in (long, long[:161600]))
    )


@pytest.mark.parametrize("hertz", [55, 440, 1000, 6000])
def test_a_tone_crosses_zero_twice_a_period(hertz):
    np.testing.assert_allclose(values_of(tone(hertz))["zcr"], 2 * hertz / RATE, atol=1 / 3199)


@pytest.mark.parametrize("amplitude", [1.0, 0.1])
def test_the_energy_of_a_sine_is_half_its_amplitude_squared(amplitude):
    np.testing.assert_allclose(values_of(tone(440, amplitude))["energy"], amplitude**2 / 2, rtol=1e-4)


@pytest.mark.parametrize("hertz", [440, 1000, 6000])
def test_a_tone_has_its_centroid_and_its_rolloff_at_its_frequency_and_no_spread(hertz):
    found = values_of(tone(hertz))
    np.testing.assert_allclose(found["centroid"], hertz / 8000, atol=1e-4)
    np.testing.assert_allclose(found["rolloff"], hertz / 8000, atol=1e-6)
    np.testing.assert_allclose(found["spread"], 0, atol=5e-3)


def test_two_equal_tones_have_their_centroid_between_and_spread_half_their_distance():
    found = values_of(tone(1000, 0.5) + tone(3000, 0.5))
    np.testing.assert_allclose(found["centroid"], 2000 / 8000, atol=1e-4)
    np.testing.assert_allclose(found["spread"], 1000 / 8000, atol=1e-3)
    np.testing.assert_allclose(found["rolloff"], 3000 / 8000, atol=1e-6)


def test_rolloff_passes_a_tone_that_has_less_than_a_tenth_of_the_energy():
    # 0.3 and 1: 0.09 of 1.09; 0.4 and 1: 0.16 of 1.16.
    assert (values_of(tone(1000) + tone(3000, 0.3))["rolloff"] == np.float32(1000 / 8000)).all()
    assert (values_of(tone(1000) + tone(3000, 0.4))["rolloff"] == np.float32(3000 / 8000)).all()


def test_white_noise_lies_in_the_middle_of_its_band_and_fills_it():
    found = values_of(noise())
    assert found["centroid"].mean() == pytest.approx(0.5, abs=0.01)
    assert found["spread"].mean() == pytest.approx(np.sqrt(1 / 12), abs=0.01)
    assert found["rolloff"].mean() == pytest.approx(0.9, abs=0.01)
    assert found["zcr"].mean() == pytest.approx(0.5, abs=0.01)
    assert found["spectral_entropy"].mean() == pytest.approx(np.log2(10), abs=0.02)


def test_entropy_is_that_of_the_shares():
    even, one, two = np.ones((1, 100)), np.zeros((1, 100)), np.zeros((1, 100))
    one[0, :7], two[0, [5, 55]] = 3, 1
    np.testing.assert_allclose(entropy(np.concatenate([even, one, two, 0 * even])), [np.log2(10), 0, 1, 0], atol=1e-12)


def test_entropy_leaves_out_what_fills_no_part():
    rest = np.concatenate([np.ones((1, 100)), 1e6 * np.ones((1, 9))], axis=1)
    np.testing.assert_allclose(entropy(rest), np.log2(10))


def test_a_tone_fills_the_frame_and_one_part_of_the_spectrum():
    found = values_of(tone(1000))
    np.testing.assert_allclose(found["energy_entropy"], np.log2(10), atol=1e-4)
    np.testing.assert_allclose(found["spectral_entropy"], 0, atol=1e-3)


def test_a_click_fills_one_part_of_the_frame_and_the_whole_spectrum():
    click = np.zeros(3200)
    click[1500] = 1
    found = values_of(click)
    np.testing.assert_allclose(found["energy_entropy"], 0, atol=1e-6)
    np.testing.assert_allclose(found["spectral_entropy"], np.log2(10), atol=1e-2)


def test_flux_is_0_for_what_stays_and_2_from_one_tone_to_another():
    np.testing.assert_allclose(values_of(tone(1000))["flux"], 0, atol=1e-6)
    feature = ShortTime(hop=0.2)
    change = np.concatenate([tone(1000, seconds=0.2), tone(3000, seconds=0.2)]).astype("f4")
    flux = feature.extract(Signal(change, RATE)).values[:, feature.columns.index("flux")]
    np.testing.assert_allclose(flux, [0, 2], atol=0.02)


@pytest.mark.parametrize("octave", [0.25, 1, 4])
@pytest.mark.parametrize("semitone", range(12))
def test_a_pure_tone_is_in_its_semitone_in_every_octave(semitone, octave):
    found = values_of(tone(440 * octave * 2 ** (semitone / 12)))
    shares = np.stack([found[f"chroma_{name}"] for name in SEMITONES])
    assert (shares.argmax(axis=0) == semitone).all()
    # At 116 Hz semitones are 7 Hz apart and bins 5 Hz, so some of it leaks.
    assert shares[semitone].min() > 0.7


def test_all_of_an_a_is_in_the_a():
    found = values_of(tone(440))
    np.testing.assert_allclose(found["chroma_a"], 1, atol=1e-6)
    # Of one 1 and eleven 0: mean 1/12, variance 1/12 - 1/144.
    np.testing.assert_allclose(found["chroma_std"], np.sqrt(11) / 12, atol=1e-6)


def test_what_lies_below_every_key_has_no_semitone():
    found = values_of(tone(20))
    np.testing.assert_allclose(sum(found[f"chroma_{name}"] for name in SEMITONES), 0, atol=0.01)


def test_mfcc_are_those_of_the_mfcc_feature_over_40_bands():
    from affex.features.mfcc import Mfcc

    signal = Signal(noise(2).astype("f4"), RATE)
    other = Mfcc(n=13, window=0.2, hop=0.1, mels=40, derivatives=0).extract(signal).values
    start = FEATURE.columns.index("mfcc_00")
    np.testing.assert_allclose(FEATURE.extract(signal).values[:, start : start + 13], other, atol=1e-4)


def test_real_speech_agrees_with_librosas_measures_of_a_spectrum(test_data):
    audiofile = pytest.importorskip("audiofile")
    librosa = pytest.importorskip("librosa")
    samples, rate = audiofile.read(sorted(test_data("emodb/wav").glob("*.wav"))[100])
    found = values_of(samples, rate)
    frames = librosa.util.frame(samples, frame_length=3200, hop_length=1600)
    spectrum = np.abs(np.fft.rfft(frames, axis=0))
    hertz = {"S": spectrum, "sr": rate, "n_fft": 3200}
    np.testing.assert_allclose(found["centroid"], librosa.feature.spectral_centroid(**hertz)[0] / 8000, rtol=1e-4)
    np.testing.assert_allclose(found["spread"], librosa.feature.spectral_bandwidth(**hertz)[0] / 8000, rtol=1e-4)
    rolloff = librosa.feature.spectral_rolloff(**hertz | {"S": spectrum**2}, roll_percent=0.90)
    np.testing.assert_allclose(found["rolloff"], rolloff[0] / 8000, atol=2 / 1600)
    crossings = librosa.zero_crossings(frames, axis=0, pad=False, zero_pos=True)[1:].mean(axis=0)
    np.testing.assert_allclose(found["zcr"], crossings, atol=1e-6)


def test_loudness_changes_energy_and_the_first_coefficient_only():
    quiet, loud = (values_of(noise() * factor) for factor in (1, 2))
    np.testing.assert_allclose(loud.pop("energy"), 4 * quiet.pop("energy"), rtol=1e-5)
    np.testing.assert_allclose(loud.pop("mfcc_00") - quiet.pop("mfcc_00"), 20 * np.log10(2) * np.sqrt(40), atol=1e-2)
    for name, values in quiet.items():
        np.testing.assert_allclose(loud[name], values, atol=1e-3, err_msg=name)


def test_in_silence_everything_but_the_coefficients_is_0():
    found = values_of(np.zeros(8000))
    assert not [name for name, values in found.items() if not name.startswith("mfcc") and values.any()]


@pytest.mark.parametrize(("fields", "message"), [({"most": 0}, "most=0: expected 1 frame"), ({"hop": 0.3}, "hop=0.3")])
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        ShortTime(**fields)
