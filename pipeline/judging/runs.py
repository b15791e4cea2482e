"""Runs: the arrow back from a run's files to its results, for whoever compares or fuses finished runs."""

import csv
import glob
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.dataset import last_folder
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
    """Return the runs that are meant: each a folder, or the name of a run in the cache.

    A name may lack its hash, or be the beginning of one: what is whole but for its hash goes before what only begins
    so. All are looked for in one corpus, if one has them all: of several, that used last. A corpus may stand before a
    name, as in ``emodb/name``.

    Raises
    ------
    UsageError
        If there is no such run, or more than one.
    """
    corpus = _corpus(names, cache)
    return [read(_folder(name, cache, corpus)) for name in names]


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


def _folder(name: str, cache: Path, corpus: str = "") -> Path:
    """Return the folder of a run; one that stands in no corpus by its name is looked for in the one that is named."""
    if _is_folder(name):
        return Path(name)
    own, _, run = name.rpartition("/")
    known = _known(cache, own or corpus)
    _, meant = _meant(run, known)
    if not meant:
        raise unknown("run", name, {folder.name for folder in known})
    if len(meant) > 1:
        names = ", ".join(f"{folder.parent.parent.name}/{folder.name}" for folder in meant)
        raise UsageError(f"More than one run is called '{name}', or begins so: {names}. Say which.")
    return meant[0]


def _corpus(names: Sequence[str], cache: Path) -> str:
    """Return the corpus that runs are looked for in: one that has them all, best by their whole names, else used last.

    It is empty where none has them all.
    """
    names = [name for name in names if not _is_folder(name) and "/" not in name]
    used_last = last_folder(cache)
    places: list[tuple[int, bool, str]] = []
    for corpus in sorted({folder.parent.parent.name for folder in _known(cache)}):
        ranks = [rank for rank, meant in (_meant(name, _known(cache, corpus)) for name in names) if meant]
        if len(ranks) == len(names):
            places.append((sum(ranks), corpus != used_last, corpus))
    best = [corpus for rank, is_other, corpus in places if (rank, is_other) == min(places)[:2]]
    return best[0] if len(best) == 1 else ""


def _is_folder(name: str) -> bool:
    return (Path(name) / "metrics.json").is_file()


def _known(cache: Path, corpus: str = "") -> list[Path]:
    """Return the folders of the finished runs of a corpus, or of all."""
    return [path.parent for path in sorted(cache.glob(f"{glob.escape(corpus) or '*'}/runs/*/metrics.json"))]


def _meant(name: str, folders: Sequence[Path]) -> tuple[int, list[Path]]:
    """Return which of some runs a name may mean, and how: 0 it is the whole name, 1 all but the hash, 2 a beginning."""
    exactly = (
        [folder for folder in folders if folder.name == name],
        [folder for folder in folders if folder.name.rpartition("-")[0] == name],
        [folder for folder in folders if folder.name.startswith(name)],
    )
    return next(((rank, meant) for rank, meant in enumerate(exactly) if meant), (len(exactly), []))


def _tables(path: Path, classes: Sequence[str], *, by_fold: bool = True) -> list[Scores]:
    """Return what a table of predictions holds, for each fold or for all at once."""
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    folds = list(dict.fromkeys(row[2] for row in rows)) if by_fold else [""]
    return [_scores([row for row in rows if fold in ("", row[2])], tuple(classes)) for fold in folds]


def _scores(rows: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Scores:
    ids, clusters, folds, true, predicted = (np.array(column) for column in list(zip(*rows, strict=True))[:5])
    if not classes:
        true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    values = np.array([row[5:] for row in rows], dtype=np.float64).reshape(len(rows), len(classes))
    return Scores(ids, clusters, folds, true, predicted, classes, values)
