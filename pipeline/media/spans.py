"""Spans of a file, and what is said of those that are not in it."""

import math

#: A span may end this much after its file does, s: labels are cut by hand, files by frames.
SPAN_SLACK = 0.05

#: Ends from here on may be milliseconds, where the file is as long as they would say.
MILLISECONDS = 100.0


def nonsense(name: str, start: float | None, end: float | None) -> str | None:
    """Return why a span makes no sense in any file; None where it does."""
    begins, ends = start or 0.0, math.inf if end is None else end
    if not 0 <= begins < math.inf or math.isnan(ends) or end == math.inf:
        return f"the span {begins} to {ends} s of {name} is none: expected seconds, from 0 on"
    return f"the span {begins:.3f} to {ends:.3f} s of {name} is empty" if ends <= begins else None


def outside(
    name: str, start: float | None, end: float | None, held: str, seconds: float, cut: str | None = None
) -> str:
    """Return what is said of a span that reaches beyond the end of its file, or begins there.

    Parameters
    ----------
    held
        What the file holds that long, as in ``"sound"``.
    seconds : float, s
        Where it ends.
    cut
        How the file shows that it was cut.
    """
    holds = f"holds {seconds:.3f} s of {held}" + (f" and is cut short: {cut}" if cut else "")
    if _may_be_milliseconds(start, end, seconds):
        holds += ". Are start and end in seconds? They would fit as milliseconds"
    if end is None:
        return f"the span begins at {_short(start or 0.0)} s, and {name} {holds}"
    return f"the span {_short(start or 0.0)} to {_short(end)} s reaches beyond the end of {name}, which {holds}"


def _may_be_milliseconds(start: float | None, end: float | None, seconds: float) -> bool:
    last = (start or 0.0) if end is None else end
    return last >= max(MILLISECONDS, 2 * seconds) and last / 1000 <= seconds + SPAN_SLACK


def _short(time: float) -> str:
    """Return a time with milliseconds; one that is out of all reason, without its hundreds of digits."""
    return f"{time:.3f}" if time < 1e9 else f"{time:g}"
