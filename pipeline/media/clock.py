"""One clock for everything in a file: seconds since its beginning, which is where the first of its streams begins.

Sound (`sound`) and pictures (`timeline`) are placed by their own timestamps less the time of that beginning, however
they are reached.
"""

from typing import Any

#: Raised by hand whenever the same bytes give other samples, other pictures or other times: a part of every key.
DECODER = 3

#: A span may begin this much before its sound or its pictures do, and a file hold this much less than it declares, s.
SLACK = 0.1


def origin(container: Any) -> float:
    """Return the time of a file's beginning as its streams count it, s."""
    import av

    return float((container.start_time or 0) / av.time_base)


def of_several(streams: list[Any]) -> Any:
    """Return which of several tracks is read: the first that is marked as the default, or else the first."""
    from av.stream import Disposition

    return next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])
