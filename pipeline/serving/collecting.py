"""Collecting: from the requests of many streams to batches of one network and one shape.

A batch begins when it is full, when no other stream could add to it, or when its oldest picture has waited for
`PATIENCE`. While another batch runs, pictures collect.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.features.networks.batches import size_for

#: The longest time that a picture waits for others while the device is idle, s.
PATIENCE = 0.002
#: A batch of at least this many pictures is sent to the device while another one runs.
EARLY = 32

#: The network and the height and width of pictures that can share a batch.
Kind = tuple[Any, int, int]


@dataclass(eq=False)
class Request:
    """The pictures that a stream sent at once, and the numbers that have come back.

    Parameters
    ----------
    kind
        The network, and the height and width of the pictures, px.
    pictures : (n, height, width, 3) uint8
        In the memory that is shared with the stream.
    client, number
        Who is answered, and the request's number there.
    came
        When it came, s.
    """

    kind: Kind
    pictures: NDArray[np.uint8]
    client: Any
    number: int
    came: float
    found: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def numbers(self) -> NDArray[np.float32]:
        """Return the numbers of all pictures, in order."""
        return np.stack([self.found[place] for place in range(len(self.pictures))])


#: A picture of a request, by its place.
Picture = tuple[Request, int]


class Collector:
    """The pictures that wait for a batch.

    Parameters
    ----------
    sizes
        Function from a kind of pictures to the sizes of its batches.
    """

    def __init__(self, sizes: Callable[[Kind], Sequence[int]]) -> None:
        self._sizes = sizes
        self._waiting: dict[Kind, deque[Picture]] = {}

    def add(self, request: Request) -> None:
        """Add the pictures of a request."""
        waiting = self._waiting.setdefault(request.kind, deque())
        waiting.extend((request, place) for place in range(len(request.pictures)))

    def remove(self, is_over: Callable[[Request], bool]) -> None:
        """Forget the pictures of requests that are over."""
        for waiting in self._waiting.values():
            kept = [picture for picture in waiting if not is_over(picture[0])]
            waiting.clear()
            waiting.extend(kept)

    @property
    def n_requests(self) -> int:
        """The number of requests with waiting pictures."""
        return len({id(request) for waiting in self._waiting.values() for request, _ in waiting})

    def due(self, *, n_streams: int, is_idle: bool, now: float) -> tuple[Kind, list[Picture], int] | None:
        """Return the next batch: its kind, its pictures, its size; None if it is better to wait.

        Parameters
        ----------
        n_streams
            The number of streams that may send a request, with those that wait.
        is_idle
            Whether no batch runs.
        now
            The time, s.
        """
        kind = max(self._waiting, key=lambda one: len(self._waiting[one]), default=None)
        if kind is None or not self._waiting[kind]:
            return None
        waiting, sizes = self._waiting[kind], self._sizes(kind)
        is_full = len(waiting) >= (max(sizes) if is_idle else min(EARLY, max(sizes)))
        if not is_full and not (is_idle and self._nothing_comes(n_streams, now)):
            return None
        size = size_for(len(waiting), sizes)
        return kind, [waiting.popleft() for _ in range(min(size, len(waiting)))], size

    def _nothing_comes(self, n_streams: int, now: float) -> bool:
        oldest = min(waiting[0][0].came for waiting in self._waiting.values() if waiting)
        return now - oldest >= PATIENCE or self.n_requests >= n_streams
