"""Markdown: text of users for a Markdown page, where none of its characters has a meaning.

CommonMark (https://spec.commonmark.org/0.31.2/#backslash-escapes) lets a backslash stand before any ASCII punctuation.
Angle brackets and ampersands become entities, so that a page that was made from the text holds no markup either, and
ends of lines become blanks, so that a text stays in its cell or list item.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from affex.pipeline.text.printable import printable

#: What begins markup: anywhere (and in addresses, which GitHub links), and at the beginning of a line.
MARKUP = re.compile(r"([\\`*_{}\[\]#|~$@!]|:(?=//|[\w+-]+:)|(?<=www)\.)", re.IGNORECASE)
BEGINNING = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escaped(text: object) -> str:
    r"""Return a text as Markdown shows it literally, in one line.

    Examples
    --------
    >>> print(escaped("<b>*joy*</b> | [a](b)"))
    &lt;b&gt;\*joy\*&lt;/b&gt; \| \[a\](b)
    """
    return BEGINNING.sub(r"\1\\\2", _within(_line(text)))


def _line(text: object) -> str:
    return printable(" ".join(str(text).split("\n"))).strip()


def _within(line: str) -> str:
    marked = MARKUP.sub(r"\\\1", line)
    return "".join(ENTITIES.get(character, character) for character in marked)


def code(text: object) -> str:
    """Return a text as a span of code, in which nothing but a backtick has a meaning; that becomes an apostrophe."""
    return f"`{_line(text).replace('`', chr(39)) or ' '}`"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a table; cells are escaped."""
    yield _row(columns)
    yield "|" + " --- |" * len(columns)
    yield from map(_row, rows)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(_within(_line(cell)) for cell in cells)} |"
