"""Which pictures of a video a feature wants: by the clock, never by counting frames.

A rate or a number becomes *instants*, one in the middle of each of the equal steps that the utterance is cut
into, and each instant takes the picture that is on screen then. So a video of another or of a changing frame
rate is sampled alike, and a picture that is on screen at several instants is taken once.

Written as ``all``, ``13/s`` (thirteen a second), ``20/3s`` (twenty in three seconds) or ``16/clip`` (sixteen
spread evenly over the utterance).
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WRITTEN = re.compile(r"(?P<count>[1-9]\d*)/(?P<span>clip|(?P<seconds>\d+(\.\d+)?)?s)")


@dataclass(frozen=True)
class Sampling:
    """So many pictures of every so many seconds.

    Parameters
    ----------
    count : int or None
        How many pictures; None for all there are.
    seconds : float, s, or None
        Of how long a stretch; None for the whole utterance.
    """

    count: int | None = None
    seconds: float | None = None

    @property
    def by_length(self) -> bool:
        """Whether the instants depend on how long the utterance is."""
        return self.count is not None and self.seconds is None

    def instants(self, start: float, end: float) -> Iterator[float] | None:
        """Return the instants from `start` to before `end` (s), in order, or None where all pictures are wanted.

        Parameters
        ----------
        start, end : float, s
            The utterance; `end` may be infinite where a rate is wanted.
        """
        if self.count is None:
            return None
        step = (end - start if self.seconds is None else self.seconds) / self.count
        steps = itertools.count() if self.seconds else range(self.count)
        return itertools.takewhile(lambda instant: instant < end, (start + (k + 0.5) * step for k in steps))


def sampling(text: str) -> Sampling:
    """Return the sampling that is written as ``all``, ``13/s``, ``20/3s`` or ``16/clip``.

    Raises
    ------
    ValueError
        If it is written otherwise.
    """
    if text == "all":
        return Sampling()
    match = _WRITTEN.fullmatch(text)
    if match is None or float(match["seconds"] or 1) == 0:
        raise ValueError(
            f"sampling={text}: expected all, or a number of pictures a stretch of time, as in 13/s, 20/3s or 16/clip"
        )
    return Sampling(int(match["count"]), None if match["span"] == "clip" else float(match["seconds"] or 1))
