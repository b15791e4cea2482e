"""Pixels: closed forms on painted faces, then real utterances."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from affex.features.base import ExtractionError, Rows, Runtime
from affex.features.detectors import crops
from affex.features.detectors.chips import MEAN_FACE, aligned
from affex.features.detectors.landmarks import refined
from affex.features.detectors.mouth import MOUTH_MIDDLE, mouth
from affex.features.faces import COLUMNS, Faces, boxed
from affex.features.pixels import PRESETS, Pixels
from affex.pipeline.media import video

#: Where the mean face lies in the painted frames: its first corner and its size, px.
FIRST, FACE = np.array([200, 150]), 120
FIVE = FIRST + FACE * MEAN_FACE
#: The detector's box about it.
BOX = np.array([190, 140, 330, 280])


def painted() -> np.ndarray:
    """Return a grey frame with a red disc on the mouth, a green one on the right eye (in the picture), blue left."""
    frame = np.full((480, 640, 3), 100, np.uint8)
    right, left = (FIRST + FACE * MEAN_FACE[[a, b]].mean(axis=0) for a, b in ((0, 1), (2, 3)))
    spots = (((255, 0, 0), FIRST + FACE * np.array(MOUTH_MIDDLE)), ((0, 255, 0), right), ((0, 0, 255), left))
    for colour, middle in spots:
        cv2.circle(frame, tuple(int(edge) for edge in middle.round()), 10, colour, -1)
    return frame


def turned(frame: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the frame and the five points turned about the face."""
    matrix = cv2.getRotationMatrix2D(tuple(map(float, FIRST + FACE / 2)), degrees, 1)
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1]), FIVE @ matrix[:, :2].T + matrix[:, 2]


def faces_rows(frames: list[np.ndarray], fives: list[np.ndarray | None]) -> Rows:
    """Return the rows of `faces` for frames with known points; None for a frame without a face."""
    values = np.zeros((len(frames), len(COLUMNS)), np.float32)
    held = [b"" if five is None else crops.encoded(frame, BOX) for frame, five in zip(frames, fives, strict=True)]
    for row, five in zip(values, fives, strict=True):
        if five is not None:
            row[1:3], row[3:7], row[7:17] = 1, BOX, five.ravel()
    return Rows(values, np.arange(len(frames)) / 5, tuple(held))


@pytest.fixture(scope="module")
def seen() -> Rows:
    """Three frames; the second is lost, in the third the head leans by 20 degrees."""
    frame = painted()
    leaning, five = turned(frame, 20)
    return faces_rows([frame, frame, leaning], [FIVE, None, five])


def pictures(feature: Pixels, rows: Rows) -> np.ndarray:
    """Return what the feature says, (n, height, width, channels)."""
    [out] = feature.extract_many(iter([rows]), feature.load(Runtime()))
    assert out.values.dtype == np.float32
    assert out.values.shape[1] == len(feature.columns)
    assert out.values.min() >= 0
    assert out.values.max() <= 1
    return out.values.reshape(-1, feature.height, feature.width, 1 if feature.grey else 3)


def place(picture: np.ndarray, channel: int) -> np.ndarray:
    """Return the middle, x and y, of what has this colour alone, px."""
    others = np.delete(picture, channel, axis=2).max(axis=2)
    y, x = np.nonzero((picture[..., channel] > 0.6) & (others < 0.3))
    return np.array([x.mean(), y.mean()])


# The layout ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_columns_lie_as_the_pictures_do(name):
    feature = PRESETS[name]
    channels = ("grey",) if feature.grey else ("red", "green", "blue")
    names = np.array(feature.columns).reshape(feature.height, feature.width, len(channels))
    assert names[7, 12].tolist() == [f"y07_x12_{channel}" for channel in channels]
    assert len(set(feature.columns)) == names.size


def test_a_column_is_the_pixel_that_it_names(seen):
    feature = Pixels(height=20, width=20)
    [rows] = feature.extract_many([seen], None)
    picture = pictures(feature, seen)[0]
    for name, value in zip(feature.columns, rows.values[0], strict=True):
        y, x, channel = name.split("_")
        assert value == picture[int(y[1:]), int(x[1:]), ("red", "green", "blue").index(channel)]


def test_frames_without_a_face_have_no_row(seen):
    [rows] = Pixels().extract_many([seen], None)
    assert rows.times == pytest.approx([0, 0.4])


def test_values_are_bytes_of_255():
    white = np.full((480, 640, 3), 255, np.uint8)
    values = pictures(Pixels(cut="mouth", around=0), faces_rows([white], [FIVE]))
    assert (values == 1).all()


# What is shown -------------------------------------------------------------------------------------


def test_an_aligned_face_is_upright_and_in_the_middle(seen):
    straight, leaning = pictures(Pixels(height=100, width=60, around=0.2), seen)
    face = 100 / 1.4
    for picture, atol in ((straight, 1.0), (leaning, 1.5)):
        for channel, spot in ((1, MEAN_FACE[:2].mean(axis=0)), (2, MEAN_FACE[2:4].mean(axis=0)), (0, MOUTH_MIDDLE)):
            there = (0.2 + np.array(spot)) * face - [20, 0]
            assert place(picture, channel) == pytest.approx(there, abs=atol)


def test_an_aligned_square_is_the_chip_of_the_embedding(seen):
    chip = pictures(Pixels(height=150, width=150, around=0.25), seen)[0]
    crop = crops.decoded(seen.crops[0])
    wanted = aligned(crop, crops.placed(FIVE, BOX, crop), 150, 0.25) / 255
    assert np.abs(chip - wanted).mean() < 1e-3


def test_the_box_is_what_faces_cuts(seen):
    shown = pictures(Pixels(cut="box", height=40, width=60, around=0.1), seen)
    np.testing.assert_array_equal(shown[0], boxed(seen.values[0], seen.crops[0], 40, 60, 0.2) / np.float32(255))
    assert place(shown[0], 0)[1] > place(shown[0], 1)[1]


def test_the_mouth_is_in_the_middle_of_the_mouth_however_the_head_leans(seen):
    for picture in pictures(Pixels(cut="mouth", height=60, width=100, around=0.4), seen):
        assert place(picture, 0) == pytest.approx([49.5, 29.5], abs=1.5)
        assert not ((picture[..., 1] > 0.6) & (picture[..., 0] < 0.3)).any()  # no eye


def test_the_mouth_of_the_mean_face_is_where_it_is_said_to_be():
    found = mouth(FIVE)
    assert found.middle == pytest.approx(FIRST + FACE * np.array(MOUTH_MIDDLE))
    assert (found.side, found.angle) == pytest.approx((0.45 * FACE, 0))


def test_grey_is_luma_and_an_even_histogram_fills_the_range(seen):
    colour, grey, even = (
        pictures(Pixels(height=64, width=64, **options), seen)[0]
        for options in ({}, {"grey": True}, {"grey": True, "equalise": True})
    )
    assert np.abs(grey[..., 0] - colour @ [0.299, 0.587, 0.114]).max() < 1.1 / 255
    assert (even.min(), even.max()) == (0, 1)
    # The order of the greys stays.
    assert (np.diff(even.ravel()[np.argsort(grey.ravel(), kind="stable")]) >= 0).all()


def test_light_weighs_less_once_the_histogram_is_even():
    portrait = np.ascontiguousarray(astronaut()[:480, :500])
    rows = [faces_rows([np.uint8(portrait * light)], [FIVE]) for light in (1.0, 0.5)]
    apart = {
        even: np.abs(
            np.subtract(*(pictures(Pixels(cut="box", around=0, grey=True, equalise=even), one) for one in rows))
        ).mean()
        for even in (False, True)
    }
    assert apart[True] < 0.3 * apart[False]


# What makes no sense -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cut": "eyes"}, "cut=eyes: expected aligned, box, mouth"),
        ({"height": 4}, "height=4: expected 8 to 256 px"),
        ({"width": 300}, "width=300"),
        ({"cut": "box", "around": 0.4}, "around=0.4: expected 0 to 0.3 with cut=box"),
        ({"around": -0.1}, r"around=-0\.1"),
        ({"equalise": True}, "set grey=True too"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Pixels(**wrong)


def test_a_clip_without_a_face_has_no_picture(seen):
    no_face = Rows(seen.values[1:2], seen.times[1:2], (b"",))
    with pytest.raises(ExtractionError, match="no face in any of 1 frames"):
        Pixels().extract_many([no_face], None)


# Real utterances ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["grid/sbwe5n.mpg", "mead/W036_level_3_happy_007.mp4"])
def test_real_mouths_are_shown_whole(path, test_data: Callable[[str], Path]):
    """The place of the mouth is taken from the eyes and the nose; dlib's 20 points of the lips all lie in it."""
    output = video.windows(test_data("clips"), path, [video.Wanted("clip", Faces(frames="3/s").sampling)])
    windows = (one.frames for one in output if isinstance(one, video.Window))
    feature, shown = Faces(), PRESETS["pixels-mouth"]
    rows = feature.extract_stream(windows, feature.load(Runtime()))
    for row, crop in zip(rows.values, rows.crops, strict=True):
        picture = crops.decoded(crop)
        five = crops.placed(row[7:17].reshape(5, 2), row[3:7], picture)
        region = mouth(five)
        lips = (refined(picture, five)[48:] @ (1, 1j) - complex(*region.middle)) * np.exp(-1j * region.angle)
        half = region.side * (1 + 2 * shown.around) / 2
        assert np.abs(lips.real).max() < half
        assert np.abs(lips.imag).max() < half * shown.height / shown.width
