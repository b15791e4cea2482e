"""From an utterance to what is shown of it.

The face comes from the cache, verified, and of the video only the frames that are shown are decoded; the sound is
decoded, and its features computed, on the spot.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Rows, Signal
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture
from affex.features.faces import BOX, POINTS, Faces, is_found
from affex.features.pictures.sampling import Sampling
from affex.pipeline import media
from affex.pipeline.caching import cache, sources, store
from affex.pipeline.caching.entry import Entry
from affex.pipeline.contact_sheet.record import LOGMEL, MFCC, SHOTS, ContactSheet, Face, Heard, Seen, Shot
from affex.pipeline.extraction.work import Failure, attempt, placed
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import video
from affex.pipeline.media.timeline import TIE
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.errors import AffexError, MediaError, UsageError
from affex.pipeline.text.filenames import path_of

#: The longest side of a frame that is shown, px: more is shrunk, so that large frames cost no memory.
LONGEST = 640

#: The span that asks for the frame that is on screen at its beginning, s.
BLINK = 4 * TIE


def gathered(dataset: Dataset, utterance: Utterance, spec: FeatureSpec) -> ContactSheet:
    """Gather what there is to look at.

    Parameters
    ----------
    spec
        The feature whose rows are shown: one of faces.

    Raises
    ------
    UsageError
        If the feature holds no boxes and crops of its own.
    """
    if not isinstance(spec.feature, Faces):
        raise UsageError(f"{spec} holds no boxes and crops to be shown: name faces, or as in faces:frames=16/clip.")
    key = cache.recipe(spec.feature).key
    seen = _seen(dataset, utterance.id, utterance.video, spec) if utterance.video else "there is no video"
    heard = _heard(dataset.root, utterance.audio) if utterance.audio else "there is no audio"
    return ContactSheet(utterance, str(spec), spec.feature.detector, key, seen, heard)


def chosen(seen: Seen, most: int = SHOTS) -> list[int]:
    """Choose the frames that are shown: evenly, but one without a face and that of the lowest score always.

    Parameters
    ----------
    most
        How many at the most, 2 or more.

    Returns
    -------
    rows
        Their numbers, in order.
    """
    n = min(most, len(seen.found))
    rows = [int((k + 0.5) * len(seen.found) / n) for k in range(n)]
    lost = np.flatnonzero(~seen.found)
    if seen.worst is not None:
        rows = _with(rows, seen.worst)
    if len(lost) and seen.found[rows].all():
        rows = _with(rows, int(lost[len(lost) // 2]), kept=seen.worst)
    return rows


def _with(rows: Sequence[int], must: int, kept: int | None = None) -> list[int]:
    """Return the rows with one that must be among them, in the place of the nearest that need not be kept."""
    if must in rows:
        return [*rows]
    nearest = min((row for row in rows if row != kept), key=lambda row: abs(row - must))
    return sorted({*rows, must} - {nearest})


def _seen(dataset: Dataset, id_: str, of: Media, spec: FeatureSpec) -> Seen | str:
    """Return what the cache holds of an utterance's face, with some frames; or why there is nothing to be seen."""
    try:
        source = _source(dataset.root, of)
        with store.reading(_path(dataset, spec), f"`{dataset.command('features', FEATURES=spec)}`") as reader:
            entry = reader.find(id_, cache.recipe(spec.feature).key)
            if entry is None:
                return _undone("it is not among the utterances in the cache", dataset, spec)
            if entry.source not in ("", source):
                return _undone(f"{of.path}, or its span of it, is no longer what they were made of", dataset, spec)
            return entry.message or _shown(dataset.root, of, spec.feature.columns, entry)
    except AffexError as error:
        return str(error)


def _source(root: Path, of: Media) -> str:
    """Return the source of an utterance's rows as it is now, by hashing its file.

    Raises
    ------
    MediaError
        If it cannot be read.
    """
    try:
        digest = media.digest(path_of(root, of.path))
    except OSError as error:
        raise _unreadable(of, error) from error
    return sources.source(sources.File(bytes.fromhex(digest), b""), of).hex()


def _path(dataset: Dataset, spec: FeatureSpec) -> Path:
    """Return a feature's file.

    Raises
    ------
    AffexError
        If it is not there, or was made otherwise.
    """
    path, made = cache.published(dataset.folder, spec), cache.recipe(spec.feature)
    if not path.exists():
        raise AffexError(_undone(f"{path} is not there", dataset, spec))
    stated = store.described(path)
    if stated is not None and stated.key != made.key:
        differences = cache.differences(stated.spec, made.spec)
        raise AffexError(_undone(f"{path} was made otherwise ({differences})", dataset, spec))
    return path


def _undone(what: str, dataset: Dataset, spec: FeatureSpec) -> str:
    return f"{what}. Run `{dataset.command('features', FEATURES=spec)}` first."


def _shown(root: Path, of: Media, columns: Sequence[str], entry: Entry) -> Seen:
    """Return an utterance's rows, with some of their frames and crops.

    Raises
    ------
    MediaError
        If a frame cannot be decoded.
    """
    assert entry.values is not None
    assert entry.times is not None
    assert entry.crops is not None
    seen = Seen(entry.times, is_found(entry.values), entry.values[:, columns.index("score")])
    rows = chosen(seen)
    shots = [
        _shot(row, picture, dict(zip(columns, entry.values[row], strict=True)), entry.crops[row])
        for row, picture in zip(rows, _pictures(root, of, entry.times[rows]), strict=True)
    ]
    return replace(seen, shots=tuple(shots))


def _shot(row: int, picture: Picture, values: dict[str, np.float32], crop: bytes) -> Shot:
    height, width = picture.shape[:2]
    shrink = min(1.0, LONGEST / max(height, width))
    if shrink < 1:
        picture = crops.resized(picture, max(1, round(width * shrink)), max(1, round(height * shrink)))
    kept = crops.decoded(crop) if crop else None
    return Shot(row, picture, width, height, kept, _face(values) if values["found"] else None)


def _face(values: dict[str, np.float32]) -> Face:
    return Face(
        box=np.array([values[name] for name in BOX]),
        points=np.array([[values[f"{point}_{axis}"] for axis in "xy"] for point in POINTS]),
        n_faces=int(values["n_faces"]),
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


def _heard(root: Path, of: Media) -> Heard | str:
    """Return what an utterance sounds like, or why there is nothing to be heard."""
    try:
        utterance = _decoded(root, of)
    except MediaError as error:
        return str(error)
    return Heard(utterance.samples, utterance.rate, _rows(LOGMEL, utterance), _rows(MFCC, utterance), utterance.begins)


def _decoded(root: Path, of: Media) -> Signal:
    """Return an utterance's sound.

    Raises
    ------
    MediaError
        If it cannot be decoded.
    """
    try:
        return media.decode_audio(root, of, LOGMEL.rate, LOGMEL.longest)
    except OSError as error:
        raise _unreadable(of, error) from error


def _rows(feature: AudioFeature, utterance: Signal) -> Rows | str:
    """Return a feature's rows, or why there are none."""
    rows = attempt(feature, lambda: placed(feature.extract(utterance), utterance))
    return rows.message if isinstance(rows, Failure) else rows


def _unreadable(of: Media, error: OSError) -> MediaError:
    return MediaError(f"{of.path} cannot be read: {error.strerror or error}")
