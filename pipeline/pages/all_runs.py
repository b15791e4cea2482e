"""The page of all runs: the finished runs of one corpus or of several, and which differ by more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.pages import comparison, page, run_pictures, run_tables
from affex.pipeline.pages.page import Cell, Picture, Table
from affex.pipeline.pages.run import PAGE as RUN_PAGE
from affex.pipeline.pages.run_pictures import Bar
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.comparison import MOST, alike, compare
from affex.pipeline.reporting.listing import ListedRun

#: The file in a corpus's cache folder, or, for several corpora, in the folder of all caches.
PAGE = "report.html"


@dataclass(frozen=True)
class CorpusRuns:
    """The finished runs of a corpus.

    Parameters
    ----------
    name
        The corpus.
    folder
        Its cache folder.
    listed
        All runs, newest first, also those that cannot be read.
    runs
        Those that can be read, newest first.
    """

    name: str
    folder: Path
    listed: Sequence[ListedRun]
    runs: Sequence[Run]


@dataclass(frozen=True)
class Group:
    """Runs that can be compared: of one corpus, protocol, target and set of classes.

    Parameters
    ----------
    title
        What they have in common.
    picture
        The main figure of each, on one axis.
    verdicts
        The pairs that differ by more than chance, a sentence each; empty for a single run.
    differences
        All pairs; None for a single run.
    note
        Which runs are left out of the test; empty if none is.
    """

    title: str
    picture: Picture
    verdicts: Sequence[str] = ()
    differences: Table | None = None
    note: str = ""


def write(corpora: Sequence[CorpusRuns], path: Path) -> None:
    """Write the page of all runs of some corpora.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    content = {
        "kind": "All runs",
        "title": ", ".join(one.name for one in corpora),
        "runs": _listed(corpora, path.parent),
        "groups": [group for one in corpora for group in map(_group, alike(one.runs))],
        "unreadable": [(run.name, run.problem) for one in corpora for run in one.listed if run.problem],
    }
    page.write(path, "all_runs.html", content)


def _listed(corpora: Sequence[CorpusRuns], folder: Path) -> Table:
    """Return the table of all runs that can be read."""
    rows = [_row(one, run, listed, folder) for one in corpora for run, listed in _dated(one)]
    heads = ("features", "classifier", "corpus", "protocol", "figure", "value", "interval", "caveats", "written")
    return Table("All finished runs; a click on a head sorts them", heads, rows, filterable=True)


def _dated(corpus: CorpusRuns) -> list[tuple[Run, ListedRun]]:
    listed = {one.name: one for one in corpus.listed}
    return [(run, listed[run.name]) for run in corpus.runs]


def _row(corpus: CorpusRuns, run: Run, listed: ListedRun, folder: Path) -> tuple[Cell | str, ...]:
    summary = run.summary
    name, known = next(iter(summary.headlines.items()))
    features, classifier, *options = summary.about.model
    interval = summary.interval(name)
    return (
        Cell(features, link=comparison.link(run.folder / RUN_PAGE, folder)),
        ", ".join((classifier, *options)),
        corpus.name,
        str(summary.about.protocol),
        known.title,
        run_tables.cell(interval.value),
        run_tables.interval_cell(interval),
        tables.mark(summary).strip(),
        listed.written,
    )


def _group(members: Sequence[Run]) -> Group:
    """Return the picture of runs that can be compared, and the verdicts on the newest of them."""
    first = members[0].summary
    picture = _picture(members, first)
    tested = members[:MOST]
    if len(tested) < 2:
        return Group(_title(first), picture)
    found = compare(tested)
    note = f"The test is of the newest {MOST} of {len(members)} runs." if len(members) > MOST else ""
    return Group(
        _title(first), picture, comparison.verdicts(found), comparison.pairs(found, comparison.named_pairs(found)), note
    )


def _title(summary: Summary) -> str:
    about, n = summary.about, len(summary.classes)
    what = f"{n} classes" if n else about.protocol.target
    return f"{about.corpus}: {about.protocol}, {what}"


def _picture(members: Sequence[Run], first: Summary) -> Picture:
    """Draw the main figure of each run, the largest on top."""
    name, known = next(iter(first.headlines.items()))
    rows = [
        Bar(f"{', '.join(run.summary.about.model)}{tables.mark(run.summary)}", one.value, one.low, one.high)
        for run in members
        for one in [run.summary.interval(name)]
    ]
    ordered = sorted(rows, key=lambda row: -(row.value if row.value is not None else -1.0))
    caption = (
        f"{_title(first)}: {known.title} of each run with its interval over {first.about.unit}s; the largest is on "
        "top, which says nothing about differences: the test does."
    )
    return run_pictures.bars(ordered, known.title, caption, None, first.figures[name].chance)
