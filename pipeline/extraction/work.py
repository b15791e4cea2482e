"""What a worker does with a batch of sound: decode, then extract.

Nothing here raises for a bad utterance; it is recorded.

What all kinds of work share is here, too; `streams` works on video, `motions` on motion capture, `chain` on cached
rows.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from affex.features.base import AudioFeature, ExtractionError, Feature, Rows, Runtime, Signal
from affex.pipeline import media
from affex.pipeline.execution.threads import one_thread
from affex.pipeline.execution.work import Piece
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.text.errors import MediaError
from affex.pipeline.text.filenames import path_of


@dataclass(frozen=True, slots=True)
class Job:
    """One utterance that is to be done.

    Parameters
    ----------
    size, modified
        The file's size in bytes and modification time in ns when it was hashed: rows must be of those bytes.
    wanted
        Which of the batch's features it lacks, by number.
    beside
        Size and modification time of each file that belongs to it.
    """

    id: str
    media: Media
    size: int
    modified: int
    wanted: tuple[int, ...]
    beside: tuple[tuple[int, int], ...] = ()

    def is_of(self, stat: os.stat_result, *beside: os.stat_result) -> bool:
        """Whether the file, and those that belong to it, are still the ones that were hashed."""
        now = [(each.st_size, each.st_mtime_ns) for each in (stat, *beside)]
        return now == [(self.size, self.modified), *self.beside]


@dataclass(frozen=True)
class AudioBatch(Piece):
    """Some jobs, the features they want (of one kind of media), and the folder their paths are relative to.

    Parameters
    ----------
    scratch
        Where a feature's large results wait for the driver, one folder a feature.
    """

    jobs: tuple[Job, ...]
    root: Path
    features: tuple[Feature, ...]
    runtime: Runtime
    scratch: tuple[Path, ...] = ()

    def seen(self) -> dict[str, str]:
        """Return how large its files are, and of when, by path."""
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
    """Why an utterance has no rows; `final` until its bytes or the key change, else tried again by the next run."""

    message: str
    final: bool


@dataclass(frozen=True)
class Decoded:
    """A batch with its utterances: for each job, the utterance (or failure) of each form the features read it in."""

    batch: AudioBatch
    signals: tuple[dict[tuple[int, float], Signal | Failure], ...]

    def seen(self) -> dict[str, str]:
        """Return what this process sees of the batch's files, as `AudioBatch.seen`."""
        return self.batch.seen()


@dataclass(frozen=True)
class Extracted:
    """One feature of a batch: its columns, and by utterance id rows or a failure, and notes on how it was read."""

    number: int
    columns: tuple[str, ...]
    outcomes: dict[str, Rows | Failure]
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """What a feature has loaded in this process; whoever computes with it holds its turn."""

    loaded: Any
    turn: threading.Lock


_LOADING = threading.Lock()


def model_of(feature: Feature, runtime: Runtime) -> Model | Failure:
    """Return what a feature loads, once a process for each feature and way to run it, or why it cannot."""
    try:
        with _LOADING:
            return _loaded(feature, runtime)
    except Exception as error:
        return Failure(f"{feature.name}: {type(error).__name__}: {error}", final=False)


@lru_cache(maxsize=8)
def _loaded(feature: Feature, runtime: Runtime) -> Model:
    return Model(feature.load(runtime), threading.Lock())


def decode(batch: AudioBatch) -> Decoded:
    """Decode each utterance once for each form (rate, longest) that its features read."""
    return Decoded(batch, tuple(_decoded_forms(batch, job) for job in batch.jobs))


def _decoded_forms(batch: AudioBatch, job: Job) -> dict[tuple[int, float], Signal | Failure]:
    forms = {_form(_heard(batch.features[number])) for number in job.wanted}
    return {form: _decoded(batch.root, job, form) for form in sorted(forms)}


def _heard(feature: Feature) -> AudioFeature:
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
    """Whether an utterance's files are there, and still the ones that were hashed."""
    try:
        return job.is_of(*(path_of(root, path).stat() for path in job.media.files))
    except OSError:
        return False


def changed(job: Job) -> Failure:
    """Return the failure of an utterance whose file is no longer the one that was hashed."""
    return Failure(f"{' or '.join(job.media.files)} changed while it was read", final=False)


def extract(decoded: Decoded) -> list[Extracted]:
    """Compute the rows of every utterance under every feature that it lacks.

    Numerical libraries get one thread: a core is a worker's share, and the number of threads moves last bits.
    """
    with one_thread():
        return list(_extracted(decoded))


def _extracted(decoded: Decoded) -> Iterator[Extracted]:
    for number, feature in enumerate(decoded.batch.features):
        form = _form(_heard(feature))
        signals = {
            job.id: forms[form]
            for job, forms in zip(decoded.batch.jobs, decoded.signals, strict=True)
            if number in job.wanted
        }
        outcomes = {id_: _rows(_heard(feature), signal) for id_, signal in signals.items()}
        notes = {id_: signal.note for id_, signal in signals.items() if isinstance(signal, Signal) and signal.note}
        if outcomes:
            yield Extracted(number, feature.columns, outcomes, notes)


def _rows(feature: AudioFeature, signal: Signal | Failure) -> Rows | Failure:
    return signal if isinstance(signal, Failure) else attempt(feature, lambda: placed(feature.extract(signal), signal))


def placed(rows: Rows, signal: Signal) -> Rows:
    """Return an utterance's rows with times from the utterance's beginning, where its sound begins later than that."""
    return rows if rows.times is None or not signal.begins else replace(rows, times=rows.times + signal.begins)


def attempt(feature: Feature, compute: Callable[[], Rows]) -> Rows | Failure:
    """Return the rows that a feature computes of an utterance, or why it has none that may reach the cache."""
    try:
        rows = compute()
    except ExtractionError as error:
        return Failure(str(error), final=True)
    except Exception as error:
        return Failure(f"{feature.name}: {type(error).__name__}: {error}", final=False)
    problem = _problem(feature, rows)
    return Failure(problem, final=True) if problem else rows


def _problem(feature: Feature, rows: Rows) -> str | None:
    """Return what is wrong with rows that must not reach the cache."""
    values, times = rows.values, rows.times
    if values.ndim != 2 or values.shape[1] != len(feature.columns) or not len(values):
        return f"{feature.name} gave rows of shape {values.shape}, {len(feature.columns)} columns were expected"
    if values.dtype != np.float32:
        return f"{feature.name} gave {values.dtype} rows, float32 was expected"
    if feature.framewise != (times is not None) or (times is not None and len(times) != len(values)):
        return f"{feature.name} gave {len(values)} rows without a time for each"
    if feature.with_crops != (rows.crops is not None) or (rows.crops is not None and len(rows.crops) != len(values)):
        wanted = "with a picture (it may be empty) for each" if feature.with_crops else "without pictures"
        return f"{feature.name} gave {len(values)} rows, and they were expected {wanted}"
    bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(bad):
        names = ", ".join(feature.columns[i] for i in bad[:5])
        return f"{feature.name} gave values that are not finite in {len(bad)} columns ({names} ...)"
    return None
