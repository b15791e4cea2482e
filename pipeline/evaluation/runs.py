"""Runs: the arrow back from a run's files to its results, to compare, fuse or show finished runs.

Only this module reads runs: it first verifies the record and every file that the record lists.
"""

import csv
import glob
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.caching.dataset import last_folder
from affex.pipeline.evaluation import times
from affex.pipeline.evaluation.dialogs import NO_DIALOGS, Dialogs, from_rows
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.summary import Summary, from_json
from affex.pipeline.evaluation.times import Times
from affex.pipeline.storage import bundle
from affex.pipeline.storage.bundle import Bundle
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.streams.moments import Moments
from affex.pipeline.text import csv_cells
from affex.pipeline.text.errors import UsageError, unknown

#: A run's files: its record, the table of test scores, the table of inner scores, and the settings to repeat the run.
RECORD, PREDICTIONS, INNER, SETTINGS = "metrics.json", "predictions.csv", "inner.csv", "settings.toml"
#: The table of what is known of the test utterances and makes groups, and that of likely label errors.
GROUPS, LABEL_ERRORS = "groups.csv", "label_errors.csv"
#: The table of the scores of rows over time.
MOMENTS = "moments.csv"
#: The table of the turns of dialogs.
TURNS = "turns.csv"

#: The message for a run that cannot be read, although it is not damaged.
OTHER_VERSION = "a run of another version of affex, which this one cannot read"
#: The remedy for a run that fails verification.
AGAIN = "Run `make evaluate` again with the same settings."


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Parameters
    ----------
    name
        The folder's name.
    folder
        Where it lies.
    summary
        What its ``metrics.json`` holds.
    scores
        The decisions and scores of the test utterances.
    inner
        The inner scores for fusion, one per fold; empty if the run did not keep them.
    attributes
        As `pipeline.evaluation.results.Result.attributes`.
    times
        How long it took, and on what machine; None where that is not known.
    dialogs
        As `pipeline.evaluation.results.Result.dialogs`.
    """

    name: str
    folder: Path
    summary: Summary
    scores: Scores
    inner: tuple[Scores, ...]
    attributes: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    times: Times | None = None
    dialogs: Dialogs = NO_DIALOGS


def find(names: Sequence[str], cache: Path) -> list[Run]:
    """Return the runs with the given names; each name is a folder, or the name of a run in the cache.

    A name may lack its hash, or be only the beginning of a run's name; a name that lacks only the hash is preferred.
    That also holds for the last part of a folder's path, so a run may lie in another cache.
    All runs come from one corpus if some corpus has them all; if several do, from the one used last. A name may begin
    with a corpus, as in ``emodb/name``.

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
        If the folder contains no run, or its files have changed since they were written.
    """
    try:
        found = whole(folder)
        summary = summary_of(found)
        (scores,) = _tables(found.contents[PREDICTIONS], summary.classes, by_fold=False)
        inner = _tables(found.contents[INNER], summary.classes) if INNER in found.contents else ()
        attributes = _columns(found.contents[GROUPS], scores) if GROUPS in found.contents else {}
        dialogs = from_rows(_rows(found.contents[TURNS])[1:]) if TURNS in found.contents else NO_DIALOGS
    except OSError as error:
        raise UsageError(
            f"{folder} holds no finished run that can be read ({error.strerror or error}). {AGAIN}"
        ) from error
    except DamagedError as error:
        raise UsageError(f"{folder}: {error}. {AGAIN}") from error
    except (ValueError, KeyError, IndexError) as error:
        raise UsageError(f"{folder} holds {OTHER_VERSION} ({error!r}). {AGAIN}") from error
    took = times.read(folder, summary.depends_on)
    return Run(folder.name, folder, summary, scores, tuple(inner), attributes, took, dialogs)


def moments(run: Run) -> Moments | None:
    """Return the scores of the rows of a run's test utterances, in the order of its scores; None if it kept none.

    Raises
    ------
    UsageError
        If its files have changed since they were written.
    """
    try:
        content = whole(run.folder).contents.get(MOMENTS)
    except DamagedError as error:
        raise UsageError(f"{run.folder}: {error}. {AGAIN}") from error
    if content is None:
        return None
    _, *rows = _rows(content)
    place = {id_: number for number, id_ in enumerate(run.scores.ids.tolist())}
    owner = np.array([place[row[0]] for row in rows], np.int64)
    numbers = np.array([[float(cell) for cell in row[1:]] for row in rows])
    counts = np.bincount(owner, minlength=len(place))
    return Moments(np.append(0, np.cumsum(counts)).astype(np.int64), numbers[:, 0], numbers[:, 1:])


def summary_of(found: Bundle) -> Summary:
    """Return the summary of a run whose files were verified.

    Raises
    ------
    DamagedError
        If another version of affex wrote it.
    """
    try:
        return from_json({name: value for name, value in found.record.items() if name != bundle.FILES})
    except ValueError as error:
        raise DamagedError(f"{RECORD} is that of {OTHER_VERSION} ({error})") from error


def whole(folder: Path) -> Bundle:
    """Return the files of the run in a folder, verified.

    Raises
    ------
    DamagedError
        If a file has changed since it was written.
    OSError
        If there is no run, or it cannot be read.
    """
    return bundle.read(folder, RECORD)


def exists(folder: Path) -> bool:
    """Whether a folder has a run, sound or not."""
    return bundle.exists(folder, RECORD)


def written(folder: Path) -> float:
    """Return when the run in a folder was written, s since 1970."""
    return bundle.written(folder, RECORD)


def known(cache: Path, corpus: str = "") -> list[Path]:
    """Return the folders of the finished runs of a corpus, or of all, by name."""
    return [path for path in sorted(cache.glob(f"{glob.escape(corpus) or '*'}/runs/*")) if exists(path)]


def _folder(name: str, cache: Path, corpus: str = "") -> Path:
    """Return the folder of a run; a name without a corpus is searched for in the given corpus."""
    if exists(Path(name)):
        return Path(name)
    run, folders, place = _among(name, cache, corpus)
    _, matching = _matching(run, folders)
    if not matching:
        raise _unknown(run, folders, place)
    if len(matching) > 1:
        names = ", ".join(f"{folder.parent.parent.name}/{folder.name}" for folder in matching)
        raise UsageError(f"More than one run is called '{name}', or begins so: {names}. Say which.")
    return matching[0]


def _among(name: str, cache: Path, corpus: str) -> tuple[str, list[Path], Path]:
    """Return the name of a run without its place, the runs among which it is searched for, and where they lie."""
    own, _, run = name.rpartition("/")
    if own and (beside := [path for path in sorted(Path(own).glob("*")) if exists(path)]):
        return run, beside, Path(own)
    if "/" in own:
        return name, known(cache), cache
    return run, known(cache, own or corpus), cache / (own or corpus)


def _unknown(run: str, folders: Sequence[Path], place: Path) -> UsageError:
    """Return the error for a run that is not in the cache."""
    none = f"There is no run '{run}': {place} holds no finished run."
    found = f"{unknown('run', run, {folder.name for folder in folders})}\nThese are the runs in {place}."
    elsewhere = "A run of another cache is named by its folder, as in RUNS=other/emodb/runs/name."
    return UsageError(f"{found if folders else none} {elsewhere}")


def _corpus(names: Sequence[str], cache: Path) -> str:
    """Return the corpus that has all runs; full names are preferred, then the corpus used last.

    It is empty if no corpus has them all.
    """
    names = [name for name in names if not exists(Path(name)) and "/" not in name]
    used_last = last_folder(cache)
    places: list[tuple[int, bool, str]] = []
    for corpus in sorted({folder.parent.parent.name for folder in known(cache)}):
        ranks = [rank for rank, matching in (_matching(name, known(cache, corpus)) for name in names) if matching]
        if len(ranks) == len(names):
            places.append((sum(ranks), corpus != used_last, corpus))
    best = [corpus for rank, is_other, corpus in places if (rank, is_other) == min(places)[:2]]
    return best[0] if len(best) == 1 else ""


def _matching(name: str, folders: Sequence[Path]) -> tuple[int, list[Path]]:
    """Return the runs that match a name, and how: 0 the full name, 1 the name without hash, 2 a beginning."""
    exactly = (
        [folder for folder in folders if folder.name == name],
        [folder for folder in folders if folder.name.rpartition("-")[0] == name],
        [folder for folder in folders if folder.name.startswith(name)],
    )
    return next(((rank, matching) for rank, matching in enumerate(exactly) if matching), (len(exactly), []))


def _columns(content: bytes, scores: Scores) -> dict[str, NDArray[np.str_]]:
    """Return the columns of a table by name, without the first, which must hold the ids of the scores."""
    names, *rows = _rows(content)
    ids, *columns = (np.array(column, dtype=np.str_) for column in zip(*rows, strict=True))
    if not np.array_equal(ids, scores.ids):
        raise ValueError(f"{GROUPS} has other utterances than {PREDICTIONS}")
    return dict(zip(names[1:], columns, strict=True))


def _rows(content: bytes) -> list[list[str]]:
    """Return the rows of a table with the first one, the names of its columns."""
    lines = csv.reader(io.StringIO(content.decode(), newline=""))
    return [[*map(csv_cells.restored, row)] for row in lines]


def _tables(content: bytes, classes: Sequence[str], *, by_fold: bool = True) -> list[Scores]:
    """Return what a table of predictions holds, for each fold or for all at once."""
    rows = _rows(content)[1:]
    folds = list(dict.fromkeys(row[2] for row in rows)) if by_fold else [""]
    return [_scores([row for row in rows if fold in ("", row[2])], tuple(classes)) for fold in folds]


def _scores(rows: Sequence[Sequence[str]], classes: tuple[str, ...]) -> Scores:
    ids, clusters, folds, true, predicted = (np.array(column) for column in list(zip(*rows, strict=True))[:5])
    if not classes:
        true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    values = np.array([row[5:] for row in rows], dtype=np.float64).reshape(len(rows), len(classes))
    return Scores(ids, clusters, folds, true, predicted, classes, values)
