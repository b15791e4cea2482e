"""Text that people or files wrote, made fit to be shown: what steers a terminal, or hides, is spelt out."""

import unicodedata
from collections.abc import Callable

#: Categories of Unicode that are not shown as they are: control characters, format characters (among them those that
#: turn the direction of writing), halves of surrogate pairs, and what parts lines and paragraphs.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

#: Joiners within emoji and within words of several scripts, and what says how an emoji looks: they move nothing.
JOINERS = {"\u200c", "\u200d"}


def is_hidden(character: str) -> bool:
    """Tell whether a character steers a terminal, or is not shown and is no joiner."""
    return unicodedata.category(character) in HIDDEN and character not in JOINERS


def printable(text: object, *, keep: str = "", hidden: Callable[[str], bool] = is_hidden) -> str:
    r"""Return a text in which every character that a reader could not see is written as Python escapes it.

    Parameters
    ----------
    text
        Anything; what is no text is made one.
    keep
        Characters that stay, as the line ends of a message.
    hidden
        Tells which others are written out; never asked of ASCII that is printable.

    Examples
    --------
    >>> print(printable("a\x1b[31mb\u202ec\n"))
    a\x1b[31mb\u202ec\n
    """
    written = str(text)
    if written.isascii() and written.isprintable():
        return written
    return "".join(c if c in keep or not hidden(c) else ascii(c)[1:-1] for c in written)
