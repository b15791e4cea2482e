"""Faces: from an utterance's frames to the face in each, with the input of every network and landmark model.

One row per sampled frame, with or without a face, and a crop (see `features.detectors.crops`) that chips are cut from,
so that another network needs no new detection. In a frame without a face, `found` is 0, all columns but `time` are 0
and have no meaning. Its crop is empty, or with ``missing=frame`` the whole frame, shrunk and compressed like a crop.
`found` is 1 only if the detector found a face in that frame; nothing is interpolated.

Conventions: boxes as in `features.detectors.base`, landmarks as in `features.detectors.chips`, px of the upright frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Frames, Rows, Runtime, Values, VideoFeature
from affex.features.detectors import crops, named
from affex.features.detectors.chips import Picture, Points, aligned
from affex.features.detectors.following import Choice, Follower, Sight, Tracker, sizes
from affex.features.detectors.landmarks import MODELS, five
from affex.features.detectors.named import Name
from affex.features.detectors.search import Search
from affex.features.networks.base import Precision
from affex.features.networks.weights import packaged
from affex.features.pictures import sampling as clock
from affex.features.pictures.spool import Spool

Missing = Literal["fail", "keep", "frame"]

BOX = ("x0", "y0", "x1", "y1")
#: dlib's five points; right and left as in the picture.
POINTS = ("eye_right_outer", "eye_right_inner", "eye_left_outer", "eye_left_inner", "nose")
COLUMNS = (
    *("time", "found", "score"),
    *BOX,
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),
    *("sharpness", "yaw", "inside", "n_faces"),
)
_FOUND = COLUMNS.index("found")
_BOX = slice(COLUMNS.index("x0"), COLUMNS.index("x0") + 4)
_POINTS = slice(_BOX.stop, _BOX.stop + 10)

#: The size at which sharpness is measured, px, so that small and large faces can be compared.
SHARP_SIZE = 96


@dataclass(frozen=True, kw_only=True)
class Faces(VideoFeature):
    """The face in each sampled frame of video, or that there is none: box, five points, quality, a crop.

    Parameters
    ----------
    frames
        Which frames, as in `features.pictures.sampling`.
    detector
        ``mmod`` (dlib's network), ``hog`` (dlib's, quick, frontal faces only), ``yunet`` (OpenCV's), ``yunet+mmod``
        (YuNet searches whole frames, and a face counts if MMOD finds it around there, too), ``sfd`` or ``blazeface``
        (face-alignment's; the latter searches only the square in the middle of a frame).
    weights
        The detector's weight file or its folder; empty to search as `features.networks.finding` does. Not part of the
        identity. Empty for ``mmod`` and ``hog``.
    digest
        The sha256 of those weights, see `features.detectors.named`; filled in automatically.
    smallest
        The width of the smallest faces that are searched, px of the frame; frames of more than 2560 px are not
        enlarged for it.
    score
        The lowest score of a face; None for the detector's default.
    every
        One frame in `every` is searched whole, the others around the last face; after a lost face the whole frame is
        searched at once. With 1, or for the ``longest``, all frames are searched whole, many at once on a GPU.
    choice
        Which of several faces: the ``largest`` or the most ``central`` of a frame that is searched whole, or the one
        with the ``longest`` track (of equal tracks the first). The others are counted.
    missing
        The treatment of an utterance without any face: ``fail`` (a recorded failure) or ``keep`` (rows without a face).
        With ``frame`` it is kept too, and every row without a face has the whole frame as its picture, for embeddings
        of it; `found` is still 0.
    precision
        The number format in which ``mmod`` computes.
    """

    version: ClassVar[int] = 2
    with_crops: ClassVar[bool] = True
    on_device: ClassVar[bool] = True

    frames: str = "5/s"
    detector: Name = "mmod"
    weights: str = field(default="", compare=False)
    digest: str = ""
    smallest: float = 45.0
    score: float | None = None
    every: int = 10
    choice: Choice = "largest"
    missing: Missing = "fail"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        clock.sampling(self.frames)
        for name, kind in (("detector", Name), ("choice", Choice), ("missing", Missing), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not self.smallest >= 10:
            raise ValueError(f"smallest={self.smallest}: expected 10 px or more")
        if self.every < 1:
            raise ValueError(f"every={self.every}: expected 1 or more")
        if self.score is not None and self.detector not in ("mmod", "yunet+mmod", "hog") and not 0 < self.score < 1:
            raise ValueError(f"score={self.score}: expected more than 0 and less than 1 with detector={self.detector}")
        object.__setattr__(self, "digest", named.digest(self.detector, self.weights, self.digest))

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Distributions whose versions may change its numbers; they depend on the detector."""
        return ("torch", "dlib-bin", "opencv-python-headless", *named.PACKAGES.get(self.detector, ()))

    @property
    def framewise(self) -> bool:
        """One row per sampled frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``time`` (s), ``found`` (0 or 1), ``score``, the box, the five points, and four measures of quality."""
        return COLUMNS

    @property
    def sampling(self) -> clock.Sampling:
        """Which frames it reads."""
        return clock.sampling(self.frames)

    def load(self, runtime: Runtime) -> Search:
        """Return the search with its detector on the device."""
        files = self._weight_files(runtime)
        detector = named.built(self.detector, files, self.score, self.precision, runtime.device)
        near = named.near(self.detector, self.score, self.precision, runtime.device)
        verifies = self.detector == "yunet+mmod"
        return Search(detector, named.WINDOWS[self.detector], self.smallest, near, verifies, steady=True)

    def require(self, runtime: Runtime) -> None:
        """Check that the weights of the detector and of the landmarks are available."""
        self._weight_files(runtime)
        packaged(MODELS[5])

    def _weight_files(self, runtime: Runtime) -> tuple[Path, ...]:
        return named.weight_files(self.detector, self.digest, self.weights, runtime.weights)

    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Find, follow and crop the face of one utterance.

        Returns
        -------
        rows : Rows
            One row per frame, at the time of the frame.

        Raises
        ------
        ExtractionError
            If no frame shows a face, and `missing` is ``fail``.
        """
        follower = Tracker(model) if self.choice == "longest" else Follower(model, self.every, self.choice)
        times: list[float] = []
        values: list[Values] = []  # of all tracks
        pictures, wholes = Spool(), Spool()
        tracks: dict[int, dict[int, int]] = {}  # for each track, from the frame's number to the index in `values`
        for window in windows:
            sights = follower.follow(window.pictures)
            for picture, time, found in zip(window.pictures, window.times, sights, strict=True):
                for track, sight in found.items():
                    tracks.setdefault(track, {})[len(times)] = len(values)
                    values.append(_row(picture, float(time), sight))
                    pictures.append(crops.encoded(picture, sight.box))
                wholes.append(crops.compressed(picture) if self._carries_whole(found) else b"")
                times.append(float(time))
        if self.missing == "fail" and not values:
            raise ExtractionError(
                f"no face in any of {len(times)} frames: {self.detector} searched for faces of {self.smallest:g} px "
                "and more. Another detector or a lower score may find one; missing=keep and missing=frame keep it."
            )
        return _laid_out(times, max(tracks.values(), key=len, default={}), values, pictures, wholes)

    def _carries_whole(self, found: dict[int, Sight]) -> bool:
        """Whether the whole frame may be needed: the longest track is known only at the end."""
        return self.missing == "frame" and (not found or self.choice == "longest")


def _laid_out(
    times: Sequence[float], track: dict[int, int], seen: Sequence[Values], pictures: Spool, wholes: Spool
) -> Rows:
    """Return one row per frame with the track's crops; frames outside the track have the whole frame, if stored."""
    values = np.zeros((len(times), len(COLUMNS)), np.float32)
    values[:, 0] = times
    own = Spool()
    for frame in range(len(times)):
        own.append(pictures[track[frame]] if frame in track else wholes[frame])
    for frame, number in track.items():
        values[frame] = seen[number]
    return Rows(values, np.array(times, np.float64), own)


def _row(picture: Picture, time: float, sight: Sight) -> Values:
    points = five(picture, sight.box)
    quality = sharpness(picture, sight.box), yaw(points), inside(picture, sight.box), 1 + sight.others
    return np.array([time, 1, sight.score, *sight.box, *points.ravel(), *quality], np.float32)


def sharpness(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return how sharp a face is: the variance of the Laplacian of its box, grey, at `SHARP_SIZE`.

    Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, doi:10.1109/ICPR.2000.903548.
    """
    import cv2

    part = crops.resized(crops.cutout(picture, *crops.area(box, widened=0)), SHARP_SIZE, SHARP_SIZE)
    return float(cv2.Laplacian(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def yaw(points: Points) -> float:
    """Return how far a head is turned: the nose's offset from the middle of the eyes, along their line.

    In halves of the distance of the outer corners, not an angle; 0 is frontal, positive is to the picture's right.
    """
    right, left = points[0].astype(np.float64), points[2].astype(np.float64)
    along = right - left
    length = float(along @ along)
    return 2 * float((points[4] - (right + left) / 2) @ along) / length if length else 0.0


def inside(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return the share of a box that lies inside the frame."""
    edges = np.array([picture.shape[1], picture.shape[0]] * 2, np.float64)
    visible = np.clip(np.asarray(box, np.float64), 0, edges)
    return float(sizes(visible) / sizes(np.asarray(box, np.float64)))


def is_found(values: Values) -> NDArray[np.bool_]:
    """Return which of this feature's rows have a face, (n_rows,) bool."""
    found: NDArray[np.bool_] = values[:, _FOUND] == 1
    return found


def faces_in(rows: Rows, so: str) -> NDArray[np.intp]:
    """Return the numbers of an utterance's rows with a face, in order.

    Parameters
    ----------
    rows
        The rows of this feature for one utterance.
    so
        The consequence if no row has a face, for the message.

    Raises
    ------
    ExtractionError
        If no row has a face.
    """
    found = np.flatnonzero(is_found(rows.values))
    if not len(found):
        raise ExtractionError(f"no face in any of {len(rows.values)} frames, so {so}")
    return found


def chip(row: Values, crop: bytes, size: int = 150, padding: float = 0.25) -> Picture:
    """Cut the aligned chip of one row from its crop, as dlib does from the frame.

    Parameters
    ----------
    row : (n_columns,) float32
        A row with a face.
    crop
        Its crop.
    size
        The chip's height and width, px.
    padding
        The margin around the face, in sizes of the face; 0.25 for dlib's embedding.

    Returns
    -------
    chip : (size, size, 3) uint8
    """
    return aligned(*points_of(row, crop), size, padding)


def points_of(row: Values, crop: bytes) -> tuple[Picture, Points]:
    """Return the picture of a row with a face and its five points in that picture, (5, 2), px."""
    picture = crops.decoded(crop)
    return picture, crops.placed(row[_POINTS].reshape(-1, 2), row[_BOX], picture)


def boxed(row: Values, crop: bytes, height: int, width: int, widened: float = 0.3) -> Picture:
    """Cut the widened box of one row from its crop, not rotated, stretched to a size.

    Parameters
    ----------
    row : (n_columns,) float32
        A row with a face.
    crop
        Its crop.
    height, width
        The size of the chip, px.
    widened
        The share of its width and height by which the box is widened; at most 0.6, the margin of the crop.

    Returns
    -------
    chip : (height, width, 3) uint8
    """
    picture = crops.decoded(crop)
    # The outer edges of the frame's pixels lie half a pixel before their middles.
    edges = crops.placed(crops.wider(row[_BOX], widened) - 0.5, row[_BOX], picture) + 0.5
    return crops.stretched(picture, edges, width, height)


PRESETS: dict[str, VideoFeature] = {"faces": Faces()}
