"""Faces and their embedding: closed forms with detectors that see squares, then a portrait, then real utterances."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from corpus import run, spec
from films import film
from scenes import middle, no_face, scene, scenes
from skimage.data import astronaut

from affex.features.base import ExtractionError, Frames, Rows, Runtime
from affex.features.detectors import crops
from affex.features.detectors.base import Faces as Found
from affex.features.detectors.base import ranked
from affex.features.detectors.chips import aligned
from affex.features.detectors.following import Follower, overlap
from affex.features.detectors.search import AROUND, Search
from affex.features.face import Face
from affex.features.faces import (
    COLUMNS,
    Faces,
    boxed,
    chip,
    chosen,
    inside,
    is_found,
    off_centre,
    one_person,
    sharpness,
    yaw,
)
from affex.features.networks import dlib_resnet
from affex.pipeline.caching import cache, feature_rows
from affex.pipeline.extraction import streams
from affex.pipeline.extraction.extract import Summary
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import video

#: Where her face is in the portrait, x0 y0 x1 y1 px, by hand.
HERS = np.array([160, 50, 290, 210])
RUNTIME = Runtime()


def column(rows: Rows, name: str) -> np.ndarray:
    return rows.values[:, COLUMNS.index(name)]


def boxes(rows: Rows) -> np.ndarray:
    first = COLUMNS.index("x0")
    return rows.values[:, first : first + 4]


def in_windows(pictures: np.ndarray, size: int) -> Iterator[Frames]:
    times = np.arange(len(pictures)) / 5
    for i in range(0, len(pictures), size):
        yield Frames(pictures[i : i + size], times[i : i + size])


def extracted(feature: Faces, pictures: np.ndarray, window: int = 4) -> Rows:
    return feature.extract_stream(in_windows(pictures, window), feature.load(RUNTIME))


# Crops ---------------------------------------------------------------------------------------------


def test_an_area_is_the_box_widened_about_its_middle():
    assert crops.area(np.array([100, 200, 200, 400])) == (70, 140, 230, 460)
    assert crops.area(np.array([100, 200, 200, 400]), widened=0) == (100, 200, 200, 400)
    assert crops.area(np.array([-10, 0, 0, 10], np.float32)) == (-13, -3, 3, 13)


def test_what_lies_outside_is_black():
    picture = np.full((10, 20, 3), 9, np.uint8)
    part = crops.cutout(picture, -2, -3, 22, 14)
    assert part.shape == (17, 24, 3)
    assert (part[3:13, 2:22] == 9).all()
    assert part.sum() == picture.sum()
    assert not crops.cutout(picture, 30, 30, 35, 35).any()


@pytest.mark.parametrize("side", [60, 300])
def test_a_point_of_the_frame_is_found_again_in_the_crop(side):
    frame = np.zeros((600, 800, 3), np.uint8)
    box, spot = np.array([250, 200, 250 + side, 200 + 1.2 * side]), np.array([250 + 0.7 * side, 200 + 0.3 * side])
    cv2.circle(frame, tuple(int(edge) for edge in spot.round()), 6, (255, 255, 255), -1)
    crop = crops.decoded(crops.encoded(frame, box))
    assert max(crop.shape) <= crops.LONGEST
    y, x = np.nonzero(crop[..., 0] > 127)
    [place] = crops.placed(spot[None].round(), box, crop)
    assert np.abs(place - (x.mean(), y.mean())).max() < 0.3


def test_what_is_no_picture_is_refused():
    for crop in (b"", b"no picture"):
        with pytest.raises(ValueError, match=f"{len(crop)} bytes"):
            crops.decoded(crop)


# Searching and following, with a detector that sees white squares ----------------------------------------


@dataclass(frozen=True)
class Squares:
    """Sees white squares as wide as `window` px and more; their greenness is their score. Notes what it was shown."""

    window: int = 80

    @property
    def digest(self) -> str:
        return "squares"

    def detect(self, frames: np.ndarray) -> list[Found]:
        SHOWN.append(frames.shape)
        return [self._squares(frame) for frame in frames]

    def _squares(self, frame: np.ndarray) -> Found:
        _, _, stats, _ = cv2.connectedComponentsWithStats((frame[..., 0] > 127).astype(np.uint8))
        found = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:] if min(w, h) >= self.window]
        return ranked(np.array(found, float), np.arange(len(found), 0, -1.0))


SHOWN: list[tuple[int, ...]] = []


@pytest.fixture(autouse=True)
def shown() -> list[tuple[int, ...]]:
    SHOWN.clear()
    return SHOWN


def squares(*corners: tuple[int, int, int], size: tuple[int, int] = (480, 640)) -> np.ndarray:
    frame = np.zeros((*size, 3), np.uint8)
    for x, y, side in corners:
        frame[y : y + side, x : x + side] = 255
    return frame


def test_frames_are_searched_small_first_and_enlarged_as_far_as_wanted():
    search = Search(Squares(), 80, 45)
    assert search.scales(480, 640) == (1.0, 2.0)
    assert search.scales(192, 192) == (1.0, 2.0)
    assert search.scales(1080, 1920) == (1 / 3, 2 / 3, 4 / 3)
    assert search.scales(4320, 7680) == (1 / 12, 1 / 6, 1 / 3)
    assert Search(Squares(), 20, 45).scales(480, 640) == (1.0,)
    assert Search(Squares(), 80, 20).scales(480, 640) == (1.0, 2.0, 4.0)


def test_only_frames_without_a_large_face_are_enlarged(shown):
    frames = np.stack([squares((100, 60, 100)), squares((300, 200, 50)), squares(), squares((10, 20, 30))])
    found = Search(Squares(), 80, 45).whole(frames)
    assert shown == [(4, 480, 640, 3), (3, 960, 1280, 3)]
    assert [len(faces) for faces in found] == [1, 1, 0, 0]
    assert np.abs(found[0].boxes - [100, 60, 200, 160]).max() == 0
    assert np.abs(found[1].boxes - [300, 200, 350, 250]).max() <= 1


def test_around_a_face_few_pixels_are_searched_and_places_are_those_of_the_frame(shown):
    for side in (60, 120, 300):
        frame = squares((300, 90, side))
        found = Search(Squares(), 80, 45).around(frame, np.array([290, 95, 290 + side, 95 + side]))
        assert np.abs(found.boxes - [300, 90, 300 + side, 90 + side]).max() <= 0.02 * side
    assert set(shown) == {(1, AROUND, AROUND, 3)}


def follow(frames: np.ndarray, *, every: int = 4, most: int = 4, window: int = 3, cuts: tuple[int, ...] = ()) -> list:
    """Return the sights of each frame, by track."""
    follower = Follower(Search(Squares(), 80, 45), every, most)
    marks = [number in cuts for number in range(len(frames))]
    parts = (slice(i, i + window) for i in range(0, len(frames), window))
    return [seen for part in parts for seen in follower.follow(frames[part], marks[part])]


def lefts(seen: list) -> list[dict[int, int]]:
    """Return the left edge of each track's box, in tens of px, for each frame."""
    return [{track: round(float(sight.box[0]) / 10) for track, sight in each.items()} for each in seen]


def test_a_frame_in_so_many_is_searched_whole(shown):
    sights = follow(np.stack([squares((100 + 9 * k, 100, 90)) for k in range(9)]))
    assert [shape[1] for shape in shown] == [480, *[AROUND] * 3, 480, *[AROUND] * 3, 480]
    boxes = [sight.box[0] for each in sights for sight in each.values()]
    assert boxes == pytest.approx([100 + 9 * k for k in range(9)], abs=2)
    assert all(list(each) == [0] for each in sights)


def test_a_lost_face_is_looked_for_at_once_and_never_made_up(shown):
    here, there = squares((100, 100, 90)), squares((500, 300, 90))
    sights = follow(np.stack([here, here, there, squares(), here]), every=99)
    assert [list(each) for each in sights] == [[0], [0], [1], [], [0]]  # it is elsewhere: another track
    assert np.abs(sights[2][1].box - [500, 300, 590, 390]).max() <= 1
    # Around and whole; then around both places, whole and enlarged, since nothing is there; then whole at once.
    assert [shape[1] for shape in shown] == [480, AROUND, AROUND, 480, AROUND, AROUND, 480, 960, 480]


def test_the_largest_are_followed_and_the_others_are_counted():
    frames = np.stack([squares((20, 20, 140), (270, 190, 100), (500, 300, 120))] * 3)
    for most, tracks in ((1, [2]), (2, [2, 50]), (3, [2, 27, 50])):
        seen = follow(frames, most=most)
        assert [sorted(each.values()) for each in lefts(seen)] == [tracks] * 3
        assert {sight.others for each in seen for sight in each.values()} == {2}


@pytest.mark.parametrize("every", [1, 4])
def test_windows_may_be_cut_anywhere(every):
    frames = np.stack([squares((10 * k, 100, 85 + k)) if k % 5 else squares() for k in range(12)])
    once, often = follow(frames, every=every, window=12), follow(frames, every=every, window=1)
    for one, other in zip(once, often, strict=True):
        assert list(one) == list(other)
        assert all((one[track].box == other[track].box).all() for track in one)


def test_a_stream_may_change_its_size():
    follower = Follower(Search(Squares(), 80, 45), 9, 4)
    for track, frame in enumerate((squares((100, 100, 90)), squares((10, 10, 90), size=(200, 300)))):
        [seen] = follower.follow(frame[None], [False])
        assert list(seen) == [track]


@pytest.mark.parametrize("every", [1, 4])
def test_all_faces_are_followed_each_on_its_track(every):
    left, right, new = (50, 50, 120), (400, 200, 100), (250, 330, 90)
    frames = [squares(left, right), squares(right), squares((60, 60, 125), new), squares(), squares(right, left)]
    seen = follow(np.stack(frames), every=every)
    assert lefts(seen) == [{0: 5, 1: 40}, {1: 40}, {0: 6, 2: 25}, {}, {0: 5, 1: 40}]


def test_a_face_of_another_size_or_look_is_another_track():
    frame, other = squares((100, 100, 90)), squares((100, 100, 90))
    other[80:210, 80:210] = 255 - other[80:210, 80:210]
    other[120:170, 120:170] = 255
    other[..., 0] = frame[..., 0]  # the detector sees the red channel
    for second in (squares((60, 60, 170)), other):
        assert [list(each) for each in follow(np.stack([frame, second]), every=1)] == [[0], [1]]


def test_a_face_that_moved_far_must_look_the_same():
    here, near, far = squares((100, 100, 90)), squares((115, 100, 90)), squares((180, 100, 90))
    for number, (moved, left) in enumerate(((near, 115), (far, 180))):
        changed = moved.copy()
        changed[100:145, left : left + 90, 1:] = 255 - changed[100:145, left : left + 90, 1:]
        tracks = [[list(each) for each in follow(np.stack([here, second]), every=1)] for second in (moved, changed)]
        assert tracks == [[[0], [0]], [[0], [number]]]


def test_a_cut_ends_all_tracks():
    frames = np.stack([squares((100, 100, 90), (400, 200, 100))] * 3)
    assert [list(each) for each in follow(frames, cuts=(2,))] == [[0, 1], [0, 1], [2, 3]]


def test_an_overlap_is_the_intersection_over_the_union():
    box = np.array([0, 0, 10, 10], np.float32)
    assert overlap(box, box) == 1
    assert overlap(box, box + 5) == pytest.approx(25 / 175)
    assert overlap(box, box + 20) == 0


# Quality -------------------------------------------------------------------------------------------


def test_the_share_inside_is_that_of_the_area():
    picture = np.zeros((100, 200, 3), np.uint8)
    assert inside(picture, np.array([0, 0, 50, 50])) == 1
    assert inside(picture, np.array([-50, -50, 50, 50])) == 0.25
    assert inside(picture, np.array([180, 10, 220, 50])) == 0.5


def test_a_head_is_turned_as_far_as_its_nose():
    frontal = np.array([[60, 0], [40, 0], [0, 0], [20, 0], [30, 25]], float)
    assert yaw(frontal) == 0
    assert yaw(frontal + np.array([[0, 0]] * 4 + [[15, 0]])) == 0.5
    assert yaw(frontal[[2, 3, 0, 1, 4]] + np.array([[0, 0]] * 4 + [[15, 0]])) == -0.5
    tilted = frontal @ np.array([[0, 1], [-1, 0]])
    assert yaw(tilted) == pytest.approx(0)
    assert yaw(np.zeros((5, 2))) == 0


def test_blur_is_less_sharp():
    portrait = np.ascontiguousarray(astronaut()[:300, 80:400])
    sharp = [sharpness(cv2.GaussianBlur(portrait, (0, 0), s), HERS) for s in (0.5, 2, 4)]
    assert sharp[0] > 2 * sharp[1] > 4 * sharp[2]


# The feature ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    """Ten frames: she moves, and is away in two of them."""
    return np.stack(scenes([None if k in (4, 5) else k for k in range(10)]))


@pytest.fixture(scope="module")
def found(signal: np.ndarray) -> Rows:
    return extracted(Faces(), signal)


def test_every_frame_has_a_row_and_says_honestly_whether_a_face_was_found(signal: np.ndarray, found: Rows):
    assert found.values.shape == (10, len(COLUMNS))
    assert column(found, "found").tolist() == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]
    assert column(found, "time") == pytest.approx(np.arange(10) / 5)
    assert not found.values[4:6, 1:].any()
    assert [len(crop) > 0 for crop in found.crops] == column(found, "found").astype(bool).tolist()
    assert np.isfinite(found.values).all()


def test_the_box_is_where_she_is(found: Rows):
    for k in np.flatnonzero(is_found(found.values)):
        first, last = boxes(found)[k].reshape(2, 2)
        assert np.abs((first + last) / 2 - middle(k)).max() < 15
        assert 70 < (last - first)[0] < 130
    assert (column(found, "n_faces")[is_found(found.values)] == 1).all()
    assert (column(found, "inside")[is_found(found.values)] == 1).all()


def test_windows_of_frames_do_not_show_in_the_rows(signal: np.ndarray, found: Rows):
    for every in (1, 10):
        feature = Faces(every=every)
        one, other = extracted(feature, signal, 1), extracted(feature, signal, 10)
        assert one.values.tobytes() == other.values.tobytes()
        assert tuple(one.crops) == tuple(other.crops)


def chips(rows: Rows) -> list[np.ndarray]:
    """Return the aligned chip of every row with a face."""
    return [chip(rows.values[k], rows.crops[k]) for k in np.flatnonzero(is_found(rows.values))]


def test_a_chip_from_the_crop_is_the_chip_from_the_frame(signal: np.ndarray, found: Rows):
    points = found.values[:, 7:17].reshape(-1, 5, 2)
    kept = chips(found)
    assert len(kept) == 8
    for ours, k in zip(kept, np.flatnonzero(is_found(found.values)), strict=True):
        from_frame = aligned(signal[k], points[k]).astype(int)
        assert np.abs(ours - from_frame).mean() < 4  # what JPEG does
        assert np.abs(np.roll(ours, 3, axis=1) - from_frame).mean() > 4  # and this notes a shift of 3 px
    assert chip(found.values[0], found.crops[0], 224, 0.5).shape == (224, 224, 3)


def test_the_box_is_cut_from_the_crop_where_it_lies_in_the_frame(signal: np.ndarray, found: Rows):
    box = found.values[0, 3:7]
    from_frame = crops.resized(crops.cutout(signal[0], *crops.area(box, 0.3)), 100, 60).astype(int)
    ours = boxed(found.values[0], found.crops[0], 60, 100)
    assert ours.shape == (60, 100, 3)
    assert np.abs(ours - from_frame).mean() < 4  # what JPEG does
    assert np.abs(np.roll(ours, 2, axis=1) - from_frame).mean() > 4


def test_points_are_looked_for_in_the_box_that_the_crop_shows(monkeypatch: pytest.MonkeyPatch):
    asked: list[list[float]] = []
    monkeypatch.setattr("affex.features.faces.five", lambda _, box: asked.append(box.tolist()) or np.zeros((5, 2)))
    frame = squares()
    frame[100:240, 200:300] = 255
    rows = Faces().extract_stream(in_windows(frame[None], 1), Search(Squares(), 80, 45))
    assert asked == boxes(rows).tolist() == [[200, 100, 300, 240]]
    assert crops.decoded(rows.crops[0]).shape == (224, 160, 3)


def test_a_face_of_50_px_is_found_at_once():
    small = extracted(Faces(), np.stack([scene(k, 50, (480, 640)) for k in range(3)]))
    assert column(small, "found").all()
    assert (boxes(small)[:, 2] - boxes(small)[:, 0] < 65).all()
    with pytest.raises(ExtractionError, match="faces of 90 px"):
        extracted(Faces(smallest=90), np.stack([scene(0, 50, (480, 640))]))


def test_a_clip_without_a_face_fails_or_is_kept_as_asked():
    grey = np.stack([no_face((100, 120))] * 3)
    with pytest.raises(ExtractionError, match="no face in any of 3 frames: mmod"):
        extracted(Faces(), grey)
    rows = extracted(Faces(missing="keep"), grey)
    assert column(rows, "time") == pytest.approx([0, 0.2, 0.4])
    assert not rows.values[:, 1:].any()
    assert tuple(rows.crops) == (b"", b"", b"")


def test_a_frame_without_the_face_may_be_carried_whole(signal: np.ndarray, found: Rows):
    rows = extracted(Faces(missing="frame"), signal)
    assert column(rows, "found").tolist() == column(found, "found").tolist()
    assert not rows.values[4:6, 1:].any()
    for k, crop in enumerate(rows.crops):
        if k in (4, 5):
            picture = crops.decoded(crop)
            assert picture.shape == (216, 288, 3)
            assert np.abs(picture.astype(int) - 110).max() <= 2
    assert [crop for crop in rows.crops if crop in found.crops] == [crop for crop in found.crops if crop]


def test_a_frame_in_which_only_others_are_is_carried_whole():
    """She is left in three frames, a likeness is alone in the last two: that track is not the longest."""
    here, there = scene(0, 100, (300, 640)), no_face((300, 640))
    there[:, 320:] = scene(0, 100, (300, 320))
    rows = extracted(Faces(missing="frame"), np.stack([here, here, here, there, there]))
    assert column(rows, "found").tolist() == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    own = one_person(rows, chosen(rows.values, "longest")[0])
    assert column(own, "found").tolist() == [1, 1, 1, 0, 0]
    for crop in own.crops[3:]:
        whole = crops.resized(there, 288, 135).astype(int)
        assert np.abs(crops.decoded(crop) - whole).mean() < 4  # what JPEG does
        assert len(crop) <= crops.MOST


def test_a_clip_without_a_face_may_be_carried_whole():
    rows = extracted(Faces(missing="frame"), np.stack([no_face((60, 120))] * 3))
    assert not rows.values[:, 1:].any()
    assert [crops.decoded(crop).shape for crop in rows.crops] == [(60, 120, 3)] * 3


def test_the_person_is_chosen_over_the_whole_utterance():
    """She is there in all frames; a larger likeness is in the first two."""
    frames = [scene(0, 120, (400, 700)) for _ in range(5)]
    for frame in frames[:2]:
        frame[:, 350:] = scene(0, 170, (400, 350))
    rows = extracted(Faces(), np.stack(frames))
    assert column(rows, "track").tolist() == [0, 1, 0, 1, 1, 1, 1]
    assert column(rows, "n_faces").tolist() == [2, 2, 2, 2, 1, 1, 1]
    assert not column(rows, "shot").any()
    large = column(rows, "x0") > 350
    for choice in ("largest", "longest"):
        own = one_person(rows, chosen(rows.values, choice)[0])
        assert column(own, "found").tolist() == [1] * 5
        assert (column(own, "x0") < 200).all()
    other = one_person(rows, int(column(rows, "track")[large][0]))
    assert column(other, "found").tolist() == [1, 1, 0, 0, 0]
    assert [bool(crop) for crop in other.crops] == [True, True, False, False, False]


def tracks(*rows: tuple[float, int, float, float]) -> np.ndarray:
    """Return rows of time, track, side of the face in px and distance from the middle."""
    values = np.zeros((len(rows), len(COLUMNS)), np.float32)
    for line, (time, track, side, off) in zip(values, rows, strict=True):
        line[[0, 1, COLUMNS.index("track"), COLUMNS.index("off_centre")]] = time, 1, track, off
        line[COLUMNS.index("x1") : COLUMNS.index("y1") + 1] = side
    return values


def test_a_rule_weighs_the_whole_utterance():
    # Track 0: 4 frames of 30 px, off the middle; 1: 2 frames of 60 px, in the middle; 2: one frame of 70 px.
    rows = [(k, 0, 30, 0.5) for k in range(4)] + [(k, 1, 60, 0.2) for k in range(2)] + [(3, 2, 70, 0.0)]
    values = tracks(*sorted(rows))
    assert chosen(values, "largest") == (1, pytest.approx(np.sqrt(3600 * 2 / 4) - np.sqrt(4900 / 4)))
    assert chosen(values, "longest") == (0, pytest.approx(0.5))
    assert chosen(values, "central") == (1, pytest.approx(0.3))  # one frame is no person
    assert chosen(values[:1], "largest") == (0, 0.0)
    assert chosen(np.zeros((3, len(COLUMNS)), np.float32), "longest") == (-1, 0.0)


def test_how_far_a_face_is_from_the_middle():
    picture = np.zeros((300, 400, 3), np.uint8)
    assert off_centre(picture, np.array([150, 100, 250, 200])) == 0
    assert off_centre(picture, np.array([-50, -50, 50, 50])) == pytest.approx(1)
    assert off_centre(picture, np.array([350, 100, 450, 200])) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"detector": "eyes"}, "detector=eyes: expected mmod, hog, yunet, yunet\\+mmod, sfd, blazeface"),
        ({"detector": "yunet", "score": 2.0}, "score=2.0: expected more than 0 and less than 1 with detector=yunet"),
        ({"followed": 0}, "followed=0"),
        ({"missing": "zero"}, "missing=zero"),
        ({"frames": "5"}, "sampling=5"),
        ({"every": 0}, "every=0"),
        ({"smallest": 3}, "smallest=3"),
        ({"weights": "x.onnx"}, "mmod takes no weight file"),
        ({"detector": "yunet", "weights": "nowhere.onnx"}, "no weight file nowhere.onnx"),
        ({"digest": "0"}, "mmod takes no weight file"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Faces(**wrong)


def test_other_detectors_find_her_too(signal: np.ndarray, found: Rows, test_data: Callable[[str], Path]):
    assert column(extracted(Faces(detector="hog"), signal[:2]), "found").all()
    yunet = Faces(detector="yunet", weights=str(test_data("weights") / "yunet_n_dynamic.onnx"))
    other = extracted(yunet, signal[:2])
    assert column(other, "found").all()
    ours, theirs = (rows.values[:2, 7:17].reshape(2, 5, 2) for rows in (found, other))
    between_eyes = np.linalg.norm(ours[:, 0] - ours[:, 2], axis=1)
    assert (np.linalg.norm(ours - theirs, axis=2).max(axis=1) < 0.1 * between_eyes).all()
    assert yunet.digest[:8] == "104ee26c"
    with pytest.raises(ValueError, match="expected digest=00"):
        replace(yunet, digest="00")


# The embedding -------------------------------------------------------------------------------------


def test_an_embedding_is_that_of_the_chip_and_missing_faces_have_none(found: Rows):
    feature = Face()
    [rows] = feature.extract_many([found], feature.load(RUNTIME))
    assert rows.times == pytest.approx([0, 0.2, 0.4, 0.6, 1.2, 1.4, 1.6, 1.8])
    direct = dlib_resnet.load().embed(np.stack(chips(found)))
    assert rows.values.tobytes() == direct.tobytes()
    assert rows.values.shape == (8, len(feature.columns))


def test_company_and_threads_do_not_show_in_an_embedding(found: Rows):
    feature = Face()
    short = Rows(found.values[:3], found.times[:3], tuple(found.crops)[:3])
    alone = [feature.extract_many([signal], feature.load(RUNTIME))[0] for signal in (short, found)]
    together = feature.extract_many(iter([found, short, found]), feature.load(Runtime(threads=3)))
    for one, other in zip((alone[1], alone[0], alone[1]), together, strict=True):
        assert one.values.tobytes() == other.values.tobytes()
        assert (one.times == other.times).all()


def test_a_clip_without_a_face_has_no_embedding(found: Rows):
    feature = Face(faces=Faces(missing="keep"))
    without = Rows(found.values[4:6], found.times[4:6], tuple(found.crops)[4:6])
    with pytest.raises(ExtractionError, match="no face in any of 2 frames"):
        feature.extract_many([found, without], feature.load(RUNTIME))


# In the pipeline -----------------------------------------------------------------------------------


@pytest.fixture
def films(tmp_path: Path) -> Dataset:
    """Two videos of her, and one of nobody."""
    (tmp_path / "data").mkdir()
    for name, first in (("a", 0), ("b", 12)):
        film(tmp_path / "data" / f"{name}.avi", [scene(first + k // 2) for k in range(20)])
    film(tmp_path / "data" / "nobody.avi", [no_face()] * 10)
    utterances = tuple(
        Utterance(id=name, corpus="films", speaker=name, video=Media(f"{name}.avi")) for name in ("a", "b", "nobody")
    )
    return Dataset("films", tmp_path / "data", tmp_path / "cache", utterances)


def values(summary: Summary) -> np.ndarray:
    return feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key).values


def test_an_embedding_decodes_nothing_once_the_faces_are_there(films: Dataset, monkeypatch: pytest.MonkeyPatch):
    decoded: list[str] = []
    windows = streams.windows
    monkeypatch.setattr(streams, "windows", lambda *given, **how: decoded.append(given[1]) or windows(*given, **how))
    [faces] = run(films, spec("faces", Faces()))
    assert sorted(decoded) == ["a.avi", "b.avi", "nobody.avi"]
    assert faces.computed == 2
    assert "no face in any of" in faces.failures["nobody"]
    decoded.clear()
    *_, first = run(films, spec("face", Face()))
    *_, again = run(films, spec("face", Face(precision="bfloat16")))
    assert not decoded
    assert len(values(first)) == column(Rows(values(faces)), "found").sum()
    assert np.abs(values(first) - values(again)).max() < 0.05
    assert not np.array_equal(values(first), values(again))


# Real utterances ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("corpus", "share"), [("mead", 0.97), ("grid", 0.97), ("ravdess", 0.97), ("lrs3", 0.9)])
def test_real_faces_are_found_and_their_crops_are_small(corpus: str, share: float, test_data: Callable[[str], Path]):
    utterances = [real(path) for path in sorted(test_data(f"clips/{corpus}").iterdir())[:3]]
    assert np.concatenate([column(rows, "found") for rows in utterances]).mean() >= share
    assert max(len(crop) for rows in utterances for crop in rows.crops) <= crops.MOST


def test_real_faces_of_55_px_are_found(test_data: Callable[[str], Path]):
    utterances = []
    for path in sorted(test_data("clips/mead").iterdir())[::5]:
        shrink = 55 / width(real(path))
        utterances.append(real(path, lambda picture, s=shrink: cv2.resize(picture, None, fx=s, fy=s, interpolation=3)))
        assert 45 < width(utterances[-1]) < 65
    assert np.concatenate([column(rows, "found") for rows in utterances]).mean() >= 0.9


def width(rows: Rows) -> float:
    """Return the median width of the faces, px."""
    found = boxes(rows)[is_found(rows.values)]
    return float(np.median(found[:, 2] - found[:, 0]))


def real(path: Path, change: Callable[[np.ndarray], np.ndarray] = lambda picture: picture) -> Rows:
    """Return the rows of three frames of a real utterance."""
    feature = Faces(frames="3/clip")
    output = video.windows(path.parent, path.name, [video.Wanted("clip", feature.sampling)])
    windows = (one.frames for one in output if isinstance(one, video.Window))
    changed = (Frames(np.stack([change(picture) for picture in one.pictures]), one.times) for one in windows)
    return feature.extract_stream(changed, feature.load(RUNTIME))
