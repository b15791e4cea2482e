"""Sampling of pictures: from a text such as ``5/s`` to instants of time, independent of the frame rate.

A rate or a number becomes *instants*: the utterance is divided into equal steps with one instant in the middle of each,
and each instant takes the picture that is shown then. So videos of different or varying frame rates are sampled alike,
and a picture that is shown at several instants is taken once.

The text is ``all``, ``13/s`` (thirteen per second), ``20/3s`` (twenty in three seconds), ``16/clip`` (sixteen
spread evenly over the utterance) or ``16-random/clip`` (sixteen drawn at random from it, in order of time, without
repetition). What is drawn depends on the utterance's id and length only, so it is the same on every machine.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WRITTEN = re.compile(r"(?P<count>[1-9]\d*)((?P<random>-random)/clip|/(?P<span>clip|(?P<seconds>\d+(\.\d+)?)?s))")

#: Random instants are drawn from the middles of stretches this long, s: a picture at 25 a second, so that two of them
#: seldom show one picture.
SLOT = 0.04


@dataclass(frozen=True)
class Sampling:
    """A number of pictures per stretch of time.

    Parameters
    ----------
    count : int or None
        The number of pictures; None for all pictures.
    seconds : float, s, or None
        The length of the stretch; None for the whole utterance.
    random : bool
        Whether the instants are drawn at random, not spread evenly.
    """

    count: int | None = None
    seconds: float | None = None
    random: bool = False

    @property
    def by_length(self) -> bool:
        """Whether the instants depend on the length of the utterance."""
        return self.count is not None and self.seconds is None

    def instants(self, start: float, end: float, seed: str = "") -> Iterator[float] | None:
        """Return the instants from `start` to before `end` (s), in order, or None for all pictures.

        Parameters
        ----------
        start, end : float, s
            Beginning and end of the utterance; with a rate, `end` may be infinite.
        seed
            Seeds random instants: the utterance's id.
        """
        if self.count is None:
            return None
        n_slots = int((end - start) / SLOT) if self.random else 0
        if n_slots > self.count:
            return (start + (slot + 0.5) * SLOT for slot in _drawn(n_slots, self.count, seed))
        step = (end - start if self.seconds is None else self.seconds) / self.count
        steps = itertools.count() if self.seconds else range(self.count)
        return itertools.takewhile(lambda instant: instant < end, (start + (k + 0.5) * step for k in steps))


def _drawn(n: int, count: int, seed: str) -> list[int]:
    """Return so many of the numbers below `n`, in order: those whose hashes with the seed are the least."""
    hashes = {
        number: hashlib.sha256(f"{number} {seed}".encode("utf-8", "surrogatepass")).digest() for number in range(n)
    }
    return sorted(sorted(hashes, key=hashes.__getitem__)[:count])


def sampling(text: str) -> Sampling:
    """Parse a sampling: ``all``, ``13/s``, ``20/3s``, ``16/clip`` or ``16-random/clip``.

    Raises
    ------
    ValueError
        If the text has another form.
    """
    if text == "all":
        return Sampling()
    match = _WRITTEN.fullmatch(text)
    if match is None or float(match["seconds"] or 1) == 0:
        raise ValueError(
            f"sampling={text}: expected all, or a number of pictures per stretch of time, as in 13/s, 20/3s, 16/clip "
            "or 16-random/clip"
        )
    if match["random"]:
        return Sampling(int(match["count"]), random=True)
    return Sampling(int(match["count"]), None if match["span"] == "clip" else float(match["seconds"] or 1))
