"""Listing: the finished runs of a corpus, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting import tables
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

COLUMNS = ("run", "features", "classifier", "protocol", "figure", "when")


@dataclass(frozen=True)
class Quoted:
    """The figure of a run in a list.

    Parameters
    ----------
    model, protocol
        The fitted model, and the protocol's name.
    metric
        The name of the figure that is quoted.
    figure
        The figure, with its interval.
    mark
        The caveat beside the figure; empty for most runs.
    """

    model: tuple[str, ...]
    protocol: str
    metric: str
    figure: Interval
    mark: str


@dataclass(frozen=True)
class ListedRun:
    """A finished run.

    Parameters
    ----------
    name
        The folder's name.
    written
        When it was written, in local time, as in ``2026-01-31 12:00``.
    quoted
        None if the run cannot be read.
    problem
        Why it cannot be read.
    """

    name: str
    written: str
    quoted: Quoted | None
    problem: str = ""


def folders(runs_of: Path) -> list[Path]:
    """Return the folders of finished runs, newest first, by the time of their last written file.

    Parameters
    ----------
    runs_of
        The cache folder of a corpus, or of corpora together.
    """
    found = runs.known(runs_of.parent, runs_of.name)
    return sorted(found, key=lambda folder: (-runs.written(folder), folder.name))


def of_corpus(runs_of: Path) -> tuple[ListedRun, ...]:
    """Return the finished runs of a corpus, newest first; `runs_of` as for `folders`."""
    return tuple(map(_listed, folders(runs_of)))


def show(console: "Console", runs_of: Path, listed: tuple[ListedRun, ...]) -> None:
    """Print a table of the runs of a corpus, or that there are none; in a narrow terminal, two lines per run."""
    rows = [tuple(_row(run)) for run in listed]
    if not rows:
        console.print(f"There is no finished run in {runs_of / 'runs'}.")
        return
    narrow = "\n".join(f"{name}\n  {', '.join(filter(None, more))}" for name, *more in rows)
    console.print(f"Runs in {runs_of / 'runs'}, newest first:")
    console.print(tables.fitting(console, tables.table(COLUMNS, rows), narrow))


def _listed(folder: Path) -> ListedRun:
    written = f"{datetime.fromtimestamp(runs.written(folder)):%Y-%m-%d %H:%M}"
    try:
        return ListedRun(folder.name, written, _quoted(runs.read(folder).summary))
    except UsageError as error:
        return ListedRun(folder.name, written, None, str(error))


def _quoted(summary: Summary) -> Quoted:
    metric = next(iter(summary.headlines))
    about = summary.about
    return Quoted(about.model, about.protocol.name, metric, summary.interval(metric), tables.mark(summary).strip())


def _row(run: ListedRun) -> Iterator[str]:
    """Yield the cells of a run: its name, its figure with the interval, and when it was written."""
    yield run.name
    yield from _cells(run.quoted) if run.quoted else ("", "", "", "not readable")
    yield run.written


def _cells(quoted: Quoted) -> tuple[str, ...]:
    features, classifier, *options = quoted.model
    title = tables.METRICS[quoted.metric].title
    figure = f"{title} {tables.with_interval(quoted.figure)} {quoted.mark}".rstrip()
    return features, ", ".join((classifier, *options)), quoted.protocol, figure
