"""Cubes: which pictures are in which row, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from faces_rows import found_in

from affex.features.base import ExtractionError, Rows
from affex.features.cubes import PRESETS, Cubes
from affex.features.detectors.chips import MEAN_FACE
from affex.features.faces import COLUMNS
from affex.features.pixels import Pixels

FIVE = np.array([20.0, 20.0]) + 60 * MEAN_FACE
SMALL = Cubes(frames=3, step=3, height=8, width=12)


def faces(n: int, lost: tuple[int, ...] = ()) -> Rows:
    """Return rows of frames at 30 a second, of which each is a little brighter than the one before."""
    pictures = [np.full((100, 100, 3), 10 * (number + 1), np.uint8) for number in range(n)]
    rows = found_in(pictures, [None if number in lost else FIVE for number in range(n)])
    return replace(rows, times=np.arange(n) / 30)


def cubes(feature: Cubes, rows: Rows) -> tuple[list[list[int]], np.ndarray]:
    """Return the numbers of the frames in each cube, by their brightness, and the times."""
    [out] = feature.extract_many([rows], None)
    shown = out.values.reshape(-1, *feature.row_shape)
    assert out.values.dtype == np.float32
    assert out.values.shape[1] == len(feature.columns)
    assert np.ptp(shown, axis=(2, 3)).max() < 0.02
    return (np.round(shown.mean(axis=(2, 3, 4)) * 25.5).astype(int) - 1).tolist(), out.times


def test_a_cube_is_so_many_frames_in_a_row_at_the_middle_of_its_time() -> None:
    found, times = cubes(SMALL, faces(7))
    assert found == [[0, 1, 2], [3, 4, 5]]
    assert times == pytest.approx([0.05, 0.15])
    assert cubes(replace(SMALL, step=2), faces(7))[0] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]


def test_a_lost_face_is_in_no_cube_and_moves_none() -> None:
    found, times = cubes(SMALL, faces(12, lost=(4, 11)))
    assert found == [[0, 1, 2], [6, 7, 8]]
    assert times == pytest.approx([0.05, 0.25])


def test_a_cube_is_of_one_shot() -> None:
    rows = faces(9)
    rows.values[4:, COLUMNS.index("shot")] = 1
    assert cubes(SMALL, rows)[0] == [[0, 1, 2], [6, 7, 8]]


def test_where_none_is_whole_the_longest_stretch_fills_one() -> None:
    assert cubes(SMALL, faces(2))[0] == [[0, 1, 1]]
    assert cubes(SMALL, faces(5, lost=(1, 4)))[0] == [[2, 3, 3]]
    with pytest.raises(ExtractionError, match="no face"):
        SMALL.extract_many([faces(2, lost=(0, 1))], None)


def test_its_pictures_are_those_of_pixels() -> None:
    rows = faces(3)
    [own], [pictures] = (one.extract_many([rows], None) for one in (SMALL, Pixels(
        cut="mouth", height=8, width=12, around=0.4, grey=True)))  # fmt: skip
    assert own.values.ravel().tolist() == pictures.values.ravel().tolist()
    assert SMALL.columns[:2] == ("f0_y0_x00_grey", "f0_y0_x01_grey")
    assert PRESETS["cubes-mouth"].row_shape == (9, 60, 100, 1)


@pytest.mark.parametrize(("name", "value"), [("frames", 0), ("step", 10), ("height", 1), ("around", 2.0)])
def test_what_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        replace(PRESETS["cubes-mouth"], **{name: value})
