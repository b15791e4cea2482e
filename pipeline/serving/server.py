"""Server: the one process that has a device; it runs networks for the streams of local processes.

It reads requests from the connections of all clients, collects their pictures (`collecting`), runs batches on the
device and answers. A client that ends, or dies, is forgotten with all that it asked for. An error of a network is the
answer to the requests of that batch.

Messages of a client are ``(number, network, new, shape, place)``: the number of the request, the number of the network
at this client, the network itself at its first use, the shape of the pictures, and where they are, a byte of the arena
or their bytes. ``(None, change)`` says that streams have begun or ended.
"""

import contextlib
import math
import operator
import os
import pickle
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from mmap import mmap
from multiprocessing.connection import Connection, wait
from typing import Any, cast

import numpy as np
from threadpoolctl import threadpool_limits

from affex.features.networks.asking import Asked
from affex.features.networks.batches import AHEAD, Batch, Batches, Numbers, Pictures, kind_of
from affex.pipeline.execution.proof import portable
from affex.pipeline.serving.arena import Arena
from affex.pipeline.serving.collecting import PATIENCE, Collector, Kind, Picture, Request

#: The time between two looks at a running batch, s.
LOOK = 0.0005
#: Messages over the control socket: descriptors of another client come with it, and a question for the counts.
ADD, COUNTS = b"+", b"?"


@dataclass
class Counts:
    """What a server did.

    Parameters
    ----------
    pictures
        Pictures that clients asked for.
    given
        Pictures that networks got, with the copies that fill batches up.
    batches, waits
        Batches that ran, and how often the server waited for the device.
    copies
        Copies of pictures in the host's memory: one into the arena, or three through a pipe.
    busy
        How long the device computed, s.
    """

    pictures: int = 0
    given: int = 0
    batches: int = 0
    waits: int = 0
    copies: int = 0
    busy: float = 0.0

    def __sub__(self, earlier: "Counts") -> "Counts":
        """Return what was done since an earlier count."""
        return Counts(*map(operator.sub, astuple(self), astuple(earlier)))


@dataclass(eq=False)
class _Client:
    connection: Connection
    arena: Arena | None
    networks: list[Asked] = field(default_factory=list)
    n_streams: int = 0


class Server:
    """Networks on one device, for the clients that come over a control socket (`networks`).

    Parameters
    ----------
    control
        The socket.
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    weights
        A folder of weight files; empty for none.
    """

    def __init__(self, control: socket.socket, device: str, weights: str) -> None:
        self.counts = Counts()
        self._control = control
        self._device, self._weights = device, weights
        self._networks: dict[Asked, Batches] = {}
        self._clients: dict[Connection, _Client] = {}
        self._broken: dict[Kind, Exception] = {}
        self._collector = Collector(self._sizes)
        self._under_way: deque[tuple[list[Picture], Batch]] = deque()

    def serve(self) -> None:
        """Serve until the other end of the control socket is closed."""
        with contextlib.suppress(EOFError):
            while True:
                self._step()

    def _step(self) -> None:
        self._listen()
        while self._under_way and self._under_way[0][1].is_done:
            self._finish()
        while self._begin():
            pass

    def _listen(self) -> None:
        """Read all requests that have come; wait for one if there is nothing else to do."""
        patience = LOOK if self._under_way else PATIENCE if self._collector.n_requests else None
        for ready in wait([self._control, *self._clients], patience):
            if ready == self._control:
                self._obey()
            else:
                self._hear(self._clients[cast(Connection, ready)])

    def _obey(self) -> None:
        """Admit a client, or answer with the counts."""
        message, descriptors, *_ = socket.recv_fds(self._control, 1, 2)
        if not message:
            raise EOFError
        if message == COUNTS:
            self._control.sendall(pickle.dumps(self.counts))
            return
        connection, *shared = descriptors
        client = _Client(Connection(connection), _opened(shared[0], self._device) if shared else None)
        self._clients[client.connection] = client

    def _hear(self, client: _Client) -> None:
        try:
            while client.connection.poll():
                self._take(client, client.connection.recv())
        except (EOFError, OSError):
            self._forget(client)

    def _forget(self, client: _Client) -> None:
        if client.arena is not None and kind_of(self._device) == "cuda":
            _unpin(client.arena)
        del self._clients[client.connection]
        self._collector.remove(lambda request: request.client is client)
        client.connection.close()

    def _take(self, client: _Client, message: Any) -> None:
        if message[0] is None:
            client.n_streams += message[1]
            return
        number, network, new, shape, place = message
        if new is not None:
            client.networks.append(new)
        pictures = _pictures(client, shape, place)
        kind = (client.networks[network], *shape[1:3])
        self.counts.pictures += len(pictures)
        self.counts.copies += len(pictures) * (3 if isinstance(place, bytearray) else 1)
        self._collector.add(Request(kind, pictures, client, number, time.monotonic()))

    def _begin(self) -> bool:
        """Begin the next batch; return whether there was one."""
        if len(self._under_way) >= AHEAD[kind_of(self._device)]:
            return False
        n_streams = sum(client.n_streams for client in self._clients.values())
        due = self._collector.due(n_streams=n_streams, is_idle=not self._under_way, now=time.monotonic())
        if due is not None:
            kind, pictures, size = due
            with self._answering(pictures):
                self._under_way.append((pictures, self._begun(kind, pictures, size)))
        return due is not None

    def _begun(self, kind: Kind, pictures: list[Picture], size: int) -> Batch:
        if kind in self._broken:
            raise self._broken.pop(kind)
        batch = self._network(kind[0]).begin([request.pictures[place] for request, place in pictures], size)
        self.counts.batches += 1
        self.counts.given += size
        return batch

    def _finish(self) -> None:
        """Answer the requests whose last pictures were in the oldest running batch."""
        pictures, batch = self._under_way.popleft()
        with self._answering(pictures):
            numbers = batch.numbers()
            self.counts.waits += 1
            self.counts.busy += batch.seconds()
            for (request, place), found in zip(pictures, numbers, strict=True):
                request.found[place] = found
            for request in dict.fromkeys(request for request, _ in pictures):
                if len(request.found) == len(request.pictures):
                    self._answer(request, request.numbers())

    @contextlib.contextmanager
    def _answering(self, pictures: list[Picture]) -> Iterator[None]:
        """Make an error the answer to the requests of a batch."""
        try:
            yield
        except Exception as error:
            for request in dict.fromkeys(request for request, _ in pictures):
                self._collector.remove(partial(operator.is_, request))
                self._answer(request, portable(error))

    def _answer(self, request: Request, answer: Numbers | Exception) -> None:
        with contextlib.suppress(OSError):  # its client has ended
            request.client.connection.send((request.number, answer))

    def _sizes(self, kind: Kind) -> Sequence[int]:
        try:
            return self._network(kind[0]).sizes(*kind[1:])
        except Exception as error:  # the answer to the next batch
            self._broken[kind] = error
            return (1,)

    def _network(self, asked: Asked) -> Batches:
        """Return a network, loaded at its first use."""
        if asked not in self._networks:
            self._networks[asked] = asked.batches(self._device, self._weights)
            threadpool_limits(1)  # after loading: a limit works only on loaded libraries; OpenMP's is per thread
        return self._networks[asked]


def _pictures(client: _Client, shape: tuple[int, ...], place: int | bytearray) -> Pictures:
    """Return the pictures of a request: in the arena, or as they came."""
    memory, first = (place, 0) if isinstance(place, bytearray) else (_memory(client), place)
    return np.frombuffer(memory, np.uint8, math.prod(shape), first).reshape(shape)


def _memory(client: _Client) -> mmap:
    assert client.arena is not None
    return client.arena.memory


def _opened(shared: int, device: str) -> Arena:
    """Return the memory behind a descriptor; the GPU can copy from it without a wait."""
    arena = Arena(shared)
    os.close(shared)
    if kind_of(device) == "cuda":
        with contextlib.suppress(RuntimeError):  # without this, copies wait, and nothing else changes
            _pin(arena)
    return arena


def _pin(arena: Arena) -> None:
    import torch

    memory = np.frombuffer(arena.memory, np.uint8)
    torch.cuda.cudart().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)  # type: ignore[no-untyped-call]


def _unpin(arena: Arena) -> None:
    """Let the system have shared memory back, once no batch reads it."""
    import torch

    torch.cuda.synchronize()
    memory = np.frombuffer(arena.memory, np.uint8)
    torch.cuda.cudart().cudaHostUnregister(memory.ctypes.data)  # type: ignore[no-untyped-call]


def main(control: int, device: str, weights: str) -> None:
    """Serve over a socket of this descriptor until its other end is closed."""
    Server(socket.socket(fileno=control), device, weights).serve()
    os._exit(0)  # without the device's own end, which takes long
