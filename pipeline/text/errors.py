"""Errors for users: what was wrong, where, what was expected, what to do next."""

import difflib
from collections.abc import Iterable, Sequence

#: The most known names in an error: enough for all corpora, features and fields, but not for all utterances.
SHOWN = 60


class AffexError(Exception):
    """A run cannot continue; the message is shown to the user (exit code 1)."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows, which asks for this name: the message, without the way to it."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(AffexError):
    """A requested thing does not exist, or settings do not fit together (exit code 2)."""


class CorpusError(AffexError):
    """A folder or table is not the expected corpus."""


class MediaError(AffexError):
    """A recording cannot be read; extraction records the failure and continues."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for an unknown name, with the most similar known names.

    Parameters
    ----------
    kind
        The kind of thing, such as ``"feature"``.
    name
        The unknown name.
    known
        All known names.
    """
    known = sorted(known)
    close = _nearest(name, known)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return UsageError(f"There is no {kind} '{name}'.{hint}\nKnown: {', '.join(known[:SHOWN])}{more}.")


def _nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return up to three similar names, ignoring case: those with the same ending, else those spelled similarly."""
    wanted, lower = name.lower(), {one.lower(): one for one in reversed(known)}
    if ends := [one for one in known if one.lower().endswith(f"/{wanted}")]:
        return ends[:3]
    like = difflib.get_close_matches(wanted, lower, n=3, cutoff=0.5)
    last = {one.rpartition("/")[2].lower(): one for one in reversed(known)}
    parts = difflib.get_close_matches(wanted.rpartition("/")[2], last, n=3, cutoff=0.75)
    return list(dict.fromkeys([*(lower[one] for one in like), *(last[one] for one in parts)]))[:3]
