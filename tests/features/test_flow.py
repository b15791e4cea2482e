"""Optical flow of faces: closed forms on textured pictures that are shifted and zoomed."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from faces_rows import found_in

from affex.features.base import ExtractionError
from affex.features.detectors.chips import MEAN_FACE
from affex.features.faces import COLUMNS
from affex.features.flow import PRESETS, Flow, flow
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError

FIVE = np.array([250, 200]) + 100 * MEAN_FACE


def texture(seed=0):
    """Return a smooth random picture."""
    noise = np.random.default_rng(seed).integers(0, 255, (520, 640)).astype(np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX)


def moved(right=0.0, down=0.0, zoom=1.0):
    """Return a frame whose texture is zoomed about the middle of the face, then shifted, px."""
    x, y = FIVE.mean(axis=0)
    matrix = np.array([[zoom, 0, x - zoom * x + right], [0, zoom, y - zoom * y + down]])
    grey = cv2.warpAffine(texture(), matrix, (640, 520), flags=cv2.INTER_CUBIC)
    return np.repeat(grey[:, :, None], 3, axis=2)


def fields(frames, fives=None, **settings):
    """Return the velocities of a face whose points do not move, ``(n, height, width, 2)``, and their times."""
    feature = Flow(cut="box", around=0.0, **settings)
    [rows] = feature.extract_many([found_in(frames, fives or [FIVE] * len(frames))], None)
    assert rows.values.dtype == np.float32
    return rows.values.reshape(-1, *feature.row_shape), rows.times


def test_a_picture_that_stands_still_has_no_flow():
    found, times = fields([moved()] * 3)
    assert np.abs(found).max() < 0.01
    assert times == pytest.approx([0.1, 0.3])


@pytest.mark.parametrize("size", [32, 64])
def test_a_shift_is_that_of_the_frame_in_widths_a_second(size):
    found, _ = fields([moved(), moved(3, -2)], height=size, width=size)
    box = 2 * np.linalg.norm(FIVE[0] - FIVE[2])  # px of the frame; five frames a second
    assert np.median(found, axis=(0, 1, 2)) == pytest.approx(np.array([3, -2]) / box * 5, rel=0.05)


def test_a_zoom_moves_away_from_the_middle():
    [found], _ = fields([moved(), moved(zoom=1.05)], height=48, width=48)
    places = (np.arange(48) - 23.5) / 48
    inner = slice(8, 40)
    assert np.polyfit(places[inner], found[24, inner, 0], 1)[0] == pytest.approx(0.05 * 5, rel=0.15)
    assert np.polyfit(places[inner], found[inner, 24, 1], 1)[0] == pytest.approx(0.05 * 5, rel=0.15)


def test_the_way_back_is_the_opposite():
    pictures = [moved()[200:296, 250:346, 0], moved(2, 1)[200:296, 250:346, 0]]
    there, back = flow(*map(np.ascontiguousarray, pictures)), flow(*map(np.ascontiguousarray, pictures[::-1]))
    assert np.median(there, axis=(0, 1)) == pytest.approx([2, 1], abs=0.1)
    assert np.median(back, axis=(0, 1)) == pytest.approx([-2, -1], abs=0.1)


def test_the_number_of_threads_changes_no_bit():
    before, pictures = cv2.getNumThreads(), [np.ascontiguousarray(moved(n)[200:296, 250:346, 0]) for n in (0, 4)]
    found = []
    for n_threads in (1, 7):
        cv2.setNumThreads(n_threads)
        found.append(flow(*pictures))
    cv2.setNumThreads(before)
    assert (found[0] == found[1]).all()


def test_lost_faces_and_cuts_part_frames():
    _, times = fields([moved()] * 6, [FIVE, FIVE, None, FIVE, FIVE, FIVE])
    assert times == pytest.approx([0.1, 0.7, 0.9])
    rows = found_in([moved()] * 4, [FIVE] * 4)
    values = rows.values.copy()
    values[2:, COLUMNS.index("shot")] = 1
    [cut] = Flow().extract_many([replace(rows, values=values)], None)
    assert cut.times == pytest.approx([0.1, 0.5])


def test_an_utterance_without_two_frames_in_a_row_is_a_failure():
    rows = found_in([moved()] * 3, [FIVE, None, FIVE])
    with pytest.raises(ExtractionError, match=r"no two of 3 frames in a row show the face in one shot: sample more"):
        Flow().extract_many([rows], None)


def test_columns_lie_as_the_fields_do():
    feature = PRESETS["flow"]
    names = np.array(feature.columns).reshape(feature.row_shape)
    assert names[7, 12].tolist() == ["y07_x12_right", "y07_x12_down"]
    assert len(set(feature.columns)) == names.size
    assert feature.upstream.frames == "25/s"


@pytest.mark.parametrize("wrong", ["height=12", "cut=eyes", "cut=box,around=0.4", "choice=best"])
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        feature_specs(f"flow:{wrong}")
