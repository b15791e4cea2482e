"""Video on a worker: decode each file once, and give every utterance its frames in windows.

The arrow from media to rows, for media that do not fit in memory. The decoder reads a file from beginning to end. Each
feature of each utterance reads its windows of frames on a separate thread, one window behind the decoder. So memory is
bounded by the windows of overlapping utterances and does not depend on the file's length.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import cast

from affex.features.base import Frames, Rows, VideoFeature
from affex.pipeline.caching.entry import lengths, spill
from affex.pipeline.extraction.work import (
    AudioBatch,
    Extracted,
    Failure,
    Job,
    Model,
    attempt,
    changed,
    is_unchanged,
    model_of,
    together,
)
from affex.pipeline.media.video import WINDOW_BYTES, Ended, Wanted, Window, windows
from affex.pipeline.text.errors import MediaError

#: The most bytes of an utterance's pictures that are sent with its rows; more are left on the disk for the driver.
CARRIED = 4 * 2**20

#: The most bytes of pictures in the windows of a file if many files are decoded at once (at least one picture).
SHARED_BYTES = 4 * 2**20

#: The most utterances that are fully decoded, but not computed yet, while the decoder continues.
BEHIND = 2


def watch(batch: AudioBatch) -> list[Extracted]:
    """Compute the rows of every utterance under every feature that it lacks, each file decoded once."""
    return gathered(batch, watched(batch))


def gathered(batch: AudioBatch, parts: Iterable[Extracted]) -> list[Extracted]:
    """Return the rows of all utterances of a batch; none of a file that has changed meanwhile."""
    found = together(parts)
    for job in (job for job in batch.jobs if not is_unchanged(job, batch.root)):
        for part in found:
            if job.id in part.outcomes:
                part.outcomes[job.id] = changed(job)
    return found


def watched(batch: AudioBatch) -> Iterator[Extracted]:
    """Yield the rows of each utterance under each feature that it lacks, as they are computed."""
    for path, jobs in groupby(batch.jobs, key=lambda job: job.media.path):
        for viewer in _watched(batch, path, tuple(jobs)):
            yield Extracted(viewer.number, batch.features[viewer.number].columns, {viewer.job.id: viewer.outcome})


def _watched(batch: AudioBatch, path: str, jobs: Sequence[Job]) -> "Iterator[_Viewer]":
    """Decode a file for its utterances; yield each viewer that has ended."""
    viewers = [_Viewer(job, number, batch) for job in jobs for number in job.wanted]
    viewers_of: dict[Wanted, list[_Viewer]] = {}
    for viewer in viewers:
        viewers_of.setdefault(viewer.wanted, []).append(viewer)
    named = {replace(wanted, id=str(number)): those for number, (wanted, those) in enumerate(viewers_of.items())}
    failure = Failure(f"{path}: the decoder stopped without ending this utterance", final=False)
    left = dict.fromkeys(viewers)
    window_bytes = WINDOW_BYTES if batch.runtime.ask is None else SHARED_BYTES
    try:
        events = windows(batch.root, path, list(named), window_bytes=window_bytes)
        for viewer in _shown(events, {wanted.id: those for wanted, those in named.items()}):
            del left[viewer]
            yield viewer
    except Exception as error:
        failure = Failure(f"{path}: {type(error).__name__}: {error}", final=False)
    for viewer in left:
        viewer.end(failure)
        viewer.join()
        yield viewer


def _shown(events: Iterable[Window | Ended], viewers: "Mapping[str, Sequence[_Viewer]]") -> "Iterator[_Viewer]":
    """Pass on every window; yield ended viewers, and wait if too many decoded utterances are not computed yet."""
    over: deque[_Viewer] = deque()
    for event in events:
        for viewer in viewers[event.id]:
            if isinstance(event, Window):
                viewer.show(event.frames)
            else:
                viewer.end(Failure(event.problem, final=True) if event.problem else None)
                over.append(viewer)
        while len(over) > BEHIND:
            over[0].join()
            yield over.popleft()


class _Viewer:
    """One feature that reads one utterance on a separate thread; `outcome` has its rows or its failure."""

    def __init__(self, job: Job, number: int, batch: AudioBatch) -> None:
        self.job = job
        self.number = number
        self.outcome: Rows | Failure = Failure(f"{job.media.path}: its computation was interrupted", final=False)
        self._feature = cast(VideoFeature, batch.features[number])  # batches are of one kind of media
        self._runtime = batch.runtime
        self._scratch = batch.scratch[number]
        self._windows: queue.SimpleQueue[Frames | None] = queue.SimpleQueue()
        self._is_taken = threading.Event()
        self._failure: Failure | None = None
        self._is_over = False
        self._has_left = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> Wanted:
        """The request to the decoder; equal for features of an utterance that can share windows."""
        media = self.job.media
        return Wanted("", self._feature.sampling, media.start, media.end, media.region, self.job.id)

    def show(self, frames: Frames) -> None:
        """Pass the next window, and wait until it is taken: so the decoder holds no other one."""
        self._is_taken.clear()
        self._give(frames)
        if not self._has_left.is_set():
            self._is_taken.wait()

    def end(self, failure: Failure | None) -> None:
        """Signal the last window, with a failure if windows are missing; only the first call counts."""
        if not self._is_over:
            self._is_over, self._failure = True, failure
            self._give(None)

    def join(self) -> None:
        """Wait until the feature is computed."""
        if self._thread is not None:
            self._thread.join()

    def _give(self, window: Frames | None) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._windows.put(window)

    def _run(self) -> None:
        try:
            outcome = self._computed()
            self.outcome = self._failure or outcome
        finally:
            self._has_left.set()
            self._is_taken.set()  # the decoder may wait

    def _computed(self) -> Rows | Failure:
        from threadpoolctl import threadpool_limits

        model = model_of(self._feature, self._runtime)
        if isinstance(model, Failure):
            return model
        threadpool_limits(1)  # after loading: a limit works only on loaded libraries; OpenMP's is per thread
        with model.turn:
            rows = attempt(self._feature, lambda: self._feature.extract_stream(self._coming(model), model.loaded))
        return rows if isinstance(rows, Failure) else attempt(self._feature, partial(self._handed_over, rows))

    def _handed_over(self, rows: Rows) -> Rows:
        """Return rows that can be sent: with their pictures, or with large pictures left on the disk."""
        if rows.crops is None or self._failure is not None:
            return rows
        if lengths(rows.crops).sum() <= CARRIED or not self._scratch.parent.is_dir():
            return replace(rows, crops=tuple(rows.crops))
        return replace(rows, crops=spill(rows.crops, self._scratch))

    def _coming(self, model: Model) -> Iterator[Frames]:
        """Yield the windows in order; while waiting, let another thread use the model."""
        while True:
            model.turn.release()
            try:
                window = self._windows.get()
                self._is_taken.set()
            finally:
                model.turn.acquire()
            if window is None:
                break
            yield window
            del window  # large pictures are not held while the next ones are awaited
        if self._failure is not None:
            raise MediaError(self._failure.message)
