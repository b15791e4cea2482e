"""Errors for people: what was wrong, where, what was expected, what to do next."""

import difflib
from collections.abc import Iterable

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
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return UsageError(f"There is no {kind} '{name}'.{hint}\nKnown: {', '.join(known[:SHOWN])}{more}.")
