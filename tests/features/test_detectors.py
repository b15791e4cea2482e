"""Detectors, landmarks and chips: held to dlib's own, to closed forms, and to real utterances."""

import dataclasses
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from affex.features.detectors import chips
from affex.features.detectors.base import Faces, ranked
from affex.features.detectors.hog import Hog
from affex.features.detectors.landmarks import landmarks
from affex.features.detectors.mmod import Mmod, suppressed
from affex.features.detectors.yunet import YuNet
from affex.features.networks import batches, mmod, tiling
from affex.features.networks.batches import exact
from affex.features.networks.dlib_weights import DETECTOR, LANDMARKS_5, LANDMARKS_68
from affex.features.networks.weights import WeightError, packaged

#: Where her face is, x0 y0 x1 y1 px.
FACE = (160, 50, 290, 210)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:300, 80:400])


@pytest.fixture(scope="module")
def finder():
    return dlib.cnn_face_detection_model_v1(str(packaged(DETECTOR)))


def own(finder, frame: np.ndarray, upsample: int = 0) -> Faces:
    found = finder(np.ascontiguousarray(frame), upsample)
    boxes = [(one.rect.left(), one.rect.top(), one.rect.right() + 1, one.rect.bottom() + 1) for one in found]
    return ranked(np.array(boxes, float), np.array([one.confidence for one in found]))


def turned(picture: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    height, width = picture.shape[:2]
    return cv2.warpAffine(
        picture, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, scale), (width, height), flags=cv2.INTER_AREA
    )


# The tiled pyramid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(480, 640), (288, 360), (1080, 1920), (300, 101), (101, 300), (40, 40)])
def test_levels_shrink_by_a_sixth_and_stand_apart(size):
    plan = tiling.layout(*size)
    taken = np.zeros((plan.height, plan.width), int)
    for left, top, width, height in plan.tiles:
        assert left >= 11
        assert top >= 11
        assert (left + width <= plan.width - 11) and (top + height <= plan.height - 11)
        taken[top : top + height, left : left + width] += 1
    assert taken.max() == 1
    assert plan.tiles[0] == (11, 11, size[1], size[0])
    for (_, upper, *above), (_, lower, *below) in zip(plan.tiles, plan.tiles[1:], strict=False):
        assert below == [n * 5 // 6 for n in above]
        down, up = lower - upper - above[1] == 10, upper - lower - below[1] == 10
        assert down or up or lower + below[1] == upper + above[1]  # the foot of the second column


def test_a_tiled_pyramid_holds_the_picture_at_every_level_on_zeros():
    picture = torch.ones(2, 3, 60, 90)
    plan = tiling.layout(60, 90)
    pyramids = tiling.tiled(picture)
    assert pyramids.shape == (2, 3, plan.height, plan.width)
    area = sum(width * height for _, _, width, height in plan.tiles)
    assert pyramids.sum() == 2 * 3 * area
    assert pyramids[:, :, :11].sum() == 0


def test_a_ramp_stays_a_ramp_from_edge_to_edge():
    ramp = torch.linspace(0, 1, 90).expand(1, 3, 60, 90)
    left, top, width, height = tiling.layout(60, 90).tiles[3]
    level = tiling.tiled(ramp)[0, 0, top : top + height, left : left + width]
    np.testing.assert_allclose(level, torch.linspace(0, 1, width).expand(height, width), atol=1e-6)


def test_windows_are_mapped_back_level_by_level():
    plan = tiling.layout(480, 640)
    middles = np.array([(left + 50.0, top + 40.0) for left, top, _, _ in plan.tiles[:3]])
    once = np.array([10.0, 0.0, 90.0, 80.0])
    found = tiling.to_picture(plan, middles, 40)
    np.testing.assert_allclose(found, [once, once * 1.2 + 0.3, (once * 1.2 + 0.3) * 1.2 + 0.3])


def test_a_window_in_the_gap_belongs_to_the_nearest_level():
    plan = tiling.layout(480, 640)
    below = plan.tiles[1][1]
    found = tiling.to_picture(plan, np.array([(100.0, below - 1.0), (100.0, below - 9.0)]), 0)
    np.testing.assert_allclose(found[0, :2], [89 * 1.2 + 0.3, -1.2 + 0.3])
    np.testing.assert_allclose(found[1, :2], [89, 481])


# MMOD ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "rows", "columns", "upsample"),
    [
        (1, (0, 300), (0, 320), 0),
        (0.8, (0, 237), (5, 254), 0),
        (1, (0, 300), (70, 220), 0),
        (0.35, (0, 101), (0, 109), 1),
    ],
)
def test_faces_are_dlibs_own(portrait, finder, scale, rows, columns, upsample):
    frame = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[slice(*rows), slice(*columns)]
    found, wanted = Mmod(upsample=upsample).detect(frame[None])[0], own(finder, frame, upsample)
    assert len(wanted) == 1
    np.testing.assert_array_equal(found.boxes, wanted.boxes)
    np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-3)


def test_weak_windows_are_dlibs_own_too(portrait):
    # With a threshold far below 0 the whole map takes part, non-max suppression with it. dlib's binding has no such
    # threshold, but the map can be had from its own parts: the highest score of the strict search is the same.
    frame = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    strict, loose = (Mmod(threshold=threshold).detect(frame[None])[0] for threshold in (0.0, -1.2))
    assert len(strict) == 2
    assert len(loose) > 2
    np.testing.assert_array_equal(loose.boxes[:2], strict.boxes)
    assert (np.diff(loose.scores) <= 0).all()


def test_real_clips_have_dlibs_faces(test_data, finder):
    import av

    utterances = sorted(test_data("clips").glob("*/*.m*"))[::3]
    matched = 0
    for path in utterances:
        with av.open(path) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        scale = 320 / frame.shape[1]
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found, wanted = Mmod().detect(small[None])[0], own(finder, small)
        np.testing.assert_array_equal(found.boxes, wanted.boxes)
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-3)
        matched += len(wanted)
    assert matched >= 0.8 * len(utterances)


def test_half_precision_finds_the_same_face(portrait):
    full, half = (Mmod(precision=precision).detect(portrait[None])[0] for precision in ("float32", "bfloat16"))
    assert np.abs(full.boxes - half.boxes).max() < 20
    assert 0 < abs(full.scores[0] - half.scores[0]) < 0.05


def test_a_frame_has_the_same_faces_to_the_bit_in_any_company(portrait):
    frames = np.stack([portrait, portrait[:, ::-1], np.zeros_like(portrait)])
    together = Mmod().detect(frames)
    assert [len(faces) for faces in together] == [1, 1, 0]
    for faces, frame in zip(together, frames, strict=True):
        alone = Mmod().detect(frame[None])[0]
        np.testing.assert_array_equal(faces.boxes, alone.boxes)
        np.testing.assert_array_equal(faces.scores, alone.scores)


def test_frames_that_run_at_once_have_the_same_scores_to_the_bit(portrait, monkeypatch):
    small = np.ascontiguousarray(portrait[::2, ::2])
    frames = np.stack([small, small[:, ::-1], small, 255 - small, small])
    alone = list(mmod.score_maps(frames))
    monkeypatch.setitem(mmod.PIXELS, "cpu", 1 << 30)
    monkeypatch.setitem(batches.LADDER, "cpu", (4, 8))
    mmod.batches.cache_clear()
    together = list(mmod.score_maps(frames))
    assert mmod.batches().sizes(*small.shape[:2]) == (4, 8)
    mmod.batches.cache_clear()
    np.testing.assert_array_equal(np.stack(alone), np.stack(together))


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_strips_change_nothing(portrait, monkeypatch, rows):
    network = mmod.load()
    pyramids = tiling.tiled(torch.from_numpy(portrait[None]).permute(0, 3, 1, 2).float() / 256)
    monkeypatch.setattr(mmod, "STRIP", rows)
    with exact():
        np.testing.assert_allclose(mmod._run(network, pyramids), network(pyramids), atol=1e-5)


def test_the_last_convolution_is_the_sum_of_its_columns():
    last = torch.nn.Conv2d(5, 1, 9, padding=4)
    maps = torch.randn(2, 5, 12, 7)
    columns, total = mmod._column_by_column(last)
    assert columns(maps).shape == (2, 9, 12, 7)
    torch.testing.assert_close(total(columns(maps)), last(maps), rtol=0, atol=1e-5)


def test_a_box_that_a_better_one_overlaps_goes():
    # Of 10 x 10 px, moved by 5 px: 50 px shared of 150 px around both are .333, less than the .338 allowed; moved by
    # 4 px: 60 of 140 are .43. A box inside another one goes by the same rule.
    best = [0, 0, 9, 9]
    windows = np.array([best, [5, 0, 14, 9], [4, 0, 13, 9], [0, 0, 6, 9], [0, 0, 2, 9], [30, 30, 39, 39]], float)
    assert suppressed(windows).tolist() == [0, 1, 4, 5]
    assert suppressed(windows[:0]).tolist() == []


def test_enlarging_is_dlibs(portrait):
    wanted = dlib.resize_image(portrait, 601, 642)
    found = tiling.enlarged(torch.from_numpy(portrait[None]).permute(0, 3, 1, 2))[0].permute(1, 2, 0).numpy()
    assert found.shape == wanted.shape
    difference = np.abs(found.astype(int) - wanted)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 5e-3  # where a sum lies on a whole number


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 18), (24, 30)])
def test_a_frame_that_is_too_small_has_no_face(size):
    assert [len(faces) for faces in Mmod().detect(np.zeros((2, *size, 3), np.uint8))] == [0, 0]


@pytest.mark.parametrize("upsample", [0, 1])
def test_the_number_of_threads_changes_no_bit_of_a_score(portrait, upsample):
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append([scores.tobytes() for scores in mmod.score_maps(portrait[None], upsample)])
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_no_frames_have_no_faces():
    assert Mmod().detect(np.zeros((0, 40, 40, 3), np.uint8)) == []


# Others --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def yunet(test_data) -> YuNet:
    return YuNet(test_data("weights/yunet_n_dynamic.onnx"))


def check_contract(detector, portrait: np.ndarray) -> None:
    """A detector finds her, and nothing in the dark."""
    found, dark = detector.detect(np.stack([astronaut(), np.zeros_like(astronaut())]))
    assert len(found) == 1
    assert len(dark) == 0
    assert found.boxes.shape == (1, 4)
    assert dark.boxes.shape == (0, 4)
    assert found.boxes.dtype == found.scores.dtype == dark.scores.dtype == np.float32
    np.testing.assert_allclose(found.boxes[0], FACE, atol=45)
    assert len(dataclasses.replace(detector, threshold=0.999).detect(portrait[None])[0]) <= 1
    assert len(detector.digest.split()[-1]) in (64, len(dlib.__version__))
    with pytest.raises(ValueError, match=r"frames are \(40, 40, 3\) uint8: expected \(n, height, width, 3\)"):
        detector.detect(np.zeros((40, 40, 3), np.uint8))


def test_mmod_keeps_the_contract(portrait):
    check_contract(Mmod(), portrait)


def test_hog_keeps_the_contract(portrait):
    check_contract(Hog(), portrait)


def test_yunet_keeps_the_contract(portrait, yunet):
    check_contract(yunet, portrait)


def test_hog_finds_what_dlib_finds(portrait):
    found, scores, _ = dlib.get_frontal_face_detector().run(portrait, 0, 0.0)
    faces = Hog().detect(portrait[None])[0]
    assert [tuple(map(int, box)) for box in faces.boxes] == [
        (one.left(), one.top(), one.right() + 1, one.bottom() + 1) for one in found
    ]
    np.testing.assert_allclose(faces.scores, scores)


def test_yunet_finds_what_opencv_finds(portrait, yunet):
    detector = cv2.FaceDetectorYN.create(str(yunet.weights), "", (320, 300), yunet.threshold, yunet.overlap)
    wanted = detector.detect(cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR))[1][0]
    faces = yunet.detect(portrait[None])[0]
    np.testing.assert_allclose(faces.scores, wanted[14])
    np.testing.assert_allclose(faces.boxes[0], [*wanted[:2], *(wanted[:2] + wanted[2:4])], rtol=1e-6)


def test_yunet_follows_the_size_of_the_frames(portrait, yunet):
    large = yunet.detect(portrait[None])[0]
    small = yunet.detect(cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[None])[0]
    np.testing.assert_allclose(large.boxes / 2, small.boxes, atol=5)


def test_yunet_refuses_other_weights(tmp_path, yunet):
    with pytest.raises(WeightError, match="There is no weight file"):
        YuNet(tmp_path / "none.onnx").detect(np.zeros((1, 40, 40, 3), np.uint8))
    content = bytearray(Path(yunet.weights).read_bytes())
    content[-1] ^= 1
    (tmp_path / "changed.onnx").write_bytes(content)
    with pytest.raises(WeightError, match=r"No known YuNet file has the sha256 .*\n  yunet_n_dynamic"):
        YuNet(tmp_path / "changed.onnx").detect(np.zeros((1, 40, 40, 3), np.uint8))


@pytest.mark.parametrize("build", [lambda: Mmod(upsample=9), lambda: Hog(upsample=-1), lambda: YuNet(Path(), 2.0)])
def test_a_senseless_parameter_is_refused_with_the_range(build):
    with pytest.raises(ValueError, match=r"=\S+: expected"):
        build()


# Landmarks and chips -------------------------------------------------------------------------------


@pytest.mark.parametrize(("points", "model"), [(5, LANDMARKS_5), (68, LANDMARKS_68)])
def test_landmarks_are_dlibs_own(points, model):
    frame = astronaut()
    wanted = dlib.shape_predictor(str(packaged(model)))(frame, dlib.rectangle(170, 60, 280, 190))
    found = landmarks(frame, np.array([170, 60, 281, 191], np.float32), points)
    assert found.shape == (points, 2)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [(part.x, part.y) for part in wanted.parts()])


def test_landmarks_of_nothing_are_refused():
    with pytest.raises(ValueError, match="points=7: expected 5 or 68"):
        landmarks(astronaut(), np.array(FACE), 7)
    with pytest.raises(ValueError, match=r"the picture is \(512, 512\) uint8: expected \(height, width, 3\)"):
        landmarks(astronaut()[:, :, 0], np.array(FACE))
    with pytest.raises(ValueError, match="expected x0 < x1"):
        landmarks(astronaut(), np.array([10, 10, 10, 20]))


def dlibs_chip(frame: np.ndarray, points: np.ndarray, size: int, padding: float) -> np.ndarray:
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    return dlib.get_face_chip(frame, dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), parts), size, padding)


@pytest.mark.parametrize("degrees", [0, 17, -140])
@pytest.mark.parametrize(("scale", "size", "padding"), [(1, 150, 0.25), (0.4, 150, 0.25), (1.5, 60, 0.4), (1, 20, 0.0)])
def test_chips_are_dlibs_own(portrait, degrees, scale, size, padding):
    # The points are found once and turned along; the last two sizes are cut from a picture halved once and twice.
    frame = np.ascontiguousarray(turned(portrait, degrees, scale))
    matrix = cv2.getRotationMatrix2D((160, 150), degrees, scale)
    points = np.round(landmarks(portrait, Mmod().detect(portrait[None])[0].boxes[0]) @ matrix[:, :2].T + matrix[:, 2])
    found, wanted = chips.aligned(frame, points, size, padding), dlibs_chip(frame, points, size, padding)
    difference = np.abs(found.astype(int) - wanted)
    assert difference.max() <= 1  # where a sum lies on a whole number
    assert (difference > 0).mean() < 1e-3


def test_a_chip_can_be_cut_from_a_crop_that_was_kept(portrait):
    points = landmarks(portrait, Mmod().detect(portrait[None])[0].boxes[0])
    left, top = 40, 10
    crop = portrait[top:260, left:290]
    np.testing.assert_array_equal(chips.aligned(crop, points - (left, top)), chips.aligned(portrait, points))


def test_the_mean_face_is_not_moved():
    points = (chips.MEAN_FACE + 0.25) / 1.5 * 150
    place = chips.placement(points, 150, 0.25)
    np.testing.assert_allclose([*place.middle, place.side, place.angle], [75, 75, 150, 0], atol=1e-9)


def test_a_chip_beyond_the_picture_is_black():
    picture = np.full((60, 60, 3), 200, np.uint8)
    assert chips.cut(picture, chips.Placement((500.0, -300.0), 40.0, 0.3), 20).max() == 0
    edge = chips.cut(picture, chips.Placement((0.0, 30.0), 20.0, 0.0), 20)
    assert edge[:, :9].max() == 0
    assert edge[:, 11:].min() == 200


def test_halving_keeps_what_is_even_and_its_place():
    flat = chips.halved(np.full((31, 42, 3), 77, np.uint8))
    assert flat.shape == (14, 19, 3)
    assert (flat == 77).all()
    # A lone pixel of 160 at (2i + 2) weighs (6 / 16)**2 in pixel i: 22.5, cut off.
    lone = np.zeros((31, 42, 3), np.uint8)
    lone[12, 22] = 160
    assert chips.halved(lone)[5, 10].tolist() == [22, 22, 22]
    assert chips.halved(lone[:8]).size == 0


def test_halving_truncates_the_weighed_sums(portrait):
    weights = np.outer((1, 4, 6, 4, 1), (1, 4, 6, 4, 1))
    for picture in (portrait[:41, :50], portrait[10:50, 3:54], np.full((20, 21, 3), 255, np.uint8)):
        around = np.lib.stride_tricks.sliding_window_view(picture, (5, 5), axis=(0, 1))[::2, ::2]
        wanted = (around * weights).sum(axis=(3, 4)) // 256
        rows, columns = (side - 3 >> 1 for side in picture.shape[:2])
        assert np.array_equal(chips.halved(picture), wanted[:rows, :columns])


def test_points_that_are_no_face_are_refused():
    with pytest.raises(ValueError, match=r"points are \(68, 2\): expected \(5, 2\)"):
        chips.placement(np.zeros((68, 2)))
    with pytest.raises(ValueError, match="coincide"):
        chips.placement(np.ones((5, 2)))
