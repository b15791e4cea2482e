"""The arrow from an utterance to the content of its contact sheet.

The face comes from the cache and is verified. Only the frames that the sheet shows are decoded from the video. The
sound is decoded, and its features are computed, for the sheet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.features.base import AudioFeature, Feature, Rows, Signal
from affex.features.detectors import crops
from affex.features.detectors.chips import Picture
from affex.features.faces import BOX, POINTS, Faces, is_found
from affex.features.pictures.sampling import Sampling
from affex.pipeline import media
from affex.pipeline.caching import cache, sources, store
from affex.pipeline.caching.entry import Entry
from affex.pipeline.contact_sheet.record import LOGMEL, MFCC, SHOTS, ContactSheet, Face, FaceTrack, Shot, Sound
from affex.pipeline.extraction.work import Failure, attempt, placed
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import video
from affex.pipeline.media.timeline import TIE
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.errors import AffexError, MediaError, UsageError
from affex.pipeline.text.filenames import path_of

#: The longest side of a frame that is shown, px. Larger frames are shrunk to save memory.
LONGEST = 640

#: The length of a span that selects only the frame on screen at its beginning, s.
BLINK = 4 * TIE


def gathered(dataset: Dataset, utterance: Utterance, spec: FeatureSpec) -> ContactSheet:
    """Gather the content of a contact sheet.

    Parameters
    ----------
    spec
        The feature whose rows are shown, a `Faces`.

    Raises
    ------
    UsageError
        If the feature has no boxes and crops.
    """
    if not isinstance(spec.feature, Faces):
        raise UsageError(
            f"{spec} has no boxes and crops to show. Use FEATURES=faces, or for example faces:frames=16/clip."
        )
    key = cache.recipe(spec.feature).key
    faces = _face_track(dataset, utterance.id, utterance.video, spec) if utterance.video else "there is no video"
    sound = _sound(dataset.root, utterance.audio) if utterance.audio else "there is no audio"
    return ContactSheet(utterance, str(spec), spec.feature.detector, key, faces, sound)


def chosen(faces: FaceTrack, most: int = SHOTS) -> list[int]:
    """Choose the frames that are shown: evenly spaced, always with one without a face and the one of the lowest score.

    Parameters
    ----------
    most
        The greatest number of frames, at least 2.

    Returns
    -------
    rows
        The numbers of their rows, ascending.
    """
    n = min(most, len(faces.found))
    rows = [int((k + 0.5) * len(faces.found) / n) for k in range(n)]
    lost = np.flatnonzero(~faces.found)
    if faces.worst is not None:
        rows = _with(rows, faces.worst)
    if len(lost) and faces.found[rows].all():
        rows = _with(rows, int(lost[len(lost) // 2]), kept=faces.worst)
    return rows


def _with(rows: Sequence[int], needed: int, kept: int | None = None) -> list[int]:
    """Return the rows with `needed` among them: it replaces the nearest one other than `kept`."""
    if needed in rows:
        return [*rows]
    nearest = min((row for row in rows if row != kept), key=lambda row: abs(row - needed))
    return sorted({*rows, needed} - {nearest})


def _face_track(dataset: Dataset, id_: str, of: Media, spec: FeatureSpec) -> FaceTrack | str:
    """Return the cached faces of an utterance with some frames, or the reason why there are none."""
    try:
        source, file = _source(dataset.root, of), cache.FeatureFile(dataset.folder, spec)
        _require_made(file, dataset)
        with store.reading(file.path, f"`{dataset.command('features', FEATURES=spec)}`") as reader:
            entry = reader.find(id_, file.key)
            if entry is None:
                return _not_extracted("it is not among the utterances in the cache", dataset, spec)
            if entry.source not in ("", source):
                return _not_extracted(
                    f"{of.path}, or the utterance's span of it, is not what they were made from", dataset, spec
                )
            return entry.message or _shown(dataset.root, of, spec.feature, entry)
    except AffexError as error:
        return str(error)


def _source(root: Path, of: Media) -> str:
    """Return the current source of an utterance's rows, by hashing its file.

    Raises
    ------
    MediaError
        If the file cannot be read.
    """
    try:
        digest = media.digest(path_of(root, of.path))
    except OSError as error:
        raise _unreadable(of, error) from error
    return sources.source(sources.File(bytes.fromhex(digest), b""), of).hex()


def _require_made(file: cache.FeatureFile, dataset: Dataset) -> None:
    """Refuse a feature's file that is not there, or was made otherwise.

    Raises
    ------
    AffexError
        If it is missing, or was made with other settings.
    """
    if not file.path.exists():
        raise AffexError(_not_extracted(f"{file.path} does not exist", dataset, file.spec))
    seal = store.described(file.path)
    if seal is not None and seal.key != file.key:
        differences = cache.differences(seal.spec, file.recipe.spec)
        message = f"{file.path} was made with other settings ({differences})"
        raise AffexError(_not_extracted(message, dataset, file.spec))


def _not_extracted(what: str, dataset: Dataset, spec: FeatureSpec) -> str:
    """Return a sentence with the command that extracts the feature."""
    return f"{what}. Run `{dataset.command('features', FEATURES=spec)}` first."


def _shown(root: Path, of: Media, feature: Feature, entry: Entry) -> FaceTrack:
    """Return the rows of an utterance's person, with some of their frames and crops.

    Raises
    ------
    MediaError
        If a frame cannot be decoded.
    """
    assert entry.values is not None
    assert entry.times is not None
    assert entry.crops is not None
    own = feature.one_person(Rows(entry.values, entry.times, entry.crops))
    assert own.times is not None
    assert own.crops is not None
    faces = FaceTrack(own.times, is_found(own.values), own.values[:, feature.columns.index("score")])
    rows = chosen(faces)
    shots = [
        _shot(row, picture, dict(zip(feature.columns, own.values[row], strict=True)), own.crops[row])
        for row, picture in zip(rows, _pictures(root, of, own.times[rows]), strict=True)
    ]
    return replace(faces, shots=tuple(shots))


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
    """Yield the frames that come on screen at some times, s. The frames between are skipped where the file allows it.

    Raises
    ------
    MediaError
        If one cannot be decoded.
    """
    begins = (of.start or 0.0) + times
    wanted = [
        video.Wanted(str(number), Sampling(1), begin, begin + BLINK, of.region) for number, begin in enumerate(begins)
    ]
    for window in video.windows(root, of.path, wanted):
        if isinstance(window, video.Window):
            yield window.frames.pictures[0]
        elif window.problem:
            raise MediaError(window.problem)


def _sound(root: Path, of: Media) -> Sound | str:
    """Return an utterance's sound with its features, or the reason why there is none."""
    try:
        signal = _decoded(root, of)
    except MediaError as error:
        return str(error)
    return Sound(signal.samples, signal.rate, _rows(LOGMEL, signal), _rows(MFCC, signal), signal.begins)


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


def _rows(feature: AudioFeature, signal: Signal) -> Rows | str:
    """Return a feature's rows, or the reason why there are none."""
    rows = attempt(feature, lambda: placed(feature.extract(signal), signal))
    return rows.message if isinstance(rows, Failure) else rows


def _unreadable(of: Media, error: OSError) -> MediaError:
    return MediaError(f"{of.path} cannot be read: {error.strerror or error}")
