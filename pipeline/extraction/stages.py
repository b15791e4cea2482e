"""Stages: batches of clips through functions, on this process, a local Dask cluster or any running one.

The arrow from media to features. A batch runs through its stages one after another; a bounded window of
batches is in flight, so memory does not grow with the corpus. A worker that dies costs a retry: its batch is run
again in a process of its own, and if that dies, too, in halves, until the guilty clip is alone and is given up.
Should no worker come back, the rest of the batches goes that way.
"""

import contextlib
import itertools
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Protocol

from pipeline.errors import AffexError, UsageError

#: A batch that loses its worker once is suspected at once, and tried again alone.
ALLOWED_FAILURES = 0

#: Batches in flight for each worker: one that runs, and the next, so that no worker waits for the driver.
WINDOW = 2

#: How long nothing may end before it is asked whether any worker is left, s.
PATIENCE = 20


#: What a worker that has a GPU is started with, as in ``dask worker --resources GPU=1``.
GPU = "GPU"

#: What keeps other work off it: where some workers have this (``--resources CPU=1``), only they do the rest.
CPU = "CPU"


#: Threads of a worker that has a GPU: so many video streams decode while one of them computes.
GPU_THREADS = 8


class Batch(Protocol):
    """Some clips that travel together."""

    def halves(self) -> "tuple[Batch, Batch] | None":
        """Return the batch in two parts, or None where one clip is all there is."""


@dataclass(frozen=True)
class Stage:
    """A step of the way: a module's function, and what a worker must have to run it (``{"GPU": 1}``)."""

    function: Callable[[Any], Any]
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """What comes back for a batch of one clip that killed each worker that tried it."""


class Runner(Protocol):
    """Where stages run."""

    def run(self, batches: Iterable[Any], stages: Sequence[Stage]) -> Iterator[tuple[Any, Any]]:
        """Yield (batch, what its last stage returned, or `Died`) as batches end, in any order."""

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what ``function(*arguments)`` says on each worker."""

    def map(self, function: Callable[[Any, Any], Any], shared: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Yield ``function(shared, item)`` of each item, in their order; what is shared travels once."""


def through(stages: Sequence[Stage], batch: Any) -> Any:
    """Return what the last stage makes of a batch, in this process."""
    result = batch
    for stage in stages:
        result = stage.function(result)
    return result


class Inline:
    """Stages in this very process, one batch after another: for tests and for debuggers."""

    def run(self, batches: Iterable[Any], stages: Sequence[Stage]) -> Iterator[tuple[Any, Any]]:
        """Yield (batch, result) in order."""
        for batch in batches:
            yield batch, through(stages, batch)

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what this process says."""
        return {"this process": function(*arguments)}

    def map(self, function: Callable[[Any, Any], Any], shared: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Yield what the function says of each item."""
        return (function(shared, item) for item in items)


class Cluster:
    """Stages on the workers of a Dask scheduler."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._number = itertools.count()
        self._run = uuid.uuid4().hex
        self._resources: set[str] = set()

    def run(self, batches: Iterable[Any], stages: Sequence[Stage]) -> Iterator[tuple[Any, Any]]:
        """Yield (batch, result or `Died`) as batches end."""
        self._require(stages)
        waiting, suspects = iter(batches), []
        window = WINDOW * sum(self._client.nthreads().values())
        running = {self._submit(batch, stages): batch for batch in itertools.islice(waiting, window)}
        while running and (ended := self._ended(list(running))):
            for future in ended:
                batch = running.pop(future)
                for following in itertools.islice(waiting, 1):
                    running[self._submit(following, stages)] = following
                if _killed(future):
                    suspects.append(batch)
                else:
                    yield batch, future.result()
        for batch in itertools.chain(suspects, running.values(), waiting):
            yield from _alone(batch, stages)

    def _ended(self, running: list[Any]) -> list[Any]:
        """Wait for some of the futures to end; return none when no worker is left to run them."""
        from distributed import wait

        while True:
            try:
                return list(wait(running, timeout=PATIENCE, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                if not self._client.nthreads():
                    return []

    def _submit(self, batch: Any, stages: Sequence[Stage]) -> Any:
        result, number = batch, next(self._number)
        for stage in stages:
            # One name for all tasks of a stage: the scheduler keeps a record of every name.
            key = (f"{stage.function.__name__}-{self._run}", number)
            resources = dict(stage.resources) or self._elsewhere
            result = self._client.submit(stage.function, result, key=key, resources=resources)
        return result

    def _look_around(self) -> None:
        """Take note of what the workers offer."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        self._resources = {name for worker in workers for name in worker["resources"]}

    @property
    def _elsewhere(self) -> dict[str, float] | None:
        """What a task asks for that needs nothing, so that it keeps off workers that have a GPU."""
        return {CPU: 1} if CPU in self._resources else None

    def _require(self, stages: Sequence[Stage]) -> None:
        """Make sure that some worker has what each stage needs; it would wait for ever.

        Raises
        ------
        AffexError
            Naming what no worker has.
        """
        self._look_around()
        for name in sorted({name for stage in stages for name in stage.resources} - self._resources):
            raise AffexError(
                f"No worker of the cluster offers a {name}, and a feature is to be computed there. Start one with "
                f"`dask worker --resources {name}=1`, or compute it elsewhere: DEVICE=cpu."
            )

    def ask(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Return what each worker says."""
        answers: dict[str, Any] = self._client.run(function, *arguments)
        return answers

    def map(self, function: Callable[[Any, Any], Any], shared: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Yield what the function says of each item, on the workers.

        By Dask's own futures: joblib's Dask backend waits for ever for an item whose worker died (joblib 1.6).

        Raises
        ------
        AffexError
            If a worker died: unlike a clip, an item cannot be given up.
        """
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        self._look_around()
        given = self._client.scatter(shared, broadcast=True, hash=False)
        futures = [self._client.submit(function, given, item, pure=False, resources=self._elsewhere) for item in items]
        try:
            for future in futures:
                yield future.result()
        except (KilledWorker, CancelledError) as error:
            raise AffexError(
                "A worker process died at its work, most likely for lack of memory. Try fewer at a time: JOBS=1."
            ) from error
        finally:
            self._client.cancel(futures)


def _alone(batch: Any, stages: Sequence[Stage]) -> Iterator[tuple[Any, Any]]:
    """Run a suspected batch in a process of its own, so that a death is its own doing; halve it if it dies."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            result = process.submit(through, stages, batch).result()
    except BrokenProcessPool:
        halves = batch.halves()
        if halves is None:
            yield batch, Died()
            return
        for half in halves:
            yield from _alone(half, stages)
    else:
        yield batch, result


def _killed(future: Any) -> bool:
    """Return whether a future that has ended has killed its worker.

    Raises
    ------
    AffexError
        If the stages could not be run at all.
    """
    from distributed import KilledWorker

    error = future.exception()
    if error is None:
        return False
    if isinstance(error, KilledWorker):
        return True
    raise AffexError(f"A worker could not run its stage: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def opened(scheduler: str, jobs: int, gpus: int = 0) -> Iterator[Runner]:
    """Open where stages run.

    Parameters
    ----------
    scheduler
        ``"local"`` for a cluster of processes on this machine (one thread each: openSMILE's own state is
        per process), ``"inline"`` for this process, or a running scheduler's address, ``"tcp://host:8786"``.
    jobs
        How many local worker processes.
    gpus
        How many more local worker processes, each of which has one of the machine's GPUs for itself.

    Raises
    ------
    UsageError
        If `scheduler` is none of these.
    AffexError
        If no scheduler answers at the address, or it has no workers.
    """
    if scheduler == "inline":
        yield Inline()
    elif scheduler == "local":
        yield from _local(jobs, gpus)
    elif "://" in scheduler:
        yield from _remote(scheduler)
    else:
        raise UsageError(f"SCHEDULER={scheduler}: expected local, inline or an address as tcp://host:8786.")


def _local(jobs: int, gpus: int) -> Iterator[Runner]:
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        # Work that moved to an idle worker would have to carry its decoded clips along.
        "distributed.scheduler.work-stealing": False,
        # Dask's diaries keep whole messages, and the batches in them.
        "distributed.admin.low-level-log-length": 32,
        # Without Dask's MALLOC_TRIM_THRESHOLD_, under which what a network frees goes back to the system at once, and
        # every layer waits for fresh pages.
        "distributed.nanny.pre-spawn-environ": dict.fromkeys(
            ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1
        ),
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        with _deaf_children():
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",  # any free port: several runs may go on
                    silence_logs="CRITICAL",
                    resources={CPU: 1} if gpus else {},
                )
            )
            for number in range(gpus):
                stack.callback(cluster.sync, _gpu_worker(cluster, number).close)
        yield Cluster(stack.enter_context(Client(cluster)))


def _gpu_worker(cluster: Any, number: int) -> Any:
    """Start a worker that alone uses a GPU; its threads feed it."""
    from distributed import Nanny

    async def started() -> Any:
        return await Nanny(
            cluster.scheduler_address,
            nthreads=GPU_THREADS,
            resources={GPU: 1},
            env={"CUDA_VISIBLE_DEVICES": gpu_name(number)},
            memory_limit=0,  # the features that run there are bounded by their windows and batches
        )

    return cluster.sync(started)


def gpu_name(number: int) -> str:
    """Return what CUDA calls the GPU of this number, of those that this process may use."""
    mine = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return mine[number] if mine else str(number)


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Have processes that are started here inherit deafness to Ctrl-C: the driver hears it, and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _remote(address: str) -> Iterator[Runner]:
    from distributed import Client

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise AffexError(f"No Dask scheduler answers at {address}: {error}.") from error
    with client:
        if not client.nthreads():
            raise AffexError(f"The Dask scheduler at {address} has no workers. Start some with `dask worker`.")
        yield Cluster(client)
