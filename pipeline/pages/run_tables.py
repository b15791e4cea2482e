"""Tables of a run's page, each made from the run's summary or its scores."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from affex.classifiers.base import Axis
from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.calibration import Calibration
from affex.pipeline.evaluation.enrolment import Curve
from affex.pipeline.evaluation.importance import Importance
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.label_errors import suspects
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.summary import SpeakerFigures, Summary
from affex.pipeline.evaluation.times import Times
from affex.pipeline.pages.page import Cell, Row, Table
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.inputs import FaceCoverage, Inputs
from affex.pipeline.reporting.leak import Ladder

#: The most likely label errors on a page; the file beside it has all.
SUSPECTS = 30


@dataclass(frozen=True)
class Card:
    """A figure at the top of a page: its value, what it is, and what stands below it."""

    value: str
    what: str
    below: str = ""


@dataclass(frozen=True)
class ConfusionCell:
    """Utterances of one true class with one predicted class.

    Parameters
    ----------
    count
        How many.
    share
        Their share of the true class, 0 to 1.
    is_right
        Whether the two classes are the same.
    """

    count: int
    share: float
    is_right: bool


@dataclass(frozen=True)
class ConfusionRow:
    """The utterances of one true class."""

    name: str
    n: int
    cells: Sequence[ConfusionCell]


def count(number: int) -> Cell:
    """Return a count, sorted by its value."""
    return Cell(str(number), number)


def cell(value: float | None) -> Cell:
    """Return a figure with three decimal places, sorted by its value."""
    return Cell(tables.number(value), value)


def interval_cell(interval: Interval | None) -> Cell:
    """Return the ends of an interval, or a dash."""
    words = tables.ends(interval.low, interval.high) if interval else ""
    return Cell(words or "-", interval.low if interval else None)


def cards(summary: Summary) -> list[Card]:
    """Return the headline figures, the first with its interval; then chance and the human ceiling."""
    level = next(iter(summary.headlines.values())).title
    own = [_card(summary, name, known.title) for name, known in summary.headlines.items()]
    main = summary.figures[next(iter(summary.headlines))]
    chance = Card(tables.number(main.chance), f"chance ({level}, {summary.chance_is})")
    return [own[0], chance, *_ceiling(summary), *own[1:]]


def _card(summary: Summary, name: str, title: str) -> Card:
    interval = summary.interval(name)
    ends = tables.ends(interval.low, interval.high) or "no interval"
    below = f"{ends}, {interval.level:.0%} interval over {summary.n_clusters} {summary.about.unit}s"
    given, spread = summary.given_models(name), summary.figures[name].spread_over_seeds
    if interval.includes_training:
        below += f", for models trained on others; given these models {tables.ends(given.low, given.high)}"
    if spread is not None:
        below += f"; mean of {len(summary.seeds)} seeds, standard deviation over seeds {tables.number(spread)}"
    return Card(tables.number(interval.value), title + tables.mark(summary), below)


def _ceiling(summary: Summary) -> Iterator[Card]:
    ceiling = summary.ceiling
    if ceiling and ceiling.value is not None:
        yield Card(
            tables.number(ceiling.value),
            f"a human rater ({tables.METRICS[ceiling.metric].title}, against the majority of the others)",
            f"{ceiling.n_judgements} votes on {ceiling.n_utterances} utterances",
        )


def classes(summary: Summary) -> Table:
    """Return the figures of each class."""
    rows: list[Row] = [
        (row.name, count(row.n), cell(row.recall), interval_cell(row.interval), cell(row.precision), cell(row.f1))
        for row in summary.per_class
    ]
    return Table("Figures by class", ("class", "utterances", "recall", "interval", "precision", "F1"), rows)


def groups(summary: Summary) -> Table:
    """Return the figures of each group of utterances."""
    known = next(iter(summary.headlines.values()))
    rows: list[Row] = [
        (
            group.attribute,
            group.name,
            count(group.n),
            count(group.n_clusters),
            cell(group.interval.value),
            interval_cell(group.interval),
            cell(group.war),
        )
        for group in summary.groups
    ]
    heads = ("attribute", "value", "utterances", f"{summary.about.unit}s", known.title, "interval", "WAR")
    return Table("Figures by group", heads, rows)


def rungs(found: Ladder) -> Table:
    """Return the figure under each protocol, from the strictest on."""
    rows: list[Row] = [
        (
            rung.name,
            f"{rung.how}{rung.mark}",
            Cell(f"{rung.n_train:.0f}", rung.n_train),
            cell(rung.figure.value),
            interval_cell(rung.figure),
        )
        for rung in found.rungs
    ]
    heads = ("protocol", "what is kept apart", "training utterances a fold", found.title, "interval")
    return Table("The same model under several protocols", heads, rows)


def steps(found: Ladder) -> Table:
    """Return the differences between protocols, and what follows from each."""
    rows: list[Row] = [
        (
            " minus ".join(reversed(step.names)),
            cell(step.difference.value),
            interval_cell(step.difference),
            step.words,
        )
        for step in found.steps
    ]
    return Table("What a leak adds", ("difference", found.title, "interval", "what follows"), rows)


def importance(found: Importance) -> Table:
    """Return what each group of columns is worth."""
    rows: list[Row] = [
        (group.name, count(group.n_columns), cell(group.drop.value), interval_cell(group.drop), cell(group.after))
        for group in found.groups
    ]
    title = tables.METRICS[found.figure].title if found.figure else "figure"
    heads = ("group of columns", "columns", f"drop of {title}", "interval", f"{title} without it")
    return Table("Groups of columns, permuted among the test utterances", heads, rows, filterable=len(rows) > 12)


def enrolment(found: Curve) -> Table:
    """Return what each number of enrolled utterances is worth, and what it takes in practice."""
    rows: list[Row] = [
        (
            Cell(point.called, float("inf") if point.n is None else point.n),
            *tables.enrolment_row(point, found.figure)[1:],
            count(point.draws),
            count(point.n_fewer),
            point.needs,
        )
        for point in found.points
    ]
    heads = (tables.METRICS[found.figure].title, "interval", "sd of draws (draws)", "less that of 0", "draws")
    return Table(
        "The price of normalisation", ("enrolled", *heads, "test utterances with fewer", "what it takes"), rows
    )


def calibration(found: Calibration) -> Table:
    """Return how often decisions of some confidence are right."""
    rows: list[Row] = [
        (f"{one.low:.1f} to {one.high:.1f}", count(one.n), cell(one.confidence), cell(one.correct))
        for one in found.bins
    ]
    return Table("Reliability of the confidence", ("confidence", "utterances", "mean confidence", "share right"), rows)


def label_errors(scores: Scores, unit: str) -> Table | None:
    """Return the labels that are likeliest wrong; None where none is likely wrong."""
    likely = [one for one in suspects(scores) if one.likely]
    rows: list[Row] = [
        (
            *(str(scores.ids[one.number]), str(scores.clusters[one.number]), one.label, one.other),
            *map(cell, (one.p_label, one.p_other, one.margin)),
        )
        for one in likely[:SUSPECTS]
    ]
    more = f", the first {SUSPECTS} of {len(likely)}" if len(likely) > SUSPECTS else ""
    columns = ("utterance", unit, "label", "the model says", "P(label)", "P(other)", "margin")
    return Table(f"Labels that are likely wrong{more}", columns, rows) if rows else None


def moments(summary: Summary) -> Table | None:
    """Return the figures of parts of utterances alone; None for a run that kept no scores of rows."""
    if not summary.moments:
        return None
    titles, rows = tables.moment_rows(summary)
    return Table("Parts of utterances", tuple(titles), [tuple(row) for row in rows])


def searched(summary: Summary) -> Table:
    """Return what the searches tried, and how often each value was chosen."""
    rows = [(axis.name, _tried(axis), _chosen(summary, axis)) for axis in summary.searched]
    return Table("Searched hyperparameters", ("hyperparameter", "tried", "chosen (folds)"), rows)


def _tried(axis: Axis) -> str:
    return f"{axis.values[0]} to {axis.values[-1]}" if axis.is_range else ", ".join(map(str, axis.values))


def _chosen(summary: Summary, axis: Axis) -> str:
    chosen = Counter(str(fold.best_params[axis.name]) for fold in summary.folds if axis.name in fold.best_params)
    return ", ".join(f"{value} ({n})" for value, n in chosen.most_common())


def speakers(summary: Summary) -> Table:
    """Return the figures of each speaker."""
    names = ("war", "uar") if summary.classes else tuple(metrics.VALUE_METRICS)
    unit = summary.about.unit
    heads = (unit, "utterances", *(tables.METRICS[name].title for name in names))
    return Table(f"Figures by {unit}", heads, [_speaker(row, names) for row in summary.per_speaker], filterable=True)


def _speaker(row: SpeakerFigures, names: Sequence[str]) -> tuple[Cell | str, ...]:
    return (row.name, count(row.n), *(cell(row.figures[name]) for name in names))


def confusion(summary: Summary) -> list[ConfusionRow]:
    """Return the confusion matrix by true class; empty where values are predicted."""
    return [
        ConfusionRow(name, sum(counts), [_confused(counts, i, j) for j in range(len(counts))])
        for i, (name, counts) in enumerate(zip(summary.classes, summary.confusion, strict=True))
    ]


def _confused(counts: Sequence[int], i: int, j: int) -> ConfusionCell:
    return ConfusionCell(counts[j], counts[j] / max(1, sum(counts)), i == j)


def folds(summary: Summary) -> Table:
    """Return what each fold tested and what its search chose."""
    chosen = list(dict.fromkeys(name for fold in summary.folds for name in fold.best_params))
    rows: list[Row] = [
        (
            fold.name,
            count(fold.n_train),
            count(fold.n_test),
            *(parameter(fold.best_params.get(name)) for name in chosen),
            "; ".join(f"{step}: {reason}" for step, reason in fold.limits.items()),
        )
        for fold in summary.folds
    ]
    return Table("Folds", ("fold", "trained on", "tested on", *chosen, "limits"), rows, filterable=True)


def parameter(value: object) -> Cell:
    """Return the value of a hyperparameter as a short text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(f"{value:.4g}", value)
    return Cell("-" if value is None else str(value))


def figures(summary: Summary) -> Table:
    """Return all figures of all tested utterances."""
    rows: list[Row] = [
        (
            tables.METRICS[name].title,
            cell(figure.value),
            interval_cell(figure.interval),
            interval_cell(figure.interval_given_models),
            *([cell(figure.spread_over_seeds)] if summary.seeds else []),
            cell(figure.chance),
        )
        for name, figure in summary.figures.items()
    ]
    over_seeds = ["standard deviation over seeds"] if summary.seeds else []
    heads = ("figure", "value", "interval", "interval given these models", *over_seeds, "chance")
    return Table("All figures, pooled over all folds", heads, rows)


def stages(found: Times) -> Table:
    """Return how long each stage of a run took."""
    rows: list[Row] = [(one.name, seconds(one.wall), seconds(one.cpu + one.workers_cpu)) for one in found.stages]
    return Table("Stages", ("stage", "time, s", "CPU time with workers, s"), rows)


def seconds(value: float | None) -> Cell:
    """Return a time in s with one decimal place."""
    return Cell("-" if value is None else f"{value:.1f}", value)


def failures(found: Inputs) -> Table:
    """Return why utterances have no rows, by feature."""
    rows: list[Row] = [
        (one.feature, one.corpus, count(reason.n), reason.first, reason.message)
        for one in found.failures
        for reason in one.reasons
    ]
    return Table("Utterances without rows, by reason", ("feature", "corpus", "utterances", "first", "message"), rows)


def coverage(found: FaceCoverage) -> Table:
    """Return in how many frames a face was found, by speaker."""
    every = (("all", found.all), *((one.name, one) for one in found.speakers))
    rows: list[Row] = [
        (
            name,
            count(one.n_utterances),
            count(one.n_without),
            count(one.n_faceless),
            count(one.n_frames),
            count(one.n_found),
            cell(one.share),
        )
        for name, one in every
    ]
    heads = ("speaker", "utterances", "without frames", "without a face", "frames", "with a face", "share")
    return Table(f"Frames with a face ({found.feature})", heads, rows, filterable=len(rows) > 12)
