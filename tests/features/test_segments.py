"""Segments: which frames are in them, where, and what an utterance too short for one gives (numbers: test_frames)."""

import numpy as np
import pytest

from affex.features.base import Signal
from affex.features.logmel import Logmel
from affex.features.segments import PRESETS, Segments
from affex.features.sound.pictures import segments

RATE = 16000


def noise(n_frames, window=0.025, hop=0.010):
    """Return an utterance of exactly so many frames."""
    n_samples = round(window * RATE) + (n_frames - 1) * round(hop * RATE)
    return Signal((0.1 * np.random.default_rng(4).standard_normal(n_samples)).astype(np.float32), RATE)


@pytest.mark.parametrize(("n_frames", "n_rows"), [(1, 1), (63, 1), (64, 1), (93, 1), (94, 2), (123, 2), (124, 3)])
def test_a_segment_is_64_frames_and_begins_30_after_the_one_before(n_frames, n_rows):
    assert PRESETS["segments"].extract(noise(n_frames)).values.shape == (n_rows, 64 * 64 * 3)


def test_a_row_is_a_picture_bands_by_frames_by_channels():
    signal = noise(100)
    rows = PRESETS["segments"].extract(signal)
    frames = Logmel(mels=64, window=0.025, hop=0.010, derivatives=2).extract(signal)
    pictures = rows.values.reshape(-1, 64, 64, 3)
    for number, begin in enumerate((0, 30)):
        for channel in range(3):
            expected = frames.values[begin : begin + 64, 64 * channel : 64 * (channel + 1)].T
            np.testing.assert_array_equal(pictures[number, :, :, channel], expected)
        assert rows.times[number] == pytest.approx(frames.times[begin : begin + 64].mean())


def test_columns_say_what_the_picture_has_there():
    columns = np.reshape(PRESETS["segments"].columns, (64, 64, 3))
    assert (columns[0, 0, 0], columns[5, 17, 1], columns[63, 63, 2]) == ("m00_f00", "m05_f17_d1", "m63_f63_d2")


def test_of_a_short_clip_the_last_frame_is_repeated_and_the_time_stays_inside():
    signal = noise(40)
    rows = PRESETS["segments"].extract(signal)
    picture = rows.values.reshape(64, 64, 3)
    np.testing.assert_array_equal(picture[:, 40:], np.repeat(picture[:, 39:40], 24, axis=1))
    assert rows.times[0] == pytest.approx(signal.duration / 2)


def test_segments_of_counted_frames():
    counted = np.arange(7, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(segments(counted, 3, 2)[:, :, 0], [[0, 1, 2], [2, 3, 4], [4, 5, 6]])
    np.testing.assert_array_equal(segments(counted, 4, 2)[:, :, 0], [[0, 1, 2, 3], [2, 3, 4, 5]])
    np.testing.assert_array_equal(segments(counted[:2], 4, 1)[:, :, 0], [[0, 1, 1, 1]])


def test_a_tone_is_a_line_at_its_band_and_its_swelling_a_line_of_slopes():
    # 60 dB a second are 0.6 dB a frame.
    t = np.arange(2 * RATE) / RATE
    swell = Signal((10 ** (3 * (t - 2)) * np.sin(2 * np.pi * 440 * t)).astype(np.float32), RATE)
    picture = PRESETS["segments"].extract(swell).values.reshape(-1, 64, 64, 3)[3]
    band = picture[:, :, 0].mean(axis=1).argmax()
    np.testing.assert_allclose(picture[band, :, 1], 0.6, atol=0.05)
    np.testing.assert_allclose(picture[band, :, 2], 0, atol=0.05)
    np.testing.assert_allclose(picture[band, 63, 0] - picture[band, 0, 0], 63 * 0.6, atol=0.5)


def test_three_seconds_of_the_other_preset_are_one_picture_of_90_by_90():
    rows = PRESETS["segments-3s"].extract(Signal(np.zeros(3 * RATE, np.float32), RATE))
    assert rows.values.reshape(-1, 90, 90, 1).shape[0] == 1
    np.testing.assert_allclose(rows.times, (89 * 512 / 2 + 1024) / RATE)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frames": 0}, "frames=0: expected 1 to 1000"),
        ({"step": 65}, "step=65: expected 1 to the segment's 64 frames"),
        ({"step": 0}, "step=0: expected 1"),
        ({"mels": 200}, "mels=200"),
    ],
)
def test_a_senseless_parameter_is_refused_with_the_range(fields, message):
    with pytest.raises(ValueError, match=message):
        Segments(**fields)
