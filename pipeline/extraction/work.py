"""What a worker does with a batch of sound: decode, then extract. Nothing here raises for a bad clip; it is recorded.

What all kinds of work share is here, too; `streams` works on video, `motions` on motion capture, `chain` on cached
rows.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from features.base import AudioFeature, Clip, ExtractionError, Feature, Rows, Runtime
from pipeline import media
from pipeline.errors import AffexError, MediaError
from pipeline.extraction.stages import Runner
from pipeline.files import path_of
from pipeline.manifest import Media
from pipeline.provenance import code_digest, versions


@dataclass(frozen=True, slots=True)
class Job:
    """One clip that is to be done.

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
class ClipBatch:
    """Some jobs, the features they want (of one kind of media), and the folder their paths are relative to.

    Parameters
    ----------
    scratch
        Where a feature's large results wait for the driver, one folder a feature.
    """

    root: Path
    features: tuple[Feature, ...]
    jobs: tuple[Job, ...]
    runtime: Runtime
    scratch: tuple[Path, ...] = ()

    def halves(self) -> "tuple[ClipBatch, ClipBatch] | None":
        """Return the batch in two parts, or None where one clip is all there is."""
        middle = len(self.jobs) // 2
        if not middle:
            return None
        return replace(self, jobs=self.jobs[:middle]), replace(self, jobs=self.jobs[middle:])


@dataclass(frozen=True)
class Failure:
    """Why a clip has no rows; `final` until its bytes or the key change, else tried again by the next run."""

    message: str
    final: bool


@dataclass(frozen=True)
class Decoded:
    """A batch with its clips: for each job, the clip (or failure) of each form the features read it in."""

    batch: ClipBatch
    clips: tuple[dict[tuple[int, float], Clip | Failure], ...]


@dataclass(frozen=True)
class Extracted:
    """What one feature says of a batch: its columns, and rows or a failure by clip id."""

    number: int
    columns: tuple[str, ...]
    outcomes: dict[str, Rows | Failure]


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


def decode(batch: ClipBatch) -> Decoded:
    """Decode each clip once for each form (rate, longest) that its features read."""
    return Decoded(batch, tuple(_decoded_forms(batch, job) for job in batch.jobs))


def _decoded_forms(batch: ClipBatch, job: Job) -> dict[tuple[int, float], Clip | Failure]:
    forms = {_form(_heard(batch.features[number])) for number in job.wanted}
    return {form: _decoded(batch.root, job, form) for form in sorted(forms)}


def _heard(feature: Feature) -> AudioFeature:
    return cast(AudioFeature, feature)  # batches are of one kind of media


def _form(feature: AudioFeature) -> tuple[int, float]:
    return feature.rate, feature.longest


def _decoded(root: Path, job: Job, form: tuple[int, float]) -> Clip | Failure:
    try:
        clip = media.decode_audio(root, job.media, *form)
        stat = path_of(root, job.media.path).stat()
    except MediaError as error:
        return Failure(str(error), final=True)
    except Exception as error:
        return Failure(f"{job.media.path}: {type(error).__name__}: {error}", final=False)
    return clip if job.is_of(stat) else changed(job)


def changed(job: Job) -> Failure:
    """Return the failure of a clip whose file is no longer the one that was hashed."""
    return Failure(f"{' or '.join(job.media.files)} changed while it was read", final=False)


def extract(decoded: Decoded) -> list[Extracted]:
    """Compute the rows of every clip under every feature that it lacks.

    Numerical libraries get one thread: a core is a worker's share, and the number of threads moves last bits.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return list(_extracted(decoded))


def _extracted(decoded: Decoded) -> Iterator[Extracted]:
    for number, feature in enumerate(decoded.batch.features):
        outcomes = {
            job.id: _rows(_heard(feature), clips[_form(_heard(feature))])
            for job, clips in zip(decoded.batch.jobs, decoded.clips, strict=True)
            if number in job.wanted
        }
        if outcomes:
            yield Extracted(number, feature.columns, outcomes)


def _rows(feature: AudioFeature, clip: Clip | Failure) -> Rows | Failure:
    return clip if isinstance(clip, Failure) else attempt(feature, lambda: feature.extract(clip))


def attempt(feature: Feature, compute: Callable[[], Rows]) -> Rows | Failure:
    """Return the rows that a feature computes of a clip, or why it has none that may reach the cache."""
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


def fingerprint(packages: tuple[str, ...], file: Path | None = None) -> dict[str, str]:
    """Return what must be alike wherever a run's parts run: code, versions, and the bytes of one media file."""
    seen = {"affex code": code_digest(), **versions(packages)}
    if file is not None:
        seen[str(file)] = media.digest(file) if file.is_file() else "not there"
    return seen


def require_alike(runner: Runner, packages: tuple[str, ...], file: Path | None = None) -> None:
    """Make sure that every worker has this code, these versions and these bytes.

    Raises
    ------
    AffexError
        Naming the worker and what differs.
    """
    here = fingerprint(packages, file)
    for worker, there in runner.ask(fingerprint, packages, file).items():
        for name in here:
            if there.get(name) != here[name]:
                raise AffexError(
                    f"The worker {worker} is not like this process: {name} is {there.get(name)} there and "
                    f"{here[name]} here, so what it gave could not be trusted. Install the same affex there, and "
                    "mount the same media under the same path."
                )
