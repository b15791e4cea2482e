"""What a worker does with a batch of video: decode each file once, and show every utterance its frames as they come.

The arrow from media to features, for what is too large to be in memory whole. The decoder runs through a file from
its beginning to its end; each feature of each utterance reads its own windows of frames on a thread of its own, one
window behind the decoder. So memory is bounded by the windows of the utterances that overlap, whatever the file's
length.
"""

import contextlib
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
)
from affex.pipeline.media.video import Ended, Wanted, Window, windows
from affex.pipeline.text.errors import MediaError

#: How many bytes of an utterance's pictures travel with its rows; more of them are left on the disk for the driver.
CARRIED = 4 * 2**20

#: Utterances that are over, but not computed yet, while the decoder goes on.
BEHIND = 2


def watch(batch: AudioBatch) -> list[Extracted]:
    """Compute the rows of every utterance under every feature that it lacks, each file decoded once."""
    outcomes: list[dict[str, Rows | Failure]] = [{} for _ in batch.features]
    for path, jobs in groupby(batch.jobs, key=lambda job: job.media.path):
        for viewer in _watched(batch, path, tuple(jobs)):
            outcomes[viewer.number][viewer.job.id] = viewer.outcome
    return [Extracted(number, batch.features[number].columns, found) for number, found in enumerate(outcomes) if found]


def _watched(batch: AudioBatch, path: str, jobs: Sequence[Job]) -> "list[_Viewer]":
    """Decode a file for its utterances; return all viewers, done."""
    viewers = [_Viewer(job, number, batch) for job in jobs for number in job.wanted]
    of_clip: dict[Wanted, list[_Viewer]] = {}
    for viewer in viewers:
        of_clip.setdefault(viewer.wanted, []).append(viewer)
    named = {replace(wanted, id=str(number)): those for number, (wanted, those) in enumerate(of_clip.items())}
    failure = Failure(f"{path}: the decoder left this utterance without an end", final=False)
    try:
        _show(windows(batch.root, path, list(named)), {wanted.id: those for wanted, those in named.items()})
    except Exception as error:
        failure = Failure(f"{path}: {type(error).__name__}: {error}", final=False)
    for viewer in viewers:
        viewer.end(failure)
        viewer.join()
        if not is_unchanged(viewer.job, batch.root):
            viewer.outcome = changed(viewer.job)
    return viewers


def _show(events: Iterable[Window | Ended], viewers: "Mapping[str, Sequence[_Viewer]]") -> None:
    """Hand every window on; wait where too many utterances are over but not computed."""
    over: deque[_Viewer] = deque()
    for event in events:
        for viewer in viewers[event.id]:
            if isinstance(event, Window):
                viewer.show(event.frames)
            else:
                viewer.end(Failure(event.problem, final=True) if event.problem else None)
                over.append(viewer)
        while len(over) > BEHIND:
            over.popleft().join()


class _Viewer:
    """One feature that is shown one utterance, on a thread of its own; `outcome` is what came of it."""

    def __init__(self, job: Job, number: int, batch: AudioBatch) -> None:
        self.job = job
        self.number = number
        self.outcome: Rows | Failure = Failure(f"{job.media.path}: its computation was broken off", final=False)
        self._feature = cast(VideoFeature, batch.features[number])  # batches are of one kind of media
        self._runtime = batch.runtime
        self._scratch = batch.scratch[number]
        self._windows: queue.Queue[Frames | None] = queue.Queue(maxsize=1)
        self._failure: Failure | None = None
        self._is_over = False
        self._has_left = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def wanted(self) -> Wanted:
        """What the decoder is asked for; equal for features that can share its windows."""
        media = self.job.media
        return Wanted("", self._feature.sampling, media.start, media.end, media.region)

    def show(self, frames: Frames) -> None:
        """Give the next window; wait until the one before is taken."""
        self._give(frames)

    def end(self, failure: Failure | None) -> None:
        """Say that there are no more windows, and why if they are not all; what is said first counts."""
        if not self._is_over:
            self._is_over, self._failure = True, failure
            self._give(None)

    def join(self) -> None:
        """Wait until it is computed."""
        if self._thread is not None:
            self._thread.join()

    def _give(self, window: Frames | None) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        if not self._has_left.is_set():
            self._windows.put(window)

    def _run(self) -> None:
        try:
            outcome = self._computed()
            self.outcome = self._failure or outcome
        finally:
            self._has_left.set()
            with contextlib.suppress(queue.Empty):
                self._windows.get_nowait()  # the decoder may wait for room

    def _computed(self) -> Rows | Failure:
        from threadpoolctl import threadpool_limits

        model = model_of(self._feature, self._runtime)
        if isinstance(model, Failure):
            return model
        threadpool_limits(1)  # after loading: only libraries that are there are limited; OpenMP's is one thread's own
        with model.turn:
            rows = attempt(self._feature, lambda: self._feature.extract_stream(self._coming(model), model.loaded))
        return rows if isinstance(rows, Failure) else attempt(self._feature, partial(self._handed_over, rows))

    def _handed_over(self, rows: Rows) -> Rows:
        """Return rows that can travel: their pictures as they are, or left on the disk where they are too many."""
        if rows.crops is None or self._failure is not None:
            return rows
        if lengths(rows.crops).sum() <= CARRIED or not self._scratch.parent.is_dir():
            return replace(rows, crops=tuple(rows.crops))
        return replace(rows, crops=spill(rows.crops, self._scratch))

    def _coming(self, model: Model) -> Iterator[Frames]:
        """Yield the windows as they come; while one is waited for, it is another's turn."""
        while True:
            model.turn.release()
            try:
                window = self._windows.get()
            finally:
                model.turn.acquire()
            if window is None:
                break
            yield window
        if self._failure is not None:
            raise MediaError(self._failure.message)
