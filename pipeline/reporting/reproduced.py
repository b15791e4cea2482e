"""Reproduced: the arrow from a run that was evaluated again to a verdict in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from affex.pipeline.reporting.differences import Difference, Figures
from affex.pipeline.reporting.tables import METRICS

#: The verdict where nothing differs but what it depends on is not recorded.
UNEXPLAINED = "No setting, version, key or digest in the two records differs: what the result depends on is not stable."


@dataclass(frozen=True)
class Reproduction:
    """What came of a run that was evaluated again.

    Parameters
    ----------
    run
        The run's name.
    folder
        The folder of the new run; empty if it was temporary.
    same
        Whether every byte of ``metrics.json`` is the same; it has the sha256 of the other files.
    same_predictions
        Whether every byte of ``predictions.csv`` is the same.
    causes
        The settings, versions, keys, corpus or code that differ.
    results
        The parts of the record, and the files, that differ.
    figures
        How far the figures lie apart.
    """

    run: str
    folder: str
    same: bool
    same_predictions: bool
    causes: tuple[Difference, ...]
    results: tuple[str, ...]
    figures: Figures


def lines(found: Reproduction) -> Iterator[str]:
    """Yield a verdict: what is the same, else what differs, causes first and figures last."""
    where = f" -> {found.folder}" if found.folder else ""
    if found.same:
        yield f"The same: {found.run} evaluated again has equal bytes of metrics.json and predictions.csv{where}"
        return
    yield f"Different: {found.run} evaluated again has another metrics.json{where}"
    yield from (f"  {cause}" for cause in found.causes or (UNEXPLAINED,))
    if found.results:
        yield f"Also different: {', '.join(found.results)}"
    yield "Figures:"
    yield from (f"  {line}" for line in _figures(found))


def _figures(found: Reproduction) -> Iterator[str]:
    figures = found.figures
    for name, (before, after) in figures.headlines.items():
        yield f"{METRICS[name].title}: {_number(before)} -> {_number(after)}"
    if figures.largest:
        yield f"the largest difference of a figure: {figures.largest}, by {_signed(figures.by)}"
    else:
        yield "all figures are equal"
    if found.same_predictions:
        yield "every byte of predictions.csv is equal"
        return
    yield f"decisions: {figures.decisions} of {figures.of} differ"
    if figures.score is not None:
        yield f"the largest difference of a score: {figures.score:.3g}"


def _number(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.6g}"


def _signed(by: float | None) -> str:
    return "an undefined one" if by is None else f"{by:+.3g}"
