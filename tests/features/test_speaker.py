"""The speaker embedding: equal to Resemblyzer's own by a frozen reference, and the same to the bit in every batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from make_speaker_reference import FILE, SIGNALS, signal

from affex.features.base import ExtractionError, Rows, Runtime, Signal
from affex.features.networks import voice_encoder, weights
from affex.features.networks.weights import WeightError, packaged
from affex.features.segments import Segments
from affex.features.sound import speaker as sound
from affex.features.speaker import Speaker, SpeakerMel
from affex.pipeline.caching import cache
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

RATE = sound.RATE


@pytest.fixture(scope="module")
def model():
    return Speaker().load(Runtime())


def heard(seconds: float, seed: int = 0) -> Signal:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return Signal(samples.astype(np.float32), RATE)


@pytest.mark.parametrize("number", range(len(SIGNALS)))
def test_windows_and_their_mean_are_those_of_resemblyzer(model, number):
    [rows] = Speaker().extract_many([SpeakerMel().extract(signal(*SIGNALS[number]))], model)
    with np.load(FILE) as frozen:
        np.testing.assert_allclose(rows.values, frozen[f"windows_{number}"], rtol=0, atol=1e-5)
        mean = rows.values.mean(axis=0)
        np.testing.assert_allclose(mean / np.linalg.norm(mean), frozen[f"utterance_{number}"], rtol=0, atol=1e-5)


def test_windows_are_plain_lstms_of_the_published_weights(model):
    """Step by step in NumPy, in float64."""
    state = {name: one.double().numpy() for name, one in weights.read_state(packaged(voice_encoder.WEIGHTS)).items()}
    logistic = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    [power], _ = sound.windows(heard(1.0))
    steps = power.astype(np.float64)
    for layer in range(3):
        into, back = state[f"lstm.weight_ih_l{layer}"], state[f"lstm.weight_hh_l{layer}"]
        bias = state[f"lstm.bias_ih_l{layer}"] + state[f"lstm.bias_hh_l{layer}"]
        hidden = cell = np.zeros(256)
        made = []
        for step in steps:
            taken, forgotten, new, shown = np.split(into @ step + back @ hidden + bias, 4)
            cell = logistic(forgotten) * cell + logistic(taken) * np.tanh(new)
            hidden = logistic(shown) * np.tanh(cell)
            made.append(hidden)
        steps = np.array(made)
    wanted = np.maximum(state["linear.weight"] @ steps[-1] + state["linear.bias"], 0)
    [rows] = Speaker().extract_many([SpeakerMel().extract(heard(1.0))], model)
    np.testing.assert_allclose(rows.values[0], wanted / np.linalg.norm(wanted), rtol=0, atol=1e-5)
    assert np.linalg.norm(rows.values[0]) == pytest.approx(1)


def test_a_window_is_the_same_to_the_bit_in_every_batch_and_with_two_threads(model):
    mels = [SpeakerMel().extract(heard(seconds, seed)) for seed, seconds in enumerate((0.5, 2.5))]
    together = Speaker().extract_many(mels, model)
    threads = torch.get_num_threads()
    for own, mel in zip(together, mels, strict=True):
        for number in (1, 2):
            torch.set_num_threads(number)
            [alone] = Speaker().extract_many([mel], model)
            assert alone.values.tobytes() == own.values.tobytes()
            last = Rows(mel.values[-1:], mel.times[-1:])
            [single] = Speaker().extract_many([last], model)
            assert single.values.tobytes() == own.values[-1:].tobytes()
    torch.set_num_threads(threads)


def test_quiet_sound_is_raised_to_30_db_below_full_scale_and_loud_sound_stays():
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    assert np.sqrt(np.mean(sound.raised(0.001 * tone) ** 2)) == pytest.approx(10 ** (-30 / 20), rel=1e-4)
    np.testing.assert_array_equal(sound.raised(tone), tone)
    np.testing.assert_array_equal(sound.raised(0 * tone), 0 * tone)
    quiet, loud = (SpeakerMel().extract(Signal(factor * tone, RATE)).values for factor in (1e-4, 1e-2))
    np.testing.assert_allclose(quiet, loud, rtol=1e-3, atol=1e-6)


def test_power_and_not_level_is_what_the_network_reads():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    once, twice = (SpeakerMel().extract(Signal(factor * tone, RATE)).values for factor in (0.2, 0.4))
    np.testing.assert_allclose(twice, 4 * once, rtol=1e-3, atol=1e-6)


def test_windows_lie_077_s_apart_and_their_times_are_their_middles():
    rows = SpeakerMel().extract(heard(4.0))
    assert rows.times == pytest.approx([0.80, 1.57, 2.34, 3.11])
    assert SpeakerMel().extract(heard(0.5)).times == pytest.approx([0.25])
    # Three quarters of the last window are sound from 2.74 s on.
    assert len(SpeakerMel().extract(heard(2.73)).values) == 2
    assert len(SpeakerMel().extract(heard(2.75)).values) == 3
    with pytest.raises(ExtractionError, match=r"0\.010 s, and one spectrum needs at least 0\.025 s"):
        SpeakerMel().extract(heard(0.01))


def test_silence_has_finite_numbers(model):
    [rows] = Speaker().extract_many([SpeakerMel().extract(Signal(np.zeros(RATE, np.float32), RATE))], model)
    assert np.isfinite(rows.values).all()


def test_what_the_network_was_not_trained_for_is_refused():
    with pytest.raises(UsageError, match="rate=8000: expected 16000 Hz"):
        feature_specs("speaker-mel:rate=8000")
    with pytest.raises(UsageError, match="precision=bfloat16: expected float32"):
        feature_specs("speaker:precision=bfloat16")
    with pytest.raises(ValueError, match="sound=segments: expected speaker-mel"):
        Speaker(sound=Segments())


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    lacking = replace(voice_encoder.WEIGHTS, package="no_such_resemblyzer")
    with pytest.raises(WeightError, match=r"`pip install --no-deps resemblyzer==0\.1\.4` installs it"):
        packaged(lacking)


def test_its_weights_are_part_of_its_key_and_the_package_is_never_imported():
    import sys

    assert Speaker().digest == voice_encoder.WEIGHTS.sha256
    assert (Speaker().media, Speaker().asks, Speaker().columns[255]) == ("audio", False, "speaker_255")
    assert cache.recipe(Speaker()).key != cache.recipe(SpeakerMel()).key
    assert "resemblyzer" not in sys.modules
