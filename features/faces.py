"""Faces: from an utterance's frames to the faces in each, with the input of every network and landmark model.

One row per face of each sampled frame, and a crop (see `features.detectors.crops`) that chips are cut from, so that
another network, or the choice of another person, needs no new detection. A row belongs to a track: one person in one
shot. A frame without a face has one row, in which `found` is 0, and all columns but `time` and `shot` are 0 and have no
meaning. Its crop is empty, or with ``missing=frame`` the whole frame, shrunk and compressed like a crop; frames that
lack only some of the people then have such a row, too. `found` is 1 only if the detector found a face in that frame;
nothing is interpolated.

Features of one person read the rows of one track (`one_person`), which `features.person` chooses: one row per frame.

Conventions: boxes as in `features.detectors.base`, landmarks as in `features.detectors.chips`, px of the upright frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Frames, Rows, Runtime, Values, VideoFeature
from affex.features.detectors import crops, named
from affex.features.detectors.chips import Picture, Points, aligned
from affex.features.detectors.cuts import marked
from affex.features.detectors.following import Follower, Sight, sizes
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
    *("off_centre", "track", "shot"),
)
_FOUND, _OFF, _TRACK, _SHOT = (COLUMNS.index(name) for name in ("found", "off_centre", "track", "shot"))
_BOX = slice(COLUMNS.index("x0"), COLUMNS.index("x0") + 4)
_POINTS = slice(_BOX.stop, _BOX.stop + 10)

#: The size at which sharpness is measured, px, so that small and large faces can be compared.
SHARP_SIZE = 96


#: What a paper that uses a detector cites: keys of ``pipeline/publishing/references.toml``.
CITED: dict[str, tuple[str, ...]] = {
    "mmod": ("king2015",),
    "hog": ("dalal2005",),
    "yunet": ("wu2023",),
    "yunet+mmod": ("wu2023", "king2015"),
    "sfd": ("zhang2017",),
    "blazeface": ("bazarevsky2019",),
}


@dataclass(frozen=True, kw_only=True)
class Faces(VideoFeature):
    """The faces in each sampled frame of video, or that there is none: box, five points, quality, track, a crop.

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
        One frame in `every` is searched whole, the others around the last faces; after a lost face the whole frame is
        searched at once. With 1 all frames are searched whole, many at once on a GPU.
    followed
        How many faces of a frame are followed, the largest first; the others are counted.
    missing
        The treatment of an utterance without any face: ``fail`` (a recorded failure) or ``keep`` (rows without a face).
        With ``frame`` it is kept too, and every frame in which a followed face is missing has a row with the
        whole frame as its picture, for embeddings of it; `found` is 0 there.
    precision
        The number format in which ``mmod`` computes.
    """

    version: ClassVar[int] = 3
    with_crops: ClassVar[bool] = True
    on_device: ClassVar[bool] = True
    several: ClassVar[bool] = True

    frames: str = "5/s"
    detector: Name = "mmod"
    weights: str = field(default="", compare=False)
    digest: str = ""
    smallest: float = 45.0
    score: float | None = None
    every: int = 10
    followed: int = 4
    missing: Missing = "fail"
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        clock.sampling(self.frames)
        for name, kind in (("detector", Name), ("missing", Missing), ("precision", Precision)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name}={getattr(self, name)}: expected {', '.join(get_args(kind))}")
        if not self.smallest >= 10:
            raise ValueError(f"smallest={self.smallest}: expected 10 px or more")
        for name in ("every", "followed"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 or more")
        if self.score is not None and self.detector not in ("mmod", "yunet+mmod", "hog") and not 0 < self.score < 1:
            raise ValueError(f"score={self.score}: expected more than 0 and less than 1 with detector={self.detector}")
        object.__setattr__(self, "digest", named.digest(self.detector, self.weights, self.digest))

    @property
    def packages(self) -> tuple[str, ...]:  # type: ignore[override]
        """Distributions whose versions may change its numbers; they depend on the detector."""
        return ("torch", "dlib-bin", "opencv-python-headless", *named.PACKAGES.get(self.detector, ()))

    @property
    def cites(self) -> tuple[str, ...]:  # type: ignore[override]
        """The sources of the detector, and of the five points by which faces are aligned."""
        return (*CITED.get(self.detector, ()), "kazemi2014")

    @property
    def asks(self) -> bool:
        """Whether its network may run in another process; the detectors of OpenCV and dlib's HOG need no device."""
        return self.detector not in ("sfd", "blazeface")

    @property
    def framewise(self) -> bool:
        """One row per face of a sampled frame."""
        return True

    @property
    def columns(self) -> tuple[str, ...]:
        """``time`` (s), ``found`` (0 or 1), ``score``, the box, the points, measures of quality, place and person."""
        return COLUMNS

    def one_person(self, rows: Rows) -> Rows:
        """Return one row per frame: of the person with the largest face."""
        return one_person(rows, chosen(rows.values, "largest")[0])

    @property
    def sampling(self) -> clock.Sampling:
        """Which frames it reads."""
        return clock.sampling(self.frames)

    def load(self, runtime: Runtime) -> Search:
        """Return the search with its detector on the device."""
        files = self._weight_files(runtime)
        detector = named.built(self.detector, files, self.score, self.precision, runtime.device, runtime.ask)
        near = named.near(self.detector, self.score, self.precision, runtime.device, runtime.ask)
        verifies = self.detector == "yunet+mmod"
        return Search(detector, named.WINDOWS[self.detector], self.smallest, near, verifies, steady=True)

    def require(self, runtime: Runtime) -> None:
        """Check that the weights of the detector and of the landmarks are available."""
        self._weight_files(runtime)
        packaged(MODELS[5])

    def _weight_files(self, runtime: Runtime) -> tuple[Path, ...]:
        return named.weight_files(self.detector, self.digest, self.weights, runtime.weights)

    def extract_stream(self, windows: Iterator[Frames], model: Any) -> Rows:
        """Find, follow and crop the faces of one utterance.

        Returns
        -------
        rows : Rows
            One row per face of a frame, by its track, and one for a frame without a face; at the time of the frame.

        Raises
        ------
        ExtractionError
            If no frame shows a face, and `missing` is ``fail``.
        """
        follower = Follower(model, self.every, self.followed)
        seen: list[_Seen] = []
        values: list[Values] = []  # of all faces
        pictures, wholes = Spool(), Spool()
        shot = 0
        for window, cuts in marked(windows):
            sights = follower.follow(window.pictures, cuts)
            for picture, time, cut, found in zip(window.pictures, window.times, cuts, sights, strict=True):
                shot += cut
                seen.append(_Seen(float(time), shot, len(found)))
                for track, sight in found.items():
                    values.append(_row(picture, seen[-1], track, sight))
                    pictures.append(crops.encoded(picture, sight.box))
                wholes.append(crops.compressed(picture) if self.missing == "frame" else b"")
            del window, picture, sights  # large pictures are not held while the next ones are awaited
        if self.missing == "fail" and not values:
            raise ExtractionError(
                f"no face in any of {len(seen)} frames: {self.detector} searched for faces of {self.smallest:g} px "
                "and more. Another detector or a lower score may find one; missing=keep and missing=frame keep it."
            )
        return _laid_out(seen, values, pictures, wholes, whole=self.missing == "frame")


@dataclass(frozen=True)
class _Seen:
    """A sampled frame: its time, s, its shot, and how many faces of it are followed."""

    time: float
    shot: int
    n_followed: int


def _laid_out(seen: Sequence[_Seen], faces: Sequence[Values], pictures: Spool, wholes: Spool, *, whole: bool) -> Rows:
    """Return the rows of all frames with their crops; with `whole`, a frame that lacks a track adds a row."""
    n_tracks = len({float(face[_TRACK]) for face in faces})
    rows: list[Values] = []
    times: list[float] = []
    own = Spool()
    done = 0
    for number, frame in enumerate(seen):
        found = range(done, done + frame.n_followed)
        done = found.stop
        for face in found:
            rows.append(faces[face])
            own.append(pictures[face])
        if not found or (whole and len(found) < n_tracks):
            rows.append(_faceless(frame))
            own.append(wholes[number])
        times += [frame.time] * (len(rows) - len(times))
    return Rows(np.array(rows, np.float32).reshape(-1, len(COLUMNS)), np.array(times, np.float64), own)


def _faceless(frame: _Seen) -> Values:
    row = np.zeros(len(COLUMNS), np.float32)
    row[0], row[_SHOT] = frame.time, frame.shot
    return row


def _row(picture: Picture, frame: _Seen, track: int, sight: Sight) -> Values:
    points = five(picture, sight.box) if np.isnan(sight.points).any() else sight.points
    quality = sharpness(picture, sight.box), yaw(points), inside(picture, sight.box), 1 + sight.others
    whose = off_centre(picture, sight.box), track, frame.shot
    return np.array([frame.time, 1, sight.score, *sight.box, *points.ravel(), *quality, *whose], np.float32)


def sharpness(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return how sharp a face is: the variance of the Laplacian of the square about its box, grey, at `SHARP_SIZE`.

    Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy, doi:10.1109/ICPR.2000.903548.
    """
    import cv2

    first, last = np.asarray(box, np.float64).reshape(2, 2)
    part, _, _ = crops.square(picture, (first + last) / 2, float((last - first).mean()), SHARP_SIZE)
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


def off_centre(picture: Picture, box: NDArray[np.floating]) -> float:
    """Return how far the middle of a box is from the middle of the frame, in halves of the frame's diagonal."""
    middle = np.array([picture.shape[1], picture.shape[0]]) / 2
    away = np.asarray(box, np.float64).reshape(2, 2).mean(axis=0) - middle
    return float(np.linalg.norm(away) / np.linalg.norm(middle))


def is_found(values: Values) -> NDArray[np.bool_]:
    """Return which of this feature's rows have a face, (n_rows,) bool."""
    found: NDArray[np.bool_] = values[:, _FOUND] == 1
    return found


def of_track(values: Values, track: int) -> NDArray[np.intp]:
    """Return the numbers of the rows of a track, in order."""
    return np.flatnonzero(is_found(values) & (values[:, _TRACK] == track))


def tracks_of(values: Values) -> dict[int, Values]:
    """Return the rows of each track, by its number."""
    found = values[is_found(values)]
    return {int(track): found[found[:, _TRACK] == track] for track in np.unique(found[:, _TRACK])}


def chosen(values: Values, choice: str) -> tuple[int, float]:
    """Return the track that a rule chooses over the whole utterance, and by how much it is ahead of the next.

    Parameters
    ----------
    values
        The rows of this feature for one utterance.
    choice
        ``largest``: the greatest mean area of the face over all frames, 0 where it was not seen; the lead is in px of
        the square root. ``longest``: the most frames; the lead is a share of all frames. ``central``: of the tracks
        with at least half as many frames as the longest, the least mean distance from the middle of the frame; the
        lead is in halves of the frame's diagonal.

    Returns
    -------
    track
        Of equal ones the first; -1 if no face was found.
    lead
        0 with one track.
    """
    tracks = tracks_of(values)
    n_frames = len(np.unique(values[:, 0]))
    if choice == "central":
        return first_of({number: -float(rows[:, _OFF].mean()) for number, rows in lasting(tracks).items()})
    if choice == "longest":
        return first_of({number: len(rows) / n_frames for number, rows in tracks.items()})
    return first_of({n: float(np.sqrt(sizes(rows[:, _BOX]).sum() / n_frames)) for n, rows in tracks.items()})


def lasting(tracks: Mapping[int, Values]) -> dict[int, Values]:
    """Return the tracks with at least half as many frames as the longest."""
    longest = max(map(len, tracks.values()), default=0)
    return {number: rows for number, rows in tracks.items() if len(rows) >= longest / 2}


def first_of(scores: Mapping[int, float]) -> tuple[int, float]:
    """Return the number with the highest score, and its lead; -1 of none, and 0 without another."""
    order = sorted(scores, key=lambda number: (-scores[number], number))
    lead = scores[order[0]] - scores[order[1]] if len(order) > 1 else 0.0
    return (order[0], lead) if order else (-1, 0.0)


def one_person(rows: Rows, track: int) -> Rows:
    """Return one row per frame: that of one track, or a row without a face where it was not seen.

    Parameters
    ----------
    rows
        The rows of this feature for one utterance; they may be without crops.
    track
        The number of the track.
    """
    assert rows.times is not None
    times, first, frame = np.unique(rows.times, return_index=True, return_inverse=True)
    own, faceless = of_track(rows.values, track), np.flatnonzero(~is_found(rows.values))
    values = np.zeros((len(times), rows.values.shape[1]), np.float32)
    values[:, [0, _SHOT]] = rows.values[first][:, [0, _SHOT]]
    values[frame[own]] = rows.values[own]
    picture = np.full(len(times), -1)
    picture[frame[faceless]], picture[frame[own]] = faceless, own
    return Rows(values, times, None if rows.crops is None else _Picked(rows.crops, picture))


@dataclass(frozen=True)
class _Picked(Sequence[bytes]):
    """Some of the pictures of rows, by their numbers; -1 for none. They are read when they are used."""

    pictures: Sequence[bytes]
    numbers: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "_Picked": ...
    def __getitem__(self, index: int | slice) -> "bytes | _Picked":
        if isinstance(index, slice):
            return _Picked(self.pictures, self.numbers[index])
        number = int(self.numbers[index])
        return self.pictures[number] if number >= 0 else b""


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
