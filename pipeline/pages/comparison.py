"""The page of a comparison: the runs, their differences, and which of these are more than chance."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.pages import page, run_pictures, run_tables
from affex.pipeline.pages.page import Cell, Picture, Table
from affex.pipeline.pages.run import PAGE as RUN_PAGE
from affex.pipeline.pages.run_pictures import Bar
from affex.pipeline.reporting import comparison_tables, tables
from affex.pipeline.reporting.compared import Compared

#: The file in a comparison's folder.
PAGE = "comparison.html"


def write(found: Compared, folder: Path, run_folders: Sequence[Path]) -> Path:
    """Write the page of a comparison; return its path.

    Parameters
    ----------
    run_folders
        The folder of each run, in the order of the comparison.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    page.write(folder / PAGE, "comparison.html", _content(found, folder, run_folders))
    return folder / PAGE


def _content(found: Compared, folder: Path, run_folders: Sequence[Path]) -> dict[str, object]:
    links = [link(one / RUN_PAGE, folder) for one in run_folders]
    return {
        "kind": "Comparison",
        "title": comparison_tables.comparison_title(found),
        "verdicts": [*verdicts(found)],
        "runs": runs(found, links),
        "picture": runs_picture(found),
        "differences": differences(found),
        "method": comparison_tables.method(found),
        "found": found,
    }


def link(path: Path, folder: Path) -> str:
    """Return the relative address of a file for a page in a folder; empty if there is no such file."""
    if not path.exists():
        return ""
    relative = os.path.relpath(path.resolve(), folder.resolve())
    return "/".join(map(_quoted, Path(relative).parts))


def _quoted(part: str) -> str:
    from urllib.parse import quote

    return quote(part)


def runs(found: Compared, links: Sequence[str]) -> Table:
    """Return the table of the runs, each with a letter, a readable name, and a link to its page."""
    rows = [
        (
            letter,
            Cell(name, link=address),
            run_tables.cell(run.figure.value),
            run_tables.interval_cell(run.figure),
            tables.mark(run).strip(),
        )
        for (letter, run), name, address in zip(
            comparison_tables.lettered(found), comparison_tables.readable(found), links, strict=True
        )
    ]
    level = f"{found.runs[0].figure.level:.0%} interval"
    return Table("The runs", ("letter", "run", found.known.title, level, "caveats"), rows, filterable=len(rows) > 8)


def runs_picture(found: Compared) -> Picture:
    """Draw the figure of each run with its interval, in the order of the table."""
    named = zip(comparison_tables.lettered(found), comparison_tables.readable(found), strict=True)
    rows = [Bar(f"{letter}  {name}", *_ends(run.figure)) for (letter, run), name in named]
    ceiling = comparison_tables.known_ceiling(found)
    rows += [Bar("human rater", ceiling.value)] if ceiling else []
    caption = f"{found.known.title} of each run with its interval over {found.unit}s, in the order of the table."
    return run_pictures.bars(rows, found.known.title, caption, None)


def differences(found: Compared) -> Picture:
    """Draw the difference of each pair with its interval; the verdict is the test's."""
    words = comparison_tables.pair_words(found)
    rows = [
        Bar(pair, *_ends(one.difference), verdict, is_hollow=one.winner is None)
        for (pair, verdict), one in zip(words, found.pairs, strict=True)
    ]
    caption = (
        "Difference of each pair with its interval for the given models; dashed: no difference; filled: more than "
        "chance. The verdict on the right is that of the test, not of the interval."
    )
    table = pairs(found, [pair for pair, _ in words])
    return run_pictures.bars(rows, f"difference of {found.known.title}", caption, table, 0.0, "no difference")


def _ends(interval: Interval) -> tuple[float, float | None, float | None]:
    return interval.value, interval.low, interval.high


def pairs(found: Compared, names: Sequence[str]) -> Table:
    """Return the table of the pairs, with p-values, probabilities and verdicts; `names` are what pairs are called."""
    rows = [
        (
            name,
            run_tables.cell(pair.difference.value),
            run_tables.interval_cell(pair.difference),
            Cell(tables.probability(pair.p), pair.p),
            Cell(tables.probability(pair.p_holm), pair.p_holm),
            comparison_tables.likely_words(pair, found),
            verdict,
        )
        for name, (_, verdict), pair in zip(names, comparison_tables.pair_words(found), found.pairs, strict=True)
    ]
    heads = ("pair", "difference", "interval", "p", "Holm p", "probability better, equal, worse", "verdict")
    return Table(
        "The pairs that were compared" if found.against else "Every pair of runs", heads, rows, filterable=len(rows) > 8
    )


def named_pairs(found: Compared) -> list[str]:
    """Return the pairs by the names of their runs in words."""
    called = _called(found)
    return [f"{called[pair.one]} less {called[pair.other]}" for pair in found.pairs]


def verdicts(found: Compared) -> Sequence[str]:
    """Return the pairs that differ by more than chance, a sentence each; one sentence if none does."""
    called = _called(found)
    sentences = [
        f"{called[pair.winner]} is better than {called[pair.one if pair.winner == pair.other else pair.other]}: "
        f"{abs(pair.difference.value):.3f} {found.known.title}, Holm p {tables.probability(pair.p_holm)}."
        for pair in found.pairs
        if pair.winner
    ]
    if sentences:
        return sentences
    if found.against:
        return [f"No run differs from {_called(found)[found.against]} by more than chance would."]
    return [f"No pair of these {len(found.runs)} runs differs by more than chance would."]


def _called(found: Compared) -> Mapping[str, str]:
    return dict(zip((run.name for run in found.runs), comparison_tables.readable(found), strict=True))
