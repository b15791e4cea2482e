"""Local cluster: Dask processes on this machine for one run, a scheduler in this process and one process per worker.

All ports listen on the loopback interface only, because access to a Dask port allows running code. Workers ignore
Ctrl-C. This process handles it at any time, also while workers start, and then ends them.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any

from affex.pipeline.execution.runner import deaf_children, without_main
from affex.pipeline.execution.workers import CPU, GPU, GPU_THREADS
from affex.pipeline.text.errors import AffexError

#: The address on which all parts of a local cluster listen.
LOOPBACK = "127.0.0.1"

#: A batch that loses its worker once is a suspect at once, and is retried alone.
ALLOWED_FAILURES = 0

#: Time for workers to end before they are killed, also after Ctrl-C; and time for the whole shutdown after that, s.
GRACE, HASTE, CLOSE = 5.0, 0.5, 20

#: Loggers of Dask's internal messages.
TALKERS = ("distributed", "asyncio", "tornado", "bokeh")

#: No other user needs to be kept out here; a user's settings are for remote schedulers.
SECURITY = {"require_encryption": False}

SETTINGS = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    # Work that moved to an idle worker would have to take its decoded utterances along.
    "distributed.scheduler.work-stealing": False,
    # Data that all folds share stay on every worker.
    "distributed.scheduler.active-memory-manager.start": False,
    # Dask's event logs keep whole messages, with the batches in them.
    "distributed.admin.low-level-log-length": 32,
    # Dask's MALLOC_TRIM_THRESHOLD_ is left out. With it, freed memory of a network goes back to the system at once, and
    # every layer waits for new pages.
    "distributed.nanny.pre-spawn-environ": dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), 1
    ),
}


@contextlib.contextmanager
def started(jobs: int, gpus: int, report: Callable[[str], None]) -> Iterator[str]:
    """Start a cluster; yield its scheduler's address.

    Parameters
    ----------
    jobs
        How many workers of one thread.
    gpus
        How many more workers, each of which has one of the machine's GPUs for itself.
    report
        Is called with a message if workers do not end.

    Raises
    ------
    AffexError
        If they do not start.
    """
    import dask

    with hushed(), dask.config.set(SETTINGS), without_main(), _loop() as loop:
        cluster, grace = _Cluster(loop), GRACE
        try:
            yield cluster.start(jobs, gpus)
        except KeyboardInterrupt:
            grace = HASTE
            raise
        finally:
            cluster.end(grace, report)


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep Dask's own messages and tracebacks off the terminal."""
    import distributed  # noqa: F401 - which sets the levels of its loggers

    names = [*logging.root.manager.loggerDict, *TALKERS]
    loggers = [logging.getLogger(name) for name in names if name.partition(".")[0] in TALKERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Yield an event loop in a thread of its own; processes that it starts ignore Ctrl-C."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="affex workers", daemon=True)
    with deaf_children():
        thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(GRACE)


class _Cluster:
    """A scheduler and its workers, which live in an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._scheduler: Any = None
        self._nannies: list[Any] = []
        self._starting: Future[str] | None = None

    def start(self, jobs: int, gpus: int) -> str:
        """Start all; return the scheduler's address."""
        self._starting = self._soon(self._start(jobs, gpus))
        try:
            return self._starting.result()
        except Exception as error:
            raise AffexError(f"The worker processes could not be started: {error}") from error

    def end(self, grace: float, report: Callable[[str], None]) -> None:
        """End all workers; kill and report those that do not end in time."""
        try:
            if self._starting and not self._starting.done():
                self._break_off()
            self._soon(self._end(grace)).result(CLOSE)
        except Exception as error:
            self._kill()
            report(
                f"The worker processes did not end by themselves ({type(error).__name__}) and were killed; no matter."
            )
        except BaseException:
            self._kill()
            raise

    def _break_off(self) -> None:
        """Kill workers that are starting, until all have ended."""
        assert self._starting is not None
        for _ in range(100 * CLOSE):
            self._kill()
            with contextlib.suppress(Exception):
                self._starting.result(0.01)
            if self._starting.done():
                break

    def _kill(self) -> None:
        for nanny in self._nannies:
            if nanny.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(nanny.pid, signal.SIGKILL)

    def _soon(self, coroutine: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _start(self, jobs: int, gpus: int) -> str:
        from distributed import Nanny, Scheduler, Security
        from distributed.system import MEMORY_LIMIT

        ours = {"host": LOOPBACK, "protocol": "tcp://", "security": Security(**SECURITY)}
        # Any free ports, because several runs may be active.
        self._scheduler = await Scheduler(port=0, dashboard_address=f"{LOOPBACK}:0", **ours)
        beside = {"silence_logs": "CRITICAL", **ours}
        for number in range(jobs):
            resources = {CPU: 1} if gpus else {}
            limit = MEMORY_LIMIT // jobs
            nanny = Nanny(
                self._scheduler.address, nthreads=1, name=number, resources=resources, memory_limit=limit, **beside
            )
            self._nannies.append(nanny)
        for number in range(gpus):
            nanny = Nanny(
                self._scheduler.address,
                nthreads=GPU_THREADS,  # threads that feed the GPU
                name=f"gpu-{number}",
                resources={GPU: 1},
                env={"CUDA_VISIBLE_DEVICES": gpu_name(number)},
                memory_limit=0,  # window and batches already bound the memory of features there
                **beside,
            )
            self._nannies.append(nanny)
        results = await asyncio.gather(*self._nannies, return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                raise error
        address: str = self._scheduler.address
        return address

    async def _end(self, grace: float) -> None:
        ends = await asyncio.gather(*(nanny.close(timeout=grace) for nanny in self._nannies), return_exceptions=True)
        if self._scheduler is not None:
            await self._scheduler.close()
        for error in ends:
            if isinstance(error, BaseException):
                raise error


def gpu_name(number: int) -> str:
    """Return CUDA's name for the GPU of this number, among those that this process may use."""
    mine = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return mine[number] if mine else str(number)
