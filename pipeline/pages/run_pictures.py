"""Pictures of a run's page: figures with their intervals, and predicted against true values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from affex.pipeline.evaluation.calibration import Calibration
from affex.pipeline.evaluation.enrolment import Curve
from affex.pipeline.evaluation.importance import Importance
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.pages import drawing
from affex.pipeline.pages.page import Picture, Table
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.pictures import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: From so many points on, a picture holds them as dots of a raster image: as an SVG they would take megabytes.
MANY = 500
#: How many groups of columns are drawn.
MOST_GROUPS = 15
#: The width of a picture, in, and the number of letters that a name may have beside it.
WIDTH, LONGEST = 8.0, 46


class Bar(NamedTuple):
    """A figure of a class, a speaker or another group, with the ends of its interval (None without one).

    A word may stand behind it, and a dot may be hollow, which shows that it is not significant.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    word: str = ""
    is_hollow: bool = False


def bars(
    rows: Sequence[Bar],
    quantity: str,
    caption: str,
    table: Table | None,
    line: float | None = None,
    called: str = "chance",
) -> Picture:
    """Draw one dot a row with its interval, the first on top, and a dashed line for reference.

    Parameters
    ----------
    quantity
        What the axis shows.
    line, called
        Where the line is, and what it is; None for no line.
    """

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            _dots(axes, rows)
            if line is not None:
                axes.axvline(line, color=drawing.BESIDE, linestyle="--", linewidth=1.2, label=called)
                axes.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)
            axes.set_xlabel(quantity)

    return drawing.picture((WIDTH, 0.75 + 0.24 * len(rows)), draw, caption, table)


def _dots(axes: "Axes", rows: Sequence[Bar]) -> None:
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=drawing.MAIN, linewidth=1 if row.is_hollow else 2)
        if row.value is not None:
            fill = "none" if row.is_hollow else "full"
            axes.plot(row.value, place, "o", color=drawing.MAIN, markersize=5, fillstyle=fill)
    axes.set_yticks(places, shown([row.name for row in rows], LONGEST))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    if any(row.word for row in rows):
        axes.secondary_yaxis("right").set_yticks(places, shown([row.word for row in rows], LONGEST, distinct=False))


def scatter(summary: Summary, scores: Scores) -> Picture:
    """Draw predicted against true values, a colour and a marker for each speaker, and the line of agreement."""
    names = np.unique(scores.clusters).tolist()
    target = summary.about.protocol.target
    values = np.concatenate([scores.true, scores.predicted]).astype(np.float64)
    ends = [values.min(), values.max()]

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            for name, label, (colour, marker) in zip(names, shown(names), drawing.styles(len(names)), strict=True):
                own = scores.clusters == name
                axes.scatter(
                    scores.true[own].astype(float),
                    scores.predicted[own].astype(float),
                    s=14,
                    color=colour,
                    marker=marker,
                    linewidths=0,
                    label=label,
                    rasterized=len(scores) > MANY,
                )
            axes.plot(ends, ends, color=drawing.INK, linewidth=0.8)
            axes.set(xlabel=f"true {target}", ylabel=f"predicted {target}")
            if len(names) <= 12:
                axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title=summary.about.unit, fontsize=8)

    caption = (
        f"Predicted against true {target}; the line is perfect agreement. Each {summary.about.unit} has its marker."
    )
    return drawing.picture((WIDTH, 4.6), draw, caption)


def classes(summary: Summary, table: Table) -> Picture:
    """Draw the recall of each class with its interval."""
    rows = [Bar(row.name, row.recall, row.interval.low, row.interval.high) for row in summary.per_class]
    caption = f"Recall of each class with its interval over {summary.about.unit}s; dashed: guessing at random."
    return bars(rows, "recall", caption, table, 1 / len(rows), "guessing")


def speakers(summary: Summary, table: Table) -> Picture:
    """Draw how much of each speaker is recognised, or the main figure where values are predicted; the lowest on top."""
    unit, (name, known) = summary.about.unit, next(iter(summary.headlines.items()))
    if not summary.classes:
        rows = [Bar(row.name, row.figures.get(name)) for row in summary.per_speaker]
        return bars(_rising(rows), known.title, f"{known.title} of each {unit}; the lowest is on top.", table)
    shares = [(row.name, row.war_interval) for row in summary.per_speaker]
    rows = [Bar(name, share.value, share.low, share.high) for name, share in shares if share]
    caption = (
        f"Share of each {unit}'s utterances that are recognised; the lowest is on top. The intervals are Wilson's, "
        f"over the utterances of the {unit}, taken as independent."
    )
    return bars(_rising(rows), "share recognised (WAR)", caption, table)


def _rising(rows: Sequence[Bar]) -> list[Bar]:
    return sorted(rows, key=lambda row: -2.0 if row.value is None else row.value)


def groups(summary: Summary, table: Table) -> Picture:
    """Draw the main figure of each group of utterances with its interval."""
    known = next(iter(summary.headlines.values()))
    rows = [
        Bar(f"{group.attribute}: {group.name}", group.interval.value, group.interval.low, group.interval.high)
        for group in summary.groups
    ]
    caption = f"{known.title} of each group with its interval over the {summary.about.unit}s in it."
    return bars(rows, known.title, caption, table)


def importance(found: Importance, unit: str, table: Table) -> Picture:
    """Draw what the main figure loses without each group of columns, those with the largest drops."""
    shown_groups = found.groups[:MOST_GROUPS]
    rows = [Bar(group.name, group.drop.value, group.drop.low, group.drop.high) for group in shown_groups]
    title = tables.METRICS[found.figure].title
    rest = len(found.groups) - len(rows)
    more = f" {rest} more groups are in the table." if rest else ""
    caption = (
        f"What {title} loses when the columns of a group are permuted among the test utterances of a fold, with its "
        f"interval over {unit}s; dashed: nothing.{more}"
    )
    return bars(rows, f"drop of {title}", caption, table, 0.0, "nothing")


def enrolment(found: Curve, unit: str, table: Table) -> Picture:
    """Draw the main figure against the number of enrolled utterances, with intervals; all others stand at the end."""
    title = tables.METRICS[found.figure].title

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            places = range(len(found.points))
            means = [point.figures[found.figure].mean for point in found.points]
            for place, mean in zip(places, means, strict=True):
                if mean.low is not None and mean.high is not None:
                    axes.plot([place, place], [mean.low, mean.high], color=drawing.MAIN, linewidth=2)
            axes.plot(places, [mean.value for mean in means], "o-", color=drawing.MAIN, linewidth=1)
            axes.set_xticks(places, [point.called for point in found.points])
            axes.set(xlabel="other utterances of the tested speaker that are enrolled", ylabel=title)

    caption = (
        f"{title} against the number of other utterances of the tested speaker that normalise its rows: the mean over "
        f"draws, with its interval over {unit}s. 0: rows are not normalised by speaker."
    )
    return drawing.picture((WIDTH, 3.6), draw, caption, table)


def calibration(found: Calibration, table: Table) -> Picture:
    """Draw how often decisions of some confidence are right, against perfect calibration."""

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            used = [(one.confidence or 0.0, one.correct or 0.0, one.n) for one in found.bins if one.n]
            axes.plot([0, 1], [0, 1], color=drawing.INK, linewidth=0.8, linestyle="--", label="perfect calibration")
            axes.plot(
                [confidence for confidence, _, _ in used],
                [correct for _, correct, _ in used],
                "o-",
                color=drawing.MAIN,
                label="this run",
            )
            for confidence, correct, n in used:
                axes.annotate(str(n), (confidence, correct), (0, 6), textcoords="offset points", fontsize=8)
            axes.set(
                xlim=(0, 1), ylim=(0, 1.05), xlabel="mean confidence in the decision", ylabel="share of right decisions"
            )
            axes.legend(loc="upper left", fontsize=8)

    caption = "Reliability: how often decisions of some confidence are right. The numbers count utterances."
    return drawing.picture((6.0, 3.8), draw, caption, table)
