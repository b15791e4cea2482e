"""The page of a league: every competitor on every corpus, and which are better on average over the corpora."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.league import Standing
from affex.pipeline.pages import comparison, drawing, page, run_pictures, run_tables
from affex.pipeline.pages.page import Cell, Picture, Table
from affex.pipeline.pages.run import PAGE as RUN_PAGE
from affex.pipeline.pages.run_pictures import LONGEST, WIDTH, Bar
from affex.pipeline.publishing.references import reference
from affex.pipeline.reporting import league_tables as words
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.league_record import CorpusOfLeague, Entry, League, Part
from affex.pipeline.reporting.pictures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What the verdict and the ranks rest on.
CITES = ("pitman1937", "phipson2010", "holm1979", "demsar2006", "friedman1937")
#: The file, in the folder of all caches unless another is named.
PAGE = "league.html"


def write(found: League, folder: Path) -> Path:
    """Write the page of a league; return its path.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    parts = [("Each corpus by its own protocol", "own", found.own)]
    if found.cross:
        parts.append(("Trained on all other corpora", "cross", found.cross))
    content = {
        "kind": "League",
        "title": f"{len(found.competitors)} competitors on {', '.join(one.name for one in found.own.corpora)}",
        "verdicts": words.verdicts(found, found.own),
        "parts": [_part(found, *part, folder) for part in parts],
        "method": words.method(found),
        "interval_method": found.interval_method,
        "references": [(one.label, Cell(one.title, link=one.address)) for one in map(reference, CITES)],
        "skipped": list(found.skipped.items()),
    }
    page.write(folder / PAGE, "league.html", content)
    return folder / PAGE


def _part(found: League, heading: str, anchor: str, part: Part, folder: Path) -> dict[str, object]:
    """Return what the template shows of a part."""
    standing = part.standing
    return {
        "heading": heading,
        "anchor": anchor,
        "verdicts": words.verdicts(found, part),
        "notes": words.notes(part),
        "figures": _figures(found, part, standing, folder) if standing else None,
        "picture": _bars(found, part) if standing else None,
        "ranks": _ranks(found, part, standing) if standing and standing.corpora else None,
        "pairs": _pairs(standing) if standing and standing.pairs else None,
        "within": [_within(one, found) for one in part.corpora if one.pairs],
        "corpora": _corpora(part),
    }


def _figures(found: League, part: Part, standing: Standing, folder: Path) -> Table:
    """Return the table of competitors and corpora; each figure leads to its run's page."""
    rows: list[page.Row] = [
        (
            placed.name,
            *(_entry(corpus.entries[number], folder) for corpus in part.corpora),
            _with_interval(placed.mean),
            Cell(words.rank(placed.rank), None if math.isnan(placed.rank) else placed.rank),
        )
        for number, placed in enumerate(standing.placed)
    ]
    caption = f"{found.known.title} of each competitor on each corpus, with its 95% interval over speakers"
    return Table(caption, words.heads(found, part), rows)


def _entry(entry: Entry, folder: Path) -> Cell:
    address = comparison.link(Path(entry.run) / RUN_PAGE, folder) if entry.run else ""
    return Cell(words.words_of(entry), entry.figure.value if entry.figure else None, address)


def _with_interval(interval: Interval) -> Cell:
    return Cell(tables.with_interval(interval), None if math.isnan(interval.value) else interval.value)


def _bars(found: League, part: Part) -> Picture:
    """Draw the figure of each competitor on each corpus with its interval, all on one axis."""
    rows = [
        Bar(f"{corpus.name}: {entry.competitor}", entry.figure.value, entry.figure.low, entry.figure.high)
        for corpus in part.corpora
        for entry in corpus.entries
        if entry.figure
    ]
    caption = (
        f"{found.known.title} of each competitor on each corpus, with its interval over the speakers of the corpus."
    )
    return run_pictures.bars(rows, found.known.title, caption, None)


def _ranks(found: League, part: Part, standing: Standing) -> Picture:
    """Draw the mean rank of each competitor, and bars beside those that no verdict parts."""
    ordered = sorted(standing.placed, key=lambda placed: placed.rank)
    places = {placed.name: number for number, placed in enumerate(ordered)}
    groups = together(standing)

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            for placed in ordered:
                axes.plot(placed.rank, places[placed.name], "o", color=drawing.MAIN, markersize=7)
            for step, group in enumerate(groups):
                _bar(axes, [places[name] for name in group], len(standing.placed) + 0.3 + 0.2 * step)
            axes.set_yticks(range(len(ordered)), shown([placed.name for placed in ordered], LONGEST))
            axes.set_ylim(len(ordered) - 0.5, -0.5)
            axes.set_xlim(0.7, len(ordered) + 0.5 + 0.2 * len(groups))
            axes.set_xlabel("mean rank (1 is the best)")

    caption = (
        f"Mean rank over {len(standing.corpora)} corpora, the best on top. A bar on the right joins competitors of "
        f"which no two differ by more than chance in the verdict over corpora. {' '.join(words.ranked(found, part))}"
    ).strip()
    return drawing.picture((WIDTH, 0.9 + 0.3 * len(ordered)), draw, caption)


def _bar(axes: "Axes", places: Sequence[int], where: float) -> None:
    axes.plot([where, where], [min(places) - 0.2, max(places) + 0.2], color=drawing.BESIDE, linewidth=3)


def together(standing: Standing) -> list[tuple[str, ...]]:
    """Return the longest runs of neighbours in rank of which no two are parted by a verdict, two or more each."""
    names = [placed.name for placed in sorted(standing.placed, key=lambda placed: placed.rank)]
    parted = {frozenset((pair.one, pair.other)) for pair in standing.pairs if pair.winner}
    found: list[tuple[str, ...]] = []
    for start in range(len(names)):
        end = start + 1
        while end < len(names) and not any(frozenset((one, names[end])) in parted for one in names[start:end]):
            end += 1
        group = tuple(names[start:end])
        if len(group) > 1 and not any(set(group) <= set(other) for other in found):
            found.append(group)
    return found


def _pairs(standing: Standing) -> Table:
    rows = []
    for pair in standing.pairs:
        texts = words.pair_row(pair)
        keys = (None, pair.difference.value, pair.n_better / pair.n_corpora, pair.p, pair.p_holm, pair.across.low, None)
        rows.append([Cell(text, key) for text, key in zip(texts, keys, strict=True)])
    return Table("Every pair of competitors over the corpora", words.PAIRS, rows, filterable=len(rows) > 8)


def _within(corpus: CorpusOfLeague, found: League) -> Table:
    """Return the table of the pairs on one corpus."""
    rows = [
        (
            f"{pair.one} - {pair.other}",
            run_tables.cell(pair.difference.value),
            run_tables.interval_cell(pair.difference),
            Cell(tables.probability(pair.p_holm), pair.p_holm),
            f"{pair.winner} {pair.verdict}" if pair.winner else pair.verdict,
        )
        for pair in corpus.pairs
    ]
    heads = ("pair", f"difference of {found.known.title}", "interval", "Holm p", "verdict")
    return Table(f"Every pair on {corpus.name} alone", heads, rows)


def _corpora(part: Part) -> Table:
    """Return the table of what is known of each corpus."""
    rows = [
        (
            one.name,
            one.protocol or "-",
            run_tables.count(one.n_utterances),
            f"{one.n_clusters} {one.unit}s",
            str(len(one.classes) or "-"),
            run_tables.cell(one.chance),
            "no, too few speakers" if one.undecidable else "yes",
        )
        for one in part.corpora
    ]
    heads = ("corpus", "protocol", "utterances", "speakers", "classes", "chance", "decides alone")
    return Table("The corpora", heads, rows)
