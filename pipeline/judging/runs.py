"""Runs: the arrow back from a run's files to its results, for whoever compares or fuses finished runs."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import csvcells
from pipeline.errors import UsageError, unknown
from pipeline.judging.results import Scores


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Parameters
    ----------
    name
        The folder's name.
    folder
        Where it lies.
    found
        What its ``metrics.json`` holds.
    scores
        What was said of whom.
    inner
        What a fusion may learn from, one a fold; empty where the run did not keep it.
    """

    name: str
    folder: Path
    found: Mapping[str, Any]
    scores: Scores
    inner: tuple[Scores, ...]


def find(names: Sequence[str], cache: Path) -> list[Run]:
    """Return the runs that are meant: each a folder, or the name (or the beginning of one) of a run in the cache.

    Raises
    ------
    UsageError
        If there is no such run, or more than one.
    """
    return [read(_folder(name, cache)) for name in names]


def read(folder: Path) -> Run:
    """Return the run in a folder.

    Raises
    ------
    UsageError
        If the folder holds no whole run.
    """
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        (scores,) = _tables(folder / "predictions.csv", found["classes"], by_fold=False)
        inner = _tables(folder / "inner.csv", found["classes"]) if (folder / "inner.csv").exists() else ()
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UsageError(
            f"{folder} holds no whole run ({type(error).__name__}: {error}). Make it again with `make evaluate`."
        ) from error
    return Run(folder.name, folder, found, scores, tuple(inner))


def _folder(name: str, cache: Path) -> Path:
    if (Path(name) / "metrics.json").is_file():
        return Path(name)
    known = {path.parent.name: path.parent for path in sorted(cache.glob("*/runs/*/metrics.json"))}
    meant = [run for run in known if run == name] or [run for run in known if run.startswith(name)]
    if len(meant) > 1:
        raise UsageError(f"More than one run begins with '{name}': {', '.join(meant)}. Say which.")
    if not meant:
        raise unknown("run", name, known)
    return known[meant[0]]


def _tables(path: Path, classes: Sequence[str], *, by_fold: bool = True) -> list[Scores]:
    """Return what a table of predictions holds, for each fold or for all at once."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = [[*map(csvcells.restored, row)] for row in csv.reader(lines)][1:]
    folds = list(dict.fromkeys(row[2] for row in rows)) if by_fold else [""]
    return [_scores([row for row in rows if fold in ("", row[2])], tuple(classes)) for fold in folds]


def _scores(rows: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Scores:
    ids, clusters, folds, true, predicted = (np.array(column) for column in list(zip(*rows, strict=True))[:5])
    if not classes:
        true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    values = np.array([row[5:] for row in rows], dtype=np.float64).reshape(len(rows), len(classes))
    return Scores(ids, clusters, folds, true, predicted, classes, values)
