"""Asking: the interface to a network that runs elsewhere, in the one process that has the device.

A feature that gets `features.base.Runtime.ask` loads no network. It names the network (`Asked`) and asks for the
numbers of its pictures. The other process collects the pictures of many streams into its batches.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from affex.features.networks.batches import Batches, Numbers, Pictures


class Asked(Protocol):
    """The identity of a network; it can be hashed, compared and pickled."""

    def batches(self, device: str, weights: str) -> Batches:
        """Return the network, loaded on a device; `weights` is a folder of weight files or empty."""
        ...


class Turn(AbstractContextManager[object], Protocol):
    """A lock: its holder computes; it is released during waits."""

    def acquire(self) -> bool:
        """Wait for the turn."""
        ...

    def release(self) -> None:
        """Let another thread compute."""
        ...


class Ask(Protocol):
    """The way to the process that runs networks."""

    @property
    def turn(self) -> Turn:
        """The lock that a thread holds while it computes and asks."""
        ...

    def __call__(self, asked: Asked, pictures: Pictures) -> Sequence[Numbers]:
        """Return a network's numbers of pictures, in one or several parts, in order.

        Parameters
        ----------
        asked
            The network.
        pictures : (n, height, width, 3) uint8, RGB

        Raises
        ------
        Exception
            What the network raised there.
        """
        ...
