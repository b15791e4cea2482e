"""openSMILE through affex: the same numbers as opensmile's own, utterance after utterance, and never a NaN."""

import signal as signals
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from make_references import tone

from affex.features.base import ExtractionError, Signal
from affex.features.smile import PRESETS, SETS, Smile, _idle, least_samples

RATE = 16000
#: Functionals and low-level descriptors, as published.
WIDTHS = {
    "ComParE_2016": (6373, 65),
    "GeMAPSv01a": (62, 18),
    "GeMAPSv01b": (62, 18),
    "eGeMAPSv01a": (88, 23),
    "eGeMAPSv01b": (88, 23),
    "eGeMAPSv02": (88, 25),
    "emobase": (988, 26),
    "IS09": (384, 16),
    "IS10": (1582, 38),
    "IS11": (4368, 59),
    "IS12": (6125, 64),
    "IS13": (6373, 65),
}


def opensmiles_own(set_, level):
    opensmile = pytest.importorskip("opensmile")
    levels = {"functionals": "Functionals", "lld": "LowLevelDescriptors"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return opensmile.Smile(opensmile.FeatureSet[set_], opensmile.FeatureLevel[levels[level]])


def read(path):
    audiofile = pytest.importorskip("audiofile")
    samples, rate = audiofile.read(path)
    return Signal(samples, rate)


def noise(seconds, seed, rate=RATE):
    return Signal((0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate))).astype(np.float32), rate)


def test_every_set_that_the_package_ships_is_there():
    opensmile = pytest.importorskip("opensmile")
    shipped = {member.value for member in opensmile.FeatureSet}
    assert {opensmile.FeatureSet[name].value for name in SETS} == shipped
    assert {feature.set for feature in PRESETS.values()} <= set(SETS)


@pytest.mark.parametrize("level", ["functionals", "lld"])
@pytest.mark.parametrize("set_", SETS)
def test_widths_are_the_published_ones(set_, level):
    feature = Smile(set=set_, level=level)
    assert len(feature.columns) == WIDTHS[set_][level == "lld"]
    assert list(feature.columns) == list(opensmiles_own(set_, level).column_names)


@pytest.mark.parametrize("level", ["functionals", "lld"])
@pytest.mark.parametrize("set_", SETS)
def test_values_equal_opensmiles_own_after_other_clips_too(set_, level):
    feature, own = Smile(set=set_, level=level), opensmiles_own(set_, level)
    for each in (tone(RATE), noise(0.3, 1), tone(RATE), Signal(np.zeros(4000, np.float32), RATE)):
        expected = own.process_signal(each.samples, each.rate).to_numpy()
        np.testing.assert_array_equal(feature.extract(each).values, expected)


@pytest.mark.parametrize("name", ["compare", "egemaps", "emobase", "is10", "compare-lld", "egemaps-lld"])
def test_values_equal_opensmiles_own_on_real_speech(name, test_data):
    signal = read(sorted(test_data("emodb/wav").glob("*.wav"))[100])
    feature = PRESETS[name]
    expected = opensmiles_own(feature.set, feature.level).process_signal(signal.samples, signal.rate).to_numpy()
    np.testing.assert_array_equal(feature.extract(signal).values, expected)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_other_rates_are_told_to_opensmile(rate):
    expected = opensmiles_own("eGeMAPSv02", "functionals").process_signal(noise(0.5, 3, rate).samples, rate)
    values = Smile(set="eGeMAPSv02", rate=rate).extract(noise(0.5, 3, rate)).values
    np.testing.assert_array_equal(values, expected.to_numpy())


def test_one_instance_serves_many_clips():
    feature = PRESETS["is09"]
    first = feature.extract(noise(0.5, 0)).values
    for seed in range(30):
        feature.extract(noise(0.2 + 0.01 * seed, seed))
    np.testing.assert_array_equal(feature.extract(noise(0.5, 0)).values, first)
    (instance,) = _idle("IS09", "functionals", RATE, None)
    assert not instance._callbacks, "callbacks of earlier utterances hold their rows in memory"


def test_full_scale_does_not_wrap_round():
    loud = tone(RATE).samples.copy()
    loud[2000:2100] = 1.0
    nearly = np.minimum(loud, np.float32(32767 / 32768))
    feature = PRESETS["emobase"]
    values = feature.extract(Signal(loud, RATE)).values
    np.testing.assert_array_equal(values, feature.extract(Signal(nearly, RATE)).values)
    np.testing.assert_array_equal(values, opensmiles_own("emobase", "functionals").process_signal(nearly, RATE))


def test_what_resampling_pushed_beyond_full_scale_is_cut_off():
    over = 1.2 * np.sin(2 * np.pi * 200 * np.arange(8000) / RATE).astype(np.float32)
    values = [PRESETS["is09"].extract(Signal(x, RATE)).values for x in (over, np.clip(over, -1, 1))]
    np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("name", PRESETS)
def test_the_least_length_is_exact(name):
    feature = PRESETS[name]
    least = least_samples(feature.set, feature.level, RATE)
    signal = noise(1, 4)
    assert np.isfinite(feature.extract(Signal(signal.samples[:least], RATE)).values).all()
    with pytest.raises(ExtractionError, match=rf"{feature.set}.* needs at least {least / RATE:.3f} s"):
        feature.extract(Signal(signal.samples[: least - 1], RATE))


@pytest.mark.parametrize(("set_", "seconds"), [("IS09", 0.025), ("emobase", 0.040), ("eGeMAPSv02", 0.060)])
def test_the_least_length_is_the_sets_longest_frame(set_, seconds):
    assert least_samples(set_, "functionals", RATE) == round(seconds * RATE)


def test_lld_times_are_the_middles_of_the_frames_that_opensmile_reports():
    # IS09 has one frame of 25 ms every 10 ms; ComParE's first descriptor, F0, looks at 60 ms.
    for name, window in [("is09-lld", 0.025), ("compare-lld", 0.060)]:
        times = PRESETS[name].extract(noise(0.5, 5)).times
        np.testing.assert_allclose(times, window / 2 + 0.010 * np.arange(len(times)), atol=1e-9)


def test_a_click_is_heard_at_its_time():
    signal = Signal(np.zeros(RATE, np.float32), RATE)
    signal.samples[8000:8010] = 0.9
    rows = PRESETS["is09-lld"].extract(signal)
    energy = rows.values[:, PRESETS["is09-lld"].columns.index("pcm_RMSenergy_sma")]
    assert abs(rows.times[energy.argmax()] - 0.5) < 0.0125


def test_threads_do_not_disturb_each_other():
    feature = PRESETS["egemaps"]
    utterances = [noise(0.2 + 0.05 * i, i) for i in range(8)]
    alone = [feature.extract(signal).values for signal in utterances]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda signal: feature.extract(signal).values, utterances))
    np.testing.assert_array_equal(together, alone)


def test_a_failed_run_costs_its_instance_and_nothing_else():
    feature = PRESETS["is09"]
    expected = feature.extract(noise(0.5, 6)).values
    idle = _idle("IS09", "functionals", RATE, None)
    spent = idle[-1]
    spent.external_audio_source_set_eoi("extsource")
    spent.run()  # without a reset, openSMILE refuses to run it again
    with pytest.raises(RuntimeError, match=r"IS09 \(functionals\) at 16000 Hz|did not accept the audio"):
        feature.extract(noise(0.5, 6))
    assert spent not in idle
    np.testing.assert_array_equal(feature.extract(noise(0.5, 6)).values, expected)


def test_an_interrupt_is_neither_dropped_nor_costs_a_row():
    class AlarmError(Exception):
        pass

    def ring(*_):
        raise AlarmError

    feature, signal = PRESETS["egemaps-lld"], tone(RATE)
    expected = feature.extract(signal).values
    before = signals.signal(signals.SIGALRM, ring)
    try:
        for _ in range(5):
            signals.setitimer(signals.ITIMER_REAL, 0.004)
            with pytest.raises(AlarmError):
                for _ in range(1000):
                    np.testing.assert_array_equal(feature.extract(signal).values, expected)
    finally:
        signals.setitimer(signals.ITIMER_REAL, 0)
        signals.signal(signals.SIGALRM, before)
    np.testing.assert_array_equal(feature.extract(signal).values, expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"set": "eGeMAPS"}, "set=eGeMAPS: expected one of ComParE_2016, .*eGeMAPSv02"),
        ({"level": "deltas"}, "level=deltas: expected functionals or lld"),
        ({"longest": 0}, "longest=0"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Smile(**fields)
