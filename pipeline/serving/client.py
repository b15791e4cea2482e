"""Client: asks the server for the numbers of pictures, for all threads of a local process.

Pictures are copied into a block of the arena, once; what does not fit there goes through the pipe. While a thread waits
for its answer, another one has the turn.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from affex.features.networks.asking import Asked
from affex.features.networks.batches import Numbers, Pictures
from affex.pipeline.serving.arena import BLOCK, Arena


class Client:
    """The way to the server; see `features.networks.asking.Ask`.

    Parameters
    ----------
    connection
        The connection to the server.
    arena
        The memory shared with it; None if there is none.
    """

    def __init__(self, connection: Connection, arena: Arena | None) -> None:
        self.turn = Turn(self)
        self._connection, self._arena = connection, arena
        self._sending = threading.Lock()
        self._numbers = count()
        self._networks: dict[Asked, int] = {}
        self._asked: dict[int, tuple[Future[Numbers], int | None]] = {}
        threading.Thread(target=self._listen, name="affex answers", daemon=True).start()

    def __call__(self, asked: Asked, pictures: Pictures) -> Sequence[Numbers]:
        """Return a network's numbers of pictures, in parts."""
        self.turn.release()
        try:
            answers = [self._send(asked, part) for part in _parts(pictures)]
            return [answer.result() for answer in answers]
        finally:
            self.turn.acquire()

    def tell(self, change: int) -> None:
        """Tell the server that streams have begun, or ended if `change` is negative."""
        with self._sending:
            self._message(None, change)

    def _send(self, asked: Asked, pictures: Pictures) -> "Future[Numbers]":
        block = self._placed(pictures)
        answer: Future[Numbers] = Future()
        with self._sending:
            number, network = next(self._numbers), self._networks.get(asked)
            new = asked if network is None else None
            network = self._networks.setdefault(asked, len(self._networks))
            self._asked[number] = answer, block
            place = bytearray(np.ascontiguousarray(pictures)) if block is None else block
            self._message(number, network, new, pictures.shape, place)
        return answer

    def _message(self, *message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            _end()

    def _placed(self, pictures: Pictures) -> int | None:
        """Copy pictures into a block of the arena; return its first byte, or None if they do not fit."""
        if self._arena is None or pictures.nbytes > BLOCK:
            return None
        block = self._arena.lend()
        memory = np.frombuffer(self._arena.memory, np.uint8, pictures.nbytes, block)
        np.copyto(memory.reshape(pictures.shape), pictures)
        return block

    def _listen(self) -> None:
        try:
            while True:
                self._take(*self._connection.recv())
        except (EOFError, OSError):
            _end()

    def _take(self, number: int, found: Numbers | Exception) -> None:
        answer, block = self._asked.pop(number)
        if block is not None and self._arena is not None:
            self._arena.give_back(block)
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)


class Turn:
    """The lock of the threads that compute in this process; the server knows how many streams there are."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __enter__(self) -> "Turn":
        self._client.tell(1)
        self._lock.acquire()
        return self

    def __exit__(self, *_: Any) -> None:
        self._lock.release()
        self._client.tell(-1)

    def acquire(self) -> bool:
        """Wait for the turn."""
        return self._lock.acquire()

    def release(self) -> None:
        """Let another thread compute."""
        self._lock.release()


def _end() -> None:
    """End this process: without networks it can do nothing, and its tasks are run again elsewhere."""
    os._exit(1)


def _parts(pictures: Pictures) -> Iterator[Pictures]:
    """Yield pictures in parts that fit into a block, at least one at a time."""
    at_once = max(1, BLOCK // max(1, pictures[:1].nbytes))
    yield from (pictures[first : first + at_once] for first in range(0, len(pictures), at_once))
