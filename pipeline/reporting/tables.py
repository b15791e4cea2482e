"""Tables: the arrow from the figures of a run to the tables of the terminal and of ``report.txt``.

All input comes from a `Summary` or a `Compared`, so a run can be shown again from its file alone.
"""

import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affex.pipeline.evaluation import abstaining, conclusions, metrics, prediction_sets, speakers
from affex.pipeline.evaluation.controls import Control
from affex.pipeline.evaluation.enrolment import Curve, Point
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.label_errors import LabelErrors
from affex.pipeline.evaluation.raters import AgainstShares, Ceiling
from affex.pipeline.evaluation.summary import LargestScore, SpeakerFigures, Summary
from affex.pipeline.reporting.compared import ComparedRun
from affex.pipeline.text.console import plain_console
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: With more speakers than this the terminal shows the first ones; ``metrics.json`` has all.
MOST_SPEAKERS = 40

#: All figures, by name.
METRICS: Mapping[str, metrics.Metric[Any]] = {**metrics.CLASS_METRICS, **metrics.VALUE_METRICS}

#: The title of `enrolment_table`.
ENROLMENT = "The price of normalisation: rows z-scored with other utterances of the tested speaker"
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
    narrow = fitting(console, _headline_table(summary, beside), _headline_table(summary, ""))
    console.print(fitting(console, _headline_table(summary, beside, both=True), narrow))
    if summary.control:
        console.print(Text(f"Texts: {control_words(summary.control, summary.about.unit)}."))
    if summary.seeds:
        console.print(Text(f"Seeds: {seeds_words(summary)}."))
    console.print(Text(f"Against chance{beside}: {chance_words(summary)}."))
    if summary.largest_score:
        console.print(Text(f"Speakers and classes: {_spread_words(summary)}."))
        console.print(Text(f"Scores: {largest_score_words(summary.largest_score)}."))
        if summary.calibration.error:
            console.print(Text(f"Calibration{beside}: {_calibration_words(summary.calibration.error, summary)}."))
        console.print(Text(f"Labels: {label_error_words(summary.label_errors)}."))
        for what, words in _less_than_all(summary):
            console.print(Text(f"{what}{beside}: {words}."))
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
    if summary.enrolment:
        price, of = enrolment_table(summary.enrolment), summary.enrolment.from_
        label = f" that are labelled {of}" if of else ""
        console.print(Text(f"{ENROLMENT}{label}"), fitting(console, *price), sep="\n")
    unit, n_folds = summary.about.unit, len(summary.folds)
    sets = prediction_sets.notes(summary.sets, unit, n_folds) if summary.sets else ()
    of_speakers = (summary.transductive, summary.about.enrolled, *sets)
    for note in filter(None, (*of_speakers, ceiling, shares, *_without_interval(summary), *summary.notes)):
        console.print(Text(f"Note: {note}."))
    where = f" -> {folder}" if folder else ""
    console.print(Text(headline(summary) + where))


def enrolment_table(found: Curve) -> "tuple[Table, Table]":
    """Return what each number of enrolled utterances is worth: with what it takes in practice, and without."""
    title = METRICS[found.figure].title
    heads = ("utterances enrolled", title, "interval", "sd of draws", "less that of 0")
    rows = [enrolment_row(point, found.figure) for point in found.points]
    needs = [(*row, point.needs) for row, point in zip(rows, found.points, strict=True)]
    return table((*heads, "what it takes"), needs), table(heads, rows)


def enrolment_row(point: Point, figure: str) -> tuple[str, ...]:
    """Return a number of enrolled utterances, a figure with its interval, its spread over draws, and its gain."""
    found, gain = point.figures[figure], point.gain
    spread = f"{number(found.spread)} ({point.draws})" if found.spread is not None else "-"
    gained = signed(gain.value, gain.low, gain.high) if gain else "-"
    return point.called, number(found.mean.value), ends_of(found.mean), spread, gained


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
    enrolled = run.about.enrolled_mark if isinstance(run, Summary) else run.enrolled
    words = [
        word for word, on in (("transductive", run.transductive), (enrolled, enrolled), ("with leaks", run.leaks)) if on
    ]
    if run.class_lost:
        lost = run.class_lost
        words.append(f"{lost.n} of {lost.of} have one {lost.what}, which normalisation removes")
    return f" ({', '.join(words)})" if words else ""


def control_words(found: Control, unit: str) -> str:
    """Return in words what models reach that heard the tested texts and learned from equally many utterances."""
    title, n = METRICS[found.metric].title, len(found.figures)
    low, high = (number(end(found.figures)) for end in (min, max))
    spread = f" ({n} draws from {low} to {high})" if n > 1 else ""
    return (
        f"{title} {with_interval(found.mean)}{spread} where each fold leaves out as many random utterances of each "
        f"{unit} and class ({found.n_removed:.0f}) instead of the tested text; the figure minus that is "
        f"{with_interval(found.difference)}"
    )


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
        f"fold{'s' * (n_folds != 1)}{n_classes}, {_seeds(summary)}, "
        f"protocol {summary.protocol_hash[:8]}"
    )
    left_out = ", ".join(f"{n} {reason}" for reason, n in summary.left_out.items())
    return words + (f"; left out: {left_out}" if left_out else "")


def _seeds(summary: Summary) -> str:
    """Return the seed, the seeds whose figures were averaged, or those of a fusion's members."""
    found = summary.seeds or summary.about.settings.every_seed
    return f"seed{'s' * (len(summary.seeds) > 1)} {', '.join(map(str, found))}"


def _headline_words(summary: Summary) -> str:
    interval, unit = summary.interval(next(iter(summary.headlines))), summary.about.unit
    with_training = any(summary.interval(name).includes_training for name in summary.headlines)
    what = f"for models trained on other {unit}s" if with_training else "for the given model"
    return f"{interval.level:.0%} intervals over {summary.n_clusters} {unit}s, {what}; chance is {summary.chance_is}"


def _calibration_words(error: Interval, summary: Summary) -> str:
    """Return in words how far confidences are from the share of right decisions."""
    return f"expected error (ECE) {with_interval(error)}, Brier score {number(summary.calibration.brier)} (0 to 2)"


def label_error_words(found: LabelErrors) -> str:
    """Return in words how many labels are likely wrong, and how many would seem so by chance."""
    if found.n is None:
        return f"no list of likely errors, since {found.reason}"
    return (
        f"{found.n} of {found.of} are likely wrong according to the held-out scores ({found.expected:.0f} expected if "
        "all were right and the scores calibrated); nothing is dropped, see label_errors.csv"
    )


def _less_than_all(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield how good the model is where it need not decide on one class for every utterance."""
    if summary.abstaining:
        yield "Abstaining", abstaining.in_words(summary.abstaining)
    if summary.sets:
        yield "Prediction sets", prediction_sets.in_words(summary.sets, summary.about.unit)


def _spread_words(summary: Summary) -> str:
    found = summary.speakers_by_classes
    return speakers.in_words(found, len(summary.classes), summary.about.unit) if found else "not counted"


def _headline_table(summary: Summary, beside: str, *, both: bool = False) -> "Table":
    """Return the headline figures; `both` intervals where there is room."""
    both = both and any(summary.interval(name).includes_training for name in summary.headlines)
    rows = (
        (
            metric.title,
            f"{number(summary.figures[name].value)}{beside}",
            ends_of(summary.interval(name)),
            *([ends_of(summary.given_models(name))] if both else []),
            *([number(summary.figures[name].spread_over_seeds)] if summary.seeds else []),
            number(summary.figures[name].chance),
        )
        for name, metric in summary.headlines.items()
    )
    given = ["given these models"] if both else []
    over_seeds = ["sd over seeds"] if summary.seeds else []
    return table(("", "score", "interval", *given, *over_seeds, "chance"), rows)


def seeds_words(summary: Summary) -> str:
    """Return in words how the main figure varies over seeds, and that the rest is of the first; empty with one seed."""
    name, metric = next(iter(summary.headlines.items()))
    figure = summary.figures[name]
    known = [one for one in figure.of_seeds if one is not None]
    if not known:
        return ""
    values = ", ".join(map(number, figure.of_seeds))
    return (
        f"{metric.title} with the seeds {', '.join(map(str, summary.seeds))}: {values} "
        f"(standard deviation {number(figure.spread_over_seeds)}); figures are means over seeds, their intervals are "
        f"over {summary.about.unit}s; classes, {summary.about.unit}s and predictions are of seed {summary.seeds[0]}"
    )


def ends_of(interval: Interval) -> str:
    """Return an interval, as in ``[0.701, 0.873]``; ``none`` if there is none."""
    return ends(interval.low, interval.high) or "none"


def signed(value: float, low: float | None, high: float | None) -> str:
    """Return a difference with its interval, as in ``+0.100 [0.020, 0.180]``."""
    return f"{value:+.3f} {ends(low, high)}".rstrip()


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
