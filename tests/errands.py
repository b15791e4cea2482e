"""What workers are sent for in tests: functions of a module that is quickly imported."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from affex.pipeline.execution.work import Piece


def pieces(jobs: Iterable[int]) -> list[Piece]:
    """Return a piece a job."""
    return [Piece((job,)) for job in jobs]


def pid_of(_: Piece, *__: int) -> int:
    return os.getpid()


def dies_once(piece: Piece, marker: Path) -> int:
    """Return its job; 3 kills the first process that has it."""
    [item] = piece.jobs
    if item == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item
