"""Faces: from an utterance's frames to the face in each, with what every network and landmark model needs of it.

One row a sampled frame, found or not, and beside it a crop (see `features.detectors.crops`) that chips are cut from,
so that another network never means another detection. Where no face was found, `found` is 0, all columns but `time`
are 0 and stand for nothing, and the crop is empty, or with ``missing=frame`` the whole frame, shrunk and compressed as
a crop is. A face is found where the detector says so in that very frame; nothing is interpolated.

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
from affex.features.detectors.landmarks import MODELS, landmarks
from affex.features.detectors.named import Name
from affex.features.detectors.search import Search
from affex.features.networks.base import Precision
from affex.features.networks.weights import packaged
from affex.features.pictures import sampling as clock
from affex.features.pictures.spool import Spool

Missing = Literal["fail", "keep", "frame"]

BOX = ("x0", "y0", "x1", "y1")
#: dlib's five points; right and left are those of the picture.
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

#: The size at which sharpness is measured, px: it then says the same of small and large faces.
SHARP_SIZE = 96


@dataclass(frozen=True, kw_only=True)
class Faces(VideoFeature):
    """The face in each sampled frame of video, found or not: box, five points, quality, a crop.

    Parameters
    ----------
    frames
        Which frames, as in `features.pictures.sampling`.
    detector
        ``mmod`` (dlib's network), ``hog`` (dlib's, quick, frontal faces only), ``yunet`` (OpenCV's), ``sfd`` or
        ``blazeface`` (face-alignment's; the latter sees only the square in the middle of a frame).
    weights
        Where the detector's weight file is, or its folder, if not where `features.networks.finding` looks; no part of
        what this feature is. Empty for ``mmod`` and ``hog``.
    digest
        What identifies those weights, see `features.detectors.named`; filled in.
    smallest
        The width of the smallest faces that are looked for, px of the frame; frames of more than 2560 px are not
        enlarged for it.
    score
        The least score of a face; None for the detector's own.
    every
        A frame in so many is searched whole, the others around the last face; a lost face is looked for at once. All
        are with 1 and for the ``longest``, many at a time on a GPU.
    choice
        Which face where there are several: the ``largest`` or the most ``central`` of a frame that is searched whole,
        or that which is seen ``longest`` (of equal ones the one seen first). The others are counted.
    missing
        What becomes of an utterance without any face: ``fail`` (recorded as a failure) or ``keep`` (rows without a
        face). With ``frame`` it is kept as well, and every frame without a face carries the whole frame as its picture,
        for embeddings of it; `found` is 0 all the same.
    precision
        In what ``mmod`` computes.
    """

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
        if self.score is not None and self.detector not in ("mmod", "hog") and not 0 < self.score < 1:
            raise ValueError(f"score={self.score}: {self.detector} wants more than 0 and less than 1")
        object.__setattr__(self, "digest", named.digest(self.detector, self.weights, self.digest))

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Distributions that decide what comes out; which they are depends on the detector."""
        return ("torch", "dlib-bin", "opencv-python-headless", *named.PACKAGES.get(self.detector, ()))

    @property
    def framewise(self) -> bool:
        """One row a sampled frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``time`` (s), ``found`` (0 or 1), ``score``, the box, the five points, and four that say how good it is."""
        return COLUMNS

    @property
    def sampling(self) -> clock.Sampling:
        """Which frames it is shown."""
        return clock.sampling(self.frames)

    def load(self, runtime: Runtime) -> Search:
        """Return the search, its detector on the device."""
        files = self._weight_files(runtime)
        detector = named.built(self.detector, files, self.score, self.precision, runtime.device)
        return Search(detector, named.WINDOWS[self.detector], self.smallest)

    def require(self, runtime: Runtime) -> None:
        """Make sure that the weights of the detector and of the landmarks are there."""
        self._weight_files(runtime)
        packaged(MODELS[5])

    def _weight_files(self, runtime: Runtime) -> tuple[Path, ...]:
        return named.weight_files(self.detector, self.digest, self.weights, runtime.weights)

    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Find, follow and crop the face of one utterance.

        Returns
        -------
        rows : Rows
            One a frame; times are those of the frames.

        Raises
        ------
        ExtractionError
            If no frame shows a face, and `missing` is ``fail``.
        """
        follower = Tracker(model) if self.choice == "longest" else Follower(model, self.every, self.choice)
        times: list[float] = []
        seen: list[Values] = []  # of all tracks
        pictures, wholes = Spool(), Spool()
        tracks: dict[int, dict[int, int]] = {}  # from frame to what was seen, both by number
        for window in windows:
            sights = follower.follow(window.pictures)
            for picture, time, found in zip(window.pictures, window.times, sights, strict=True):
                for track, sight in found.items():
                    tracks.setdefault(track, {})[len(times)] = len(seen)
                    seen.append(_row(picture, float(time), sight))
                    pictures.append(crops.encoded(picture, sight.box))
                wholes.append(crops.compressed(picture) if self._carries_whole(found) else b"")
                times.append(float(time))
        if self.missing == "fail" and not seen:
            raise ExtractionError(
                f"no face in any of {len(times)} frames: {self.detector} looked for faces of {self.smallest:g} px and "
                "more. Another detector or a lower score may find one; missing=keep and missing=frame keep it."
            )
        return _laid_out(times, max(tracks.values(), key=len, default={}), seen, pictures, wholes)

    def _carries_whole(self, found: dict[int, Sight]) -> bool:
        """Whether a frame may be needed whole: which track is the longest is known at the end only."""
        return self.missing == "frame" and (not found or self.choice == "longest")


def _laid_out(
    times: Sequence[float], track: dict[int, int], seen: Sequence[Values], pictures: Spool, wholes: Spool
) -> Rows:
    """Return a track as one row a frame, with its pictures; a frame without it has that of the whole frame, if any."""
    values = np.zeros((len(times), len(COLUMNS)), np.float32)
    values[:, 0] = times
    own = Spool()
    for frame in range(len(times)):
        own.append(pictures[track[frame]] if frame in track else wholes[frame])
    for frame, number in track.items():
        values[frame] = seen[number]
    return Rows(values, np.array(times, np.float64), own)


def _row(picture: Picture, time: float, sight: Sight) -> Values:
    points = landmarks(picture, squared(sight.box))
    quality = sharpness(picture, sight.box), yaw(points), inside(picture, sight.box), 1 + sight.others
    return np.array([time, 1, sight.score, *sight.box, *points.ravel(), *quality], np.float32)


def squared(box: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the square about a box's middle, its side the mean of the box's: dlib's landmarks learned on squares."""
    first, last = np.asarray(box, np.float64).reshape(2, 2)
    middle, half = (first + last) / 2, (last - first).mean() / 2
    return np.concatenate([middle - half, middle + half])


def sharpness(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return how sharp a face is: the variance of the Laplacian of its box, grey, at `SHARP_SIZE`.

    Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, doi:10.1109/ICPR.2000.903548.
    """
    import cv2

    part = crops.resized(crops.cutout(picture, *crops.area(box, widened=0)), SHARP_SIZE, SHARP_SIZE)
    return float(cv2.Laplacian(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def yaw(points: Points) -> float:
    """Return how far a head is turned: the nose's way along the line of the eyes, from their middle.

    In half distances of the outer corners; 0 looks at the camera, positive to the picture's right. No angle.
    """
    right, left = points[0].astype(np.float64), points[2].astype(np.float64)
    along = right - left
    length = float(along @ along)
    return 2 * float((points[4] - (right + left) / 2) @ along) / length if length else 0.0


def inside(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return the share of a box that lies inside the frame."""
    edges = np.array([picture.shape[1], picture.shape[0]] * 2, np.float64)
    seen = np.clip(np.asarray(box, np.float64), 0, edges)
    return float(sizes(seen) / sizes(np.asarray(box, np.float64)))


def is_found(values: Values) -> NDArray[np.bool_]:
    """Return which of this feature's rows have a face, (n_rows,)."""
    found: NDArray[np.bool_] = values[:, _FOUND] == 1
    return found


def faces_in(signal: Rows, so: str) -> NDArray[np.intp]:
    """Return the numbers of an utterance's rows with a face, in order.

    Parameters
    ----------
    utterance
        Of this feature.
    so
        What there is not where there is no face, for the message.

    Raises
    ------
    ExtractionError
        If no row has one.
    """
    found = np.flatnonzero(is_found(signal.values))
    if not len(found):
        raise ExtractionError(f"no face in any of {len(signal.values)} frames, so {so}")
    return found


def chip(row: Values, crop: bytes, size: int = 150, padding: float = 0.25) -> Picture:
    """Cut the aligned chip of one row from its crop, as dlib would from the frame.

    Parameters
    ----------
    row : (n_columns,) float32
        A row with a face.
    crop
        Its crop.
    size
        The chip's height and width, px.
    padding
        How much is shown around the face, in sizes of the face; 0.25 is what dlib's embedding wants.

    Returns
    -------
    chip : (size, size, 3) uint8
    """
    return aligned(*points_of(row, crop), size, padding)


def points_of(row: Values, crop: bytes) -> tuple[Picture, Points]:
    """Return the picture of a row with a face, and where the five points lie in it, (5, 2), px."""
    picture = crops.decoded(crop)
    return picture, crops.placed(row[_POINTS].reshape(-1, 2), row[_BOX], picture)


def boxed(row: Values, crop: bytes, height: int, width: int, widened: float = 0.3) -> Picture:
    """Cut the widened box of one row from its crop, upright as the frame, stretched to a size.

    Parameters
    ----------
    row : (n_columns,) float32
        A row with a face.
    crop
        Its crop.
    height, width
        The chip's, px.
    widened
        By how much the box is widened, as a share of its width and height; up to what the crop shows (0.6).

    Returns
    -------
    chip : (height, width, 3) uint8
    """
    picture = crops.decoded(crop)
    left, top, right, bottom = crops.area(row[_BOX], widened)
    # The outer edges of whole pixels of the frame, which lie half a pixel before their middles.
    edges = crops.placed(np.array([(left, top), (right, bottom)]) - 0.5, row[_BOX], picture) + 0.5
    (x0, y0), (x1, y1) = np.floor(edges + 0.5).astype(int)
    return crops.resized(crops.cutout(picture, x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)), width, height)


PRESETS: dict[str, VideoFeature] = {"faces": Faces()}
