"""Recordings: the arrow from the levels and headers of files to how long, how loud and how alike the recordings are."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media.header import Header

Floats = NDArray[np.float64]

#: A recording is called clipped from this share of its samples on: one in a thousand is audible.
CLIPPED = 1e-3
#: A recording is called mostly silent from this share of its frames on.
SILENT = 0.5
#: A recording has digital silence from this share of its samples on.
ZEROS = 0.01
#: The parts of a histogram.
BINS = 24


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over some utterances: quantiles, mean and sum.

    Parameters
    ----------
    name
        The class; empty for all utterances.
    """

    name: str
    n: int
    least: float
    quarter: float
    median: float
    three_quarters: float
    most: float
    total: float


@dataclass(frozen=True)
class Quantity:
    """A measured quantity of the recordings.

    Parameters
    ----------
    column, title, unit
        The column of the feature `levels`, the quantity in words, and its unit; empty for a share.
    whole
        Over all utterances.
    classes
        Over those of each class.
    edges : (n_bins + 1,)
        The ends of a histogram's bins.
    histogram : (n_classes or 1, n_bins)
        How many utterances of each class lie in each bin; those of all where there are no classes.
    lowest, highest
        The ids of the utterances with the smallest and the largest value.
    """

    column: str
    title: str
    unit: str
    whole: Spread
    classes: tuple[Spread, ...]
    edges: tuple[float, ...]
    histogram: tuple[tuple[int, ...], ...]
    lowest: str
    highest: str


@dataclass(frozen=True)
class Format:
    """A way in which some files are stored, and how many utterances lie in such files, of which classes."""

    about: str
    n_utterances: int
    classes: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Named:
    """Utterances to which something applies, and the first ids."""

    n: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Recordings:
    """How the recordings of a corpus are.

    Parameters
    ----------
    n_measured
        The utterances whose sound was measured.
    quantities
        Duration, levels and shares, of these utterances.
    clipped, silent, zeros
        The utterances with clipped samples, with mostly silence, and with digital silence.
    formats
        How files are stored, by the kind of media (``"audio"``, ``"video"``), the most frequent first.
    """

    n_measured: int
    quantities: tuple[Quantity, ...]
    clipped: Named
    silent: Named
    zeros: Named
    formats: Mapping[str, tuple[Format, ...]]


#: The quantities: columns of the feature `levels`, with their words and units.
QUANTITIES = {
    "duration_s": ("duration", "s"),
    "level_dBFS": ("level", "dBFS"),
    "peak_dBFS": ("peak", "dBFS"),
    "background_dBFS": ("background level", "dBFS"),
    "silent": ("share of silent frames", ""),
}
#: How many ids are named.
SHOWN = 8


def recordings(
    utterances: Sequence[Utterance],
    labels: Sequence[str | None],
    rows: tuple[Sequence[str], NDArray[np.float32]],
    present: NDArray[np.bool_],
    headers: Mapping[str, Header],
) -> Recordings:
    """Return how the recordings are.

    Parameters
    ----------
    labels
        The class of each utterance.
    rows
        The columns of the feature `levels`, and its rows, ``(n_present, n_columns)``.
    present : (n_utterances,) bool
        Which utterances have such a row.
    headers
        The header of each file, by its name.
    """
    columns, values = rows
    table = dict(zip(columns, values.astype(np.float64).T, strict=True))
    ids = [utterance.id for utterance, here in zip(utterances, present, strict=True) if here]
    own = [label or "" for label, here in zip(labels, present, strict=True) if here]
    flagged = {name: _named(ids, table[name] >= least) for name, least in LIMITS.items()} if ids else {}
    nothing = Named(0, ())
    return Recordings(
        n_measured=len(ids),
        quantities=tuple(quantity(name, table[name], ids, own) for name in QUANTITIES) if ids else (),
        clipped=flagged.get("clipped", nothing),
        silent=flagged.get("silent", nothing),
        zeros=flagged.get("zeros", nothing),
        formats=formats(utterances, labels, headers),
    )


#: From which share on a recording is named, by the column.
LIMITS = {"clipped": CLIPPED, "silent": SILENT, "zeros": ZEROS}


def _named(ids: Sequence[str], flags: NDArray[np.bool_]) -> Named:
    found = [id_ for id_, is_flagged in zip(ids, flags, strict=True) if is_flagged]
    return Named(len(found), tuple(found[:SHOWN]))


def quantity(column: str, values: Floats, ids: Sequence[str], labels: Sequence[str]) -> Quantity:
    """Return the spread and the histogram of a quantity; utterances without a class (``""``) count for the whole."""
    title, unit = QUANTITIES[column]
    classes = sorted({label for label in labels if label})
    own = {label: values[np.array([one == label for one in labels])] for label in classes}
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    parts = list(own.values()) or [values]
    return Quantity(
        column,
        title,
        unit,
        spread("", values),
        tuple(spread(label, some) for label, some in own.items()),
        tuple(float(edge) for edge in edges),
        tuple(tuple(int(n) for n in np.histogram(some, edges)[0]) for some in parts),
        ids[int(values.argmin())],
        ids[int(values.argmax())],
    )


def spread(name: str, values: Floats) -> Spread:
    """Return how some values are spread."""
    least, quarter, median, three_quarters, most = map(float, np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    return Spread(name, len(values), least, quarter, median, three_quarters, most, float(values.sum()))


def formats(
    utterances: Sequence[Utterance], labels: Sequence[str | None], headers: Mapping[str, Header]
) -> dict[str, tuple[Format, ...]]:
    """Return how the files of sound and of pictures are stored, as their headers say."""
    found: dict[str, tuple[Format, ...]] = {}
    for kind, words in (("audio", _sound), ("video", _pictures)):
        media = [(getattr(u, kind), label) for u, label in zip(utterances, labels, strict=True)]
        known = [(words(headers[m.path]), label) for m, label in media if m is not None and m.path in headers]
        if known:
            found[kind] = _formats(known)
    return found


def _formats(known: Iterable[tuple[str, str | None]]) -> tuple[Format, ...]:
    every = Counter(known)
    whole: Counter[str] = Counter()
    for (about, _), n in every.items():
        whole[about] += n
    order = sorted(whole, key=lambda about: (-whole[about], about))
    return tuple(
        Format(
            about, whole[about], tuple(sorted((label or "", n) for (own, label), n in every.items() if own == about))
        )
        for about in order
    )


def _sound(header: Header) -> str:
    if header.wrong or not header.codec:
        return _without(header, "no sound track")
    channels = {1: "mono", 2: "stereo"}.get(header.channels, f"{header.channels} channels")
    return f"{header.container.partition(',')[0]}, {header.codec}, {header.rate} Hz, {channels}"


def _pictures(header: Header) -> str:
    if header.wrong or not header.pictures:
        return _without(header, "no pictures")
    rate = f"{header.fps:g} pictures a second" if header.fps else "no declared rate"
    return f"{header.container.partition(',')[0]}, {header.pictures}, {header.width} x {header.height}, {rate}"


def _without(header: Header, what: str) -> str:
    return "cannot be opened" if header.wrong else what


def seconds_in_words(seconds: float) -> str:
    """Return a length in s, min or h."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
