"""Text that people or files wrote, made fit to be shown: what steers a terminal, or hides, is spelt out."""

import unicodedata

#: Categories of Unicode that are not shown as they are: control characters, format characters (among them those that
#: turn the direction of writing), halves of surrogate pairs, and what parts lines and paragraphs.
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

#: Joiners within emoji and within words of several scripts, and what says how an emoji looks: they move nothing.
JOINERS = {"\u200c", "\u200d"}


def printable(text: object, *, keep: str = "") -> str:
    r"""Return a text in which every character that a reader could not see is written as Python escapes it.

    Parameters
    ----------
    text
        Anything; what is no text is made one.
    keep
        Characters that stay, as the line ends of a message.

    Examples
    --------
    >>> print(printable("a\x1b[31mb\u202ec\n"))
    a\x1b[31mb\u202ec\n
    """
    written = str(text)
    if written.isprintable():
        return written
    return "".join(c if c in keep or c in JOINERS or not _is_hidden(c) else ascii(c)[1:-1] for c in written)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in HIDDEN
