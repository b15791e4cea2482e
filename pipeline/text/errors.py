"""Errors for people: what was wrong, where, what was expected, what to do next."""

import difflib
from collections.abc import Iterable, Sequence

#: How many known names an error lists: corpora, features and fields all, of utterances some.
SHOWN = 60


class AffexError(Exception):
    """A run cannot go on; the message is shown as it stands (exit code 1)."""


class UsageError(AffexError):
    """What was asked for does not exist or does not fit together (exit code 2)."""


class CorpusError(AffexError):
    """A folder or table is not the corpus it was said to be."""


class MediaError(AffexError):
    """One recording cannot be read; extraction records it and goes on."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that nothing answers to, with the nearest ones.

    Parameters
    ----------
    kind
        What the name should have named, as in ``"feature"``.
    name
        What was asked for.
    known
        Every name there is.
    """
    known = sorted(known)
    close = _nearest(name, known)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return UsageError(f"There is no {kind} '{name}'.{hint}\nKnown: {', '.join(known[:SHOWN])}{more}.")


def _nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return up to three names that may be meant, whatever their case: those that end so, else those that look so."""
    wanted, lower = name.lower(), {one.lower(): one for one in reversed(known)}
    if ends := [one for one in known if one.lower().endswith(f"/{wanted}")]:
        return ends[:3]
    like = difflib.get_close_matches(wanted, lower, n=3, cutoff=0.5)
    last = {one.rpartition("/")[2].lower(): one for one in reversed(known)}
    parts = difflib.get_close_matches(wanted.rpartition("/")[2], last, n=3, cutoff=0.75)
    return list(dict.fromkeys([*(lower[one] for one in like), *(last[one] for one in parts)]))[:3]
