"""Runner: from batches of utterances, or folds, to results, in this process or on workers (`stages`).

If a worker dies during a piece of work, the piece is tried again in a process of its own (`alone`), without other work
beside it. If that process dies as well, the piece is the cause.
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

from affex.pipeline.execution.proof import Proven, differing, fingerprint, proved, seen
from affex.pipeline.execution.work import Died, Piece, Work
from affex.pipeline.text.errors import AffexError

OUT_OF_MEMORY = (
    "A worker process died at its work, and again when it was tried with nothing beside it, most likely for lack of "
    "memory. Try fewer at a time: JOBS=1. What was finished is kept; the same command goes on from there."
)


class Runner(Protocol):
    """Where work runs. Results are accepted only from workers that are like this process."""

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result of its last stage, or `Died`) as pieces end, in any order.

        An error in a stage is raised here. Closing the iterator cancels the unfinished pieces.
        """

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return the result of ``function(*arguments)`` on each worker, by worker."""


class Inline:
    """Work in this process, one piece after another: for tests and for debuggers."""

    def run(self, work: Work, pieces: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield (piece, result) in order."""
        return ((piece, work.through(piece)) for piece in pieces)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return the result of the function in this process."""
        return {"this process": function(*arguments)}


def carry_out(
    runner: Runner,
    work: Work,
    pieces: Iterable[Piece],
    keep: Callable[[Any, Any], None],
    progress: Callable[[int], None],
) -> None:
    """Run pieces, keep each result as it ends, then report the number of its jobs; an exception cancels the rest.

    Parameters
    ----------
    keep
        Is called with each piece and its result, or `Died`.
    progress
        Is called with the number of jobs of each kept piece.
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
        If the piece killed each process that tried it, and cannot be skipped.
    """
    if isinstance(result, Died):
        raise AffexError(OUT_OF_MEMORY)
    return result


class DiedError(Exception):
    """A process died during its work."""


def piece_alone(piece: Any, work: Work) -> Iterator[tuple[Any, Any]]:
    """Run a piece in a process of its own; if it dies, halve the piece, down to one job, which is then skipped."""
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
    """Return the result of a piece's last stage, from a process of its own.

    Raises
    ------
    DiedError
        If the process died.
    AffexError
        If the process imported other code than this process.
    """
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sending, piece, work))
    try:
        with deaf_children(), without_main():
            process.start()
        sending.close()  # only the process holds the other end now, so its death closes the pipe
        result = receiving.recv()
    except (EOFError, OSError) as error:
        raise DiedError from error
    finally:
        with contextlib.suppress(AttributeError, ValueError):  # it may not have been started
            process.kill()
            process.join()
        receiving.close()
    if differing({**fingerprint(work.likeness), **seen(piece)}, result, 1):
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
    """Keep processes that are started here from importing the program's main module.

    A new process imports it by default. A script without ``if __name__ == "__main__"`` would then run again in each
    process, without end.
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
    """Let processes and threads that are started here ignore Ctrl-C: the driver handles it, and ends them.

    The signal is only delayed in this process: it arrives when the block ends.
    """
    resource_tracker.ensure_running()  # its start would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
