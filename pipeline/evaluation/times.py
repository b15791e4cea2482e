"""Times: the arrow from the stages of a run to ``times.json``, and back.

The file lies beside a run's other files but in no bundle: equal runs have equal bytes there, and no two runs take
equal times. It states what the run depends on, so that the times of another run in the same folder are not taken for
its own. It names no machine and no user.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.evaluation.results import Result
from affex.pipeline.execution.stopwatch import Lap, Seconds, StageSeconds
from affex.pipeline.storage import record_file

#: The file in a run's folder.
FILE = "times.json"


@dataclass(frozen=True)
class FoldSeconds:
    """The time that all folds took.

    Parameters
    ----------
    n, n_kept
        How many folds there are, and how many an earlier run had finished that did not end.
    wall, cpu
        The sums over all folds, s; folds run side by side. CPU is that of the thread that fits.
    slowest, slowest_wall
        The fold that took longest, and its time, s.
    """

    n: int
    n_kept: int
    wall: float
    cpu: float
    slowest: str
    slowest_wall: float


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long a run took, and on what.

    Parameters
    ----------
    depends_on
        What the run depends on, as in its record.
    began
        When its command began, in UTC, as in ISO 8601.
    stages
        The stages in their order; those that several runs of one command share are in the times of each.
    folds
        The time of its folds; None for a fusion.
    processes
        How many local processes did the work; None if a scheduler elsewhere gave it to workers.
    processors, memory
        Those of this machine: logical processors, and bytes.
    system, machine
        The operating system and the type of processor, such as ``Linux`` and ``x86_64``.
    versions
        Of all that may change a result.
    """

    depends_on: str
    began: str
    stages: tuple[StageSeconds, ...]
    folds: FoldSeconds | None
    processes: int | None
    processors: int
    memory: int
    system: str
    machine: str
    versions: Mapping[str, str]


def times_of(result: Result, depends_on: str, lap: Lap, versions: Mapping[str, str]) -> Times:
    """Return the times of a run on this machine."""
    import psutil

    return Times(
        depends_on=depends_on,
        began=lap.began,
        stages=tuple(lap.stages),
        folds=folds_of([fold.name for fold in result.folds], result.seconds, result.n_kept) if result.seconds else None,
        processes=lap.processes,
        processors=psutil.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        system=platform.system(),
        machine=platform.machine(),
        versions=dict(versions),
    )


def folds_of(names: Sequence[str], seconds: Sequence[Seconds], n_kept: int) -> FoldSeconds:
    """Return the time of all folds from that of each."""
    slowest = max(range(len(seconds)), key=lambda number: seconds[number].wall)
    wall, cpu = (sum(getattr(one, kind) for one in seconds) for kind in ("wall", "cpu"))
    return FoldSeconds(len(names), n_kept, wall, cpu, names[slowest], seconds[slowest].wall)


def write(folder: Path, times: Times) -> None:
    """Write the times of the run in a folder.

    Raises
    ------
    AffexError
        If they cannot be written.
    """
    record_file.write(folder / FILE, times)


def read(folder: Path, depends_on: str) -> Times | None:
    """Return the times of the run in a folder; None if there are none, or they are damaged, or of another run.

    Parameters
    ----------
    depends_on
        What the run depends on, as in its record.
    """
    times = record_file.read(folder / FILE, Times)
    return times if times and times.depends_on == depends_on else None
