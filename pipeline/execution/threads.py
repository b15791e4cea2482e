"""Threads of this process: pieces of work whose libraries release the interpreter's lock, without a worker process.

Nothing is started, imported or sent anew, which is most of what small folds cost on workers. Numerical libraries get
one thread for each piece, wherever it runs, so that the number of threads changes no result.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any

from affex.pipeline.execution.work import Work


class _OneThread:
    """A limit that holds for the process: set by each that enters, taken back when the last one leaves.

    If each took back its own, the one that leaves first would lift the limit of all others.
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


#: Give numerical libraries that are loaded one thread, inside a ``with`` block: more would move last bits.
one_thread = _OneThread()


def in_threads(work: Work, pieces: Iterable[Any], jobs: int) -> Iterator[tuple[Any, Any]]:
    """Yield (piece, result) as pieces end, so many of them side by side as the memory bears.

    When it is closed, no further piece begins; those that run end by themselves, and are not waited for.
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
    """Run pieces until none is waiting."""
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
    """Return how many pieces the free memory bears at a time, 1 at the least."""
    import psutil

    need = max(stage.needs.memory for stage in work.stages)
    return max(1, psutil.virtual_memory().available // need) if need else 2**16
