"""Tables of a corpus: the arrow from the parts of a description to tables of a page."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.pages.page import Cell, Table
from affex.pipeline.statistics.agreement import Agreement
from affex.pipeline.statistics.counts import Count, Counts, Crossed, Dimension
from affex.pipeline.statistics.description import Description, Failure, View
from affex.pipeline.statistics.identity import Identity
from affex.pipeline.statistics.recordings import Format, Quantity, Spread, seconds_in_words
from affex.pipeline.statistics.twins import Pair
from affex.pipeline.statistics.variance import Shares

Rows = list[list[Cell | str]]


@dataclass(frozen=True)
class Bars:
    """Counts as bars: names, counts, and lengths as shares of the longest."""

    by: str
    rows: tuple[tuple[str, int, float], ...]


@dataclass(frozen=True)
class Shaded:
    """A table of counts whose cells have the stronger colour the more they count.

    Parameters
    ----------
    columns
        Their heads.
    rows
        The name of each, its cells (count, and share of the largest), and its sum.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[int, float], ...], int], ...]


#: From this number of rows on a table can be filtered.
FILTERED = 20


def number(value: float, digits: int = 2) -> Cell:
    """Return a number as a cell that is sorted by its value."""
    return Cell(f"{round(value, digits) + 0.0:.{digits}f}", value) if not math.isnan(value) else Cell("-")


def count(value: int) -> Cell:
    """Return a count as a cell."""
    return Cell(f"{value}", value)


def share(value: float) -> Cell:
    """Return a share of 1 in per cent."""
    return Cell(f"{value:.1%}", value) if not math.isnan(value) else Cell("-")


def bars(counts: Counts) -> Bars:
    """Return the utterances by a field as bars; those without a value last."""
    unknown = [Count("unknown", counts.n_unknown)] if counts.n_unknown else []
    every = [*counts.counts, *unknown]
    return Bars(counts.by, tuple((one.name, one.n, one.n / max(one.n for one in every)) for one in every))


def shaded(crossed: Crossed) -> Shaded:
    """Return the utterances of each speaker in each class as shaded cells."""
    most = max((n for row in crossed.counts for n in row), default=1)
    rows = zip(crossed.speakers, crossed.counts, strict=True)
    return Shaded(crossed.classes, tuple((name, tuple((n, n / most) for n in row), sum(row)) for name, row in rows))


def quantities_table(quantities: Sequence[Quantity]) -> Table:
    """Return the spread of every quantity, with the utterances at its ends."""
    rows: Rows = [[_titled(one), *_spread(one.whole), one.lowest, one.highest] for one in quantities]
    columns = ("quantity", "least", "quarter", "median", "three quarters", "most", "least in", "most in")
    return Table("Durations, levels and silence of all measured utterances", columns, rows)


def quantity_table(quantity: Quantity) -> Table:
    """Return the spread of a quantity in each class."""
    every = (quantity.whole, *quantity.classes)
    rows: Rows = [[one.name or "all", count(one.n), *_spread(one)] for one in every]
    columns = ("class", "utterances", "least", "quarter", "median", "three quarters", "most")
    return Table(_titled(quantity).capitalize(), columns, rows)


def _titled(quantity: Quantity) -> str:
    return f"{quantity.title}, {quantity.unit}" if quantity.unit else quantity.title


def _spread(one: Spread) -> list[Cell]:
    return [number(value) for value in (one.least, one.quarter, one.median, one.three_quarters, one.most)]


def formats_table(kind: str, formats: Sequence[Format]) -> Table:
    """Return how files are stored, with the number of classes in each format."""
    what = {"audio": "sound", "video": "film"}[kind]
    rows: Rows = [
        [one.about, count(one.n_utterances), count(sum(bool(label) for label, _ in one.classes))] for one in formats
    ]
    return _table(f"How {what} is stored", ("format", "utterances", "classes"), rows)


def failures_table(failures: Sequence[Failure]) -> Table:
    """Return why utterances have no rows."""
    rows: Rows = [[one.feature, count(one.utterances.n), one.reason, ", ".join(one.utterances.ids)] for one in failures]
    return _table(
        "Utterances without rows, by reason", ("feature", "utterances", "reason (of the first)", "first"), rows
    )


def dimensions_table(dimensions: Sequence[Dimension]) -> Table:
    """Return the spread of each dimension."""
    rows: Rows = [
        [one.name, count(one.n), *map(number, (one.least, one.mean, one.deviation, one.most))] for one in dimensions
    ]
    columns = ("dimension", "utterances", "least", "mean", "standard deviation", "most")
    return Table("Dimensions, in the corpus's own units", columns, rows)


def shares_table(shares: Shares) -> Table:
    """Return what speaker and class explain."""
    rows: Rows = [
        [name, share(one.value), _ends(one), share(chance)]
        for name, one, chance in (
            ("speaker", shares.speaker, shares.speaker_by_chance),
            ("class", shares.label, shares.label_by_chance),
            ("both", shares.both, math.nan),
            ("speaker beyond class", shares.only_speaker, math.nan),
            ("class beyond speaker", shares.only_label, math.nan),
        )
    ]
    return Table("Share of the variance explained", ("by", "share", "95 % interval", "by chance"), rows)


def _ends(one: Interval) -> str:
    return "-" if one.low is None or one.high is None else f"[{one.low:.1%}, {one.high:.1%}]"


def effects_table(view: View) -> Table:
    """Return the columns that each class shifts most."""
    rows: Rows = [
        [
            one.label,
            effect.column,
            number(effect.size),
            number(effect.shift),
            f"[{effect.low:.2f}, {effect.high:.2f}]",
            Cell(_p(effect.corrected), effect.corrected),
        ]
        for one in view.effects.classes
        for effect in one.largest
    ]
    columns = ("class", "column", "effect size", "shift, SD", "95 % interval", "p, corrected")
    return _table(f"Columns of {view.feature} that a class shifts most reliably", columns, rows)


def significant_table(view: View) -> Table:
    """Return how many columns each class shifts."""
    rows: Rows = [
        [one.label, count(one.n_speakers), count(one.n_significant) if one.largest else "-"]
        for one in view.effects.classes
    ]
    columns = ("class", "speakers", f"significant of {view.effects.n_columns} columns")
    return _table(f"Columns of {view.feature} that differ by more than chance", columns, rows)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


def pairs_table(caption: str, pairs: Sequence[Pair]) -> Table:
    """Return pairs of utterances with the same recording, or parts of one."""
    rows: Rows = [[one.first, one.second, _both(one.speakers), _both(one.labels), one.note] for one in pairs]
    return _table(caption, ("utterance", "and", "speakers", "classes", "how it shows"), rows)


def identity_table(found: Identity) -> Table:
    """Return how alike halves of each speaker's utterances are, and who is the most alike to each."""
    apart = [[-math.inf if a == b else value for b, value in enumerate(row)] for a, row in enumerate(found.likeness)]
    nearest = [row.index(max(row)) for row in apart]
    rows: Rows = [
        [name, count(found.counts[place]), number(found.halves[place]), found.names[other], number(apart[place][other])]
        for place, (name, other) in enumerate(zip(found.names, nearest, strict=True))
    ]
    columns = ("speaker", "utterances", "likeness of halves", "most alike", "likeness")
    return _table(f"How alike speakers are by {found.feature}", columns, rows)


def _both(names: tuple[str, str]) -> str:
    one, other = (name or "unknown" for name in names)
    return one if one == other else f"{one} / {other}"


def agreement_facts(agreed: Agreement) -> list[tuple[str, str]]:
    """Return how far raters agree, in pairs of words and figures."""
    alpha, ceiling = agreed.alpha, agreed.ceiling
    ends = "" if alpha.low is None or alpha.high is None else f" [{alpha.low:.3f}, {alpha.high:.3f}]"
    raters = (
        f"{agreed.least_raters}"
        if agreed.least_raters == agreed.most_raters
        else (f"{agreed.least_raters} to {agreed.most_raters}")
    )
    pairs = [
        ("Krippendorff's alpha", f"{alpha.value:.3f}{ends}" if not math.isnan(alpha.value) else "undefined"),
        ("Raters", f"{raters} an utterance, {agreed.n_votes} votes on {agreed.n_utterances} utterances"),
        ("Unanimous", f"{agreed.unanimous:.1%} of the utterances"),
        ("Without majority", f"{agreed.tied:.1%} of the utterances"),
    ]
    if ceiling is not None and ceiling.value is not None:
        words = f"UAR {ceiling.value:.3f} over {ceiling.n_classes} classes ({ceiling.n_judgements} judgements)"
        pairs.append(("Human ceiling", words))
    return pairs


def facts(found: Description) -> list[tuple[str, str]]:
    """Return the headline of a corpus: figures with their words."""
    n_speakers, n_classes = len({*found.speakers} - {""}), len(found.classes.counts)
    durations = [one.whole for one in found.recordings.quantities if one.column == "duration_s"]
    pairs = [
        (f"{len(found.ids)}", "utterances"),
        (f"{n_speakers}" if n_speakers else "unknown", "speakers"),
        (f"{n_classes}", "classes"),
    ]
    pairs += [(seconds_in_words(one.total), "of sound") for one in durations]
    return [*pairs, *((f"{one.median:.2f} s", "median duration") for one in durations)]


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell | str]]) -> Table:
    every = list(rows)
    return Table(caption, columns, every, filterable=len(every) >= FILTERED)
