"""Functionals of voice: what is heard of an utterance, and frames of another length than a set's own."""

import numpy as np
import pytest
from make_references import tone

from affex.features.base import ExtractionError, Signal
from affex.features.smile import SETS, Framing, Smile, computed
from affex.features.voiced import LEVEL, PRESETS, Voiced, standardised

RATE = 16000
FEATURE = PRESETS["compare-voiced"]


def noise(seconds, amplitude=0.1, seed=0):
    return (amplitude * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def row(samples, feature=FEATURE):
    return feature.extract(Signal(samples.astype(np.float32), RATE)).values


def test_there_are_6373_named_as_those_of_the_set():
    assert len(FEATURE.columns) == 6373
    assert FEATURE.columns == Smile(set="ComParE_2016").columns


@pytest.mark.parametrize("level", ["functionals", "lld"])
def test_a_sets_own_frames_give_a_sets_own_numbers(level):
    # IS09 has one kind of frame, 25 ms every 10 ms.
    own, times = computed(tone(RATE), "IS09", level)
    same, same_times = computed(tone(RATE), "IS09", level, Framing(0.025, 0.010))
    np.testing.assert_array_equal(same, own)
    np.testing.assert_array_equal(same_times, times)


def test_frames_are_100_ms_long_thirty_times_a_second():
    values, times = computed(Signal(noise(3.1), RATE), "ComParE_2016", "lld", Framing(0.100, 1 / 30))
    np.testing.assert_allclose(times, 0.050 + np.arange(len(values)) / 30, atol=1e-3)
    assert times[-1] == pytest.approx(3.05, abs=1 / 30)


def test_the_sets_own_instances_keep_their_frames():
    before = Smile().extract(tone(RATE)).values
    FEATURE.extract(tone(RATE))
    np.testing.assert_array_equal(Smile().extract(tone(RATE)).values, before)


def test_samples_become_of_mean_0_and_one_level():
    found = standardised(noise(1, 0.3) + np.float32(0.2))
    assert found.mean() == pytest.approx(0, abs=1e-6)
    assert found.std() == pytest.approx(LEVEL, rel=1e-5)
    assert not standardised(np.full(1000, 0.3, np.float32)).any()


def test_a_louder_clip_has_the_same_row():
    sound = tone(RATE).samples
    np.testing.assert_array_equal(row(0.25 * sound), row(2 * sound))


def test_pauses_are_not_heard():
    voice, pause = noise(2, 0.1), noise(2, 0.1 * 10 ** (-40 / 20), seed=1)
    with_pause = Signal(np.concatenate([voice, pause, voice]), RATE)
    has = FEATURE.has_voice(with_pause)
    assert has[: 2 * RATE].all()
    assert not has[round(2.1 * RATE) : round(3.9 * RATE)].any()
    assert has[4 * RATE : -533].all()


def test_a_quiet_voice_within_the_threshold_is_heard():
    sound = Signal(np.concatenate([noise(1, 0.1), noise(1, 0.1 * 10 ** (-20 / 20))]), RATE)
    assert FEATURE.has_voice(sound)[:-533].all()
    assert not Voiced(threshold=15).has_voice(sound)[round(1.1 * RATE) :].any()


@pytest.mark.parametrize("set_", SETS)
def test_frames_of_every_set_can_be_changed(set_):
    rows, _ = computed(Signal(noise(1), RATE), set_, "lld", Framing(0.100, 1 / 30))
    assert 20 <= len(rows) <= 30


def test_one_frame_of_voice_is_enough_for_this_set():
    assert np.isfinite(row(np.concatenate([noise(0.01), np.zeros(RATE)]))).all()


def test_too_little_voice_says_how_much_there_is():
    # IS12 takes derivatives over two frames at the least.
    with pytest.raises(
        ExtractionError, match=r"voice: 0\.100 s of 1\.010 s are within 25 dB.*IS12 needs at least 0\.133 s"
    ):
        row(np.concatenate([noise(0.01), np.zeros(RATE)]), Voiced(set="IS12"))


def test_a_clip_shorter_than_a_frame_is_refused():
    with pytest.raises(ExtractionError, match=r"too short: 0\.200 s.*at least 0\.300 s"):
        row(noise(0.2), Voiced(window=0.3))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"set": "compare"}, "set=compare: expected one of ComParE_2016"),
        ({"threshold": 0}, "threshold=0: expected more than 0 dB"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"hop": 0.2}, r"hop=0.2: expected 0.001 s to the window's 0.1 s"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Voiced(**fields)
