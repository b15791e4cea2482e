"""Spans of a file: from a span to the error message if it is not inside the file."""

import math

#: A span may end this much after its file, s: labels are set by hand, files end with a frame.
SPAN_SLACK = 0.05

#: Ends from this value on may be milliseconds, if they fit the file as such.
MILLISECONDS = 100.0


def nonsense(name: str, start: float | None, end: float | None) -> str | None:
    """Return why a span is invalid in any file; None if it is valid."""
    begins, ends = start or 0.0, math.inf if end is None else end
    if not 0 <= begins < math.inf or math.isnan(ends) or end == math.inf:
        return f"the span {begins} to {ends} s of {name} is invalid: expected seconds, from 0 on"
    return f"the span {begins:.3f} to {ends:.3f} s of {name} is empty" if ends <= begins else None


def outside(
    name: str, start: float | None, end: float | None, held: str, seconds: float, cut: str | None = None
) -> str:
    """Return the error message for a span that reaches or begins beyond the end of its file.

    Parameters
    ----------
    held
        The kind of media that has this length, such as ``"sound"``.
    seconds : float, s
        The end of the media.
    cut
        The evidence that the file was cut short; None without it.
    """
    holds = f"has {seconds:.3f} s of {held}" + (f" and is cut short: {cut}" if cut else "")
    if _may_be_milliseconds(start, end, seconds):
        holds += ". Are start and end in seconds? They would fit as milliseconds"
    if end is None:
        return f"the span begins at {_short(start or 0.0)} s, and {name} {holds}"
    return f"the span {_short(start or 0.0)} to {_short(end)} s reaches beyond the end of {name}, which {holds}"


def _may_be_milliseconds(start: float | None, end: float | None, seconds: float) -> bool:
    last = (start or 0.0) if end is None else end
    return last >= max(MILLISECONDS, 2 * seconds) and last / 1000 <= seconds + SPAN_SLACK


def _short(time: float) -> str:
    """Return a time with milliseconds; a huge value in a short form instead of hundreds of digits."""
    return f"{time:.3f}" if time < 1e9 else f"{time:g}"
