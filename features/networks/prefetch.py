"""Prefetching: other threads prepare the next inputs of a network while it runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(function: Callable[[T], R], items: Iterable[T], threads: int = 1) -> Iterator[R]:
    """Return an iterator over ``function(item)`` of each item in order, computed on threads a few items ahead.

    It is useful if `function` waits for a disk or releases Python's lock, as decoders of pictures do. The first
    items start at once. Memory is bounded: at most twice as many items as threads are waiting.
    """
    pool = ThreadPoolExecutor(threads)
    coming = (pool.submit(function, item) for item in items)
    return _results(pool, deque(islice(coming, 2 * threads)), coming)


def _results(pool: ThreadPoolExecutor, waiting: "deque[Future[R]]", coming: "Iterator[Future[R]]") -> Iterator[R]:
    with pool:
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(islice(coming, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
