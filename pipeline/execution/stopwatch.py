"""Stopwatch: how long the stages of a command take, here and on workers.

The CPU time of a process counts all its threads. Workers measure the thread that does the work; what a library
computes in processes of its own, on a GPU, or in threads beside it on a worker is not counted.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Seconds:
    """The time that some work took, s: on the clock, and of processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class StageSeconds:
    """The time that a stage took.

    Parameters
    ----------
    name
        The stage.
    wall
        On the clock, s.
    cpu
        Of processors in this process, s.
    workers_cpu
        Of processors in worker processes, s.
    """

    name: str
    wall: float
    cpu: float
    workers_cpu: float


class Stopwatch:
    """Measures stages; workers' CPU seconds are added as their results arrive."""

    def __init__(self) -> None:
        self._workers = 0.0

    def add(self, cpu: float) -> None:
        """Add CPU seconds of a worker."""
        self._workers += cpu

    @property
    def workers(self) -> float:
        """All CPU seconds of workers so far."""
        return self._workers

    def lap(self, processes: int | None = 1) -> "Lap":
        """Begin to measure the stages of a run, which so many processes do (None: it is not known how many)."""
        return Lap(self, datetime.now(UTC).isoformat(timespec="seconds"), processes)


class Lap:
    """The stages of one run.

    Parameters
    ----------
    began
        When it began, in UTC, as in ISO 8601.
    processes
        How many local processes do the work; None if a scheduler elsewhere gives it to workers.
    stages
        Stages that have ended.
    """

    def __init__(
        self, watch: Stopwatch, began: str, processes: int | None, stages: Sequence[StageSeconds] = ()
    ) -> None:
        self._watch = watch
        self.began = began
        self.processes = processes
        self.stages = list(stages)

    def fork(self) -> "Lap":
        """Return the stages so far as those of a run that shares them with others."""
        return Lap(self._watch, self.began, self.processes, self.stages)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage, which must not stand inside another one."""
        wall, cpu, workers = time.perf_counter(), time.process_time(), self._watch.workers
        yield
        self.stages.append(
            StageSeconds(name, time.perf_counter() - wall, time.process_time() - cpu, self._watch.workers - workers)
        )


class Timer:
    """Measures what one thread does from its making on."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.thread_time()

    def seconds(self) -> Seconds:
        """Return the time since then, on the clock and of this thread."""
        return Seconds(time.perf_counter() - self._wall, time.thread_time() - self._cpu)
