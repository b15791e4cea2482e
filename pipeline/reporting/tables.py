"""Tables: the arrow from the figures of a run to the tables of the terminal and of ``report.txt``.

All input comes from a `Summary` or a `Compared`, so a run can be shown again from its file alone.
"""

import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from affex.pipeline.evaluation import conclusions, metrics, speakers
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.raters import AgainstShares, Ceiling
from affex.pipeline.evaluation.significance import Comparison
from affex.pipeline.evaluation.summary import LargestScore, SpeakerFigures, Summary
from affex.pipeline.reporting.compared import Compared, ComparedRun
from affex.pipeline.text.console import plain_console
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: With more speakers than this the terminal shows the first ones; ``metrics.json`` has all.
MOST_SPEAKERS = 40

#: All figures, by name.
METRICS: Mapping[str, metrics.Metric[Any]] = {**metrics.CLASS_METRICS, **metrics.VALUE_METRICS}

#: The figures of `_recognised_table`.
INFORMEDNESS = "recall less false alarms (Youden's J: 0 nothing, 1 all)"


def as_text(print_to: "Callable[[Console], None]") -> str:
    """Return the text that a function prints to a terminal, for a file."""
    text = io.StringIO()
    print_to(plain_console(file=text, width=120, color_system=None))
    return text.getvalue()


def title(summary: Summary) -> str:
    """Return the evaluated model and corpus, in a line."""
    about = summary.about
    target = () if about.protocol.target == "label" else (about.protocol.target,)
    features, classifier, *options = about.model
    return f"{about.corpus}: {', '.join((*target, features, classifier, about.protocol.name, *options))}"


def headline(summary: Summary) -> str:
    """Return the first two figures, with the interval of the first, and all caveats."""
    (first, one), (second, two) = list(summary.headlines.items())[:2]
    figure = with_interval(summary.interval(first))
    return f"{one.title} {figure}, {two.title} {number(summary.figures[second].value)}{mark(summary)}"


def show(summary: Summary, folder: Path | None, console: "Console") -> None:
    """Print a result as tables: the headline, by class, by speaker, and the confusion matrix; then its folder."""
    from rich.text import Text

    beside = mark(summary)
    console.print(Text(title(summary), style="bold"))
    console.print(Text(_counts(summary)))
    for leak in summary.leaks:
        console.print(Text(f"LEAK: {leak}."))
    console.print(Text(f"Figures{beside}: {_headline_words(summary)}"))
    console.print(fitting(console, _headline_table(summary, beside), _headline_table(summary, "")))
    console.print(Text(f"Against chance{beside}: {chance_words(summary)}."))
    if summary.largest_score:
        console.print(Text(f"Speakers and classes: {_spread_words(summary)}."))
        console.print(Text(f"Scores: {largest_score_words(summary.largest_score)}."))
        if summary.calibration.error:
            console.print(Text(f"Calibration{beside}: {_calibration_words(summary.calibration.error, summary)}."))
        console.print(Text(f"By class{beside}"), _class_table(summary), sep="\n")
        confusion = fitting(console, _confusion_table(summary), "too wide for this terminal, see confusion.png\n")
        console.print(Text(f"Confusion{beside}: rows true, columns predicted"), confusion, sep="\n")
    if summary.recognised:
        alone = fitting(console, _recognised_table(summary), "too wide for this terminal, see metrics.json\n")
        console.print(Text(f"What each member recognises by itself{beside}: {INFORMEDNESS}"), alone, sep="\n")
    if summary.moments:
        moments = fitting(console, *(table(*moment_rows(summary, ends=ends)) for ends in (True, False)))
        console.print(Text(f"By moment{beside}: {moment_words(summary)}"), moments, sep="\n")
    speakers = [_speaker_table(summary, classes) for classes in (summary.classes, ())]
    console.print(
        Text(f"By {summary.about.unit}{beside}: {_speaker_words(summary)}"), fitting(console, *speakers), sep="\n"
    )
    ceiling = _ceiling_words(summary.ceiling) if summary.ceiling else ""
    shares = _shares_words(summary.against_shares) if summary.against_shares else ""
    for note in filter(None, (summary.transductive, ceiling, shares, *_without_interval(summary), *summary.notes)):
        console.print(Text(f"Note: {note}."))
    where = f" -> {folder}" if folder else ""
    console.print(Text(headline(summary) + where))


def show_comparison(found: Compared, console: "Console") -> None:
    """Print a comparison: the runs, every pair of runs, the method, and the caveats."""
    from rich.text import Text

    console.print(Text(comparison_title(found), style="bold"))
    runs = _run_table(found, [f"{letter}  {run.name}" for letter, run in lettered(found)])
    if fitting(console, runs, "") is not runs:
        console.print(Text("\n".join(f"{letter} = {run.name}" for letter, run in lettered(found))))
        runs = _run_table(found, [letter for letter, _ in lettered(found)])
    console.print(runs)
    console.print(fitting(console, _pair_table(found), _pair_table(found, ("p", "p_holm"))))
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


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table with words in the first column and numbers in the others; cells contain no markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(columns):
        # In a narrow terminal words wrap, so no number is cut off.
        made.add_column(Text(printable(column)), justify="right" if i else "left", no_wrap=bool(i), overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def fitting(console: "Console", wide: "Table", narrow: "Table | str") -> "Table | str":
    """Return the wide table if none of its numbers would be cut off, else the narrow one."""
    from rich.measure import Measurement

    needed = Measurement.get(console, console.options.update(max_width=10_000), wide).maximum
    return wide if needed <= console.width else narrow


def mark(run: Summary | ComparedRun) -> str:
    """Return the caveat beside every figure of a run, in brackets after a blank; empty for most runs."""
    words = [word for word, on in (("transductive", run.transductive), ("with leaks", run.leaks)) if on]
    if run.class_lost:
        lost = run.class_lost
        words.append(f"{lost.n} of {lost.of} have one {lost.what}, which normalisation removes")
    return f" ({', '.join(words)})" if words else ""


def largest_score_words(found: LargestScore) -> str:
    """Return in words how often the class with the largest score differs from the decision."""
    if not found.differs:
        return f"the largest is that of the decision for all {found.of} utterances"
    by_score = f" (by the largest, UAR is {number(found.uar)})" if found.uar is not None else ""
    return f"the largest is not that of the decision for {found.differs} of {found.of} utterances{by_score}"


def with_interval(interval: Interval) -> str:
    """Return a figure with its interval, as in ``0.787 [0.701, 0.873]``; without one, the figure alone."""
    return f"{number(interval.value)} {ends(interval.low, interval.high)}".rstrip()


def ends(low: float | None, high: float | None) -> str:
    """Return an interval, as in ``[0.701, 0.873]``; empty if there is none."""
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def number(figure: float | None) -> str:
    """Return a figure with three decimal places; a dash if it is undefined."""
    return "-" if figure is None or math.isnan(figure) else f"{figure:.3f}"


def probability(p: float) -> str:
    """Return a p-value with four decimal places, enough for the smallest p of a comparison."""
    return f"{p:.4f}"


def _counts(summary: Summary) -> str:
    n_folds, about = len(summary.folds), summary.about
    n_classes = f", {len(summary.classes)} classes" if summary.classes else ""
    words = (
        f"{summary.n_utterances} utterances of {summary.n_clusters} {about.unit}s in {n_folds} "
        f"fold{'s' * (n_folds != 1)}{n_classes}, seed {', '.join(map(str, about.settings.seeds))}, "
        f"protocol {summary.protocol_hash[:8]}"
    )
    left_out = ", ".join(f"{n} {reason}" for reason, n in summary.left_out.items())
    return words + (f"; left out: {left_out}" if left_out else "")


def _headline_words(summary: Summary) -> str:
    level = summary.interval(next(iter(summary.headlines))).level
    return f"{level:.0%} intervals over {summary.n_clusters} {summary.about.unit}s; chance is {summary.chance_is}"


def _calibration_words(error: Interval, summary: Summary) -> str:
    """Return in words how far confidences are from the share of right decisions."""
    return f"expected error (ECE) {with_interval(error)}, Brier score {number(summary.calibration.brier)} (0 to 2)"


def _spread_words(summary: Summary) -> str:
    found = summary.speakers_by_classes
    return speakers.in_words(found, len(summary.classes), summary.about.unit) if found else "not counted"


def _headline_table(summary: Summary, beside: str) -> "Table":
    rows = (
        (
            metric.title,
            f"{number(summary.figures[name].value)}{beside}",
            _ends_of(summary.interval(name)),
            number(summary.figures[name].chance),
        )
        for name, metric in summary.headlines.items()
    )
    return table(("", "score", "interval", "chance"), rows)


def _ends_of(interval: Interval) -> str:
    return ends(interval.low, interval.high) or "none"


def chance_words(summary: Summary) -> str:
    """Return in words how the quoted figure compares with chance, as far as its interval allows a statement."""
    name, metric = next(iter(summary.headlines.items()))
    interval, chance = summary.interval(name), summary.figures[name].chance or 0.0  # CCC of a constant: 0
    low, high = (None if end is None else end - chance for end in (interval.low, interval.high))
    n = summary.n_clusters
    words = conclusions.in_words(conclusions.verdict(low, high, n), n, summary.about.unit)
    return f"{metric.title} {number(interval.value)} to {number(chance)}, {words}"


def _without_interval(summary: Summary) -> Iterator[str]:
    """Yield the reasons why figures have no interval, one sentence each."""
    titles: dict[str, list[str]] = {}
    for name, metric in summary.headlines.items():
        titles.setdefault(summary.interval(name).reason, []).append(metric.title)
    yield from (f"no interval for {', '.join(names)}: {reason}" for reason, names in titles.items() if reason)


def _run_table(found: Compared, names: Sequence[str]) -> "Table":
    rows = [
        (name, f"{number(run.figure.value)}{mark(run)}", _ends_of(run.figure))
        for name, run in zip(names, found.runs, strict=True)
    ]
    ceiling = known_ceiling(found)
    if ceiling:
        rows.append(("human rater", number(ceiling.value), f"{ceiling.n_judgements} votes"))
    return table(("run", found.known.title, f"{found.runs[0].figure.level:.0%} interval"), rows)


def _pair_table(found: Compared, p_values: Sequence[str] = ("p", "p_holm", "least_p")) -> "Table":
    titles = {"p": "p", "p_holm": "Holm p", "least_p": "least p"}
    rows = (
        (
            words,
            _signed(pair.difference.value, pair.difference.low, pair.difference.high),
            *(probability(getattr(pair, name)) for name in p_values),
            verdict,
        )
        for (words, verdict), pair in zip(pair_words(found), found.pairs, strict=True)
    )
    return table(("pair", "difference", *(titles[name] for name in p_values), "verdict"), rows)


def _signed(value: float, low: float | None, high: float | None) -> str:
    """Return a difference with its interval, as in ``+0.100 [0.020, 0.180]``."""
    return f"{value:+.3f} {ends(low, high)}".rstrip()


def _against_table(found: Compared, called: Mapping[str, str], base: str) -> "Table":
    pairs = _pairs_with(found, base)
    rows = (
        (
            called[run.name],
            f"{number(run.figure.value)}{mark(run)}",
            _ends_of(run.figure),
            *(_against(pairs[run.name], base) if run.name in pairs else ("", "")),
        )
        for run in found.runs
    )
    level = found.runs[0].figure.level
    return table(("run", found.known.title, f"{level:.0%} interval", f"less {called[base]}", "Holm p"), rows)


def _pairs_with(found: Compared, base: str) -> dict[str, Comparison]:
    """Return the pairs that contain a run, by the name of the other run."""
    pairs = (pair for pair in found.pairs if base in (pair.one, pair.other))
    return {pair.one if pair.other == base else pair.other: pair for pair in pairs}


def _against(pair: Comparison, base: str) -> tuple[str, str]:
    """Return the difference between the other run of a pair and the base, and its p-value."""
    value, low, high = pair.difference.value, pair.difference.low, pair.difference.high
    if pair.one == base:
        value, low, high = 0 - value, _negative(high), _negative(low)
    return _signed(value, low, high), probability(pair.p_holm)


def _negative(end: float | None) -> float | None:
    return None if end is None else 0 - end


def _verdict(found: Compared, called: Mapping[str, str], base: str) -> str:
    """Return in words which runs are better or worse than the base, and what the intervals allow for the others."""
    words = ", ".join(f"{called[run]} {_beside(pair, base)}" for run, pair in _pairs_with(found, base).items())
    return f"Against {called[base]}: {words}."


def _beside(pair: Comparison, base: str) -> str:
    if pair.winner:
        return f"is {'worse' if pair.winner == base else 'better'}"
    return f"is {pair.verdict}" if pair.verdict.startswith(("equal", "undecided")) else pair.verdict


def method(found: Compared) -> str:
    """Return in words how every pair of runs was compared."""
    unit, n, n_pairs = found.unit, found.n_clusters, len(found.pairs)
    ways = f"{found.draws} ways drawn (seed {found.seed})" if found.draws else f"all 2^{n} ways"
    holm = f"Holm's correction for {n_pairs} pairs; " if n_pairs > 1 else ""
    margin = f" Equal is a pair whose whole interval lies within {found.margin:g} of 0." if found.margin else ""
    return (
        f"Paired permutation test: the two runs' whole sets of predictions are swapped {unit} by {unit}, in {ways}; "
        f"two-sided p of the difference of the pooled {found.known.title}, {probability(found.least_p)} at the least; "
        f"{holm}alpha {found.alpha:g}.{margin}"
    )


def _class_table(summary: Summary) -> "Table":
    rows = ((row.name, str(row.n), *map(number, (row.recall, row.precision, row.f1))) for row in summary.per_class)
    return table(("class", "n", "recall", "precision", "F1"), rows)


def _confusion_table(summary: Summary) -> "Table":
    rows = (
        (name, *(str(count) if count else "." for count in counts))
        for name, counts in zip(summary.classes, summary.confusion, strict=True)
    )
    return table(("", *_short(summary.classes)), rows)


def _recognised_table(summary: Summary) -> "Table":
    rows = (
        (one.member, str(one.n), *(number(one.informedness[name]) for name in summary.classes))
        for one in summary.recognised
    )
    return table(("member", "n", *_short(summary.classes)), rows)


def moment_words(summary: Summary) -> str:
    """Return what the figures of parts of utterances are, in words."""
    title = METRICS[summary.moments[0].metric].title
    return f"{title} of decisions from a part of each utterance alone, by a model that learned from all parts"


def moment_rows(summary: Summary, *, ends: bool = True) -> tuple[list[str], list[list[str]]]:
    """Return the titles and the rows of a table by moment: one row a part, or one a member of a fusion.

    Parameters
    ----------
    ends
        Whether the figure of a single model has its interval and the recalls of the classes beside it.
    """
    first = summary.moments[0]
    parts = [f"{part.begin:.0%} to {part.end:.0%}" for part in first.parts]
    if first.member:
        rows = [[one.member, *(_of_part(part.figure, ends=False) for part in one.parts)] for one in summary.moments]
        return ["member", *parts], rows
    classes = summary.classes if ends else ()
    rows = [
        [
            name,
            str(part.n),
            _of_part(part.figure, ends=ends),
            *(_of_part(part.recalls.get(one), ends=False) for one in classes),
        ]
        for name, part in zip(parts, first.parts, strict=True)
    ]
    return ["part", "n", METRICS[first.metric].title, *(f"recall {one}" for one in classes)], rows


def _of_part(figure: Interval | None, *, ends: bool) -> str:
    if figure is None:
        return "-"
    return with_interval(figure) if ends else number(figure.value)


def _speaker_table(summary: Summary, classes: Sequence[str]) -> "Table":
    names = ("war", "uar") if summary.classes else tuple(metrics.VALUE_METRICS)
    rows = (
        (
            row.name,
            str(row.n),
            *(number(row.figures[name]) for name in names),
            *(_correct_of(row, name) for name in classes),
        )
        for row in summary.per_speaker[:MOST_SPEAKERS]
    )
    return table((summary.about.unit, "n", *(METRICS[name].title for name in names), *_short(classes)), rows)


def _correct_of(row: SpeakerFigures, name: str) -> str:
    return "/".join(map(str, row.correct_of.get(name, "-")))


def _speaker_words(summary: Summary) -> str:
    rest = len(summary.per_speaker) - MOST_SPEAKERS
    words = "UAR over the classes each has, then correct/all" if summary.classes else "each one's own figures"
    return words + (f"; {rest} more in metrics.json" if rest > 0 else "")


def _ceiling_words(ceiling: Ceiling) -> str:
    """Return the ceiling of human raters in words; empty if it is undefined."""
    if ceiling.value is None:
        return ""
    left_out = ceiling.n_ties + ceiling.n_outside + ceiling.n_alone
    return (
        f"a human rater against the majority of the others reaches {METRICS[ceiling.metric].title} "
        f"{number(ceiling.value)}, over {ceiling.n_judgements} votes on {ceiling.n_utterances} utterances "
        f"({left_out} votes left out, {ceiling.n_ties} of them as the others were tied)"
    )


def _shares_words(found: AgainstShares) -> str:
    """Return how near the scores come to the raters' shares, in words."""
    return (
        f"the scores differ from the raters' shares of the classes by {number(found.divergence)} nats "
        f"(Kullback-Leibler; always the mean shares: {number(found.chance)}), cross-entropy "
        f"{number(found.cross_entropy)}, cosine {number(found.cosine)}, over {found.n_utterances} utterances with votes"
    )


def _short(classes: Sequence[str]) -> list[str]:
    """Return the shortest distinct beginnings of the classes' names."""
    for length in range(3, max(map(len, classes), default=0)):
        if len({name[:length] for name in classes}) == len(classes):
            return [name[:length] for name in classes]
    return list(classes)
