"""The table of utterances in every export: the arrow from utterances to columns, one line per utterance."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from affex.pipeline.evaluation.raters import shares
from affex.pipeline.exchange.record import Export
from affex.pipeline.manifest.utterance import MEDIA, Utterance
from affex.pipeline.text import csv_cells

#: The fields of an utterance that are a single text or number, with their types.
FIELDS: dict[str, type] = {
    **dict.fromkeys(("id", "corpus", "speaker", "label", "part", "session", "dialog"), str),
    "turn": int,
    **dict.fromkeys(("split", "text", "sentence", "sex"), str),
    **dict.fromkeys(("valence", "arousal", "dominance"), float),
}

#: The fields of each of an utterance's media, with their types.
SPAN = {"path": str, "start": float, "end": float, "channel": int, "region": str}


def columns(export: Export) -> dict[str, tuple[type, list[Any]]]:
    """Return the columns of the table by name: type, and one value per utterance, None where it is missing.

    ``aspect_<name>`` is a further label of an utterance; ``share_<label>`` is the share of the raters' votes for a
    label; ``votes`` are the votes as JSON, ``raters`` who gave them; ``failure`` is the reason why an utterance has no
    rows.
    """
    utterances = list(export.utterances)
    found: dict[str, tuple[type, list[Any]]] = {
        name: (kind, [getattr(utterance, name) for utterance in utterances]) for name, kind in FIELDS.items()
    }
    for medium in MEDIA:
        items = [getattr(utterance, medium) for utterance in utterances]
        if any(items):
            for name, kind in SPAN.items():
                found[f"{medium}_{name}"] = (kind, [item and getattr(item, name) for item in items])
    for name in sorted({name for utterance in utterances for name, _ in utterance.aspects}):
        found[f"aspect_{name}"] = (str, [dict(utterance.aspects).get(name) for utterance in utterances])
    found |= _votes(utterances)
    found["failure"] = (str, [export.failures.get(utterance.id) for utterance in utterances])
    return found


def _votes(utterances: Sequence[Utterance]) -> dict[str, tuple[type, list[Any]]]:
    """Return the raters' votes and their shares; empty if there are no votes."""
    labels = sorted({label for utterance in utterances for vote in utterance.votes for label in vote})
    if not labels:
        return {}
    table = shares([utterance.votes for utterance in utterances], {label: label for label in labels}, labels)
    found: dict[str, tuple[type, list[Any]]] = {
        "votes": (str, [json.dumps(u.votes, ensure_ascii=False) if u.votes else None for u in utterances])
    }
    if any(utterance.raters for utterance in utterances):
        found["raters"] = (str, [json.dumps(u.raters, ensure_ascii=False) if u.raters else None for u in utterances])
    for number, label in enumerate(labels):
        found[f"share_{label}"] = (float, [None if np.isnan(x) else float(x) for x in table[:, number]])
    return found


def lines(export: Export, first: Mapping[str, Sequence[str]], delimiter: str = ",") -> Iterator[str]:
    """Yield the table as lines of text, the columns `first` before the others; missing values are empty cells."""
    others = {name: values for name, (_, values) in columns(export).items()}
    yield csv_cells.line([*first, *others], delimiter)
    for before, row in zip(zip(*first.values(), strict=True), zip(*others.values(), strict=True), strict=True):
        yield csv_cells.line([*before, *("" if value is None else str(value) for value in row)], delimiter)


def label_numbers(export: Export) -> tuple[tuple[str, ...], Callable[[Utterance], list[float]]]:
    """Return the labels as numbers: the columns' names, and a function from an utterance to values (NaN where missing).

    Each label is a column: its share of the votes where raters voted, or else 1 for the utterance's label and 0 for the
    others. The columns of the dimensions follow.
    """
    utterances = export.utterances
    voted = sorted({label for utterance in utterances for vote in utterance.votes for label in vote})
    labels = sorted({*voted, *(utterance.label for utterance in utterances if utterance.label is not None)})
    rated = [
        name for name in ("valence", "arousal", "dominance") if any(getattr(u, name) is not None for u in utterances)
    ]

    def of(utterance: Utterance) -> list[float]:
        if utterance.votes:
            given = [float(x) for x in shares([utterance.votes], {label: label for label in labels}, labels)[0]]
        else:
            given = [float("nan") if utterance.label is None else float(utterance.label == label) for label in labels]
        values = [getattr(utterance, name) for name in rated]
        return [*given, *(float("nan") if value is None else value for value in values)]

    return (*labels, *rated), of
