"""What CONTRIBUTING asks of every audio feature in the folder; a failure says in one line what is missing."""

import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from make_references import audio_presets, excerpt, path, rate_of, tone

from affex.features.base import AudioFeature, ExtractionError, Rows, Signal
from affex.pipeline.specs.features import feature_specs

PRESETS = audio_presets()


def noise(feature: AudioFeature, n_samples: int) -> Signal:
    """Return sound that is equally loud throughout."""
    samples = 0.1 * np.random.default_rng(1).standard_normal(n_samples)
    return Signal(samples.astype(np.float32), rate_of(feature))


def shortest(feature: AudioFeature) -> int:
    """Return the fewest samples for which a feature says that it has rows."""
    return max(1, round(feature.shortest * rate_of(feature)))


def hostile(feature: AudioFeature) -> dict[str, np.ndarray]:
    """Half a second each of what features like to stumble over, or longer where the feature needs it."""
    n = max(rate_of(feature) // 2, shortest(feature))
    click = np.zeros(n, np.float32)
    click[n // 2] = 1
    noise = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    return {
        "silence": np.zeros(n, np.float32),
        "a click": click,
        "a full-scale square wave": np.where(np.arange(n) // 40 % 2, 1, -1).astype(np.float32),
        "nothing but +1.0": np.ones(n, np.float32),
        "noise below 16 bits": 1e-6 * noise,
        "noise of one bit": 4e-5 * noise,
    }


def require_rows(feature: AudioFeature, rows: Rows, of: str) -> None:
    """Fail if rows are not finite float32, one a frame or one an utterance, of the stated width."""
    width = len(feature.columns)
    assert rows.values.dtype == np.float32, f"{of}: rows are {rows.values.dtype}; expected float32"
    assert rows.values.ndim == 2, f"{of}: rows have the shape {rows.values.shape}; expected (n_rows, {width})"
    assert rows.values.shape[1] == width, f"{of}: rows have {rows.values.shape[1]} columns, and `columns` has {width}"
    assert len(rows.values), f"{of}: no row; expected one at least, or an ExtractionError"
    assert np.isfinite(rows.values).all(), f"{of}: not all values are finite"


@pytest.mark.parametrize("name", PRESETS)
def test_rows_are_finite_float32_of_the_stated_width(name):
    feature = PRESETS[name]
    assert len(set(feature.columns)) == len(feature.columns), f"{name}: two columns have one name"
    for kind, samples in hostile(feature).items():
        require_rows(feature, feature.extract(Signal(samples, rate_of(feature))), f"{name} of {kind}")


@pytest.mark.parametrize("name", PRESETS)
def test_rows_of_frames_have_rising_times_inside_the_utterance(name):
    feature = PRESETS[name]
    # Long enough for several rows: segments of 3 s are the longest of the house.
    n_times = max(10, math.ceil(3 * feature.shortest / 0.7))
    signal = Signal(np.tile(tone(rate_of(feature)).samples, n_times), rate_of(feature))
    rows = feature.extract(signal)
    if not feature.framewise:
        assert rows.times is None, f"{name}: framewise is False, and its rows have times"
        assert len(rows.values) == 1, f"{name}: framewise is False, and an utterance has {len(rows.values)} rows"
        return
    assert rows.times is not None, f"{name}: framewise is True, and its rows have no times"
    assert rows.times.dtype == np.float64, f"{name}: times are {rows.times.dtype}; expected float64"
    assert rows.times.shape == (len(rows.values),), f"{name}: expected one time a row"
    inside = 0 < rows.times[0] <= rows.times[-1] < signal.duration
    assert inside, f"{name}: a time is outside the utterance; expected the middle of each frame, s"
    steps = np.diff(rows.times)
    even = (steps > 0).all() and np.ptp(steps) < 1e-8 if len(steps) else True
    assert even, f"{name}: times are not evenly spaced"


@pytest.mark.parametrize("name", PRESETS)
def test_the_shortest_utterance_has_rows_and_a_shorter_one_is_refused(name):
    feature = PRESETS[name]
    n = shortest(feature)
    require_rows(feature, feature.extract(noise(feature, n)), f"{name} of {n / rate_of(feature)} s, its `shortest`")
    for fewer in {0, 1, n - 1} if feature.shortest else ():
        says = rf"{fewer / rate_of(feature):.3f} s.* at least {n / rate_of(feature):.3f} s"
        with pytest.raises(ExtractionError) as error:
            feature.extract(noise(feature, fewer))
        wrong = (
            f"{name}: `shortest` is {n / rate_of(feature):.3f} s, and {fewer} samples are refused as '{error.value}'"
        )
        assert re.search(says, str(error.value)), wrong


@pytest.mark.parametrize("name", PRESETS)
def test_values_are_those_frozen_beside_this_test(name):
    # Rounding differs between processors' mathematical libraries by some 1e-7 of a value, and a functional
    # such as the position of a maximum may then jump; so 1 value in 100 may stray. A change of a parameter,
    # a scale or the order of columns moves far more of them, and further.
    command = f".venv/bin/python tests/features/make_references.py {name}"
    assert path(name).exists(), f"{name} has no reference: run {command}"
    frozen, now = np.load(path(name)), excerpt(PRESETS[name])
    assert now["n_rows"] == frozen["n_rows"], f"{name}: another number of rows than in its reference"
    near = np.isclose(now["values"], frozen["values"], rtol=1e-3, atol=1e-3)
    assert near.mean() > 0.99, f"{name}: other values than in its reference: raise `version`, then run {command}"


@pytest.mark.parametrize("name", PRESETS)
def test_a_feature_travels_to_workers_and_serves_as_a_key(name):
    feature = PRESETS[name]
    feature.extract(noise(feature, shortest(feature)))
    twin = pickle.loads(pickle.dumps(feature))
    assert twin == feature, f"{name}: its fields are not all that it needs; expected a frozen dataclass"
    assert hash(twin) == hash(feature), f"{name}: a field cannot be hashed; take a tuple for a list"
    assert repr(twin) == repr(feature), f"{name}: a field has no stable repr"


def test_presets_differ():
    assert len(set(PRESETS.values())) == len(PRESETS)


def test_durations_are_written_with_units():
    (spec,) = feature_specs("mfcc:n=20,hop=5ms,window=0.03")
    assert (spec.feature.n, spec.feature.hop, spec.feature.window) == (20, 0.005, 0.03)


def test_listing_the_features_imports_no_heavy_library():
    code = (
        "import sys, affex.pipeline.specs.discovery as r; r.feature_presets();"
        "print([m for m in ('librosa', 'scipy', 'opensmile', 'pandas', 'torch') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
