"""Printable text: writes control and invisible characters in the text of users and files as escapes."""

import unicodedata
from collections.abc import Callable

#: Categories of Unicode that are escaped: control characters, format characters (including those that change the
#: direction of writing), halves of surrogate pairs, and separators of lines and paragraphs.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

#: Joiners within emoji and within words of several scripts, and variation selectors of emoji: they are harmless.
JOINERS = {"\u200c", "\u200d"}


def is_hidden(character: str) -> bool:
    """Return whether a character controls a terminal, or is invisible and not a joiner."""
    return unicodedata.category(character) in HIDDEN and character not in JOINERS


def printable(text: object, *, keep: str = "", hidden: Callable[[str], bool] = is_hidden) -> str:
    r"""Return a text in which every invisible character is written as a Python escape.

    Parameters
    ----------
    text
        Any object; it is converted to text.
    keep
        Characters that are not escaped, such as the line ends of a message.
    hidden
        Function that returns whether another character is escaped; printable ASCII is never escaped.

    Examples
    --------
    >>> print(printable("a\x1b[31mb\u202ec\n"))
    a\x1b[31mb\u202ec\n
    """
    written = str(text)
    if written.isascii() and written.isprintable():
        return written
    return "".join(c if c in keep or not hidden(c) else ascii(c)[1:-1] for c in written)
