"""Audits of keys as tables: the arrow from what folds share to what a terminal shows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from affex.pipeline.evaluation.key_audit import FoldAudit, FoldsAudit, Shared, TableAudit, Verdict
from affex.pipeline.reporting import tables

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("corpus", "fold", "training", "test", "speakers", "recordings", "texts")

#: How many names a cell and a sentence show; JSON has all.
CELL, SHOWN = 3, 5

VERDICTS: dict[Verdict, str] = {
    "leaks": "A speaker or a recording is on both sides of a fold",
    "clean": "No speaker and no recording is on both sides of a fold",
    "unknown": "Nothing found, but not every speaker is known",
}


def show(console: "Console", found: FoldsAudit) -> None:
    """Print what is on both sides of each fold, what is not known, and a verdict for each corpus."""
    rows = [tuple(_row(table, fold)) for table in found.tables for fold in table.folds]
    narrow = "\n".join(_narrow(row) for row in rows)
    console.print("On both sides of a fold, of those on its test side:")
    console.print(tables.fitting(console, tables.table(COLUMNS, rows), narrow))
    for line in lines(found):
        console.print(line)


def lines(found: FoldsAudit) -> Iterator[str]:
    """Yield what is not known, the remarks, and the corpora by verdict, a sentence each."""
    for table in found.tables:
        if table.unmatched:
            yield (
                f"{table.corpus}: the speaker of {len(table.unmatched)} of {table.n_keys} keys is not known: "
                f"{_listed(table.unmatched, SHOWN)}."
            )
        yield from (f"{table.corpus}: {remark}." for remark in table.remarks)
    yield from (f"{remark}." for remark in found.remarks)
    for verdict, words in VERDICTS.items():
        if corpora := [table.corpus for table in found.tables if table.verdict == verdict]:
            yield f"{words}: {len(corpora)} of {len(found.tables)} ({', '.join(corpora)})."
    if any(fold.texts and fold.texts.n for table in found.tables for fold in table.folds):
        yield "A text on both sides is a note, not a leak: most corpora have every speaker say the same sentences."


def _row(table: TableAudit, fold: FoldAudit) -> Iterator[str]:
    yield table.corpus
    yield fold.fold
    yield f"{fold.n_train}" + (f" + {fold.n_validation}" if fold.n_validation else "")
    yield f"{fold.n_test}"
    yield _cell(fold.speakers)
    yield _cell(fold.recordings)
    yield _cell(fold.texts)


def _cell(shared: Shared | None) -> str:
    """Return a count with the first names, as in ``2 of 2: OA, YA``."""
    if shared is None:
        return "not known"
    return f"{shared.n} of {shared.of}" + (f": {_listed(shared.names, CELL)}" if shared.n else "")


def _narrow(row: tuple[str, ...]) -> str:
    corpus, fold, _, _, *shared = row
    cells = zip(COLUMNS[4:], shared, strict=True)
    return f"{corpus}, fold {fold}: " + "; ".join(f"{name} {cell}" for name, cell in cells)


def _listed(names: tuple[str, ...], most: int) -> str:
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")
