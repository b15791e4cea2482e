"""Landmarks as a feature: closed forms, then a portrait, then real utterances against dlib's own on the frame."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from faces_rows import found_in
from skimage.data import astronaut

from affex.features.base import ExtractionError, Rows, Runtime
from affex.features.detectors.landmarks import landmarks, refined, squared
from affex.features.faces import Faces
from affex.features.landmarks import FIVE, MEAN, REGIONS, Landmarks, normalised
from affex.pipeline.media import video

#: Her face in the portrait, px, as dlib's HOG detector sees it.
HERS = np.array([171, 60, 281, 190])
SIDE = np.linalg.norm(MEAN[0] - MEAN[2])


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:300, 60:400])


@pytest.fixture(scope="module")
def hers(portrait: np.ndarray) -> np.ndarray:
    """Return her five points in the portrait."""
    return landmarks(portrait, HERS - [60, 0, 60, 0])


def similarity(degrees: float, scale: float, shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    """Return the matrix (2, 3) that turns, scales and shifts about the portrait's face."""
    matrix = cv2.getRotationMatrix2D((160, 130), degrees, scale)
    matrix[:, 2] += shift
    return matrix


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:, :2].T + matrix[:, 2]


def extracted(rows: Rows, **parameters: object) -> Rows:
    feature = Landmarks(**parameters)
    [out] = feature.extract_many(iter([rows]), feature.load(Runtime()))
    assert out.values.shape == (len(out.times), len(feature.columns))
    assert out.values.dtype == np.float32
    return out


def column(rows: Rows, name: str) -> np.ndarray:
    return rows.values[:, Landmarks().columns.index(name)]


# Closed forms --------------------------------------------------------------------------------------


def test_every_point_belongs_to_one_region():
    assert sorted(itertools.chain(*REGIONS.values())) == list(range(68))
    assert list(REGIONS) == ["brows", "eyes", "nose", "cheeks", "mouth", "chin"]
    assert set(FIVE) <= {*REGIONS["eyes"], *REGIONS["nose"]}


def test_columns_say_region_order_point_and_axis():
    columns = Landmarks().columns
    assert len(set(columns)) == len(columns) == 3 * 2 * 68
    assert columns[:3] == ("brows_00_x", "brows_00_y", "brows_01_x")
    assert columns[136] == "brows_d1_00_x"
    assert columns[-1] == "chin_d2_06_y"
    assert sum(name.startswith("mouth_") for name in columns) == 3 * 2 * 20
    assert {name.partition("_")[0] for name in Landmarks(points="5", derivatives=0).columns} == {"eyes", "nose"}


def test_the_mean_face_stays_where_it_is():
    assert pytest.approx(1) == SIDE
    assert (MEAN[0] + MEAN[2]) / 2 == pytest.approx([0, 0])
    assert normalised(MEAN, range(5)) == pytest.approx(MEAN)


@pytest.mark.parametrize("degrees", [0, 30, -170])
def test_a_similarity_of_the_points_leaves_the_numbers(degrees):
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    there = moved(points, similarity(degrees, 3.7, (500, -200)))
    np.testing.assert_allclose(normalised(there), normalised(points), atol=1e-9)
    mirrored = points * [-1, 1]
    assert np.abs(normalised(mirrored) - normalised(points)).max() > 0.1


def test_depth_has_the_unit_of_the_plane_and_begins_at_the_eyes_and_nose():
    flat = np.random.default_rng(0).uniform(0, 100, (68, 2))
    points = np.column_stack([flat, flat[:, 0]])
    laid = normalised(points)
    assert laid[list(FIVE), 2].mean() == pytest.approx(0)
    span = np.linalg.norm(laid[1, :2] - laid[0, :2]) / np.linalg.norm(flat[1] - flat[0])
    assert laid[1, 2] - laid[0, 2] == pytest.approx(span * (flat[1, 0] - flat[0, 0]))
    np.testing.assert_allclose(normalised(5 * points + 7), laid, atol=1e-9)


def test_what_is_no_face_is_refused():
    with pytest.raises(ValueError, match="coincide: expected five different points of a face"):
        normalised(np.ones((68, 2)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"points": "7"}, "points=7: expected 68, 5, fan2d, fan3d"),
        ({"derivatives": 3}, "derivatives=3"),
        ({"span": -1}, "span=-1: expected 0 to 10 s"),
        ({"weights": "a"}, "points=68 takes no weight file"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Landmarks(**wrong)


# A portrait ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (15, 1), (-25, 0.9), (0, 0.5), (10, 0.45), (0, 2.5)])
def test_a_similarity_of_the_picture_leaves_the_numbers(portrait, hers, degrees, scale):
    """Down to a face of 50 px. The five points are moved along exactly, so what remains is the picture's own change."""
    matrix = similarity(degrees, scale, (40 * scale, 90 * scale))
    size = tuple(int(400 * max(scale, 0.9)) for _ in "xy")
    picture = cv2.warpAffine(cv2.GaussianBlur(portrait, (0, 0), max(0.4 / scale, 0.1)), matrix, size)
    here = normalised(refined(portrait, hers))
    there = normalised(refined(picture, moved(hers, matrix)))
    apart = np.linalg.norm(here - there, axis=1)
    assert np.median(apart) < 0.01
    assert apart.max() < 0.08


def test_points_are_dlibs_own_but_finer(portrait, hers):
    box = HERS - [60, 0, 60, 0]
    ours, theirs = refined(portrait, hers), landmarks(portrait, squared(box), 68)
    apart = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs[36] - theirs[45])
    assert np.median(apart) < 0.015
    assert (ours % 1 != 0).all()


def test_small_faces_do_not_jitter_by_whole_pixels(portrait, hers):
    """A still face of 55 px, somewhere else in the grid of pixels each time: what moves is the error."""
    jitter = {"whole": [], "fine": []}
    blurred = cv2.GaussianBlur(portrait, (0, 0), 0.8)
    for shift in np.random.default_rng(0).uniform(0, 1, (10, 2)):
        matrix = similarity(0, 0.5, tuple(shift))
        picture = cv2.warpAffine(blurred, matrix, (340, 300))
        box = moved((HERS - [60, 0, 60, 0]).reshape(2, 2), matrix).ravel()
        jitter["whole"].append(normalised(landmarks(picture, box, 68)))
        jitter["fine"].append(normalised(refined(picture, landmarks(picture, box))))
    whole, fine = (np.median(np.std(some, axis=0)) for some in jitter.values())
    assert fine < 0.5 * whole


# The feature ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nodding(portrait: np.ndarray, hers: np.ndarray) -> Rows:
    """Seven frames in which she leans over and comes nearer; the fourth is lost."""
    matrices = [similarity(3 * k, 1 - 0.04 * k) for k in range(7)]
    pictures = [cv2.warpAffine(portrait, matrix, (340, 300)) for matrix in matrices]
    fives = [None if k == 3 else moved(hers, matrix) for k, matrix in enumerate(matrices)]
    return found_in(pictures, fives)


def test_frames_with_a_face_have_a_row_at_their_time(nodding):
    rows = extracted(nodding)
    assert rows.times == pytest.approx([0, 0.2, 0.4, 0.8, 1.0, 1.2])
    assert np.isfinite(rows.values).all()
    # She only leans over and comes nearer, so her shape stays, and hardly moves.
    assert np.median(rows.values[:, :136].std(axis=0)) < 0.01


def test_numbers_do_not_depend_on_the_crop(portrait, hers):
    """From the crop of a face (JPEG) and from the frame itself; the crop of a large one is shrunk, too."""
    for scale in (1, 3):
        picture, five = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), hers * scale
        [row] = extracted(found_in([picture], [five]), derivatives=0).values
        points = normalised(refined(picture, five))
        order = list(itertools.chain(*REGIONS.values()))
        apart = np.linalg.norm(row.reshape(-1, 2) - points[order], axis=1)
        assert np.median(apart) < 0.01


def test_derivatives_do_not_reach_over_the_lost_frame(nodding):
    first = Rows(nodding.values[:3], nodding.times[:3], nodding.crops[:3])
    rows, alone = (extracted(some, span=5) for some in (nodding, first))  # as long as the utterance
    assert rows.values[:3].tobytes() == alone.values.tobytes()
    static, slope = rows.values[:, :136], rows.values[:, 136:272]
    np.testing.assert_allclose(slope[1], (static[2] - static[0]) / 0.4, atol=1e-4)
    np.testing.assert_allclose(slope[4], (static[5] - static[3]) / 0.4, atol=1e-4)


def test_a_lone_frame_stands_still(nodding):
    [row] = extracted(Rows(nodding.values[:1], nodding.times[:1], nodding.crops[:1])).values
    assert row[:136].any()
    assert not row[136:].any()


def test_five_points_are_those_of_faces(nodding, hers):
    rows = extracted(nodding, points="5")
    np.testing.assert_allclose(rows.values[:, :10], np.tile(normalised(hers, range(5)).ravel(), (6, 1)), atol=1e-3)


def test_company_does_not_show(nodding):
    feature = Landmarks()
    one, two = feature.extract_many(iter([nodding, nodding]), feature.load(Runtime()))
    assert one.values.tobytes() == two.values.tobytes() == extracted(nodding).values.tobytes()


def test_a_clip_without_a_face_has_no_landmarks(nodding):
    no_face = replace(nodding, values=nodding.values[3:4], times=nodding.times[3:4], crops=(b"",))
    with pytest.raises(ExtractionError, match="no face in any of 1 frames, so there are no landmarks"):
        extracted(no_face)


# Real utterances ----------------------------------------------------------------------------------------


def real(test_data: Callable[[str], Path], path: str, rate: str = "3/s") -> tuple[list[np.ndarray], Rows]:
    """Return the frames of a real utterance and their rows of `faces`."""
    feature = Faces(frames=rate)
    output = video.windows(test_data("clips"), path, [video.Wanted("clip", feature.sampling, None, None, None)])
    windows = [one.frames for one in output if isinstance(one, video.Window)]
    pictures = [np.array(picture) for window in windows for picture in window.pictures]
    return pictures, feature.extract_stream(iter(windows), feature.load(Runtime()))


@pytest.mark.parametrize(("path", "most"), [("grid/sbwe5n.mpg", 0.02), ("mead/M003_level_1_happy_024.mp4", 0.02)])
def test_points_of_the_crop_are_dlibs_of_the_frame(path, most, test_data):
    """dlib's own in whole pixels of the frame, where its own detector sees the face; ours from the crop alone."""
    import dlib

    pictures, rows = real(test_data, path, "1/s")
    ours, apart = extracted(rows, derivatives=0), []
    for picture, row in zip(pictures, ours.values, strict=True):
        shrink = 400 / max(picture.shape)
        small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        [seen] = dlib.get_frontal_face_detector()(small, 1)
        box = np.array([seen.left(), seen.top(), seen.right() + 1, seen.bottom() + 1]) / shrink
        theirs = normalised(landmarks(picture, box, 68))[list(itertools.chain(*REGIONS.values()))]
        apart.append(np.linalg.norm(row.reshape(-1, 2) - theirs, axis=1))
    assert np.median(apart) < most


def test_a_smile_widens_the_mouth(test_data):
    """The same actor, happy and disgusted."""
    happy, disgusted = (
        extracted(real(test_data, f"mead/M003_level_1_{name}.mp4")[1]) for name in ("happy_024", "disgusted_015")
    )
    widths = [column(rows, "mouth_06_x") - column(rows, "mouth_00_x") for rows in (happy, disgusted)]
    assert np.median(widths[0]) > 1.1 * np.median(widths[1])
