"""Threads: from pieces of work to results in this process, for libraries that release the interpreter's lock.

No process is started and no code or data are sent, which is most of the cost of small folds on workers. Numerical
libraries get one thread per piece, as on workers, so the number of threads changes no result.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any

from affex.pipeline.execution.work import Work


class _OneThread:
    """A process-wide limit: each entering thread sets it, and the last thread to leave removes it.

    If each thread removed the limit, the first one to leave would lift it for all others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limits = contextlib.ExitStack()
        self._n_inside = 0

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        from threadpoolctl import threadpool_limits

        with self._lock:
            self._n_inside += 1
            self._limits.enter_context(threadpool_limits(1))
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if not self._n_inside:
                    self._limits.close()


#: Limit loaded numerical libraries to one thread inside a ``with`` block: more threads would change the last bits.
one_thread = _OneThread()


def in_threads(work: Work, pieces: Iterable[Any], jobs: int) -> Iterator[tuple[Any, Any]]:
    """Yield (piece, result) as pieces end; as many pieces run in parallel as the memory allows.

    Closing the iterator starts no further piece; running pieces end by themselves, without a wait for them.
    """
    waiting = deque(pieces)
    ended: SimpleQueue[tuple[Any, Any, BaseException | None]] = SimpleQueue()
    n_pieces, n_threads = len(waiting), min(jobs, len(waiting), _bearable(work))
    threads = [threading.Thread(target=_labour, args=(work, waiting, ended), daemon=True) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(n_pieces):
            piece, result, error = ended.get()
            if error is not None:
                raise error
            yield piece, result
    finally:
        waiting.clear()


def _labour(work: Work, waiting: deque[Any], ended: "SimpleQueue[tuple[Any, Any, BaseException | None]]") -> None:
    """Run pieces until the queue is empty."""
    with contextlib.suppress(IndexError):
        while True:
            piece = waiting.popleft()
            ended.put((piece, *_attempted(work, piece)))


def _attempted(work: Work, piece: Any) -> tuple[Any, BaseException | None]:
    try:
        with one_thread():
            return work.through(piece), None
    except BaseException as error:
        return None, error


def _bearable(work: Work) -> int:
    """Return how many pieces the free memory allows at a time, at least 1."""
    import psutil

    need = max(stage.needs.memory for stage in work.stages)
    return max(1, psutil.virtual_memory().available // need) if need else 2**16
