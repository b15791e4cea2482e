"""Contact sheets: from one utterance to all there is to look at of it: its face as it is cached, and its sound.

The face comes from the cache, verified, and of the video only the frames that are shown are decoded; the sound is
decoded, and its features computed, on the spot. Nothing is written to the cache. What there is not to be seen or heard
is a sentence that says why.

Conventions: times are in seconds from the utterance's beginning; boxes and points are in px of the frame, as in
`features.faces`.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.base import AudioFeature, Clip, Rows
from features.detectors import crops
from features.detectors.chips import Picture
from features.faces import BOX, POINTS, Faces, is_found
from features.logmel import Logmel
from features.mfcc import Mfcc
from features.sampling import Sampling
from pipeline import cache, media, sources, store
from pipeline.entry import Entry
from pipeline.errors import AffexError, MediaError, UsageError
from pipeline.manifest import Dataset, Media, Utterance
from pipeline.media import video
from pipeline.media.timeline import TIE
from pipeline.registry import FeatureSpec
from pipeline.work import Failure, attempt

#: How many frames are shown.
SHOTS = 6

#: The longest side of a frame that is shown, px: more is shrunk, so that large frames cost no memory.
LONGEST = 640

#: The span that asks for the frame that is on screen at its beginning, s.
BLINK = 4 * TIE

#: The pictures of the sound: what `affex features` extracts when nobody says.
LOGMEL, MFCC = Logmel(), Mfcc()


@dataclass(frozen=True)
class Face:
    """The face that was found in a frame.

    Parameters
    ----------
    box : (4,) float32, px of the frame
        x0, y0, x1, y1.
    points : (n_points, 2) float32, px of the frame
        The landmarks.
    n_faces : int
        How many faces the frame has.
    crop : (h, w, 3) uint8
        The crop as it is stored.
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    n_faces: int
    crop: Picture


@dataclass(frozen=True)
class Shot:
    """A frame that is shown.

    Parameters
    ----------
    row : int
        The number of its row.
    picture : (h, w, 3) uint8
        The frame, shrunk where it is large.
    width, height : int
        Its own size, px.
    face
        None where none was found.
    """

    row: int
    picture: Picture
    width: int
    height: int
    face: Face | None


@dataclass(frozen=True)
class Seen:
    """What the cache holds of a clip's face.

    Parameters
    ----------
    times : (n_rows,) float64, s
        When each sampled frame comes on screen.
    found : (n_rows,) bool
        Whether it has a face.
    scores : (n_rows,) float32
        The detector's score; without meaning where there is no face.
    shots
        The frames that are shown, in their order.
    """

    times: NDArray[np.float64]
    found: NDArray[np.bool_]
    scores: NDArray[np.float32]
    shots: tuple[Shot, ...]

    @property
    def end(self) -> float:
        """About when the last frame that was sampled ends, s."""
        return float(self.times[-1] + (np.diff(self.times).mean() / 2 if len(self.times) > 1 else BLINK))


@dataclass(frozen=True)
class Heard:
    """What a clip sounds like.

    Parameters
    ----------
    samples : (n_samples,) float32
        In [-1, 1].
    rate : int, Hz
    logmel : Rows of `LOGMEL`, or why there are none
    mfcc : Rows of `MFCC`, or why there are none
    """

    samples: NDArray[np.float32]
    rate: int
    logmel: Rows | str
    mfcc: Rows | str


@dataclass(frozen=True)
class Sheet:
    """All there is to look at of one utterance.

    Parameters
    ----------
    spec, detector, key
        The feature whose rows are shown, as one asks for it; whose scores they hold; and its key.
    seen, heard
        Or why there is nothing to be seen or heard.
    """

    utterance: Utterance
    spec: str
    detector: str
    key: str
    seen: Seen | str
    heard: Heard | str

    @property
    def duration(self) -> float:
        """How long the utterance lasts, s: its span, else its sound, else what was sampled of it."""
        of = self.utterance.audio or self.utterance.video
        if of and of.end is not None:
            return of.end - (of.start or 0.0)
        sound = len(self.heard.samples) / self.heard.rate if isinstance(self.heard, Heard) else 0.0
        if isinstance(self.seen, Seen) and self.seen.times[-1] >= sound:
            return self.seen.end
        return sound


def gathered(dataset: Dataset, utterance: Utterance, spec: FeatureSpec) -> Sheet:
    """Gather what there is to look at.

    Parameters
    ----------
    spec
        The feature whose rows are shown: one of faces.

    Raises
    ------
    UsageError
        If the feature holds no boxes and crops of its own.
    AffexError
        If the face is not in the cache as it should be, with what to do.
    """
    if not isinstance(spec.feature, Faces):
        raise UsageError(f"{spec} holds no boxes and crops to be shown: name faces, or as in faces:frames=16/clip.")
    key = cache.recipe(spec.feature).key
    seen, heard = _seen(dataset, utterance, spec, key), _heard(dataset, utterance)
    return Sheet(utterance, str(spec), spec.feature.detector, key, seen, heard)


def chosen(found: NDArray[np.bool_], scores: NDArray[np.float32], most: int = SHOTS) -> list[int]:
    """Choose the frames that are shown: evenly, but one without a face and that of the lowest score always.

    Parameters
    ----------
    found : (n_rows,) bool
    scores : (n_rows,) float32
    most
        How many at the most, 2 or more.

    Returns
    -------
    rows
        Their numbers, in order.
    """
    n = min(most, len(found))
    rows = [int((k + 0.5) * len(found) / n) for k in range(n)]
    worst, lost = lowest(found, scores), np.flatnonzero(~found)
    if worst is not None:
        rows = _with(rows, worst)
    if len(lost) and found[rows].all():
        rows = _with(rows, int(lost[len(lost) // 2]), kept=worst)
    return rows


def lowest(found: NDArray[np.bool_], scores: NDArray[np.float32]) -> int | None:
    """Return the row of the lowest score among those with a face; None where none has one."""
    return int(np.argmin(np.where(found, scores, np.inf))) if found.any() else None


def _with(rows: Sequence[int], must: int, kept: int | None = None) -> list[int]:
    """Return the rows with one that must be among them, in the place of the nearest that need not be kept."""
    if must in rows:
        return [*rows]
    nearest = min((row for row in rows if row != kept), key=lambda row: abs(row - must))
    return sorted({*rows, must} - {nearest})


def _seen(dataset: Dataset, utterance: Utterance, spec: FeatureSpec, key: str) -> Seen | str:
    """Return what the cache holds of the face, with some frames; or why there is nothing to be seen."""
    if utterance.video is None:
        return "there is no video"
    try:
        digest = media.digest(dataset.root / utterance.video.path)
    except OSError as error:
        return _unreadable(utterance.video, error)
    source = sources.source(sources.File(bytes.fromhex(digest), b""), utterance.video).hex()
    with _cached(dataset, spec, key) as reader:
        entry = reader.find(utterance.id, key)
        if entry is None:
            raise _undone(f"{utterance.id} has no {spec} in the cache", spec)
        if entry.source not in ("", source):
            raise _undone(f"{utterance.id}: its video, or its span of it, is not what {spec} was made of", spec)
        try:
            return entry.message or _shown(dataset.root, utterance.video, spec.feature.columns, entry)
        except MediaError as error:
            return str(error)


@contextmanager
def _cached(dataset: Dataset, spec: FeatureSpec, key: str) -> Iterator[store.Reader]:
    """Open a feature's file to read single clips.

    Raises
    ------
    AffexError
        If it is not there, was made under another key, or its seal does not verify.
    """
    path = cache.published(dataset.folder, spec)
    if not path.exists():
        raise _undone(f"{path} is not there", spec)
    stated = store.described(path)
    if stated is not None and stated.key != key:
        raise _undone(f"{path} was made otherwise than affex makes it today", spec)
    with store.reading(path) as reader:
        yield reader


def _undone(what: str, spec: FeatureSpec) -> AffexError:
    return AffexError(f"{what}. Run `make features FEATURES={shlex.quote(str(spec))}` on this corpus first.")


def _shown(root: Path, of: Media, columns: Sequence[str], entry: Entry) -> Seen:
    """Return a clip's rows, with some of their frames and crops."""
    assert entry.values is not None
    assert entry.times is not None
    assert entry.crops is not None
    found, scores = is_found(entry.values), entry.values[:, columns.index("score")]
    rows = chosen(found, scores)
    pictures = _pictures(root, of, entry.times[rows])
    shots = tuple(
        _shot(row, picture, dict(zip(columns, entry.values[row], strict=True)), entry.crops[row])
        for row, picture in zip(rows, pictures, strict=True)
    )
    return Seen(entry.times, found, scores, shots)


def _shot(row: int, picture: Picture, values: dict[str, np.float32], crop: bytes) -> Shot:
    height, width = picture.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    if shrink < 1:
        picture = crops.resized(picture, max(1, round(width * shrink)), max(1, round(height * shrink)))
    return Shot(row, picture, width, height, _face(values, crop) if values["found"] else None)


def _face(values: dict[str, np.float32], crop: bytes) -> Face:
    return Face(
        box=np.array([values[name] for name in BOX]),
        points=np.array([[values[f"{point}_{axis}"] for axis in "xy"] for point in POINTS]),
        n_faces=int(values["n_faces"]),
        crop=crops.decoded(crop),
    )


def _pictures(root: Path, of: Media, times: NDArray[np.float64]) -> Iterator[Picture]:
    """Yield the frames that come on screen at some times, s; what lies between them is not decoded where it can be.

    Raises
    ------
    MediaError
        If one cannot be decoded.
    """
    begins = (of.start or 0.0) + times
    wanted = [
        video.Wanted(str(number), Sampling(1), begin, begin + BLINK, of.region) for number, begin in enumerate(begins)
    ]
    for said in video.windows(root, of.path, wanted):
        if isinstance(said, video.Window):
            yield said.frames.pictures[0]
        elif said.problem:
            raise MediaError(said.problem)


def _heard(dataset: Dataset, utterance: Utterance) -> Heard | str:
    """Return what a clip sounds like, or why there is nothing to be heard."""
    if utterance.audio is None:
        return "there is no audio"
    try:
        clip = media.decode_audio(dataset.root, utterance.audio, LOGMEL.rate, LOGMEL.longest)
    except OSError as error:
        return _unreadable(utterance.audio, error)
    except MediaError as error:
        return str(error)
    return Heard(clip.samples, clip.rate, _rows(LOGMEL, clip), _rows(MFCC, clip))


def _rows(feature: AudioFeature, clip: Clip) -> Rows | str:
    """Return a feature's rows, or why there are none."""
    rows = attempt(feature, lambda: feature.extract(clip))
    return rows.message if isinstance(rows, Failure) else rows


def _unreadable(of: Media, error: OSError) -> str:
    return f"{of.path} cannot be read: {error.strerror or error}"
