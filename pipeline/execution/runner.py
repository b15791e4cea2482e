"""Runner: where batches of utterances and the folds of an evaluation run; in this process, or (`stages`) on workers.

A piece of work that its worker does not outlive is tried again in a process of its own (`alone`), with nothing beside
it, so that a death is its own doing.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Protocol, cast

from affex.pipeline.execution.proof import Proven, fingerprint, proved, seen, strangers
from affex.pipeline.execution.work import Died, Piece, Work
from affex.pipeline.text.errors import AffexError

OUT_OF_MEMORY = (
    "A worker process died at its work, and again when it was tried with nothing beside it, most likely for lack of "
    "memory. Try fewer at a time: JOBS=1. What was finished is kept; the same command goes on from there."
)


class Runner(Protocol):
    """Where work runs. Results are taken from workers that are like this process, and from no others."""

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, what its last stage returned, or `Died`) as pieces end, in any order.

        An error that a stage raises is raised here. When it is closed, what has not ended is cancelled.
        """

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what ``function(*arguments)`` says on each worker."""


class Inline:
    """Work in this very process, one piece after another: for tests and for debuggers."""

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result) in order."""
        return ((piece, work.through(piece)) for piece in pieces)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what this process says."""
        return {"this process": function(*arguments)}


def carry_out(
    runner: Runner,
    work: Work,
    pieces: Iterable[Piece],
    keep: Callable[[Any, Any], None],
    progress: Callable[[int], None],
) -> None:
    """Run pieces, keep each result as it ends, and then count its jobs; whatever is raised cancels the rest.

    Parameters
    ----------
    keep
        Is given each piece with its result, or `Died`.
    progress
        Is told how many jobs have been kept now.
    """
    with contextlib.closing(cast(Generator[tuple[Any, Any], None, None], runner.run(work, pieces))) as results:
        for piece, result in results:
            keep(piece, result)
            progress(len(piece.jobs))


def survived(result: Any) -> Any:
    """Return a result.

    Raises
    ------
    AffexError
        If its piece killed each process that tried it, and cannot be given up.
    """
    if isinstance(result, Died):
        raise AffexError(OUT_OF_MEMORY)
    return result


class DiedError(Exception):
    """A process that was given work has died of it."""


def piece_alone(piece: Any, work: Work) -> Iterator[tuple[Any, Any]]:
    """Run a piece in a process of its own; halve it if that dies, down to one job, which is given up."""
    try:
        yield piece, alone(piece, work)
    except DiedError:
        halves = piece.halves()
        if halves is None:
            yield piece, Died()
            return
        for half in halves:
            yield from piece_alone(half, work)


def alone(piece: Any, work: Work) -> Any:
    """Return what the last stage makes of a piece in a process of its own.

    Raises
    ------
    DiedError
        If the process died.
    AffexError
        If it imported other code than this process did.
    """
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sending, piece, work))
    try:
        with deaf_children(), without_main():
            process.start()
        sending.close()  # the process has the only other end: none is left when it dies
        result = receiving.recv()
    except (EOFError, OSError) as error:
        raise DiedError from error
    finally:
        with contextlib.suppress(AttributeError, ValueError):  # it was never started
            process.kill()
            process.join()
        receiving.close()
    if strangers({**fingerprint(work.likeness), **seen(piece)}, result, 1):
        raise AffexError("The code of affex was changed while it ran: run the same command again.")
    return taken(result)


def _answer(sending: Connection, piece: Any, work: Work) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sending.send(proved("alone", work.through, work.likeness, piece))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def taken(result: Proven) -> Any:
    """Return the value of a result, or raise its error."""
    if result.error is not None:
        raise result.error
    return result.value


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Have processes that are started here leave the program's main module alone.

    A new process imports it by itself. A script without ``if __name__ == "__main__"`` would then run again in each, and
    never end.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, object] = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    vars(main).pop("__file__", None)
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Have processes and threads that are started here be deaf to Ctrl-C: the driver hears it, and ends them.

    The signal is only held back: one that comes meanwhile is heard when the block ends.
    """
    resource_tracker.ensure_running()  # which, when it starts, would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
