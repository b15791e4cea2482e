"""League: the arrow from the runs of a league to its record, and to its files, ``league.json`` and ``league.txt``.

The runs of one corpus are compared as by `pipeline.reporting.comparison`; the verdict over corpora is that of
`pipeline.evaluation.league`. A corpus without a figure of some competitor counts for the pairs that it has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.league import InCorpus, is_undecidable, over_corpora
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.significance import Comparison, Predictions, sums_of
from affex.pipeline.evaluation.summary import METHOD, versions
from affex.pipeline.reporting import comparison, league_tables, tables
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.reporting.league_record import CorpusOfLeague, Entry, League, Part
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.text.errors import AffexError

#: A league's record, and its tables as text.
RECORD, TEXT = "league.json", "league.txt"


@dataclass(frozen=True, eq=False)
class Tried:
    """What became of a competitor on a corpus: its run, or why there is none."""

    run: Run | None
    failed: str = ""


def league(
    competitors: Sequence[str],
    own: Mapping[str, Sequence[Tried]],
    cross: Mapping[str, Sequence[Tried]] | None,
    skipped: Mapping[str, str],
    cross_notes: Sequence[str] = (),
) -> League:
    """Return the record of a league.

    Parameters
    ----------
    competitors
        Their names.
    own, cross
        For each corpus, what became of each competitor, in their order.
    skipped
        As in `League`.
    cross_notes
        Caveats of the runs that were trained on other corpora, one sentence each.
    """
    metric = _metric([*own.values(), *(cross or {}).values()])
    return League(
        competitors=tuple(competitors),
        metric=metric,
        own=_part(competitors, own, metric),
        cross=None if cross is None else _part(competitors, cross, metric, cross_notes),
        skipped=dict(skipped),
        interval_method=METHOD,
        versions=versions(),
    )


def write(found: League, folder: Path) -> None:
    """Write the record and the tables of a league, both or neither.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    text = tables.as_text(lambda console: league_tables.show(found, console))
    bundle.write(folder, RECORD, plain(found), {TEXT: text.encode()})


def _metric(rows: Sequence[Sequence[Tried]]) -> str:
    """Return the main figure of the first run; UAR without any."""
    run = next((tried.run for row in rows for tried in row if tried.run), None)
    return next(iter(run.summary.headlines)) if run else "uar"


def _part(
    competitors: Sequence[str], rows: Mapping[str, Sequence[Tried]], metric: str, notes: Sequence[str] = ()
) -> Part:
    found, counted = [], {}
    for name, row in rows.items():
        corpus, sums = _corpus(name, dict(zip(competitors, row, strict=True)), metric)
        found.append(corpus)
        figures = {entry.competitor: entry.figure for entry in corpus.entries if entry.figure and sums}
        if figures:
            between = {(pair.one, pair.other): pair.difference for pair in corpus.pairs}
            counted[name] = InCorpus(figures, sums, between)
    standing = (
        over_corpora(competitors, counted, metric, alpha=comparison.ALPHA, seed=comparison.SEED) if counted else None
    )
    return Part(corpora=tuple(found), standing=standing, notes=tuple(notes))


def _corpus(name: str, tried: Mapping[str, Tried], metric: str) -> tuple[CorpusOfLeague, dict[str, Any]]:
    """Return the entry of a corpus, and the sums of its competitors; no sums if it does not count."""
    runs = {competitor: one.run for competitor, one in tried.items() if one.run}
    entries = {
        competitor: Entry(
            competitor=competitor,
            figure=None,
            run=str(one.run.folder) if one.run else "",
            mark=tables.mark(one.run.summary).strip() if one.run else "",
            failed=one.failed,
        )
        for competitor, one in tried.items()
    }
    if not runs:
        return _without(name, entries), {}
    first = next(iter(runs.values())).summary
    if metric not in first.headlines:
        predicted = f"{first.about.protocol.target}, and has no {tables.METRICS[metric].title}: it does not count"
        return _without(name, entries, f"{name} predicts {predicted}"), {}
    try:
        scores = comparison.shared({competitor: run.scores for competitor, run in runs.items()})
        compared = comparison.compare(list(runs.values()), metric) if len(runs) > 1 else None
    except AffexError as error:
        return _without(name, entries, f"{name} does not count: {error}"), {}
    figures = (
        {competitor: one.figure for competitor, one in zip(runs, compared.runs, strict=True)}
        if compared
        else {competitor: run.summary.interval(metric) for competitor, run in runs.items()}
    )
    called = {one.name: competitor for competitor, one in zip(runs, compared.runs, strict=True)} if compared else {}
    pairs = tuple(_renamed(pair, called) for pair in compared.pairs) if compared else ()
    n_clusters, n_pairs = first.n_clusters if not compared else compared.n_clusters, max(1, len(pairs))
    corpus = CorpusOfLeague(
        name=name,
        protocol=str(first.about.protocol),
        classes=first.classes,
        unit=first.about.unit,
        chance=first.figures[metric].chance,
        n_utterances=len(next(iter(scores.values()))),
        n_clusters=n_clusters,
        entries=tuple(_with(entry, figures.get(competitor)) for competitor, entry in entries.items()),
        pairs=pairs,
        undecidable=is_undecidable(n_clusters, n_pairs, comparison.ALPHA),
        notes=tuple(_notes_of(called, compared)) if compared else (),
    )
    sums = {
        competitor: sums_of(Predictions(own.true, own.predicted, own.clusters, own.classes or None))
        for competitor, own in scores.items()
    }
    return corpus, sums


def _notes_of(called: Mapping[str, str], compared: Compared) -> Iterator[str]:
    """Yield the caveats of the competitors on a corpus."""
    for one in compared.runs:
        if one.n_left_out:
            total = compared.n_utterances + one.n_left_out
            yield (
                f"{one.n_left_out} of {total} utterances of {called[one.name]} do not count: not all competitors "
                "tested them"
            )
        if one.figure.reason:
            yield f"no interval for {called[one.name]}: {one.figure.reason}"


def _without(name: str, entries: Mapping[str, Entry], *notes: str) -> CorpusOfLeague:
    """Return the entry of a corpus that does not count."""
    return CorpusOfLeague(
        name=name,
        protocol="",
        classes=(),
        unit="speaker",
        chance=None,
        n_utterances=0,
        n_clusters=0,
        entries=tuple(entries.values()),
        pairs=(),
        undecidable=True,
        notes=notes,
    )


def _with(entry: Entry, figure: Interval | None) -> Entry:
    return replace(entry, figure=figure)


def _renamed(pair: Comparison, called: Mapping[str, str]) -> Comparison:
    """Return a comparison of runs with the competitors' names."""
    winner = called[pair.winner] if pair.winner else None
    return replace(pair, one=called[pair.one], other=called[pair.other], winner=winner)
