"""Tables: the arrow from a corpus's table to its rows, with checked cells."""

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from affex.pipeline.corpora import search
from affex.pipeline.text.errors import CorpusError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Parameters
    ----------
    table
        The table's path.
    number
        The row's number; the header is row 1.
    cells
        Its cells by column, without surrounding blanks.
    """

    table: Path
    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell, empty where the table has no such column."""
        return self.cells.get(column, "")

    def coded(self, column: str, codes: Mapping[str, Value]) -> Value:
        """Return the meaning of a coded cell.

        Raises
        ------
        CorpusError
            If the cell is none of the codes.
        """
        if self[column] not in codes:
            raise self.error(column, f"one of {', '.join(code or 'nothing' for code in codes)}")
        return codes[self[column]]

    def value(self, column: str, least: float, most: float) -> float | None:
        """Return a number, None where the cell is blank.

        Raises
        ------
        CorpusError
            If the cell is not a number, or outside the limits.
        """
        if not self[column]:
            return None
        try:
            found = float(self[column])
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise self.error(column, f"a number from {least:g} to {most:g}")
        return found

    def error(self, column: str, expected: str) -> CorpusError:
        """Return the error for an unexpected cell."""
        return CorpusError(f"{self.table}, row {self.number}: '{column}' is '{self[column]}', expected {expected}.")


def rows(table: Path, columns: Sequence[str], delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a table.

    Parameters
    ----------
    columns
        The required columns.

    Raises
    ------
    CorpusError
        If the table cannot be read, or lacks a column.
    """
    found = search.rows(table, delimiter)
    missing = [column for column in columns if column not in (found.fieldnames or ())]
    if missing:
        raise CorpusError(f"{table} has no column '{missing[0]}'. Looked for {', '.join(columns)}.")
    for number, cells in enumerate(found, 2):
        yield Row(table, number, {column: cell.strip() for column, cell in cells.items() if column is not None})


def keyed(found: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, Row]:
    """Return rows by their key.

    Raises
    ------
    CorpusError
        If two rows have the same key.
    """
    of: dict[Key, Row] = {}
    for row in found:
        first = of.setdefault(key(row), row)
        if first is not row:
            raise CorpusError(
                f"{row.table}: rows {first.number} and {row.number} are about one recording, expected one row for each."
            )
    return of


def unmatched(corpus: str, table: str, listed: Collection[Hashable], recorded: Collection[Hashable]) -> Iterator[str]:
    """Yield a sentence on rows without a recording, and one on recordings without a row; both are left out."""
    lost, unlisted = len(set(listed) - set(recorded)), len(set(recorded) - set(listed))
    if lost:
        yield f"{corpus}: {lost} rows of {table} have no recording there, and are left out"
    if unlisted:
        yield f"{corpus}: {unlisted} recordings have no row in {table}, and are left out"
