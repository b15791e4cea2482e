"""Dense SIFT: closed forms on painted pictures, the grid, and rows of faces."""

import numpy as np
import pytest
from test_pixels import FIVE, faces_rows, painted

from affex.features.base import ExtractionError, Rows, Runtime
from affex.features.sift import Sift
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError


@pytest.fixture(scope="module")
def seen() -> Rows:
    """Three frames; the second has no face."""
    frame = painted()
    return faces_rows([frame, frame, frame[:, ::-1].copy()], [FIVE, None, FIVE])


def described(picture: np.ndarray, **settings: object) -> np.ndarray:
    """Return the descriptors of a picture, (n_places, cells down, cells across, directions)."""
    return Sift(size=len(picture), **settings).described(picture.astype(np.uint8)).reshape(-1, 4, 4, 8)


def slope(degrees: float, size: int = 64) -> np.ndarray:
    """Return a picture that gets brighter in a direction, counter-clockwise from the right."""
    down, across = np.mgrid[:size, :size] - (size - 1) / 2
    return 128 + 1.2 * (np.cos(np.radians(degrees)) * across - np.sin(np.radians(degrees)) * down)


# Closed forms


@pytest.mark.parametrize("n", range(8))
def test_a_slope_has_one_direction_in_every_cell_counter_clockwise_from_the_right(n):
    found = described(slope(45 * n))
    assert found.shape == (49, 4, 4, 8)
    assert (found.argmax(axis=3) == n).all()
    assert found[..., n].sum() > 0.8 * found.sum()


def test_descriptors_have_length_1_and_flat_patches_none():
    rng = np.random.default_rng(0)
    found = described(rng.integers(256, size=(64, 64)))
    np.testing.assert_allclose(np.linalg.norm(found.reshape(49, -1), axis=1), 1, atol=0.02)
    assert not described(np.full((64, 64), 90)).any()


def test_light_and_contrast_change_nothing():
    rng = np.random.default_rng(0)
    picture = rng.integers(64, size=(64, 64))
    np.testing.assert_allclose(described(2 * picture + 50), described(picture), atol=0.02)


def test_a_place_sees_its_patch_alone():
    picture = np.full((64, 64), 100)
    picture[20:28, 36:44] = 200
    seen_by = np.linalg.norm(described(picture).reshape(7, 7, -1), axis=2) > 0
    down, across = np.nonzero(seen_by)
    # Patches of 16 about 7.5 + 8 k, edges blurred by 2 px, interpolated over a cell of 4 px.
    assert {*down} <= {0, 1, 2, 3, 4}
    assert {*across} <= {2, 3, 4, 5, 6}
    assert seen_by[2, 4]
    assert not seen_by[6].any()
    assert not seen_by[:, 0].any()


def test_a_moved_picture_moves_from_place_to_place():
    rng = np.random.default_rng(0)
    large = rng.integers(256, size=(96, 96)).astype(np.uint8)
    here, moved = (described(large[y : y + 64, x : x + 64]).reshape(7, 7, 128) for y, x in ((8, 8), (16, 16)))
    np.testing.assert_allclose(moved[1:-2, 1:-2], here[2:-1, 2:-1], atol=0.02)


# Rows


def test_rows_are_places_of_frames_with_a_face(seen):
    feature = Sift()
    [rows] = feature.extract_many([seen], feature.load(Runtime()))
    assert rows.values.shape == (2 * 49, 128)
    assert rows.values.dtype == np.float32
    np.testing.assert_allclose(rows.times, np.repeat([0.0, 0.4], 49))
    whole = Sift(output="frames")
    [frames] = whole.extract_many([seen], None)
    assert frames.values.tobytes() == rows.values.tobytes()
    assert frames.values.shape == (2, len(whole.columns))
    assert np.prod(whole.row_shape) == len(whole.columns) == 7 * 7 * 128
    assert whole.columns[129] == "y0_x1_001"


def test_utterances_share_nothing(seen):
    feature = Sift(cut="box", around=0.0, size=48, patch=12, step=6)
    assert feature.places_a_side == 7
    [alone] = feature.extract_many([seen], None)
    for rows in feature.extract_many([seen, seen], None):
        assert rows.values.tobytes() == alone.values.tobytes()


def test_an_utterance_without_a_face_fails():
    with pytest.raises(ExtractionError, match="no face in any of 2 frames"):
        Sift().extract_many([faces_rows([painted()] * 2, [None, None])], None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sift:cut=nose", "cut=nose: expected aligned, box, mouth"),
        ("sift:output=maps", "output=maps: expected places, frames"),
        ("sift:size=4", "size=4: expected 8 to 256 px"),
        ("sift:patch=4", "patch=4: expected 8 to 64 px"),
        ("sift:patch=80", "patch=80: expected 8 to 64 px"),
        ("sift:step=0", "step=0: expected 1 to 64 px"),
        ("sift:around=0.9", "around=0.9: expected 0 to 0.4"),
        ("sift:output=frames,pool=cov", "matrix of 6272 columns.*dims=64"),
    ],
)
def test_what_makes_no_sense_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        feature_specs(text)
