"""Pictures and tables of a run's page where the model need not decide on one class for every utterance."""

from typing import TYPE_CHECKING

from affex.pipeline.evaluation.abstaining import Abstaining
from affex.pipeline.evaluation.prediction_sets import PredictionSets
from affex.pipeline.pages import drawing
from affex.pipeline.pages.page import Picture, Row, Table
from affex.pipeline.pages.run_pictures import WIDTH, Bar, bars
from affex.pipeline.pages.run_tables import cell, count, interval_cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def risk(found: Abstaining, unit: str, table: Table) -> Picture:
    """Draw the accuracy of the most confident decisions against their share, with intervals."""

    def draw(figure: "Figure") -> None:
        with drawing.axes_of(figure) as axes:
            shares = [100 * at.coverage for at in found.curve]
            for share, at in zip(shares, found.curve, strict=True):
                if at.accuracy.low is not None and at.accuracy.high is not None:
                    axes.plot([share, share], [at.accuracy.low, at.accuracy.high], color=drawing.MAIN, linewidth=2)
            axes.plot(shares, [at.accuracy.value for at in found.curve], "o-", color=drawing.MAIN, linewidth=1)
            axes.axhline(1 - found.at_random, color=drawing.BESIDE, linestyle="--", linewidth=1.2, label="random order")
            axes.set(xlabel="most confident share of the test utterances, %", ylabel="share right (WAR)")
            axes.legend(loc="lower left", fontsize=8)

    caption = (
        f"Share of right decisions among the most confident ones, with its interval over {unit}s; dashed: were their "
        "order random."
    )
    return drawing.picture((WIDTH, 3.6), draw, caption, table)


def risks(found: Abstaining) -> Table:
    """Return the accuracy of the most confident decisions by their share, and the share by accuracy."""
    rows: list[Row] = [
        *(
            (f"the most confident {at.coverage:.0%}", cell(at.accuracy.value), interval_cell(at.accuracy))
            for at in found.curve
        ),
        *(
            (
                f"the most that are {at.accuracy:.0%} right: {at.coverage:.1%}",
                cell(at.accuracy if at.coverage else None),
                "-",
            )
            for at in found.reaching
        ),
        ("area under risk and coverage (AURC)", cell(found.area.value), interval_cell(found.area)),
        ("the same in random order", cell(found.at_random), "-"),
        ("the same if all wrong decisions came last", cell(found.at_best), "-"),
    ]
    return Table("Abstaining", ("decided", "share right, or area", "interval"), rows)


def sets(found: PredictionSets, unit: str, table: Table) -> Picture:
    """Draw how many of each speaker's sets hold the true class, the lowest on top."""
    rows = [Bar(one.name, one.coverage, word=f"{one.size:.2f} classes") for one in found.per_speaker]
    caption = (
        f"Share of each {unit}'s utterances whose prediction set holds the true class, the lowest on top, and the mean "
        f"size of the sets; dashed: what is promised over {unit}s together. Over {unit}s {found.coverage.value:.3f} of "
        f"the sets hold it, with {found.size.value:.2f} classes on average."
    )
    return bars(
        sorted(rows, key=lambda row: row.value or 0.0),
        "share of sets with the class",
        caption,
        table,
        1 - found.alpha,
        "promised",
    )


def speakers(found: PredictionSets, unit: str) -> Table:
    """Return how many of each speaker's sets hold the true class, and their mean size."""
    rows: list[Row] = [(one.name, count(one.n), cell(one.coverage), cell(one.size)) for one in found.per_speaker]
    rows.append((f"mean over {unit}s", "", cell(found.coverage.value), cell(found.size.value)))
    rows.append((f"standard deviation over {unit}s", "", cell(found.coverage_sd), cell(found.size_sd)))
    return Table("Prediction sets", (unit, "utterances", "sets with the class", "mean size"), rows)
