"""Tables: the arrow from the figures of a run to what the terminal and ``report.txt`` show.

Everything is read from what ``metrics.json`` holds, so that a run can be shown again from its file alone.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from affex.pipeline.evaluation import conclusions, metrics, speakers
from affex.pipeline.text.console import plain_console
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Of more speakers than these the terminal shows the first; ``metrics.json`` has all.
MOST_SPEAKERS = 40

#: What the figures of `_seen_table` are.
SEEN = "recall less false alarms (Youden's J: 0 nothing, 1 all)"

Found = Mapping[str, Any]


def as_text(print_to: "Callable[[Console], None]") -> str:
    """Return what a function prints to a terminal, for a file."""
    text = io.StringIO()
    print_to(plain_console(file=text, width=120, color_system=None))
    return text.getvalue()


def title(found: Found) -> str:
    """Return what was evaluated, in a line."""
    target = () if found["target"] == "label" else (found["target"],)
    features, classifier, *options = found["model"]
    return f"{found['corpus']}: {', '.join((*target, features, classifier, found['card']['name'], *options))}"


def headline(found: Found) -> str:
    """Return the first two figures, with the interval of the first, and all that must be said beside them."""
    (first, one), (second, two) = list(headlines(found).items())[:2]
    figure = with_interval(found["intervals"][first])
    return f"{one.title} {figure}, {two.title} {number(found[second])}{mark(found)}"


def show(found: Found, folder: Path | None, console: "Console") -> None:
    """Print a result as tables: the headline, by class, by speaker, and the confusion matrix; then where it lies."""
    from rich.text import Text

    beside = mark(found)
    console.print(Text(title(found), style="bold"))
    console.print(Text(_counts(found)))
    for leak in found["leaks"]:
        console.print(Text(f"LEAK: {leak}."))
    console.print(Text(f"Figures{beside}: {_headline_words(found)}"))
    console.print(fitting(console, _headline_table(found, beside), _headline_table(found, "")))
    console.print(Text(f"Against chance{beside}: {chance_words(found)}."))
    if found["classes"]:
        console.print(Text(f"Speakers and classes: {_spread_words(found)}."))
        console.print(Text(f"Scores: {largest_score_words(found['largest_score'])}."))
        console.print(Text(f"By class{beside}"), _class_table(found), sep="\n")
        confusion = fitting(console, _confusion_table(found), "too wide for this terminal, see confusion.png\n")
        console.print(Text(f"Confusion{beside}: rows true, columns predicted"), confusion, sep="\n")
    if found.get("seen"):
        seen = fitting(console, _seen_table(found), "too wide for this terminal, see metrics.json\n")
        console.print(Text(f"What each member sees by itself{beside}: {SEEN}"), seen, sep="\n")
    speakers = [_speaker_table(found, classes) for classes in (found["classes"], ())]
    console.print(
        Text(f"By {found['cluster']}{beside}: {_speaker_words(found)}"), fitting(console, *speakers), sep="\n"
    )
    for note in filter(None, (found["transductive"], _ceiling(found), *_without_interval(found), *found["warnings"])):
        console.print(Text(f"Note: {note}."))
    where = f" -> {folder}" if folder else ""
    console.print(Text(headline(found) + where))


def show_comparison(found: Found, console: "Console") -> None:
    """Print a comparison: the runs, every two of them, how they were compared, and what must be known."""
    from rich.text import Text

    console.print(Text(comparison_title(found), style="bold"))
    runs = _run_table(found, [f"{letter}  {run['name']}" for letter, run in lettered(found)])
    if fitting(console, runs, "") is not runs:
        console.print(Text("\n".join(f"{letter} = {run['name']}" for letter, run in lettered(found))))
        runs = _run_table(found, [letter for letter, _ in lettered(found)])
    console.print(runs)
    console.print(fitting(console, _pair_table(found), _pair_table(found, ("p", "p_holm"))))
    console.print(Text(_method(found)))
    console.print(Text("Runs stand in the order in which they were named: what is not significant is not ranked."))
    for note in found["notes"]:
        console.print(Text(f"Note: {note}."))


def show_against(found: Found, titles: Sequence[str], base: str, console: "Console") -> None:
    """Print the runs of a comparison in one table, each beside one of them.

    Parameters
    ----------
    found
        What `pipeline.reporting.comparison.compare` found.
    titles
        What the runs are called here, in their order.
    base
        The name of the run that the others are held against.
    """
    from rich.text import Text

    called = dict(zip((run["name"] for run in found["runs"]), titles, strict=True))
    console.print(Text(comparison_title(found), style="bold"))
    console.print(_against_table(found, called, base))
    console.print(Text(_method(found)))
    console.print(Text(_verdict(found, called, base)))
    for note in found["notes"]:
        console.print(Text(f"Note: {note}."))


def comparison_title(found: Found) -> str:
    """Return what is compared, in a line."""
    target = () if found["target"] == "label" else (found["target"],)
    return (
        f"{found['corpus']}: {', '.join((*target, found['card']['name']))}: {headlines(found)[found['metric']].title} "
        f"of {len(found['runs'])} runs on {found['n_utterances']} utterances of {found['n_clusters']} "
        f"{found['cluster']}s"
    )


def lettered(found: Found) -> list[tuple[str, Found]]:
    """Return the runs of a comparison, each with its letter."""
    return list(zip(ascii_uppercase, found["runs"], strict=False))


def pair_words(found: Found) -> list[tuple[str, str]]:
    """Return every two runs that were compared, as in ``A - B``, and the verdict, as in ``A better``."""
    letter = {run["name"]: letter for letter, run in lettered(found)}
    return [
        (
            f"{letter[pair['one']]} - {letter[pair['other']]}",
            f"{letter[pair['winner']]} {pair['verdict']}" if pair["winner"] else pair["verdict"],
        )
        for pair in found["pairs"]
    ]


def known_ceiling(found: Found) -> Found | None:
    """Return what a human rater reaches in the figure that is compared, where it is known."""
    ceiling: Found | None = found["ceiling"]
    return ceiling if ceiling and ceiling["metric"] == found["metric"] and ceiling["value"] is not None else None


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table whose first column is words, the others numbers; nothing in it is markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(columns):
        # Where it is too narrow, words go on in a next line: no number is cut off.
        made.add_column(Text(printable(column)), justify="right" if i else "left", no_wrap=bool(i), overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(cell)) for cell in row))
    return made


def fitting(console: "Console", wide: "Table", narrow: "Table | str") -> "Table | str":
    """Return the wide one where no number of it would be cut off."""
    from rich.measure import Measurement

    needed = Measurement.get(console, console.options.update(max_width=10_000), wide).maximum
    return wide if needed <= console.width else narrow


def headlines(found: Found) -> dict[str, metrics.Metric[Any]]:
    """Return the figures of a run that carry an interval, by name, the first the one that is quoted."""
    known: Mapping[str, metrics.Metric[Any]] = metrics.CLASS_METRICS if found["classes"] else metrics.VALUE_METRICS
    return {name: known[name] for name in (metrics.CLASS_HEADLINES if found["classes"] else metrics.VALUE_HEADLINES)}


def mark(found: Found) -> str:
    """Return what must stand beside every figure of a run, in brackets after a blank; empty for most."""
    words = [word for word, on in (("transductive", found["transductive"]), ("with leaks", found["leaks"])) if on]
    lost = found.get("class_lost")
    if lost:
        words.append(
            f"{lost['n']} of {lost['of']} have one {lost.get('what', 'class')}, which normalisation takes away"
        )
    return f" ({', '.join(words)})" if words else ""


def largest_score_words(found: Found) -> str:
    """Return how often the largest score is another class's than the decision, in words."""
    if not found["differs"]:
        return f"the largest is that of the decision for all {found['of']} utterances"
    by_score = f" (by the largest, UAR is {number(found['uar'])})" if "uar" in found else ""
    return f"the largest is not that of the decision for {found['differs']} of {found['of']} utterances{by_score}"


def with_interval(interval: Mapping[str, Any]) -> str:
    """Return a figure with its interval, as in ``0.787 [0.701, 0.873]``; without one, the figure alone."""
    return f"{number(interval['value'])} {ends(interval)}".rstrip()


def ends(interval: Mapping[str, Any]) -> str:
    """Return an interval, as in ``[0.701, 0.873]``; empty where there is none."""
    return "" if interval["low"] is None else f"[{interval['low']:.3f}, {interval['high']:.3f}]"


def number(figure: float | None) -> str:
    """Return a figure to three places; a dash where it is undefined."""
    return "-" if figure is None else f"{figure:.3f}"


def probability(p: float) -> str:
    """Return a p-value to four places, which none that a comparison can reach falls below."""
    return f"{p:.4f}"


def _counts(found: Found) -> str:
    n_classes = f", {len(found['classes'])} classes" if found["classes"] else ""
    words = (
        f"{found['n_utterances']} utterances of {found['n_clusters']} {found['cluster']}s in {len(found['folds'])} "
        f"fold{'s' * (len(found['folds']) != 1)}{n_classes}, seed {found['seed']}, protocol {found['card']['hash'][:8]}"
    )
    left_out = ", ".join(f"{n} {reason}" for reason, n in found["left_out"].items())
    return words + (f"; left out: {left_out}" if left_out else "")


def _headline_words(found: Found) -> str:
    level = next(iter(found["intervals"].values()))["level"]
    return f"{level:.0%} intervals over {found['n_clusters']} {found['cluster']}s; chance is {found['chance_is']}"


def _spread_words(found: Found) -> str:
    spread = {int(n_classes): n for n_classes, n in found["speakers_by_classes"].items()}
    return speakers.in_words(spread, len(found["classes"]), found["cluster"]) if spread else "not counted"


def _headline_table(found: Found, beside: str) -> "Table":
    rows = (
        (
            metric.title,
            f"{number(found[name])}{beside}",
            ends(found["intervals"][name]) or "none",
            number(found["chance"][name]),
        )
        for name, metric in headlines(found).items()
    )
    return table(("", "score", "interval", "chance"), rows)


def chance_words(found: Found) -> str:
    """Return how the figure that is quoted stands to chance, as far as its interval allows to say."""
    name, metric = next(iter(headlines(found).items()))
    interval, chance = found["intervals"][name], found["chance"][name] or 0.0  # the correlation with a constant
    low, high = (None if interval[end] is None else interval[end] - chance for end in ("low", "high"))
    n = found["n_clusters"]
    words = conclusions.in_words(conclusions.verdict(low, high, n), n, found["cluster"])
    return f"{metric.title} {number(interval['value'])} to {number(chance)}, {words}"


def _without_interval(found: Found) -> Iterator[str]:
    """Yield why figures have no interval, a sentence a reason."""
    titles: dict[str, list[str]] = {}
    for name, metric in headlines(found).items():
        titles.setdefault(found["intervals"][name]["reason"], []).append(metric.title)
    yield from (f"no interval for {', '.join(names)}: {reason}" for reason, names in titles.items() if reason)


def _run_table(found: Found, names: Sequence[str]) -> "Table":
    rows = [
        (
            name,
            f"{number(run['figure']['value'])}{mark(run)}",
            ends(run["figure"]) or "none",
        )
        for name, run in zip(names, found["runs"], strict=True)
    ]
    ceiling = known_ceiling(found)
    if ceiling:
        rows.append(("human rater", number(ceiling["value"]), f"{ceiling['n_judgements']} votes"))
    level = found["runs"][0]["figure"]["level"]
    return table(("run", headlines(found)[found["metric"]].title, f"{level:.0%} interval"), rows)


def _pair_table(found: Found, p_values: Sequence[str] = ("p", "p_holm", "least_p")) -> "Table":
    titles = {"p": "p", "p_holm": "Holm p", "least_p": "least p"}
    rows = (
        (
            words,
            f"{pair['difference']['value']:+.3f} {ends(pair['difference'])}".rstrip(),
            *(probability(pair[name]) for name in p_values),
            verdict,
        )
        for (words, verdict), pair in zip(pair_words(found), found["pairs"], strict=True)
    )
    return table(("pair", "difference", *(titles[name] for name in p_values), "verdict"), rows)


def _against_table(found: Found, called: Mapping[str, str], base: str) -> "Table":
    pairs = _pairs_with(found, base)
    rows = (
        (
            called[run["name"]],
            f"{number(run['figure']['value'])}{mark(run)}",
            ends(run["figure"]) or "none",
            *(_against(pairs[run["name"]], base) if run["name"] in pairs else ("", "")),
        )
        for run in found["runs"]
    )
    level = found["runs"][0]["figure"]["level"]
    figure = headlines(found)[found["metric"]].title
    return table(("run", figure, f"{level:.0%} interval", f"less {called[base]}", "Holm p"), rows)


def _pairs_with(found: Found, base: str) -> dict[str, Found]:
    """Return the pairs that a run is in, by the other's name."""
    ends_of = {(pair["one"], pair["other"]): pair for pair in found["pairs"]}
    return {one if other == base else other: pair for (one, other), pair in ends_of.items() if base in (one, other)}


def _against(pair: Found, base: str) -> tuple[str, str]:
    """Return the figure of the other run of a pair less that of the base, and the p of the difference."""
    value, low, high = (pair["difference"][name] for name in ("value", "low", "high"))
    if pair["one"] == base:
        value, low, high = (None if figure is None else 0 - figure for figure in (value, high, low))
    return f"{value:+.3f} {ends({'low': low, 'high': high})}".rstrip(), probability(pair["p_holm"])


def _verdict(found: Found, called: Mapping[str, str], base: str) -> str:
    """Return which runs are better or worse than the base, and of the others what the intervals allow, in words."""
    said = ", ".join(f"{called[run]} {_beside(pair, base)}" for run, pair in _pairs_with(found, base).items())
    return f"Against {called[base]}: {said}."


def _beside(pair: Found, base: str) -> str:
    if pair["winner"]:
        return f"is {'worse' if pair['winner'] == base else 'better'}"
    return f"is {pair['verdict']}" if pair["verdict"].startswith("equal") else pair["verdict"]


def _method(found: Found) -> str:
    """Return how every two runs were compared."""
    unit, n, n_pairs = found["cluster"], found["n_clusters"], len(found["pairs"])
    ways = f"{found['draws']} ways drawn (seed {found['seed']})" if found["draws"] else f"all 2^{n} ways"
    holm = f"Holm's correction for {n_pairs} pairs; " if n_pairs > 1 else ""
    return (
        f"Paired permutation test: the two runs' whole sets of predictions are swapped {unit} by {unit}, in {ways}; "
        f"two-sided p of the difference of the pooled {headlines(found)[found['metric']].title}, "
        f"{probability(found['least_p'])} at the least; {holm}alpha {found['alpha']:g}.{_margin_words(found)}"
    )


def _margin_words(found: Found) -> str:
    margin = found.get("margin")
    return f" Equal is a pair whose whole interval lies within {margin:g} of 0." if margin else ""


def _class_table(found: Found) -> "Table":
    rows = (
        (name, str(row["n"]), *(number(row[key]) for key in ("recall", "precision", "f1")))
        for name, row in found["per_class"].items()
    )
    return table(("class", "n", "recall", "precision", "F1"), rows)


def _confusion_table(found: Found) -> "Table":
    rows = (
        (name, *(str(count) if count else "." for count in counts))
        for name, counts in zip(found["classes"], found["confusion"], strict=True)
    )
    return table(("", *_short(found["classes"])), rows)


def _seen_table(found: Found) -> "Table":
    rows = (
        (one["member"], str(one["n"]), *(number(one["informedness"][name]) for name in found["classes"]))
        for one in found["seen"]
    )
    return table(("member", "n", *_short(found["classes"])), rows)


def _speaker_table(found: Found, classes: Sequence[str]) -> "Table":
    speakers = list(found["per_speaker"].items())[:MOST_SPEAKERS]
    names = ("war", "uar") if found["classes"] else tuple(metrics.VALUE_METRICS)
    rows = (
        (
            speaker,
            str(row["n"]),
            *(number(row[name]) for name in names),
            *("/".join(map(str, row["correct_of"].get(name, "-"))) for name in classes),
        )
        for speaker, row in speakers
    )
    known: Mapping[str, metrics.Metric[Any]] = metrics.CLASS_METRICS if found["classes"] else metrics.VALUE_METRICS
    return table((found["cluster"], "n", *(known[name].title for name in names), *_short(classes)), rows)


def _speaker_words(found: Found) -> str:
    rest = len(found["per_speaker"]) - MOST_SPEAKERS
    words = "UAR over the classes each has, then correct/all" if found["classes"] else "each one's own figures"
    return words + (f"; {rest} more in metrics.json" if rest > 0 else "")


def _ceiling(found: Found) -> str:
    """Return what a human rater reaches, in words."""
    ceiling = found["ceiling"]
    if not ceiling or ceiling["value"] is None:
        return ""
    left_out = ceiling["n_ties"] + ceiling["n_outside"] + ceiling["n_alone"]
    return (
        f"a human rater against the majority of the others reaches {metrics.CLASS_METRICS[ceiling['metric']].title} "
        f"{number(ceiling['value'])}, over {ceiling['n_judgements']} votes on {ceiling['n_utterances']} utterances "
        f"({left_out} votes left out, {ceiling['n_ties']} of them as the others were tied)"
    )


def _short(classes: Sequence[str]) -> list[str]:
    """Return the beginnings of the classes' names, as long as it takes to tell them apart."""
    for length in range(3, max(map(len, classes), default=0)):
        if len({name[:length] for name in classes}) == len(classes):
            return [name[:length] for name in classes]
    return list(classes)
