"""Pool: the local processes of one device, which compute tasks and ask its `Networks`.

Processes start when there is work for them and end with this process. A task yields its parts as they come. If a
process dies, its tasks raise `DiedError`, and another process takes its place.
"""

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any

from affex.pipeline.execution.proof import CODE, fingerprint
from affex.pipeline.execution.runner import DiedError
from affex.pipeline.serving import arena, child
from affex.pipeline.serving.child import End
from affex.pipeline.serving.networks import Networks
from affex.pipeline.serving.starting import started
from affex.pipeline.text.errors import AffexError


class Pool:
    """Local processes and the networks that they share.

    Parameters
    ----------
    networks
        The process that runs networks.
    most
        The most processes for tasks; a task that runs `alone` has one more for itself.
    """

    def __init__(self, networks: Networks, most: int) -> None:
        self.networks = networks
        self._most = most
        self._lock = threading.Lock()
        self._processes: list[_Process] = []

    def run(self, function: Callable[..., Iterator[Any]], *arguments: Any, alone: bool = False) -> Iterator[Any]:
        """Yield what ``function(*arguments, ask)`` yields in a local process.

        Parameters
        ----------
        function
            A function of a module; its last argument is the way to the networks (`features.networks.asking.Ask`).
        alone
            Whether no other task runs in that process.

        Raises
        ------
        DiedError
            If the process died.
        AffexError
            If it imported other code than this process.
        Exception
            What the function raised.
        """
        process, number, parts = self._submitted(function, arguments, alone=alone)
        try:
            yield from _parts(parts)
        finally:
            process.leave(number)
            if alone:
                process.end()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for process in self._processes:
                process.end()
            self._processes = []
            self.networks.close()

    def _submitted(
        self, function: Callable[..., Iterator[Any]], arguments: tuple[Any, ...], *, alone: bool
    ) -> "tuple[_Process, int, SimpleQueue[Any]]":
        with self._lock:
            process = _Process(self.networks) if alone else self._idlest()
            return process, *process.submit(function, arguments)

    def _idlest(self) -> "_Process":
        """Return a new process if all have work and there may be more, or else the one with the fewest tasks."""
        self._processes = [process for process in self._processes if process.is_alive]
        idlest = min(self._processes, key=lambda process: process.n_tasks, default=None)
        if idlest is None or (idlest.n_tasks and len(self._processes) < self._most):
            idlest = _Process(self.networks)
            self._processes.append(idlest)
        return idlest


def _parts(parts: "SimpleQueue[Any]") -> Iterator[Any]:
    while not isinstance(part := parts.get(), End):
        if isinstance(part, DiedError):
            raise part
        yield part
    if part.by != fingerprint(CODE):
        raise AffexError("The code of affex was changed while it ran: run the same command again.")
    if part.error is not None:
        raise part.error


class _Process:
    """A local process, with its tasks and the queues of their parts."""

    def __init__(self, networks: Networks) -> None:
        self._tasks, tasks = Pipe()
        answering, asking = Pipe()
        shared = arena.reserved()
        ends = tasks.fileno(), asking.fileno()
        self._process = started(child.main, *ends, -1 if shared is None else shared, inherited=[*ends, shared])
        networks.add(answering.fileno(), shared)
        for end in (tasks, asking, answering):
            end.close()  # only the other processes hold these ends now, so a death closes the pipes
        if shared is not None:
            os.close(shared)
        self._numbers = count()
        self._parts: dict[int, SimpleQueue[Any]] = {}
        self.is_alive = True
        threading.Thread(target=self._listen, name="affex parts", daemon=True).start()

    @property
    def n_tasks(self) -> int:
        """The number of its tasks."""
        return len(self._parts)

    def submit(
        self, function: Callable[..., Iterator[Any]], arguments: tuple[Any, ...]
    ) -> "tuple[int, SimpleQueue[Any]]":
        """Begin a task; return its number and the queue of its parts."""
        number, parts = next(self._numbers), SimpleQueue[Any]()
        self._parts[number] = parts
        try:
            self._tasks.send((number, pickle.dumps((function, arguments))))
        except OSError:
            parts.put(DiedError())
        return number, parts

    def leave(self, number: int) -> None:
        """Forget a task."""
        self._parts.pop(number, None)

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        try:
            while True:
                number, part = self._tasks.recv()
                if parts := self._parts.get(number):
                    parts.put(part)
        except (EOFError, OSError):
            self.is_alive = False
            for parts in list(self._parts.values()):
                parts.put(DiedError())
        self._process.wait()
