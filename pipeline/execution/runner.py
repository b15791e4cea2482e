"""Runner: where batches of utterances and the folds of an evaluation run; in this process, or (`stages`) on workers.

A piece of work that its worker does not outlive is tried again in a process of its own (`alone`), with nothing beside
it, so that a death is its own doing.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, Protocol

from affex.pipeline.execution.proof import CODE, Fingerprint, Likeness, Proven, fingerprint, proved, strangers
from affex.pipeline.text.errors import AffexError

#: What a worker that has a GPU is started with, as in ``dask worker --resources GPU=1``.
GPU = "GPU"

#: What keeps other work off it: where some workers have this (``--resources CPU=1``), only they do the rest.
CPU = "CPU"

#: Threads of a worker that has a GPU: so many video streams decode while one of them computes.
GPU_THREADS = 8

OUT_OF_MEMORY = (
    "A worker process died at its work, and again when it was tried with nothing beside it, most likely for lack of "
    "memory. Try fewer at a time: JOBS=1. What was finished is kept; the same command goes on from there."
)


class Batch(Protocol):
    """Some utterances that travel together."""

    def halves(self) -> "tuple[Batch, Batch] | None":
        """Return the batch in two parts, or None where one utterance is all there is."""

    def seen(self) -> Fingerprint:
        """Return what this process sees of its files, by path; whoever works on it must see the same."""


@dataclass(frozen=True)
class Stage:
    """A step of the way: a module's function, and what a worker must have to run it (``{"GPU": 1}``)."""

    function: Callable[..., Any]
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """What comes back for a batch of one utterance that killed each worker that tried it."""


class Runner(Protocol):
    """Where work runs. Results are taken from workers that are like this process, and from no others."""

    def run(
        self, batches: Iterable[Any], stages: Sequence[Stage], likeness: Likeness = CODE
    ) -> Iterator[tuple[Any, Any]]:
        """Yield (batch, what its last stage returned, or `Died`) as batches end, in any order."""

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what ``function(*arguments)`` says on each worker."""

    def map(
        self,
        function: Callable[[Any, Any], Any],
        shared: Any,
        items: Mapping[int, Any],
        likeness: Likeness = CODE,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (number, ``function(shared, item)``) of numbered items as they end; what is shared travels once."""


def through(stages: Sequence[Stage], batch: Any) -> Any:
    """Return what the last stage makes of a batch, in this process."""
    result = batch
    for stage in stages:
        result = stage.function(result)
    return result


class Inline:
    """Work in this very process, one piece after another: for tests and for debuggers."""

    def run(
        self,
        batches: Iterable[Any],
        stages: Sequence[Stage],
        likeness: Likeness = CODE,  # noqa: ARG002 - this process is like itself
    ) -> Iterator[tuple[Any, Any]]:
        """Yield (batch, result) in order."""
        for batch in batches:
            yield batch, through(stages, batch)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what this process says."""
        return {"this process": function(*arguments)}

    def map(
        self,
        function: Callable[[Any, Any], Any],
        shared: Any,
        items: Mapping[int, Any],
        likeness: Likeness = CODE,  # noqa: ARG002 - this process is like itself
    ) -> Iterator[tuple[int, Any]]:
        """Yield (number, result) in order."""
        return ((number, function(shared, item)) for number, item in items.items())


class DiedError(Exception):
    """A process that was given work has died of it."""


def batch_alone(batch: Any, stages: Sequence[Stage], likeness: Likeness) -> Iterator[tuple[Any, Any]]:
    """Run a batch in a process of its own; halve it if that dies, down to one utterance, which is given up."""
    try:
        yield batch, alone(likeness, through, stages, batch)
    except DiedError:
        halves = batch.halves()
        if halves is None:
            yield batch, Died()
            return
        for half in halves:
            yield from batch_alone(half, stages, likeness)


def item_alone(function: Callable[[Any, Any], Any], shared: Any, item: Any, likeness: Likeness) -> Any:
    """Run an item in a process of its own.

    Raises
    ------
    AffexError
        If that dies, too: unlike an utterance, an item cannot be given up.
    """
    try:
        return alone(likeness, function, shared, item)
    except DiedError as error:
        raise AffexError(OUT_OF_MEMORY) from error


def alone(likeness: Likeness, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function says in a process of its own.

    Raises
    ------
    DiedError
        If the process died.
    AffexError
        If it imported other code than this process did.
    """
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sending, likeness, function, arguments))
    try:
        with deaf_children():
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
    if strangers(fingerprint(likeness), result, 1):
        raise AffexError("The code of affex was changed while it ran: run the same command again.")
    return taken(result)


def _answer(sending: Connection, likeness: Likeness, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sending.send(proved("alone", function, likeness, *arguments))


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
