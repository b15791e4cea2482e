"""Extraction: every feature of every clip that the cache does not hold yet.

The driver hashes the media, takes stock of the cache, sends what is missing through the stages in batches, and
alone writes: a segment for each batch and feature as it ends, the published files at the end. Killed at any
moment, it loses the batches in flight and nothing else.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.base import Rows
from pipeline import cache, manifest, media, sources, store, work
from pipeline.atomic import write_text
from pipeline.cache import Holdings
from pipeline.console import Console
from pipeline.manifest import Dataset, Utterance
from pipeline.registry import FeatureSpec
from pipeline.sources import STAMP, File, Files
from pipeline.stages import Died, Runner, Stage
from pipeline.store import Entry
from pipeline.work import ClipBatch, Extracted, Failure, Job

#: Clips to a batch: Dask costs about 2.3 ms a task, and a kill costs at most what is in flight.
BATCH = 16

#: A batch ends sooner when its files hold about this much audio, s, at 16 kHz and 16 bits.
BATCH_SECONDS = 120.0

STAGES = (Stage(work.decode), Stage(work.extract))

DIED = "the worker process died each time it worked on this clip (out of memory, or a crash in a library)"


@dataclass
class Summary:
    """How extraction of one feature ended.

    Parameters
    ----------
    cached, computed
        How many clips had rows before, and have them now for the first time.
    failures
        Why the other clips have none, by id.
    reasons
        Why clips were computed, and how many for each reason.
    """

    spec: FeatureSpec
    path: Path
    cached: int = 0
    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass
class _Course:
    """One feature on its way through a run."""

    spec: FeatureSpec
    held: Holdings
    sources: Mapping[str, bytes]
    reasons: Counter[str]
    computed: int = 0

    def lacks(self, id_: str) -> bool:
        """Whether a clip is still to be done."""
        return id_ not in self.held.places and not self.held.failures.get(id_, ("",))[0]


def extract(
    dataset: Dataset,
    specs: Sequence[FeatureSpec],
    runner: Callable[[], AbstractContextManager[Runner]],
    console: Console,
) -> list[Summary]:
    """Bring the cache folder of a corpus up to date for some features.

    Parameters
    ----------
    runner
        Opens where stages run; not called when nothing is missing.

    Raises
    ------
    AffexError
        If the disk is full, the cache cannot be written, or workers are not what they should be. All that
        was finished before is kept.
    """
    sources.require_unique([utterance.id for utterance in dataset.utterances])
    with cache.locked(dataset.folder, console.say):
        write_text(dataset.folder / "manifest.jsonl", manifest.lines(dataset.utterances))
        courses, stamps = _planned(dataset, specs, console)
        if any(course.reasons for course in courses):
            with runner() as stages:
                _run(dataset, courses, stamps, stages, console)
        return [_ended(dataset.folder, course) for course in courses]


def _planned(
    dataset: Dataset, specs: Sequence[FeatureSpec], console: Console
) -> tuple[list[_Course], NDArray[np.int64]]:
    """Return each feature's course, and the stamps of the clips' files.

    Returns
    -------
    courses
        One a feature.
    stamps : (n_utterances, 2) int64
        Size in bytes and modification time in ns of each clip's file; -1 where it cannot be read.
    """
    files = sources.of_corpus(dataset, (spec.feature.reads for spec in specs), console)
    stamps = np.full((len(dataset.utterances), 2), -1)
    for number, utterance in enumerate(dataset.utterances):
        file = files[utterance.audio.path] if utterance.audio else None
        if isinstance(file, File):
            stamps[number] = STAMP.unpack(file.stamp)[:2]
    return [_course(dataset, spec, files) for spec in specs], stamps


def _course(dataset: Dataset, spec: FeatureSpec, files: Files) -> _Course:
    """Take stock of one feature; clips without readable media fail here, and are looked at again next time."""
    of_clip, missing = sources.of_clips(dataset, spec.feature.reads, files)
    held = cache.take_stock(dataset.folder, spec, of_clip)
    reasons = cache.why(dataset.folder, spec, held, of_clip)
    failures = {id_: ("", message) for id_, message in missing.items()}
    if any(held.failures.get(id_) != failure for id_, failure in failures.items()):
        held.failures.update(failures)
        held.is_published = False
    for id_ in missing:
        reasons.pop(id_, None)
    return _Course(spec, held, of_clip, Counter(reasons.values()))


def _run(
    dataset: Dataset, courses: Sequence[_Course], stamps: NDArray[np.int64], stages: Runner, console: Console
) -> None:
    """Send what is missing through the stages; write each batch as it ends."""
    features = tuple(course.spec.feature for course in courses)
    n_clips = sum(1 for _ in _jobs(dataset.utterances, courses, stamps))
    batches = (ClipBatch(dataset.root, features, b) for b in _batches(_jobs(dataset.utterances, courses, stamps)))
    with console.progress("extracting", n_clips, "clips") as tick:
        first = next(batches)
        _check_alike(stages, first)
        for batch, result in stages.run(itertools.chain([first], batches), STAGES):
            for part in _died(batch) if isinstance(result, Died) else result:
                _keep(dataset.folder, courses[part.number], part)
            tick(len(batch.jobs))


def _check_alike(stages: Runner, batch: ClipBatch) -> None:
    """Make sure that every worker has this code, these versions and these bytes."""
    packages = tuple(sorted({*media.PACKAGES, *(name for feature in batch.features for name in feature.packages)}))
    work.require_alike(stages, packages, batch.root / batch.jobs[0].media.path)


def _jobs(utterances: Iterable[Utterance], courses: Sequence[_Course], stamps: NDArray[np.int64]) -> Iterator[Job]:
    for utterance, (size, modified) in zip(utterances, stamps, strict=True):
        wanted = tuple(number for number, course in enumerate(courses) if course.lacks(utterance.id))
        if wanted and utterance.audio and size >= 0:
            yield Job(utterance.id, utterance.audio, int(size), int(modified), wanted)


def _batches(jobs: Iterable[Job]) -> Iterator[tuple[Job, ...]]:
    """Yield jobs in batches that are neither many clips nor much audio."""
    batch: list[Job] = []
    seconds = 0.0
    for job in jobs:
        end = job.media.end if job.media.end is not None else job.size / 32000
        seconds += end - (job.media.start or 0.0)
        batch.append(job)
        if len(batch) == BATCH or seconds > BATCH_SECONDS:
            yield tuple(batch)
            batch, seconds = [], 0.0
    if batch:
        yield tuple(batch)


def _died(batch: ClipBatch) -> Iterator[Extracted]:
    """Return the failure of a clip that no worker outlived, for every feature it wanted."""
    for number, feature in enumerate(batch.features):
        outcomes: dict[str, Rows | Failure] = {
            job.id: Failure(DIED, final=False) for job in batch.jobs if number in job.wanted
        }
        if outcomes:
            yield Extracted(number, feature.columns, outcomes)


def _keep(folder: Path, course: _Course, part: Extracted) -> None:
    """Write what a batch gave for one feature as a segment, and note where it lies."""
    course.held.columns = part.columns
    entries = [_entry(id_, course.sources[id_].hex(), outcome) for id_, outcome in part.outcomes.items()]
    made = cache.recipe(course.spec.feature)
    path = store.write_segment(cache.parts(folder, course.spec), made, part.columns, entries)
    course.held.files.append(path)
    course.held.is_published = False
    number = 0
    for entry in entries:
        course.held.failures.pop(entry.id, None)
        if entry.values is None:
            course.held.failures[entry.id] = (entry.source, entry.message)
        else:
            course.held.places[entry.id] = store.Place(path, number, len(entry.values))
            course.computed += 1
            number += 1


def _entry(id_: str, source: str, outcome: Rows | Failure) -> Entry:
    if isinstance(outcome, Failure):
        return Entry(id_, source if outcome.final else "", message=outcome.message)
    return Entry(id_, source, outcome.values, outcome.times)


def _ended(folder: Path, course: _Course) -> Summary:
    if not course.held.is_published:
        cache.publish(folder, course.spec, course.held, course.sources)
    cache.clear(folder, course.spec, course.held)
    return Summary(
        spec=course.spec,
        path=cache.published(folder, course.spec),
        cached=len(course.held.places) - course.computed,
        computed=course.computed,
        failures={id_: message for id_, (_, message) in course.held.failures.items()},
        reasons=course.reasons,
    )
