"""League tables: the arrow from the record of a league to the tables and sentences of the terminal and of its page."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.league import TRAINING, OverCorpora
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.league_record import Entry, League, Part

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show(found: League, console: "Console") -> None:
    """Print a league: each competitor on each corpus, the verdict over corpora, the method, and the caveats."""
    from rich.text import Text

    for part in filter(None, (found.own, found.cross)):
        console.print(Text(title(found, part), style="bold"))
        if part.standing:
            wide = tables.table(heads(found, part), [[*row] for row in rows(part)])
            console.print(tables.fitting(console, wide, _narrow(found, part)))
            if part.standing.pairs:
                console.print(tables.fitting(console, _pair_table(part), _narrow_pairs(part)))
            for sentence in (*verdicts(found, part), *ranked(found, part)):
                console.print(Text(sentence))
        for note in notes(part):
            console.print(Text(f"Note: {note}."))
    console.print(Text(method(found)))
    for name, reason in found.skipped.items():
        console.print(Text(f"Skipped: {name}. {reason}"))


def title(found: League, part: Part) -> str:
    """Return the title of a part, in a line."""
    n, k = len(part.corpora), len(found.competitors)
    what = "trained on all other corpora" if part is found.cross else "each corpus by its own protocol"
    corpora, competitors = f"corp{'ora' if n != 1 else 'us'}", f"competitor{'s' * (k != 1)}"
    return f"{found.known.title} of {k} {competitors} on {n} {corpora}, {what}"


def heads(found: League, part: Part) -> list[str]:
    """Return the heads of the table of competitors and corpora."""
    return ["competitor", *(corpus.name for corpus in part.corpora), f"mean {found.known.title}", "mean rank"]


def rows(part: Part) -> Iterator[list[str]]:
    """Yield the rows of the table of competitors and corpora."""
    assert part.standing is not None
    for number, placed in enumerate(part.standing.placed):
        entries = (corpus.entries[number] for corpus in part.corpora)
        yield [placed.name, *map(words_of, entries), tables.with_interval(placed.mean), rank(placed.rank)]


def words_of(entry: Entry) -> str:
    """Return the figure of a competitor on a corpus with its interval and caveat, or that there is none."""
    if entry.figure is None:
        return "failed" if entry.failed else "does not count"
    return f"{tables.with_interval(entry.figure)} {entry.mark}".rstrip()


def rank(value: float) -> str:
    """Return a mean rank with two decimal places; a dash if it is undefined."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def _pair_table(part: Part) -> "Table":
    return tables.table(PAIRS, map(pair_row, _pairs(part)))


#: The heads of the table of pairs.
PAIRS = ("pair", "mean difference", "better in", "p", "Holm p", "other corpora", "verdict")


def pair_row(pair: OverCorpora) -> list[str]:
    """Return the cells of a pair."""
    return [
        f"{pair.one} - {pair.other}",
        _signed(pair.difference),
        f"{pair.n_better} of {pair.n_corpora}",
        tables.probability(pair.p),
        tables.probability(pair.p_holm),
        tables.ends(pair.across.low, pair.across.high) or "-",
        f"{pair.winner} {pair.verdict}" if pair.winner else pair.verdict,
    ]


def verdicts(found: League, part: Part) -> list[str]:
    """Return the pairs that differ by more than chance over the corpora, a sentence each; one if none does."""
    sentences = []
    for pair in _pairs(part):
        if pair.winner:
            loser = pair.one if pair.winner == pair.other else pair.other
            sentences.append(
                f"{pair.winner} is better than {loser}, on average over these {pair.n_corpora} corpora: "
                f"{abs(pair.difference.value):.3f} {found.known.title}, Holm p {tables.probability(pair.p_holm)}."
            )
    none = f"No pair of these {len(found.competitors)} competitors differs by more than chance over these corpora."
    return sentences or ([none] if _pairs(part) else [])


def notes(part: Part) -> list[str]:
    """Return the caveats of a part, one sentence each, with no full stop."""
    return [*part.notes, *_failures(part), *_undecidable(part), *_left_out(part), *_own_notes(part)]


def _failures(part: Part) -> Iterator[str]:
    for corpus in part.corpora:
        for entry in corpus.entries:
            if entry.failed:
                yield f"{entry.competitor} has no figure on {corpus.name}: {entry.failed.rstrip('.')}"


def _undecidable(part: Part) -> Iterator[str]:
    few = [corpus for corpus in part.corpora if corpus.undecidable and corpus.n_clusters]
    if few:
        named = ", ".join(f"{one.name} ({one.n_clusters} {one.unit}s)" for one in few)
        yield f"too few speakers to decide anything alone: {named}; in the verdict over corpora they count like others"


def _left_out(part: Part) -> Iterator[str]:
    if part.standing and len(part.standing.corpora) < len(part.corpora):
        over = ", ".join(part.standing.corpora) or "none"
        yield f"means and ranks are over the corpora on which all competitors have a figure: {over}"


def ranked(found: League, part: Part) -> Iterator[str]:
    """Yield Friedman's test of the ranks, in a sentence; nothing with fewer than two corpora."""
    if part.standing and (test := part.standing.friedman):
        how = "all permutations" if test.exact else f"{found.draws} permutations, seed {found.seed}"
        yield (
            f"Ranks over {len(part.standing.corpora)} corpora: Friedman's statistic {test.statistic:.2f}, "
            f"p {tables.probability(test.p)} ({how})."
        )


def _own_notes(part: Part) -> Iterator[str]:
    for corpus in part.corpora:
        yield from (f"{corpus.name}: {note}" for note in corpus.notes)


def method(found: League) -> str:
    """Return in words what is estimated, and how it was tested."""
    return (
        f"The verdict is on the mean over these corpora of the difference of {found.known.title}, each corpus counting "
        "equally: two competitors' predictions are swapped speaker by speaker within each corpus (all ways where there "
        f"are up to 14 speakers in all, else {found.draws} ways drawn, seed {found.seed}); Holm's correction for all "
        f"pairs, alpha {found.alpha:g}. Variances are taken as {TRAINING:.0%} larger, because other training speakers "
        "would have given other models. The verdict is about these corpora. The column 'other corpora' is Student's "
        "interval over the corpora's differences: where it holds 0, another corpus may well order the two otherwise."
    )


def _pairs(part: Part) -> tuple[OverCorpora, ...]:
    return part.standing.pairs if part.standing else ()


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} {tables.ends(interval.low, interval.high)}".rstrip()


def _narrow_pairs(part: Part) -> str:
    """Return the table of the pairs for a narrow terminal, a line for each pair."""
    lines = []
    for pair in _pairs(part):
        name, *cells, verdict = pair_row(pair)
        named = ", ".join(f"{head} {cell}" for head, cell in zip(PAIRS[1:-1], cells, strict=True))
        lines += [f"{name}: {verdict}", f"  {named}"]
    return "\n".join(lines) + "\n"


def _narrow(found: League, part: Part) -> str:
    """Return the table of competitors and corpora for a narrow terminal, a line for each figure."""
    names = heads(found, part)
    lines = []
    for row in rows(part):
        lines.append(row[0])
        lines += [f"  {name}: {cell}" for name, cell in zip(names[1:], row[1:], strict=True)]
    return "\n".join(lines) + "\n"
