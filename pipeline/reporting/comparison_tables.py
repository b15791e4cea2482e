"""Tables of a comparison: the arrow from compared runs to the tables of the terminal and of ``comparison.txt``."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import conclusions
from affex.pipeline.evaluation.raters import Ceiling
from affex.pipeline.evaluation.significance import Comparison
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.compared import Compared, ComparedRun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def show_comparison(found: Compared, console: "Console") -> None:
    """Print a comparison: the runs, every pair of runs, the method, and the caveats."""
    from rich.text import Text

    console.print(Text(comparison_title(found), style="bold"))
    runs = _run_table(found, [f"{letter}  {run.name}" for letter, run in lettered(found)])
    if tables.fitting(console, runs, "") is not runs:
        console.print(Text("\n".join(f"{letter} = {run.name}" for letter, run in lettered(found))))
        runs = _run_table(found, [letter for letter, _ in lettered(found)])
    console.print(runs)
    console.print(tables.fitting(console, _pair_table(found), _pair_table(found, ("p", "p_holm"))))
    console.print(Text(method(found)))
    console.print(Text("Runs are in the order of the command: differences that are not significant are not ranked."))
    for note in found.notes:
        console.print(Text(f"Note: {note}."))


def show_against(found: Compared, titles: Sequence[str], base: str, console: "Console") -> None:
    """Print the runs of a comparison in one table, each compared with a base run.

    Parameters
    ----------
    found
        What `pipeline.reporting.comparison.compare` returns.
    titles
        The names of the runs here, in their order.
    base
        The name of the run that the others are compared with.
    """
    from rich.text import Text

    called = dict(zip((run.name for run in found.runs), titles, strict=True))
    console.print(Text(comparison_title(found), style="bold"))
    console.print(_against_table(found, called, base))
    console.print(Text(method(found)))
    console.print(Text(_verdict(found, called, base)))
    for note in found.notes:
        console.print(Text(f"Note: {note}."))


def comparison_title(found: Compared) -> str:
    """Return the title of a comparison, in a line."""
    target = () if found.protocol.target == "label" else (found.protocol.target,)
    return (
        f"{found.corpus}: {', '.join((*target, found.protocol.name))}: {found.known.title} of {len(found.runs)} runs "
        f"on {found.n_utterances} utterances of {found.n_clusters} {found.unit}s"
    )


def lettered(found: Compared) -> list[tuple[str, ComparedRun]]:
    """Return the runs of a comparison, each with its letter."""
    return list(zip(ascii_uppercase, found.runs, strict=False))


def readable(found: Compared) -> list[str]:
    """Return a name of each run in words: what differs between the runs' models, and a hash where that is the same.

    A run's folder is called ``compare_svm_loso-1f0c9a52``; in words it is ``compare, svm``.
    """
    words = [", ".join(run.model) for run in found.runs]
    return [
        f"{name} ({run.name.rpartition('-')[2]})" if words.count(name) > 1 else name
        for name, run in zip(words, found.runs, strict=True)
    ]


def pair_words(found: Compared) -> list[tuple[str, str]]:
    """Return the compared pairs of runs, as in ``A - B``, and the verdict, as in ``A better``."""
    letter = {run.name: letter for letter, run in lettered(found)}
    return [
        (
            f"{letter[pair.one]} - {letter[pair.other]}",
            f"{letter[pair.winner]} {pair.verdict}" if pair.winner else pair.verdict,
        )
        for pair in found.pairs
    ]


def known_ceiling(found: Compared) -> Ceiling | None:
    """Return the ceiling of human raters for the compared figure, if known."""
    ceiling = found.ceiling
    return ceiling if ceiling and ceiling.metric == found.metric and ceiling.value is not None else None


def _run_table(found: Compared, names: Sequence[str]) -> "Table":
    rows = [
        (name, f"{tables.number(run.figure.value)}{tables.mark(run)}", tables.ends_of(run.figure))
        for name, run in zip(names, found.runs, strict=True)
    ]
    ceiling = known_ceiling(found)
    if ceiling:
        rows.append(("human rater", tables.number(ceiling.value), f"{ceiling.n_judgements} votes"))
    return tables.table(("run", found.known.title, f"{found.runs[0].figure.level:.0%} interval"), rows)


def _pair_table(found: Compared, p_values: Sequence[str] = ("p", "p_holm", "least_p")) -> "Table":
    titles = {"p": "p", "p_holm": "Holm p", "least_p": "least p"}
    wide = "least_p" in p_values
    rows = (
        (
            words,
            tables.signed(pair.difference.value, pair.difference.low, pair.difference.high),
            *(tables.probability(getattr(pair, name)) for name in p_values),
            *([likely_words(pair, found)] if wide else []),
            verdict,
        )
        for (words, verdict), pair in zip(pair_words(found), found.pairs, strict=True)
    )
    likely = ["better, equal, worse"] if wide else []
    return tables.table(("pair", "difference", *(titles[name] for name in p_values), *likely, "verdict"), rows)


def likely_words(pair: Comparison, found: Compared) -> str:
    """Return how likely the first run is better, practically equal and worse, as in ``.62 .35 .03``; a dash if open."""
    if pair.likely is None:
        return "-"
    better, worse = pair.likely.above, pair.likely.below
    if not found.known.rises:
        better, worse = worse, better
    return " ".join(f"{share:.2f}" for share in (better, pair.likely.within, worse))


def _against_table(found: Compared, called: Mapping[str, str], base: str) -> "Table":
    pairs = _pairs_with(found, base)
    rows = (
        (
            called[run.name],
            f"{tables.number(run.figure.value)}{tables.mark(run)}",
            tables.ends_of(run.figure),
            *(_against(pairs[run.name], base) if run.name in pairs else ("", "")),
        )
        for run in found.runs
    )
    level = found.runs[0].figure.level
    return tables.table(("run", found.known.title, f"{level:.0%} interval", f"less {called[base]}", "Holm p"), rows)


def _pairs_with(found: Compared, base: str) -> dict[str, Comparison]:
    """Return the pairs that contain a run, by the name of the other run."""
    pairs = (pair for pair in found.pairs if base in (pair.one, pair.other))
    return {pair.one if pair.other == base else pair.other: pair for pair in pairs}


def _against(pair: Comparison, base: str) -> tuple[str, str]:
    """Return the difference between the other run of a pair and the base, and its p-value."""
    value, low, high = pair.difference.value, pair.difference.low, pair.difference.high
    if pair.one == base:
        value, low, high = 0 - value, _negative(high), _negative(low)
    return tables.signed(value, low, high), tables.probability(pair.p_holm)


def _negative(end: float | None) -> float | None:
    return None if end is None else 0 - end


def _verdict(found: Compared, called: Mapping[str, str], base: str) -> str:
    """Return in words which runs are better or worse than the base, and what the intervals allow for the others."""
    words = ", ".join(f"{called[run]}{_beside(pair, base)}" for run, pair in _pairs_with(found, base).items())
    return f"Against {called[base]}: {words}."


def _beside(pair: Comparison, base: str) -> str:
    if pair.winner:
        return f" is {'worse' if pair.winner == base else 'better'}"
    return f" is {pair.verdict}" if pair.verdict.startswith("equal") else f": {pair.verdict}"


def method(found: Compared) -> str:
    """Return in words how every pair of runs was compared."""
    unit, n, n_pairs = found.unit, found.n_clusters, len(found.pairs)
    ways = f"{found.draws} ways drawn (seed {found.seed})" if found.draws else f"all 2^{n} ways"
    holm = f"Holm's correction for {n_pairs} pairs; " if n_pairs > 1 else ""
    equal = (
        f" Equal is a pair whose expected difference lies within {found.rope:g} of 0 with a probability of "
        f"{conclusions.SURE:g} or more (Bayesian correlated t-test on the jackknife's pseudo-values, with "
        "training)."
        if found.rope
        else ""
    )
    base = f"Each of the others is compared with {found.against}. " if found.against else ""
    return (
        f"{base}Paired permutation test: the two runs' whole sets of predictions are swapped {unit} by {unit}, in "
        f"{ways}; two-sided p of the difference of the pooled {found.known.title}, {tables.probability(found.least_p)} "
        f"at the least; {holm}alpha {found.alpha:g}.{equal}"
    )
