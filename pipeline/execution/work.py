"""Work: what is done with pieces of it, and what they need; the same record for batches of utterances and for folds."""

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
        The share of a GPU, from 0 (none) to 1 (one for itself).
    memory
        Bytes; 0 where that is little.

    Raises
    ------
    ValueError
        If no worker could have it.
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
    """A step of the way: a module's function, and what it needs."""

    function: Callable[..., Any]
    needs: Needs = Needs()


@dataclass(frozen=True)
class Work:
    """What is done with each piece.

    Parameters
    ----------
    stages
        Run one after another: the first is given the piece, each other what the one before returned.
    likeness
        What workers must share with this process, for their results to be taken.
    shared
        What each stage is given besides; it travels to a worker once.
    in_threads
        Whether pieces may run side by side in threads of one process.
    """

    stages: tuple[Stage, ...]
    likeness: Likeness = CODE
    shared: tuple[Any, ...] = ()
    in_threads: bool = False

    def through(self, piece: Any) -> Any:
        """Return what the last stage makes of a piece, in this process."""
        result = piece
        for stage in self.stages:
            result = stage.function(result, *self.shared)
        return result


@dataclass(frozen=True)
class Piece:
    """Jobs that travel together: some utterances, or a fold."""

    jobs: tuple[Any, ...]

    def halves(self) -> tuple[Self, Self] | None:
        """Return the piece in two parts, or None where one job is all there is."""
        middle = len(self.jobs) // 2
        if not middle:
            return None
        return replace(self, jobs=self.jobs[:middle]), replace(self, jobs=self.jobs[middle:])

    def seen(self) -> Fingerprint:
        """Return what this process sees of its files, by path; a worker must see the same."""
        return {}


@dataclass(frozen=True)
class Died:
    """What comes back for a piece of one job that killed each process that tried it."""
