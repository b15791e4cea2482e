"""Report: the arrow from scores to the files of a run.

A run's folder holds ``metrics.json`` (the figures and everything they depend on), ``predictions.csv`` (one row per
tested utterance), a picture (``confusion.png``, or ``scatter.png`` for values), ``report.txt`` (the tables of the
terminal), ``settings.toml`` (which repeats the run: ``affex evaluate --config``), ``groups.csv`` (sex, part, session
and the like of the tested utterances, if known), ``turns.csv`` (which utterances are turns of one dialog, if there are
dialogs) and, if a fusion learns from the run, ``inner.csv``. The files are a sealed bundle (see
`pipeline.storage.bundle`), which only `pipeline.evaluation.runs` reads. They do not contain the time, the machine or
the number of cores: equal runs give equal bytes. Figures with normalisation by speaker are always marked as
transductive, and figures that a leak has inflated are marked, too. ``times.json`` lies beside them
(`pipeline.evaluation.times`).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.dialogs import COLUMNS, Dialogs
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.results import About, Result, Scores
from affex.pipeline.evaluation.settings import Settings, as_toml
from affex.pipeline.evaluation.summary import Summary, summarise, to_json, versions
from affex.pipeline.evaluation.training_limits import INNER
from affex.pipeline.manifest import manifest
from affex.pipeline.reporting import pictures, tables
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.streams.table import Table
from affex.pipeline.text import csv_cells

#: The tables of the terminal.
REPORT = "report.txt"
#: The greatest length of a run's name before its hash, and the least length of the features in it.
LONGEST, LEAST = 80, 20


def run_name(about: About) -> str:
    """Return the name of a run's folder: the main settings in words, then a hash of all settings.

    It looks like ``compare_svm_loso_spknorm-1f0c9a52``. In a long name the features are cut, because for a fusion of
    many models the fusion rule matters more.
    """
    features, classifier, *options = about.model
    before = [] if about.protocol.target == "label" else [about.protocol.target]
    parts = (*before, features, classifier, str(about.protocol), *options)
    words = [re.sub(r"[^A-Za-z0-9.+=_]+", "-", part) for part in parts]
    place, beyond = len(before), max(0, len("_".join(words)) - LONGEST)
    words[place] = words[place][: max(LEAST, len(words[place]) - beyond)]
    return f"{'_'.join(words)[:LONGEST]}-{hashlib.sha256(_canonical(about).encode()).hexdigest()[:8]}"


def digests(code: str, table: Table | None = None, prints: Table | None = None) -> dict[str, str]:
    """Return the sha256 of each thing that a result depends on besides its settings, by what it is.

    Parameters
    ----------
    code
        The digest of the code that computes the result (see `pipeline.storage.provenance.code_digest`).
    table
        The utterances and their rows; None for a fusion, whose settings contain the dependencies of its members.
    prints
        The rows by which the audit compares sound; None without an audit.
    """
    found = {"code": code}
    if table is not None:
        lines = (line.encode() for line in manifest.lines(table.utterances))
        found |= {"utterances": _sha256(lines), "rows": _sha256(_rows(table))}
    return found | ({} if prints is None else {"fingerprints": _sha256(_rows(prints))})


def depends_on(about: About, made_from: Mapping[str, str], *more: str) -> str:
    """Return the sha256 of everything a result depends on: settings, versions, rows, labels, speakers and code.

    Parameters
    ----------
    made_from
        The result of `digests`.
    more
        Further dependencies.
    """
    every = [_canonical(about), versions(), dict(made_from), *more]
    return hashlib.sha256(json.dumps(every).encode()).hexdigest()


def write(
    result: Result,
    folder: Path,
    basis: str = "",
    settings: Settings | None = None,
    made_from: Mapping[str, str] | None = None,
) -> Summary:
    """Write a run's files, all of them or none; return the summary.

    Parameters
    ----------
    basis
        The result of `depends_on` for the run.
    settings
        Settings that repeat the run; None if there are none.
    made_from
        The result of `digests` for the run.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    summary = summarise(result, basis, made_from)
    contents = {runs.PREDICTIONS: "".join(_prediction_lines(result.about.unit, [result.scores])).encode()}
    if result.inner:
        contents[runs.INNER] = "".join(_prediction_lines(result.about.unit, result.inner)).encode()
    if result.attributes:
        contents[runs.GROUPS] = "".join(_group_lines(result)).encode()
    if result.dialogs.turns:
        contents[runs.TURNS] = "".join(_turn_lines(result.dialogs)).encode()
    if settings is not None:
        contents[runs.SETTINGS] = as_toml(settings, result.about.settings.passed).encode(errors="backslashreplace")
    contents |= pictures.of_result(result, summary)
    contents[REPORT] = tables.as_text(lambda console: tables.show(summary, None, console)).encode()
    bundle.write(folder, runs.RECORD, to_json(summary), contents)
    return summary


def kept(folder: Path, basis: str, *, inner: bool = False) -> str | None:
    """Return the text of a stored run with the same dependencies; None if there is no such run.

    Parameters
    ----------
    inner
        Whether the run must also have its inner scores.

    Raises
    ------
    DamagedError
        If the stored run has changed since it was written, or another version of affex wrote it.
    """
    if not runs.exists(folder):
        return None
    found = runs.whole(folder)
    summary = runs.summary_of(found)
    alone = all(INNER in fold.limits for fold in summary.folds)
    enough = runs.INNER in found.contents or alone or not inner
    return found.contents[REPORT].decode() if enough and summary.depends_on == basis else None


def _canonical(about: About) -> str:
    settings = [about.corpus, plain(about.settings), protocol_hash(about.protocol), list(about.model)]
    return json.dumps(settings, sort_keys=True)


def _rows(table: Table) -> Iterator[memoryview]:
    """Yield the rows of a table, where those of each utterance begin, and which features it has."""
    arrays = [array for stream in table.streams for array in (stream.flat, stream.offsets)]
    yield from (np.ascontiguousarray(array).data for array in (*arrays, table.present))


def _sha256(parts: Iterable[bytes | memoryview]) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.hexdigest()


def _prediction_lines(unit: str, parts: Sequence[Scores]) -> Iterator[str]:
    """Yield a table of one row per utterance; numbers have 9 digits, enough for any fusion."""
    yield csv_cells.line([*parts[0].columns(unit)])
    for scores in parts:
        for cells in zip(*scores.columns(unit).values(), strict=True):
            yield csv_cells.line([f"{cell:.9g}" if isinstance(cell, float) else cell for cell in cells])


def _turn_lines(dialogs: Dialogs) -> Iterator[str]:
    """Yield a table of the turns of dialogs."""
    yield csv_cells.line(COLUMNS)
    for id_, dialog, number in dialogs.rows():
        yield csv_cells.line((id_, dialog, str(number)))


def _group_lines(result: Result) -> Iterator[str]:
    """Yield a table of what is known of each tested utterance and makes groups."""
    yield csv_cells.line(["id", *result.attributes])
    for cells in zip(result.scores.ids, *result.attributes.values(), strict=True):
        yield csv_cells.line(cells)
