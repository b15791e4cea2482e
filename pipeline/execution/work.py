"""Work: the stages of pieces of work and their needs; the same record for batches of utterances and for folds."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from affex.pipeline.execution.proof import CODE, Fingerprint, Likeness


@dataclass(frozen=True)
class Needs:
    """What a stage needs of the worker that runs it.

    Parameters
    ----------
    gpu
        The share of a GPU, from 0 (none) to 1 (exclusive).
    memory
        Bytes; 0 if it is little.

    Raises
    ------
    ValueError
        If no worker could provide this.
    """

    gpu: float = 0.0
    memory: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.gpu <= 1:
            raise ValueError(f"gpu={self.gpu}: expected a share from 0 to 1")
        if self.memory < 0:
            raise ValueError(f"memory={self.memory}: expected 0 bytes or more")


@dataclass(frozen=True)
class Stage:
    """A step of the work: a function of a module, and its needs."""

    function: Callable[..., Any]
    needs: Needs = Needs()


@dataclass(frozen=True)
class Work:
    """The processing of each piece.

    Parameters
    ----------
    stages
        Run one after another: the first stage gets the piece, each other stage the result of the previous one.
    likeness
        What workers must share with this process for their results to be accepted.
    shared
        A further argument of each stage; it is sent to a worker once.
    in_threads
        Whether pieces may run in parallel in threads of one process.
    """

    stages: tuple[Stage, ...]
    likeness: Likeness = CODE
    shared: tuple[Any, ...] = ()
    in_threads: bool = False

    def through(self, piece: Any) -> Any:
        """Return the result of a piece's last stage, computed in this process."""
        result = piece
        for stage in self.stages:
            result = stage.function(result, *self.shared)
        return result


@dataclass(frozen=True)
class Piece:
    """Jobs that are sent together: some utterances, or a fold."""

    jobs: tuple[Any, ...]

    def halves(self) -> tuple[Self, Self] | None:
        """Return the piece in two parts, or None if it has one job only."""
        middle = len(self.jobs) // 2
        if not middle:
            return None
        return replace(self, jobs=self.jobs[:middle]), replace(self, jobs=self.jobs[middle:])

    def seen(self) -> Fingerprint:
        """Return the state of the piece's files in this process, by path; a worker must have the same."""
        return {}


@dataclass(frozen=True)
class Died:
    """The result of a piece of one job that killed each process that tried it."""
