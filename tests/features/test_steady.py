"""Steady boxes: closed forms, a portrait whose box is moved, and squares of equal size beside one another."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from scenes import company, no_face, scene
from skimage.data import astronaut

from affex.features.base import Frames, Runtime
from affex.features.detectors import crops, named
from affex.features.detectors.base import Faces as Found
from affex.features.detectors.base import ranked
from affex.features.detectors.chips import MEAN_FACE
from affex.features.detectors.landmarks import BOX_MIDDLE, BOX_SIDE, box_of, five, landmarks, squared
from affex.features.detectors.mmod import Mmod
from affex.features.detectors.search import AROUND, CROWD, FAR, TIMES, Search, joined
from affex.features.faces import COLUMNS, Faces, is_found
from affex.features.networks import tiling


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return np.ascontiguousarray(astronaut()[:300, 80:400])


@pytest.fixture(scope="module")
def search() -> Search:
    return Faces().load(Runtime())


# Points and boxes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("degrees", "size", "place"), [(0, 100.0, (50.0, 60.0)), (30, 40.0, (200.0, 10.0))])
def test_the_box_of_the_mean_face_is_the_detectors_wherever_it_is(degrees: float, size: float, place: tuple) -> None:
    turn = size * np.exp(1j * np.radians(degrees))
    points = MEAN_FACE @ (1, 1j) * turn + complex(*place)
    box = box_of(np.stack([points.real, points.imag], axis=1))
    middle = complex(*BOX_MIDDLE) * turn + complex(*place) + (0.5 + 0.5j)
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, [middle.real, middle.imag], rtol=1e-6)
    np.testing.assert_allclose(box[2:] - box[:2], BOX_SIDE * size, rtol=1e-5)


def test_a_square_has_the_middle_of_the_box_and_the_mean_of_its_sides() -> None:
    assert squared(np.array([10, 10, 30, 50])).tolist() == [5, 15, 35, 45]
    assert squared(np.array([10, 10, 30, 30])).tolist() == [10, 10, 30, 30]


def test_points_are_dlibs_in_fractions_of_pixels(portrait: np.ndarray) -> None:
    box = np.array([85, 55, 205, 175])
    points, theirs = five(portrait, box), landmarks(portrait, box)
    assert np.abs(points - theirs).max() < 3
    assert (points % 1 != 0).any()


def test_boxes_of_points_come_to_rest(portrait: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    boxes = given = np.array([88.0, 55.0, 200.0, 167.0]) + 112 * rng.uniform(-0.06, 0.06, (8, 4))
    for _ in range(TIMES):
        boxes = np.stack([box_of(five(portrait, box)) for box in boxes])
    assert np.ptp(boxes, axis=0).max() < 0.02 * 112 < 0.2 * np.ptp(given, axis=0).max()


def test_a_part_is_stretched_from_inside_pixels_to_inside_pixels() -> None:
    ramp = np.broadcast_to(np.arange(0, 200, 2, dtype=np.uint8)[:, None], (80, 100, 3))
    # The value at x is 2 (x - 1/2); a pixel of the result is the mean of its stretch.
    for left, width in ((10.25, 60.0), (10.75, 60.0), (20.0, 15.0)):
        part = crops.stretched(ramp, np.array([(left, 5.0), (left + width, 65.0)]), 20, 20)
        wanted = 2 * (left + (np.arange(20) + 0.5) * width / 20 - 0.5)
        assert part.shape == (20, 20, 3)
        assert np.abs(part.astype(float) - wanted[None, :, None]).max() <= 1
    assert not crops.stretched(ramp, np.array([(300.0, 5.0), (320.0, 25.0)]), 20, 20).any()


@pytest.mark.parametrize("side", [70.0, 250.0, 401.0, 700.0])
def test_a_square_shows_its_part_of_the_picture_also_where_it_is_halved(side: float) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 1000)[None, :, None], (800, 1000, 3)).astype(np.uint8)
    part, corner, scale = crops.square(ramp, np.array([480.3, 400.7]), side, 100)
    assert part.shape == (100, 100, 3)
    assert abs(100 * scale - side) <= side / 100  # whole pixels, of which those of large parts can be halved
    assert np.abs(corner + 50 * scale - (480.3, 400.7)).max() <= 0.5
    wanted = np.interp(corner[0] + (np.arange(100) + 0.5) * scale - 0.5, np.arange(1000), ramp[0, :, 0])
    assert np.abs(part[..., 0] - wanted).max() <= 1.5


def test_large_crops_can_be_halved() -> None:
    for side, unit in ((287.0, 1), (361.0, 2), (733.0, 4)):
        left, top, right, bottom = crops.area(np.array([100.0, 200, 100 + side, 200 + side]))
        assert (right - left) % unit == (bottom - top) % unit == 0
        assert -1 < (right - left) - 1.6 * side < unit + 1


# A still -------------------------------------------------------------------------------------------


def test_a_still_keeps_its_box(portrait: np.ndarray, search: Search) -> None:
    """From a whole frame, then around the face again and again: the detector's own boxes jump."""
    boxes, own = [search.whole(portrait[None])[0].boxes[0]], []
    for _ in range(4):
        own.append(replace(search, steady=False).around(portrait, own[-1] if own else boxes[0]).boxes[0])
        boxes.append(search.around(portrait, boxes[-1]).boxes[0])
    assert np.ptp(boxes, axis=0).max() < 0.02 * np.diff(boxes[0][[0, 2]])
    assert np.array_equal(boxes[-1], boxes[-2])
    assert np.ptp(own, axis=0).max() > 0


def test_a_known_box_stands_until_the_face_has_moved(portrait: np.ndarray, search: Search) -> None:
    [known] = search.whole(portrait[None])[0].boxes
    width = known[2] - known[0]
    for share, stands in ((0.005, True), (0.1, False)):
        off = known + np.float32(share * width)
        [box] = search.around(portrait, off).boxes
        assert np.array_equal(box, off) == stands
        assert np.abs(box - known).max() < 0.03 * width


def test_points_come_with_the_box_that_follows_from_them(portrait: np.ndarray, search: Search) -> None:
    whole = search.whole([portrait])[0]
    [known], [points] = whole.boxes, whole.points
    np.testing.assert_allclose(box_of(points), known, atol=1e-3)
    held = search.around(portrait, known)
    assert np.array_equal(held.boxes[0], known)
    assert np.array_equal(held.points[0], five(portrait, known))
    moved = search.around(portrait, known + np.float32(0.1 * (known[2] - known[0])))
    np.testing.assert_allclose(box_of(moved.points[0]), moved.boxes[0], atol=1e-3)


def test_a_known_box_stands_in_a_whole_frame_too(portrait: np.ndarray, search: Search) -> None:
    [known] = search.whole([portrait])[0].boxes
    elsewhere, off = known + 100, known + np.float32(0.005 * (known[2] - known[0]))
    [box] = search.whole([portrait], np.stack([elsewhere, off]))[0].boxes
    assert np.array_equal(box, off)


def test_a_still_in_a_film_keeps_its_box_its_points_and_its_crop(portrait: np.ndarray, search: Search) -> None:
    rows = Faces().extract_stream(iter([Frames(np.stack([portrait] * 12), np.arange(12) / 5)]), search)
    assert is_found(rows.values).all()
    first = COLUMNS.index("x0")
    spread = np.ptp(rows.values[:, first : first + 14], axis=0)
    assert spread.max() < 0.02 * (rows.values[0, first + 2] - rows.values[0, first])


@dataclass(frozen=True)
class Elsewhere:
    """Finds one face, at a place."""

    box: tuple[float, ...]

    @property
    def digest(self) -> str:
        return "elsewhere"

    def detect(self, frames: np.ndarray) -> list[Found]:
        return [ranked(np.array([self.box]), np.ones(1)) for _ in frames]


def test_where_the_points_disagree_the_detectors_box_stands() -> None:
    frame, far = scene(0, 120, (240, 320)), (60.0, 20.0, 320.0, 240.0)
    hers = box_of(five(frame, box_of(five(frame, np.array(far)))))
    assert np.abs(hers - far).max() > FAR * 260
    [faces] = Search(Elsewhere(far), 80, 45, steady=True).whole(frame[None])
    assert faces.boxes.tolist() == [list(far)]


# Faces of equal size beside one another --------------------------------------------------------------


@dataclass(frozen=True)
class Squares:
    """Sees white squares as wide as `window` px and more."""

    window: int = 80

    @property
    def digest(self) -> str:
        return "squares"

    def detect(self, frames: np.ndarray) -> list[Found]:
        return [self._squares(frame) for frame in frames]

    def _squares(self, frame: np.ndarray) -> Found:
        _, _, stats, _ = cv2.connectedComponentsWithStats((frame[..., 0] > 127).astype(np.uint8))
        found = [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:] if min(w, h) >= self.window]
        return ranked(np.array(found, float), np.arange(len(found), 0, -1.0))


def squares(*corners: tuple[int, int, int]) -> np.ndarray:
    frame = np.zeros((480, 640, 3), np.uint8)
    for x, y, side in corners:
        frame[y : y + side, x : x + side] = 255
    return frame


def test_one_scale_further_is_searched_where_the_smallest_windows_found_a_face() -> None:
    near, far = squares((50, 50, 84), (300, 50, 76), (450, 300, 70)), squares((50, 50, 100), (300, 50, 76))
    assert [len(faces) for faces in Search(Squares(), 80, 45).whole(np.stack([near, far]))] == [3, 1]


def test_of_two_boxes_of_one_face_the_better_stays() -> None:
    large, hers, his = (0, 0, 160, 160), (20, 20, 120, 120), (140, 20, 240, 120)
    coarse = ranked(np.array([large], float), np.array([0.8]))
    fine = ranked(np.array([his, hers], float), np.array([1.05, 1.1]))
    for faces in (joined(coarse, fine), joined(fine, coarse)):
        assert faces.boxes.tolist() == [list(hers), list(his)]
    assert joined(coarse, ranked(np.array([hers], float), np.array([0.7]))).boxes.tolist() == [list(large)]


@pytest.mark.parametrize("width", [52, 100])
def test_all_faces_of_a_group_are_found(search: Search, width: int) -> None:
    """Of one size, in a frame that is searched at half its size first."""
    places = (200, 500, 800, 1100)
    frame = company(*((width, x) for x in places), size=(480, 1280))
    [faces] = search.whole(frame[None])
    middles = sorted(faces.boxes[:, [0, 2]].mean(axis=1))
    assert middles == pytest.approx(places, abs=width / 2)
    assert np.ptp(faces.boxes[:, 2] - faces.boxes[:, 0]) < 0.1 * width


def test_textures_noise_and_logos_are_no_faces(search: Search) -> None:
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:300, :400]
    noise = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    waves = np.repeat((127 + 120 * np.sin(x / 9) * np.sin(y / 13)).astype(np.uint8)[..., None], 3, axis=2)
    logo = no_face((300, 400))
    cv2.circle(logo, (200, 150), 110, (250, 210, 20), -1)
    cv2.putText(logo, "NEWS", (110, 170), cv2.FONT_HERSHEY_SIMPLEX, 2.5, (20, 20, 160), 9)
    films = np.stack([noise, cv2.GaussianBlur(noise, (0, 0), 9), waves, logo])
    assert [len(faces) for faces in search.whole(films)] == [0, 0, 0, 0]


# Detectors of whole frames and of what is near ---------------------------------------------------------


def test_few_levels_are_the_first_of_all() -> None:
    few, every = tiling.layout(AROUND, AROUND, 3), tiling.layout(AROUND, AROUND)
    assert [tile[2:] for tile in few.tiles] == [tile[2:] for tile in every.tiles[:3]]
    assert few.height * few.width < 0.8 * every.height * every.width


def test_with_few_levels_only_faces_of_about_the_windows_size_are_found() -> None:
    portrait = np.ascontiguousarray(astronaut()[:230, 110:340])
    large, small = cv2.resize(portrait, (600, 600)), cv2.resize(portrait, (180, 180))
    for frame, n_few in ((large, 0), (small, 1)):
        found = [len(Mmod(levels=levels).detect(frame[None])[0]) for levels in (0, 3)]
        assert found == [1, n_few]


def test_a_face_of_a_whole_frame_counts_where_the_other_detector_finds_it() -> None:
    frame = squares((50, 50, 100), (300, 200, 120))
    seen = Search(Squares(20), 20, 45, near=Squares(80), verifies=True).whole(frame[None])[0]
    assert sorted(seen.boxes[:, 0].round().tolist()) == pytest.approx([50, 300], abs=2)
    assert len(Search(Squares(20), 20, 45, near=Squares(150), verifies=True).whole(frame[None])[0]) == 0


def test_yunet_searches_and_mmod_verifies(test_data) -> None:
    feature = Faces(detector="yunet+mmod", weights=str(test_data("weights")))
    assert feature.digest == named.digest("yunet", "", "")
    verified, plain = feature.load(Runtime()), Faces(detector="mmod").load(Runtime())
    frame = company((100, 150), (100, 450))
    [found], [wanted] = verified.whole(frame[None]), plain.whole(frame[None])
    assert len(found) == len(wanted) == 2
    for box in found.boxes:
        assert np.abs(wanted.boxes - box).max(axis=1).min() < 5


def test_of_many_faces_only_the_best_have_their_points_searched() -> None:
    boxes = np.array([[70 + n, 40, 150 + n, 120] for n in range(CROWD + 5)], np.float32)

    class Many:
        def detect(self, frames):
            return [ranked(boxes, np.linspace(1, 0, len(boxes))) for _ in frames]

    [found] = Search(Many(), 80, 80, steady=True).whole(scene(0, 120, (200, 300))[None])
    moved = np.abs(found.boxes - boxes).max(axis=1) > 0
    assert moved[:CROWD].any()
    assert not moved[CROWD:].any()
