"""Extraction: from media to cached rows, for every feature of every utterance that the cache lacks.

The driver hashes the media, checks the cache and sends missing utterances through the stages in batches. Only the
driver writes: a segment for each finished batch and feature, the published files at the end. If it is killed at any
moment, only the running batches are lost. A feature that reads another one is computed after that feature's file is
published.
"""

import contextlib
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ChainedFeature, Feature, Rows, Runtime
from affex.pipeline.caching import cache, sources, store, tuned
from affex.pipeline.caching.cache import FeatureFile, Holdings
from affex.pipeline.caching.entry import Entry, Spilled
from affex.pipeline.caching.sources import STAMP, File, Files
from affex.pipeline.execution.proof import Likeness
from affex.pipeline.execution.runner import Runner, carry_out
from affex.pipeline.execution.work import Died, Needs, Stage, Work
from affex.pipeline.execution.workers import GPU_THREADS
from affex.pipeline.extraction import chain, motions, served, streams, texts, work
from affex.pipeline.extraction.chain import Link, LinkBatch
from affex.pipeline.extraction.order import Order, depth, ordered
from affex.pipeline.extraction.texts import TextBatch, Transcript
from affex.pipeline.extraction.work import DIED, AudioBatch, Extracted, Failure, Job
from affex.pipeline.manifest import manifest
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import MEDIA
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.filenames import path_of, shown

#: Utterances in a batch of sound or motion capture: Dask takes about 2.3 ms per task, and a kill loses at most the
#: running batches.
BATCH = 16

#: A batch is smaller if its files contain about this much media, s.
BATCH_SECONDS = 120.0

#: Bytes per second: of audio at 16 kHz and 16 bits, of the text of 55 markers at 120 Hz.
BYTES_A_SECOND = {"audio": 32_000, "mocap": 150_000}

UNSEEN = "its worker left pictures in {}, which this process does not find: mount the cache folder under the same path"


@dataclass
class Summary:
    """The outcome of the extraction of one feature.

    Parameters
    ----------
    cached, computed
        The number of utterances that had rows before, and that have them now for the first time.
    failures
        Why the other utterances have no rows, by id.
    reasons
        The reasons why utterances were computed, with the number of utterances.
    notes
        Remarks on how the utterances computed now were read, by id.
    """

    spec: FeatureSpec
    path: Path
    cached: int = 0
    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass
class _Course:
    """The state of one feature in a run; `above` are those of the features that it reads, the upstream one first."""

    file: FeatureFile
    held: Holdings
    sources: Mapping[str, bytes]
    reasons: Counter[str]
    above: "tuple[_Course, ...]" = ()
    computed: int = 0
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> FeatureSpec:
        """The feature."""
        return self.file.spec

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to compute, to write or to remove."""
        return self.held.is_published and not self.reasons and not cache.leftovers(self.file, self.held)

    def lacks(self, id_: str) -> bool:
        """Whether an utterance is still missing."""
        return id_ not in self.held.places and not self.held.failures.get(id_, ("",))[0]


@dataclass(frozen=True)
class _Lane:
    """Work of one kind: its batches, its stages, and what all workers must share."""

    courses: Sequence[_Course]
    n_utterances: int
    batches: Iterator[AudioBatch] | Iterator[LinkBatch] | Iterator[TextBatch]
    work: Work


def extract(
    dataset: Dataset,
    specs: Sequence[FeatureSpec],
    runner: Callable[[], AbstractContextManager[Runner]],
    console: Console,
    runtime: Runtime = Runtime(),  # noqa: B008 - it is frozen
    *,
    verify: bool = True,
) -> list[Summary]:
    """Bring the cache folder of a corpus up to date for some features and their upstream features.

    Parameters
    ----------
    runner
        Function that opens the runner of the stages; not called if nothing is missing.
    runtime
        How features are run.
    verify
        Whether rows that are there are read, to verify them. Else they are taken as they are where nothing is missing,
        and the code that reads them must verify them.

    Returns
    -------
    list of Summary
        One per feature, in the given order; an upstream feature comes before the features that read it.

    Raises
    ------
    AffexError
        If a feature's needs (weights) are missing, the disk is full, rows are missing in a cache that cannot be
        written, or workers differ from this process. All finished work is kept.
    """
    sources.require_unique([utterance.id for utterance in dataset.utterances])
    _require_at_once(dataset, specs, runtime)
    try:
        return _brought_up_to_date(dataset, specs, runner, console, runtime, verify=verify)
    except cache.ReadOnlyError as refusal:
        for course in (courses := _listed(dataset, specs, console, verify=verify)):
            _require_whole(course, refusal)
        console.print(f"{refusal}\nThe cache has all rows needed: it is read, and nothing is written.")
        return [_summary(course) for course in courses]


def _listed(dataset: Dataset, specs: Sequence[FeatureSpec], console: Console, *, verify: bool) -> list[_Course]:
    """Return what there is of each feature, and of those that they read, as it stands in the cache."""
    above = ordered(specs)
    kinds = {spec.feature.reads for spec, inputs in above.items() if not inputs}
    files = sources.of_corpus(dataset, kinds, console)
    courses: dict[FeatureSpec, _Course] = {}
    for spec, inputs in above.items():
        courses[spec] = _course(dataset, spec, files, tuple(courses[one] for one in inputs), verify=verify)
    return list(courses.values())


def _require_whole(course: _Course, refusal: cache.ReadOnlyError) -> None:
    held, main = course.held, course.file.path
    published = {id_ for id_, place in held.places.items() if place.path == main}
    lacking = [id_ for id_ in course.sources if id_ not in published and id_ not in held.failures]
    if held.damaged or lacking:
        what = (
            held.damaged[0]
            if held.damaged
            else f"{len(lacking)} of {len(course.sources)} utterances have no rows there yet"
        )
        raise AffexError(f"{refusal}\n{course.spec} would have to be written: {what}.") from refusal


def _brought_up_to_date(
    dataset: Dataset,
    specs: Sequence[FeatureSpec],
    runner: Callable[[], AbstractContextManager[Runner]],
    console: Console,
    runtime: Runtime,
    *,
    verify: bool,
) -> list[Summary]:
    """Compute and write the missing rows, and what the networks were tuned on."""
    with cache.locked(dataset.folder, console.print), contextlib.ExitStack() as stack:
        manifest.write(dataset.folder / "manifest.jsonl", dataset.utterances)
        tuned.keep(dataset.folder, (spec.feature for spec in specs), runtime)
        listed = [] if verify else _listed(dataset, specs, console, verify=False)
        if listed and all(course.is_done for course in listed):
            return [_summary(course) for course in listed]
        stages = functools.cache(lambda: stack.enter_context(runner()))
        above = ordered(specs)
        done: dict[FeatureSpec, tuple[_Course, Summary]] = {}
        for _, some in itertools.groupby(sorted(above, key=_depth), key=_depth):
            wave = {spec: tuple(done[one][0] for one in above[spec]) for spec in some}
            courses, lanes = _planned(dataset, wave, runtime, console)
            _require({course.spec for course in courses if course.reasons}, above, runtime)
            for lane in lanes:
                _run(lane, stages(), console)
            done |= {course.spec: (course, _ended(course)) for course in courses}
        return [done[spec][1] for spec in above]


def _require_at_once(dataset: Dataset, specs: Sequence[FeatureSpec], runtime: Runtime) -> None:
    """Check the needs of features without any cached rows, before any long work.

    Raises
    ------
    AffexError
        As in `_require`.
    """
    above = ordered(specs)
    kinds = {kind for kind in MEDIA if any(getattr(u, kind) for u in dataset.utterances)}
    new = {
        spec for spec in above if spec.feature.media in kinds and not cache.is_begun(FeatureFile(dataset.folder, spec))
    }
    _require(new, above, runtime)


def _require(due: Collection[FeatureSpec], above: Order, runtime: Runtime) -> None:
    """Check the needs of features with work to do and of the features that read them.

    Raises
    ------
    AffexError
        If something is missing: reported once, not for every utterance, and before hours of upstream work.
    """
    due = set(due)
    for spec, inputs in above.items():  # what a feature reads comes first
        if spec in due or due.intersection(inputs):
            due.add(spec)
            try:
                spec.feature.require(runtime)
            except ValueError as error:
                raise AffexError(f"{spec}: {error}") from error


def _depth(spec: FeatureSpec) -> int:
    return depth(spec.feature)


def _planned(
    dataset: Dataset, wave: Mapping[FeatureSpec, tuple[_Course, ...]], runtime: Runtime, console: Console
) -> tuple[list[_Course], list[_Lane]]:
    """Return the state of each feature, given those of the features that it reads, and the work to do."""
    kinds = sorted({spec.feature.reads for spec, above in wave.items() if not above})
    files = sources.of_corpus(dataset, kinds, console) if kinds else {}
    courses = [_course(dataset, spec, files, above) for spec, above in wave.items()]
    lanes = []
    for kind in kinds:
        some = [course for course in courses if course.spec.feature.reads == kind]
        if any(course.reasons for course in some):
            lanes.append(
                _text_lane(dataset, some, runtime)
                if kind == sources.TEXT
                else _media_lane(dataset, kind, some, _stamps(dataset, kind, files), runtime)
            )
    lanes += [_chain_lane(dataset, course, runtime) for course in courses if course.above and course.reasons]
    return courses, lanes


def _stamps(dataset: Dataset, kind: str, files: Files) -> NDArray[np.int64]:
    """Return size in bytes and modification time in ns of each utterance's files, (n_utterances, n_files, 2) int64.

    -1 stands for missing or unreadable files.
    """
    media = [getattr(utterance, kind) for utterance in dataset.utterances]
    stamps = np.full((len(media), max((len(item.files) for item in media if item), default=1), 2), -1)
    for number, item in enumerate(media):
        for place, path in enumerate(item.files if item else ()):
            file = files[path]
            if isinstance(file, File):
                stamps[number, place] = STAMP.unpack(file.stamp)[:2]
    return stamps


def _course(
    dataset: Dataset, spec: FeatureSpec, files: Files, above: tuple[_Course, ...], *, verify: bool = True
) -> _Course:
    """Take stock of one feature; utterances without anything to read fail here, and are looked at again next time."""
    if above:
        inputs, missing = sources.together([_rows_of(dataset, course) for course in above])
    else:
        inputs, missing = sources.of_utterances(dataset, spec.feature.reads, files)
    file = FeatureFile(dataset.folder, spec)
    held = cache.take_stock(file, inputs, verify=verify)
    reasons = cache.why(file, held, inputs)
    failed = {id_: ("", message) for id_, message in missing.items()}
    if any(held.failures.get(id_) != failure for id_, failure in failed.items()):
        held.failures.update(failed)
        held.is_published = False
    for id_ in missing:
        reasons.pop(id_, None)
    return _Course(file, held, inputs, Counter(reasons.values()), above)


def _rows_of(dataset: Dataset, course: _Course) -> tuple[dict[str, bytes], dict[str, str]]:
    failures = {id_: message for id_, (_, message) in course.held.failures.items()}
    return sources.of_rows(dataset, course.spec.feature.name, store.digests(course.held.places), failures)


def _media_lane(
    dataset: Dataset, kind: str, courses: Sequence[_Course], stamps: NDArray[np.int64], runtime: Runtime
) -> _Lane:
    """Return the work on one kind of media: video one file at a time, other media in small batches."""
    features = tuple(course.spec.feature for course in courses)
    scratch = tuple(course.file.parts.absolute() for course in courses)
    first = next(_jobs(dataset, kind, courses, stamps))
    jobs = _jobs(dataset, kind, courses, stamps)
    files = [path_of(dataset.root, first.media.path)]
    if any(feature.with_crops for feature in features):  # workers leave pictures there for this process
        files.append(_witness(dataset))
    in_batches = _by_file(jobs) if kind == "video" else _batches(jobs, kind)
    return _Lane(
        courses,
        sum(1 for _ in _jobs(dataset, kind, courses, stamps)),
        (AudioBatch(batch, dataset.root, features, runtime, scratch) for batch in in_batches),
        Work(_stages(kind, courses, runtime), _likeness(features, runtime, files)),
    )


def _text_lane(dataset: Dataset, courses: Sequence[_Course], runtime: Runtime) -> _Lane:
    """Return the work on transcripts, which are in the manifest."""
    features = tuple(course.spec.feature for course in courses)
    lacking = [
        Transcript(u.id, u.text, wanted)
        for u in dataset.utterances
        if u.text and (wanted := tuple(number for number, course in enumerate(courses) if course.lacks(u.id)))
    ]
    work = Work((Stage(texts.extract),), _likeness(features, runtime, ()))
    return _Lane(courses, len(lacking), texts.batches(lacking, features), work)


def _chain_lane(dataset: Dataset, course: _Course, runtime: Runtime) -> _Lane:
    """Return the work on cached rows of other features."""
    features = (cast(ChainedFeature, course.spec.feature),)
    files = tuple((above.file.path, above.file.key) for above in course.above)
    in_batches = chain.batches(_links(dataset, course), len(features[0].columns), runtime.device)
    return _Lane(
        [course],
        sum(1 for _ in _links(dataset, course)),
        (LinkBatch(batch, files, features, runtime) for batch in in_batches),
        Work(_stages("rows", [course], runtime), _likeness(features, runtime, [_witness(dataset)])),
    )


def _witness(dataset: Dataset) -> Path:
    """Return a small file by which a worker shows that it has the same cache folder."""
    return dataset.folder.absolute() / "manifest.jsonl"


def _likeness(features: Sequence[Feature], runtime: Runtime, files: Sequence[Path]) -> Likeness:
    packages = tuple(sorted({name for feature in features for name in cache.packages(feature)}))
    return Likeness(packages, tuple(files), tuple(features), runtime)


def _stages(reads: str, courses: Sequence[_Course], runtime: Runtime) -> tuple[Stage, ...]:
    on_gpu = runtime.device != "cpu" and any(course.spec.feature.on_device for course in courses)
    if reads == "audio":
        return Stage(work.decode), Stage(work.extract)
    if reads == "mocap":
        return (Stage(motions.extract),)
    if on_gpu and served.can_be_served(tuple(course.spec.feature for course in courses)):
        return (Stage(served.watch if reads == "video" else served.link, Needs(gpu=1 / GPU_THREADS)),)
    # Networks that run in the worker itself: one of its threads computes while the others read.
    if reads == "video":
        return (Stage(streams.watch, Needs(gpu=on_gpu / 8)),)
    return (Stage(chain.extract, Needs(gpu=on_gpu / 2)),)


def _run(lane: _Lane, runner: Runner, console: Console) -> None:
    """Send what is missing through the stages; write each batch as it ends."""

    def keep(batch: AudioBatch | LinkBatch | TextBatch, result: Any) -> None:
        for part in _died(batch) if isinstance(result, Died) else result:
            device = "" if isinstance(batch, TextBatch) else batch.runtime.device
            _keep(lane.courses[part.number], part, device)

    with console.progress("extracting", lane.n_utterances, "utterances") as tick:
        carry_out(runner, lane.work, lane.batches, keep, tick)


def _jobs(dataset: Dataset, kind: str, courses: Sequence[_Course], stamps: NDArray[np.int64]) -> Iterator[Job]:
    """Yield the jobs of the missing utterances."""
    for at in _order(dataset, kind):
        utterance = dataset.utterances[at]
        wanted = tuple(number for number, course in enumerate(courses) if course.lacks(utterance.id))
        media = getattr(utterance, kind)
        if wanted and media and (stamps[at, : len(media.files)] >= 0).all():
            (size, modified), *beside = map(tuple, stamps[at, : len(media.files)].tolist())
            yield Job(utterance.id, media, size, modified, wanted, tuple(beside))


def _order(dataset: Dataset, kind: str) -> NDArray[np.int64]:
    """Return the indices of the utterances; those of one video file are adjacent."""
    if kind != "video":
        return np.arange(len(dataset.utterances))
    met: dict[str, int] = {}
    media = (getattr(utterance, kind) for utterance in dataset.utterances)
    return np.argsort([met.setdefault(item.path, len(met)) if item else -1 for item in media], kind="stable")


def _links(dataset: Dataset, course: _Course) -> Iterator[Link]:
    read = [(above.held.places, store.digests(above.held.places)) for above in course.above]
    for utterance in dataset.utterances:
        if course.sources[utterance.id] and course.lacks(utterance.id):
            rows = tuple((places[utterance.id].number, digests[utterance.id].hex()) for places, digests in read)
            yield Link(utterance.id, rows, read[0][0][utterance.id].n_rows)


def _by_file(jobs: Iterable[Job]) -> Iterator[tuple[Job, ...]]:
    """Yield jobs in batches of one file each, since a file is decoded once for all its jobs."""
    for _, batch in itertools.groupby(jobs, key=lambda job: job.media.path):
        yield tuple(batch)


def _batches(jobs: Iterable[Job], kind: str = "audio") -> Iterator[tuple[Job, ...]]:
    """Yield jobs in batches with a limited number of utterances and seconds."""
    batch: list[Job] = []
    seconds = 0.0
    for job in jobs:
        end = job.media.end if job.media.end is not None else job.size / BYTES_A_SECOND[kind]
        seconds += end - (job.media.start or 0.0)
        batch.append(job)
        if len(batch) == BATCH or seconds > BATCH_SECONDS:
            yield tuple(batch)
            batch, seconds = [], 0.0
    if batch:
        yield tuple(batch)


def _died(batch: AudioBatch | LinkBatch | TextBatch) -> Iterator[Extracted]:
    """Yield the failure of an utterance that killed its workers, for every feature that it lacks."""
    for number, feature in enumerate(batch.features):
        outcomes: dict[str, Rows | Failure] = {
            job.id: Failure(DIED, final=False) for job in batch.jobs if number in job.wanted
        }
        if outcomes:
            yield Extracted(number, feature.columns, outcomes)


def _keep(course: _Course, part: Extracted, device: str) -> None:
    """Write what a batch gave for one feature as a segment, and note where it lies."""
    recipe = course.file.recipe.on(device) if course.spec.feature.on_device else course.file.recipe
    course.held.columns = part.columns
    entries = [_entry(id_, course.sources[id_].hex(), outcome) for id_, outcome in part.outcomes.items()]
    path = store.write_segment(course.file.parts, recipe, part.columns, entries)
    for entry in entries:
        if isinstance(entry.crops, Spilled):
            entry.crops.path.unlink()
    course.held.files.append(path)
    course.held.is_published = False
    for entry in entries:
        course.held.failures.pop(entry.id, None)
        if entry.values is None:
            course.held.failures[entry.id] = (entry.source, entry.message)
    places = store.places(path, entries)
    course.held.places |= places
    course.computed += len(places)
    course.notes |= part.notes


def _entry(id_: str, source: str, outcome: Rows | Failure) -> Entry:
    if isinstance(outcome, Rows) and isinstance(outcome.crops, Spilled) and not outcome.crops.path.is_file():
        outcome = Failure(UNSEEN.format(outcome.crops.path), final=False)
    if isinstance(outcome, Failure):
        return Entry(id_, source if outcome.final else "", message=shown(outcome.message))
    return Entry(id_, source, outcome.values, outcome.times, crops=outcome.crops)


def _ended(course: _Course) -> Summary:
    if not course.held.is_published:
        cache.publish(course.file, course.held, course.sources)
    cache.clear(course.file, course.held)
    return _summary(course)


def _summary(course: _Course) -> Summary:
    return Summary(
        spec=course.spec,
        path=course.file.path,
        cached=len(course.held.places) - course.computed,
        computed=course.computed,
        failures={id_: message for id_, (_, message) in course.held.failures.items()},
        reasons=course.reasons,
        notes=course.notes,
    )
