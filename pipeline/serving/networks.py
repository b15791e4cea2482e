"""Networks: the process of a device, which runs networks for the local processes of a `pool`.

It starts with the first local process, and again if it died. Local processes end with it, so that their tasks are run
again elsewhere. It ends with this process.

Over its control socket it gets the descriptors of each local process, or is asked for its `Counts`.
"""

import pickle
import socket
import subprocess
import threading
from typing import cast

from affex.pipeline.serving import server
from affex.pipeline.serving.server import COUNTS, Counts
from affex.pipeline.serving.starting import started


class Networks:
    """The process of a device.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:1`` ...
    weights
        A folder of weight files; empty for none.
    """

    def __init__(self, device: str, weights: str = "") -> None:
        self._device, self._weights = device, weights
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def add(self, connection: int, shared: int | None) -> None:
        """Serve another local process.

        Parameters
        ----------
        connection
            The descriptor of the connection to it.
        shared
            The descriptor of the memory that it shares (`arena`); None if there is none.
        """
        descriptors = [number for number in (connection, shared) if number is not None]
        with self._lock:
            try:
                socket.send_fds(self._running(), [server.ADD], descriptors)
            except OSError:  # it has just died
                self._end()
                socket.send_fds(self._running(), [server.ADD], descriptors)

    def counts(self) -> Counts:
        """Return what it has done since it started."""
        with self._lock:
            control = self._running()
            control.sendall(COUNTS)
            with control.makefile("rb") as answers:
                return cast(Counts, pickle.load(answers))

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None and self._control is not None:
            self._process.kill()
            self._process.wait()
            self._control.close()
            self._process = self._control = None

    def _running(self) -> socket.socket:
        """Return the control socket of the process, which is started if it does not run."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._control is None:
            self._control, there = socket.socketpair()
            with there:
                self._process = started(
                    server.main, there.fileno(), self._device, self._weights, inherited=[there.fileno()]
                )
        return self._control
