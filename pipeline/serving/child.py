"""Child: a local process of a `pool`, started with the numbers of its descriptors; it ends with its parent.

It takes tasks, ``(number, pickle of (function, arguments))``, and computes each on a thread. ``function(*arguments,
client)`` yields its parts, which are sent as they come, ``(number, part)``. The last message of a task is an `End`.
"""

import os
import pickle
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from affex.pipeline.execution.proof import CODE, Fingerprint, fingerprint, portable
from affex.pipeline.serving.arena import Arena
from affex.pipeline.serving.client import Client


@dataclass(frozen=True)
class End:
    """The end of a task, its error if there is one, and the state of the process that computed it."""

    by: Fingerprint
    error: Exception | None = None


class _Tasks:
    """The tasks of this process, and the connection to its parent."""

    def __init__(self, connection: Connection, client: Client) -> None:
        self._connection, self._client = connection, client
        self._sending = threading.Lock()

    def take(self) -> None:
        """Begin each task that comes; return when the parent has ended."""
        try:
            while True:
                threading.Thread(target=self._compute, args=self._connection.recv(), daemon=True).start()
        except (EOFError, OSError):
            return

    def _compute(self, number: int, task: bytes) -> None:
        error = None
        try:
            function, arguments = pickle.loads(task)
            for part in function(*arguments, self._client):
                self._send(number, part)
        except Exception as raised:
            error = portable(raised)
        self._send(number, End(fingerprint(CODE), error))

    def _send(self, number: int, part: Any) -> None:
        with self._sending:
            self._connection.send((number, part))


def main(tasks: int, networks: int, arena: int) -> None:
    """Work until the parent ends; the arguments are descriptors, and `arena` is -1 without an arena."""
    client = Client(Connection(networks), Arena(arena) if arena >= 0 else None)
    _Tasks(Connection(tasks), client).take()
    os._exit(0)  # threads may still wait for the parent
