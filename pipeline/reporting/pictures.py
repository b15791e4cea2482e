"""Pictures: the arrow from results to figures for a first look. Equal runs give equal files."""

import importlib
import io
import textwrap
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from affex.pipeline.evaluation import metrics
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.reporting.comparison_tables import comparison_title, known_ceiling, lettered, pair_words
from affex.pipeline.reporting.tables import headline, mark, title
from affex.pipeline.text.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120

#: How many letters of a name a picture shows.
LONGEST = 28

#: Kinds of files, and the metadata to leave out, which would contain the date and the program.
KINDS: dict[str, dict[str, None]] = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def import_ahead() -> None:
    """Import the plotting library in a thread while folds run: the import takes as long as a fold."""
    names = ("matplotlib.figure", "matplotlib.style", "matplotlib.backends.backend_agg")
    threading.Thread(target=lambda: [importlib.import_module(name) for name in names], daemon=True).start()


@contextmanager
def drawing(
    width: float,
    height: float,
    picture: io.BytesIO,
    kind: str = "png",
    style: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator["Figure"]:
    """Yield a figure of this size in inches, then write it into `picture` as a file of one of the `KINDS`.

    Parameters
    ----------
    style
        Settings of matplotlib (``rcParams``) that differ from its own.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    # A user's own style would change the bytes, as would the random ids of an SVG.
    with (
        matplotlib.style.context("default"),
        # Names may contain dollar signs.
        matplotlib.rc_context({"svg.hashsalt": "affex", "text.parse_math": False}),
        matplotlib.rc_context(dict[Any, Any](style)),
        warnings.catch_warnings(),
    ):
        # A letter that the font lacks is drawn as an empty box, which is sufficient.
        warnings.filterwarnings("ignore", "Glyph .* missing from|Matplotlib currently does not support")
        figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
        yield figure
        figure.savefig(picture, format=kind, metadata=KINDS[kind])


def of_result(result: Result, summary: Summary) -> dict[str, bytes]:
    """Return the picture of a result, by its file's name."""
    if result.scores.classes:
        return {"confusion.png": confusion_picture(summary)}
    return {"scatter.png": scatter_picture(result, summary)}


def confusion_picture(summary: Summary) -> bytes:
    """Draw a confusion matrix: each cell shows its share of the row (the true class) and its count."""
    classes, confusion = shown(summary.classes), summary.counts
    height = 2.2 + 0.75 * len(confusion)
    width = max(6.0, height + 0.08 * max(map(len, classes)))  # room for the names and the title
    picture = io.BytesIO()
    with drawing(width, height, picture) as figure:
        _draw_cells(figure.subplots(), classes, confusion)
        figure.suptitle(_heading(summary, width), fontsize=10)
    return picture.getvalue()


def scatter_picture(result: Result, summary: Summary) -> bytes:
    """Draw predicted against true values, one colour per speaker, with the line of perfect agreement."""
    scores = result.scores
    picture = io.BytesIO()
    with drawing(6.0, 6.0, picture) as figure:
        axes = figure.subplots()
        names, member = np.unique(scores.clusters, return_inverse=True)
        points = axes.scatter(
            scores.true, scores.predicted, c=member, cmap="tab20" if len(names) > 10 else "tab10", s=12
        )
        if len(names) <= 10:  # more colours are hard to distinguish
            handles, _ = points.legend_elements(num=range(len(names)))
            axes.legend(handles, shown(names.tolist()), title=summary.about.unit, fontsize=8, framealpha=0.6)
        ends = [
            float(min(scores.true.min(), scores.predicted.min())),
            float(max(scores.true.max(), scores.predicted.max())),
        ]
        axes.plot(ends, ends, color="grey", linewidth=1)
        target = summary.about.protocol.target
        axes.set(xlabel=f"true {target}", ylabel=f"predicted {target}")
        axes.set_aspect("equal")
        figure.suptitle(_heading(summary, 6.0), fontsize=10)
    return picture.getvalue()


def comparison_picture(found: Compared) -> bytes:
    """Draw the runs' figures and, beside them, the differences of every pair, each with its interval.

    Significant differences are blue and filled, others are grey and hollow.
    """
    metric, level = found.known.title, f"{found.runs[0].figure.level:.0%}"
    rows = [
        _row(f"{letter}  {_broken(printable(run.name) + mark(run))}", run.figure, "tab:blue")
        for letter, run in lettered(found)
    ]
    ceiling = known_ceiling(found)
    if ceiling and ceiling.value is not None:
        rows.append(_Row("human rater", ceiling.value, None, "tab:orange"))
    pairs = [
        _row(words, pair.difference, "tab:blue" if pair.winner else "grey")
        for (words, _), pair in zip(pair_words(found), found.pairs, strict=True)
    ]
    n_lines = sum(row.name.count("\n") + 2 for row in rows)
    picture = io.BytesIO()
    with drawing(12.0, 1.6 + max(0.18 * n_lines, 0.32 * len(pairs)), picture) as figure:
        left, right = figure.subplots(1, 2)
        _draw_intervals(left, rows)
        left.set_xlabel(f"{metric}, {level} interval over {found.unit}s")
        _draw_intervals(right, pairs)
        right.axvline(0, color="black", linewidth=0.8)
        right.set_xlabel(f"difference of {metric}, {level} interval (the verdict is the test's)")
        verdicts = [verdict for _, verdict in pair_words(found)]
        right.secondary_yaxis("right").set_yticks(range(len(verdicts)), verdicts, fontsize=8)
        figure.suptitle(textwrap.fill(printable(comparison_title(found)), 140), fontsize=10)
    return picture.getvalue()


class _Row(NamedTuple):
    """A dot with a name, and its interval if it has one."""

    name: str
    value: float
    ends: tuple[float, float] | None
    colour: str


def _row(name: str, interval: Interval, colour: str) -> _Row:
    ends = None if interval.low is None or interval.high is None else (interval.low, interval.high)
    return _Row(name, interval.value, ends, colour)


def _draw_intervals(axes: "Axes", rows: Sequence[_Row]) -> None:
    """Draw one dot per row, the first on top, with its interval if it has one; grey dots are hollow."""
    for place, (_, value, ends, colour) in enumerate(rows):
        if ends:
            axes.plot(ends, [place, place], color=colour)
        axes.plot(value, place, "o", color=colour, markerfacecolor="white" if colour == "grey" else colour)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", alpha=0.3)


def _broken(name: str) -> str:
    """Return a run's name in lines, broken after underscores if possible."""
    return textwrap.fill(name.replace("_", "_ "), 32).replace("_ ", "_")


def _heading(summary: Summary, width: float) -> str:
    lines = (textwrap.fill(printable(text), int(12 * width)) for text in (title(summary), headline(summary)))
    return "\n".join(lines)


def shown(names: Sequence[str], longest: int = LONGEST, *, distinct: bool = True) -> list[str]:
    """Return names as a picture shows them: readable, of bounded length and, unless told otherwise, distinct."""
    short = [_middle_out(printable(name), longest) for name in names]
    twice = {name for name, count in Counter(short).items() if count > 1 and distinct}
    return [f"{number}: {name}" if name in twice else name for number, name in enumerate(short, 1)]


def _middle_out(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    end = longest // 3
    return f"{name[: longest - end - 1]}…{name[-end:]}"


def _draw_cells(axes: "Axes", classes: list[str], confusion: metrics.Counts) -> None:
    n = confusion.sum(axis=1)
    shares = confusion / np.maximum(n, 1)[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, [f"{name} ({count})" for name, count in zip(classes, n, strict=True)])
    axes.set(xlabel="predicted", ylabel="true (utterances)")
    for i, j in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if shares[i, j] > 0.6 else "black"
        words = f"{shares[i, j]:.0%}\n{confusion[i, j]}"
        axes.text(j, i, words, ha="center", va="center", color=colour, fontsize=9)
