"""Cells of csv files: escapes text that a spreadsheet would run as a formula, and restores it.

A cell that begins with one of `FORMULA` and is not a number, or that begins with an apostrophe, gets an apostrophe
before it. A reader removes one apostrophe from each cell that begins with one and has the original text. A spreadsheet
treats such a beginning as a formula (OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection).
"""

import re
from collections.abc import Iterable

#: The characters that begin a formula in a spreadsheet, also in full width, and the escape.
FORMULA = "=+-@\t\r\n＝＋－＠"
MARK = "'"

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|nan)", re.ASCII)


def escaped(text: str) -> str:
    """Return the cell of a text: the text itself, or escaped if a spreadsheet would run it.

    Examples
    --------
    >>> escaped("=1+1"), escaped("'tis"), escaped("-1.5"), escaped("joy")
    ("'=1+1", "''tis", '-1.5', 'joy')
    """
    runs = text.startswith((*FORMULA, MARK)) and not NUMBER.fullmatch(text)
    return MARK + text if runs else text


def restored(cell: str) -> str:
    """Return the text of a cell: the inverse of `escaped`."""
    return cell.removeprefix(MARK)


def line(cells: Iterable[str], parting: str = ",") -> str:
    """Return cells as a line of a table, with its line end; separated by `parting`.

    A cell is quoted if it contains a separator: a comma, or the separator of spreadsheets in other countries.
    """
    return parting.join(_quoted(escaped(cell)) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',;\t"\r\n') else cell
