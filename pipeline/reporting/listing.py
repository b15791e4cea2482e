"""Listing: the finished runs of a corpus as one table, newest first."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import runs
from affex.pipeline.reporting import tables
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("run", "features", "classifier", "protocol", "figure", "when")


def folders(runs_of: Path) -> list[Path]:
    """Return the folders of finished runs, newest first, as their files were last written.

    Parameters
    ----------
    runs_of
        The cache folder of a corpus, or of corpora together.
    """
    found = runs.known(runs_of.parent, runs_of.name)
    return sorted(found, key=lambda folder: (-runs.written(folder), folder.name))


def show(console: "Console", runs_of: Path) -> None:
    """Print a table of the runs of a corpus, or that there is none; in a narrow terminal, two lines a run."""
    rows = [tuple(_row(folder)) for folder in folders(runs_of)]
    if not rows:
        console.print(f"There is no finished run in {runs_of / 'runs'}.")
        return
    narrow = "\n".join(f"{name}\n  {', '.join(filter(None, more))}" for name, *more in rows)
    console.print(f"Runs in {runs_of / 'runs'}, newest first:")
    console.print(tables.fitting(console, tables.table(COLUMNS, rows), narrow))


def _row(folder: Path) -> Iterator[str]:
    """Yield what a run is, its figure with the interval, and when it was written."""
    yield folder.name
    try:
        found = runs.read(folder).found
    except UsageError:
        yield from ("", "", "", "not readable")
    else:
        features, classifier, *options = found["model"]
        (name, metric), *_ = tables.headlines(found).items()
        yield from (features, ", ".join((classifier, *options)), found["card"]["name"])
        yield f"{metric.title} {tables.with_interval(found['intervals'][name])}{tables.mark(found)}"
    yield f"{datetime.fromtimestamp(runs.written(folder)):%Y-%m-%d %H:%M}"
