"""What workers are sent for in tests."""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from synthetic import Bayes, Scaled

from affex.classifiers.base import Target
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


class Where(Scaled):
    """Says in which process it was fitted."""

    def fit(self, X, y, groups=None, *, sample_weight=None, inner=None):
        super().fit(X, y, groups, sample_weight=sample_weight, inner=inner)
        self.best_params_ = {"pid": os.getpid()}
        return self


@dataclass(frozen=True, kw_only=True)
class Placed(Bayes):
    """Computes on the device that it is built for, or so it says."""

    on_device: ClassVar[bool] = True

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Where(super().build(target=target, precomputed=precomputed, seed=seed, device=device).model)
