"""Motion capture: from the text files of a turn to the positions of its markers.

Conventions: a file has two header rows, ``Frame# Time`` and names, then axes; below them one row per frame: its number,
its time in s, and three numbers per marker in mm, separated by blanks or tabs, ``nan`` for values that the cameras
lost. This is the format of IEMOCAP (120 frames per second; Busso et al. 2008, doi:10.1007/s10579-008-9076-6). Of the
additional files, the one with 6 columns is the head and the one with 18 columns the six markers on the hands; their
frames are matched with the face's by number. Times are relative to the face's first frame.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Motion
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.storage.files import content
from affex.pipeline.text.errors import MediaError
from affex.pipeline.text.filenames import path_of

#: The numbers of columns in the files of the head and of the hands.
HEAD, HANDS = 6, 18

HEADER = re.compile(r"\s*Frame\s*#?\s+Time\b(?P<names>.*)", re.IGNORECASE)
EXPECTED = "a row of names that begins with 'Frame# Time', a row of axes, then one row per frame"


@dataclass(frozen=True, eq=False)
class _Table:
    """The content of a file: the names of the header, number and time of each frame, and the columns, (n_frames, n)."""

    names: tuple[str, ...]
    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]


def read_motion(root: Path, media: Media) -> Motion:
    """Read the motion capture of a turn.

    Parameters
    ----------
    root
        The folder that the media's paths are relative to.
    media
        The file of the face, and `beside` it those of head and hands.

    Raises
    ------
    MediaError
        If a file is empty, has no header, has a line with too few or too many numbers, or times that do not increase;
        if the names and the columns do not match; or if the files have no frame in common.
    """
    face = _table(root, media.path)
    names, positions = _markers(face, media.path)
    beside = dict(_beside(root, path, face, media.path) for path in media.beside)
    hands = beside.get(HANDS)
    return Motion(
        names,
        positions,
        face.times - face.times[0],
        beside.get(HEAD),
        None if hands is None else hands.reshape(len(hands), -1, 3),
    )


def _table(root: Path, path: str) -> _Table:
    lines = content(path_of(root, path)).decode("utf-8", "replace").splitlines()
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise MediaError(f"{path} is empty")
    header = HEADER.match(rows[0][1])
    if header is None:
        raise MediaError(f"{path} has no header; expected {EXPECTED}")
    rows = rows[1:] if _is_row(rows[1:2]) else rows[2:]
    if not rows:
        raise MediaError(f"{path} has a header and no frame below it; expected {EXPECTED}")
    numbers = _numbers(rows, path)
    frames, times = numbers[:, 0], numbers[:, 1]
    for what, values in (("number", frames), ("time", times)):
        rises = np.diff(values, prepend=-np.inf) > 0
        if not rises.all():
            line = rows[int(rises.argmin())][0]
            raise MediaError(
                f"{path}, line {line}: the {what} of a frame is not greater than that of the frame before it"
            )
    return _Table(tuple(header["names"].split()), frames.astype(np.int64), times, numbers[:, 2:])


def _is_row(rows: list[tuple[int, str]]) -> bool:
    """Whether the first row contains numbers, so that the row of axes is missing."""
    return any(_is_number(line.split()[0]) for _, line in rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(rows: list[tuple[int, str]], path: str) -> NDArray[np.float64]:
    """Parse the numbers of all rows with numpy, (n_rows, n_columns)."""
    widths = [len(line.split()) for _, line in rows]
    usual = max(set(widths), key=widths.count)
    for (number, _), width in zip(rows, widths, strict=True):
        if width != usual:
            cut = ": the file seems to be cut short there" if number == rows[-1][0] and width < usual else ""
            raise MediaError(f"{path}, line {number}: {width} numbers, and the other lines have {usual}{cut}")
    try:
        values = np.loadtxt([line for _, line in rows], ndmin=2, comments=None)
    except ValueError as error:
        number, word = next((n, w) for n, line in rows for w in line.split() if not _is_number(w))
        raise MediaError(f"{path}, line {number}: '{word[:20]}' is not a number") from error
    wrong = np.isinf(values).any(axis=1)
    if wrong.any():
        raise MediaError(f"{path}, line {rows[int(wrong.argmax())][0]}: a number is infinite")
    return values


def _markers(table: _Table, path: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the names of the markers, which may be given once or for each axis, and their positions."""
    n_markers = table.values.shape[1] / 3
    names = tuple(name.upper() for name in (table.names[::3] if len(table.names) == 3 * n_markers else table.names))
    if len(names) != n_markers:
        raise MediaError(
            f"{path} names {len(names)} markers and has {table.values.shape[1]} columns besides number and "
            "time; expected three columns per marker"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MediaError(
            f"{path} names the marker {twice[0]} twice; expected each name once, or once for each of its three columns"
        )
    return names, table.values.reshape(len(table.values), -1, 3)


def _beside(root: Path, path: str, face: _Table, of: str) -> tuple[int, NDArray[np.float64]]:
    """Return the number of columns of an additional file, and its columns at the face's frames."""
    table = _table(root, path)
    width = table.values.shape[1]
    if width not in (HEAD, HANDS):
        raise MediaError(
            f"{path} has {width} columns besides number and time; expected {HEAD}, pitch, roll, yaw and "
            f"position of the head, or {HANDS}, six markers on the hands"
        )
    _, here, there = np.intersect1d(face.frames, table.frames, return_indices=True)
    if not len(here):
        raise MediaError(f"{path} has no frame in common with {of}: expected equal frame numbers")
    laid = np.full((len(face.frames), width), np.nan)
    laid[here] = table.values[there]
    return width, laid
