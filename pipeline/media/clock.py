"""The clock of a file: seconds since its beginning, which is the beginning of its first stream.

The time of sound (`sound`) and pictures (`timeline`) is their own timestamp minus the time of that beginning, also
after seeking.
"""

from typing import Any

#: Increase by hand whenever the same bytes give other samples, pictures or times; part of every key.
DECODER = 3

#: A span may begin this much before its sound or pictures, and a file may be this much shorter than declared, s.
SLACK = 0.1


def origin(container: Any) -> float:
    """Return the time of a file's beginning on the clock of its streams, s."""
    import av

    return float((container.start_time or 0) / av.time_base)


def of_several(streams: list[Any]) -> Any:
    """Return the track that is read: the first one marked as the default, else the first."""
    from av.stream import Disposition

    return next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])
