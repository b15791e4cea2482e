"""Cells of csv files that people open in spreadsheets: text that a spreadsheet would run as a formula is escaped.

A cell that begins with one of `FORMULA` and is no number gets an apostrophe before it, as does one that begins with an
apostrophe; so a reader takes one apostrophe away from each cell that begins with one, and has the text again. What
begins so is a formula to a spreadsheet (OWASP, "CSV Injection",
https://owasp.org/www-community/attacks/CSV_Injection).
"""

import re
from collections.abc import Iterable

#: What a spreadsheet takes for the beginning of a formula, also in full width, and the mark of the escape.
FORMULA = "=+-@\t\r\n＝＋－＠"
MARK = "'"

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)", re.ASCII)


def escaped(text: str) -> str:
    """Return the cell that stands for a text: the text itself, but for what a spreadsheet would run.

    Examples
    --------
    >>> escaped("=1+1"), escaped("'tis"), escaped("-1.5"), escaped("joy")
    ("'=1+1", "''tis", '-1.5', 'joy')
    """
    runs = text.startswith((*FORMULA, MARK)) and not NUMBER.fullmatch(text)
    return MARK + text if runs else text


def restored(cell: str) -> str:
    """Return the text that a cell stands for: `escaped`, the other way."""
    return cell.removeprefix(MARK)


def line(cells: Iterable[str], parting: str = ",") -> str:
    """Return cells as a line of a table, with its line end; parted by a comma, or as asked for.

    A cell is in quotes where it holds what parts cells: a comma, or what a spreadsheet elsewhere takes for one.
    """
    return parting.join(_quoted(escaped(cell)) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',;\t"\r\n') else cell
