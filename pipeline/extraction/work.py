"""Sound on a worker: decode each utterance of a batch, then extract.

The arrow from media to rows. Nothing here raises for a bad utterance; its failure is recorded.

The parts that all kinds of work share are here, too; `streams` works on video, `motions` on motion capture, `chain` on
cached rows.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from affex.features.base import AudioFeature, ExtractionError, Feature, Rows, Runtime, Signal
from affex.features.networks.asking import Turn
from affex.pipeline import media
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Piece
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.text.errors import MediaError
from affex.pipeline.text.filenames import path_of

DIED = "the worker process died each time it worked on this utterance (out of memory, or a crash in a library)"


@dataclass(frozen=True, slots=True)
class Job:
    """One utterance to extract.

    Parameters
    ----------
    size, modified
        The file's size in bytes and modification time in ns when it was hashed: rows must be computed from those bytes.
    wanted
        The indices of the batch's features that it lacks.
    beside
        Size and modification time of each additional file.
    """

    id: str
    media: Media
    size: int
    modified: int
    wanted: tuple[int, ...]
    beside: tuple[tuple[int, int], ...] = ()

    def is_of(self, stat: os.stat_result, *beside: os.stat_result) -> bool:
        """Whether the file and its additional files are still those that were hashed."""
        now = [(each.st_size, each.st_mtime_ns) for each in (stat, *beside)]
        return now == [(self.size, self.modified), *self.beside]


@dataclass(frozen=True)
class AudioBatch(Piece):
    """Some jobs, their features (of one kind of media), and the folder that their paths are relative to.

    Parameters
    ----------
    scratch
        The folders in which large results are left for the driver, one per feature.
    """

    jobs: tuple[Job, ...]
    root: Path
    features: tuple[Feature, ...]
    runtime: Runtime
    scratch: tuple[Path, ...] = ()

    def seen(self) -> dict[str, str]:
        """Return size and modification time of its files, by path."""
        paths = dict.fromkeys(path_of(self.root, path) for job in self.jobs for path in job.media.files)
        return {str(path): _stamp(path) for path in paths}


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "not there"
    return f"of {stat.st_size} bytes and {stat.st_mtime_ns} ns"


@dataclass(frozen=True)
class Failure:
    """Why an utterance has no rows; a `final` failure holds for these bytes and this key, others are tried again."""

    message: str
    final: bool


@dataclass(frozen=True)
class Decoded:
    """A batch with its audio: for each job, the decoded signal (or failure) in each form that the features read."""

    batch: AudioBatch
    signals: tuple[dict[tuple[int, float], Signal | Failure], ...]

    def seen(self) -> dict[str, str]:
        """Return size and modification time of the batch's files, as `AudioBatch.seen`."""
        return self.batch.seen()


@dataclass(frozen=True)
class Extracted:
    """One feature of a batch: its columns, and by utterance id the rows or failure and a note on how it was read."""

    number: int
    columns: tuple[str, ...]
    outcomes: dict[str, Rows | Failure]
    notes: dict[str, str] = field(default_factory=dict)


def together(parts: Iterable[Extracted]) -> list[Extracted]:
    """Return what was extracted in one part per feature."""
    found: dict[int, Extracted] = {}
    for part in parts:
        mine = found.setdefault(part.number, Extracted(part.number, part.columns, {}))
        mine.outcomes.update(part.outcomes)
        mine.notes.update(part.notes)
    return [found[number] for number in sorted(found)]


@dataclass(frozen=True)
class Model:
    """The model that a feature loaded in this process; a thread must hold the lock `turn` to compute with it."""

    loaded: Any
    turn: Turn


_LOADING = threading.Lock()


def model_of(feature: Feature, runtime: Runtime) -> Model | Failure:
    """Return the feature's model, loaded once per process, feature and runtime, or why it cannot be loaded."""
    try:
        with _LOADING:
            return _loaded(feature, runtime)
    except Exception as error:
        return Failure(f"{feature.name}: {type(error).__name__}: {error}", final=False)


@lru_cache(maxsize=8)
def _loaded(feature: Feature, runtime: Runtime) -> Model:
    return Model(feature.load(runtime), runtime.ask.turn if runtime.ask else threading.Lock())


def decode(batch: AudioBatch) -> Decoded:
    """Decode each utterance once for each form (rate, longest) that its features read."""
    return Decoded(batch, tuple(_decoded_forms(batch, job) for job in batch.jobs))


def _decoded_forms(batch: AudioBatch, job: Job) -> dict[tuple[int, float], Signal | Failure]:
    forms = {_form(_as_audio(batch.features[number])) for number in job.wanted}
    return {form: _decoded(batch.root, job, form) for form in sorted(forms)}


def _as_audio(feature: Feature) -> AudioFeature:
    return cast(AudioFeature, feature)  # batches are of one kind of media


def _form(feature: AudioFeature) -> tuple[int, float]:
    return feature.rate, feature.longest


def _decoded(root: Path, job: Job, form: tuple[int, float]) -> Signal | Failure:
    try:
        signal = media.decode_audio(root, job.media, *form)
    except MediaError as error:
        return Failure(str(error), final=is_unchanged(job, root))
    except Exception as error:
        return Failure(f"{job.media.path}: {type(error).__name__}: {error}", final=False)
    return signal if is_unchanged(job, root) else changed(job)


def is_unchanged(job: Job, root: Path) -> bool:
    """Whether an utterance's files exist and are still those that were hashed."""
    try:
        return job.is_of(*(path_of(root, path).stat() for path in job.media.files))
    except OSError:
        return False


def changed(job: Job) -> Failure:
    """Return the failure of an utterance whose file is no longer the one that was hashed."""
    return Failure(f"{' or '.join(job.media.files)} changed while it was read", final=False)


def extract(decoded: Decoded) -> list[Extracted]:
    """Compute the rows of every utterance under every feature that it lacks.

    Numerical libraries get one thread: a worker has one core, and the number of threads changes the last bits.
    """
    with one_thread():
        return list(_extracted(decoded))


def _extracted(decoded: Decoded) -> Iterator[Extracted]:
    for number, feature in enumerate(decoded.batch.features):
        form = _form(_as_audio(feature))
        signals = {
            job.id: forms[form]
            for job, forms in zip(decoded.batch.jobs, decoded.signals, strict=True)
            if number in job.wanted
        }
        outcomes = {id_: _rows(_as_audio(feature), signal) for id_, signal in signals.items()}
        notes = {id_: signal.note for id_, signal in signals.items() if isinstance(signal, Signal) and signal.note}
        if outcomes:
            yield Extracted(number, feature.columns, outcomes, notes)


def _rows(feature: AudioFeature, signal: Signal | Failure) -> Rows | Failure:
    return signal if isinstance(signal, Failure) else attempt(feature, lambda: placed(feature.extract(signal), signal))


def placed(rows: Rows, signal: Signal) -> Rows:
    """Return rows with times from the utterance's beginning, also if the sound begins later."""
    return rows if rows.times is None or not signal.begins else replace(rows, times=rows.times + signal.begins)


def attempt(feature: Feature, compute: Callable[[], Rows]) -> Rows | Failure:
    """Return the rows that a feature computes for an utterance, or the failure if they may not reach the cache."""
    try:
        rows = compute()
    except ExtractionError as error:
        return Failure(str(error), final=True)
    except Exception as error:
        return Failure(f"{feature.name}: {type(error).__name__}: {error}", final=False)
    problem = _problem(feature, rows)
    return Failure(problem, final=True) if problem else rows


def _problem(feature: Feature, rows: Rows) -> str | None:
    """Return why rows must not reach the cache; None if they may."""
    values, times = rows.values, rows.times
    if values.ndim != 2 or values.shape[1] != len(feature.columns) or not len(values):
        return f"{feature.name} returned rows of shape {values.shape}, expected {len(feature.columns)} columns"
    if values.dtype != np.float32:
        return f"{feature.name} returned {values.dtype} rows, expected float32"
    if feature.framewise != (times is not None) or (times is not None and len(times) != len(values)):
        return f"{feature.name} returned {len(values)} rows, expected a time for each"
    if feature.with_crops != (rows.crops is not None) or (rows.crops is not None and len(rows.crops) != len(values)):
        wanted = "with a picture (it may be empty) for each" if feature.with_crops else "without pictures"
        return f"{feature.name} returned {len(values)} rows, expected {wanted}"
    bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(bad):
        names = ", ".join(feature.columns[i] for i in bad[:5])
        return f"{feature.name} returned values that are not finite in {len(bad)} columns ({names} ...)"
    return None
