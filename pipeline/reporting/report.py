"""Report: the arrow from scores to the files of a run.

A run's folder holds ``metrics.json`` (the figures and everything they depend on), ``predictions.csv`` (one row per
tested utterance), a picture (``confusion.png``, or ``scatter.png`` for values), ``report.txt`` (the tables of the
terminal), ``settings.toml`` (which repeats the run: ``affex evaluate --config``), ``groups.csv`` (sex, part, session
and the like of the tested utterances, if known), ``label_errors.csv`` (the tested utterances, those whose labels are
likely wrong first, if scores are probabilities), ``enrolment.csv`` (figures by number of enrolled utterances, if any
are), ``sets.csv`` (prediction sets, if asked for), ``moments.csv`` (the scores of rows over time, if asked for),
``turns.csv`` (which utterances are turns of one dialog, if there are dialogs) and, if a fusion or these sets learn from
the run, ``inner.csv``. The files are a sealed bundle (see `pipeline.storage.bundle`), which only
`pipeline.evaluation.runs` reads. They do not contain the time, the machine or the number of cores: equal runs give
equal bytes. Figures with normalisation by speaker are always marked as transductive, and figures that a leak has
inflated are marked, too. ``times.json`` lies beside them (`pipeline.evaluation.times`).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from affex.pipeline.evaluation import label_errors, runs
from affex.pipeline.evaluation.dialogs import COLUMNS, Dialogs
from affex.pipeline.evaluation.enrolment import Curve
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.prediction_sets import sets_of
from affex.pipeline.evaluation.results import About, Result, Scores
from affex.pipeline.evaluation.settings import Settings, as_toml
from affex.pipeline.evaluation.summary import Summary, summarise, to_json, versions
from affex.pipeline.evaluation.training_limits import INNER
from affex.pipeline.manifest import manifest
from affex.pipeline.reporting import pictures, tables
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.streams.moments import Moments
from affex.pipeline.streams.table import Table
from affex.pipeline.text import csv_cells

#: The tables of the terminal, and that of enrolled utterances.
REPORT, ENROLMENT = "report.txt", "enrolment.csv"
#: The table of prediction sets.
SETS = "sets.csv"
#: Settings that ask for nothing beside the scores.
PLAIN = Settings()
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
    if result.moments is not None:
        contents[runs.MOMENTS] = "".join(_moment_lines(result, result.moments)).encode()
    if result.attributes:
        contents[runs.GROUPS] = "".join(_group_lines(result)).encode()
    if summary.label_errors.n is not None:
        contents[runs.LABEL_ERRORS] = "".join(_label_error_lines(result.about.unit, result.scores)).encode()
    if summary.sets:
        contents[SETS] = "".join(_set_lines(result)).encode()
    if summary.enrolment:
        contents[ENROLMENT] = "".join(_enrolment_lines(summary.enrolment)).encode()
    if result.dialogs.turns:
        contents[runs.TURNS] = "".join(_turn_lines(result.dialogs)).encode()
    if settings is not None:
        contents[runs.SETTINGS] = as_toml(settings, result.about.settings.passed).encode(errors="backslashreplace")
    contents |= pictures.of_result(result, summary)
    contents[REPORT] = tables.as_text(lambda console: tables.show(summary, None, console)).encode()
    bundle.write(folder, runs.RECORD, to_json(summary), contents)
    return summary


def kept(folder: Path, basis: str, settings: Settings = PLAIN) -> str | None:
    """Return the text of a stored run with the same dependencies; None if there is no such run.

    Parameters
    ----------
    settings
        What the run must also have: inner scores, the price of normalisation, prediction sets, the scores of rows,
        size-matched controls.

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
    enough = (
        (runs.INNER in found.contents or alone or not settings.keeps_inner)
        and (summary.enrolment is not None or not settings.enrol)
        and (not settings.sets or (summary.sets is not None and summary.sets.alpha == settings.sets))
        and (not settings.moments or bool(summary.moments))
        and (not settings.controls or _n_controls(summary) == settings.controls)
    )
    return found.contents[REPORT].decode() if enough and summary.depends_on == basis else None


def _n_controls(summary: Summary) -> int:
    return len(summary.control.figures) if summary.control else 0


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


def _set_lines(result: Result) -> Iterator[str]:
    """Yield a table of each test utterance's prediction set: 1 for a class that is in it, else 0."""
    scores, unit = result.scores, result.about.unit
    sets = sets_of(scores, result.inner, result.alpha, result.about.settings.every_seed[0])
    yield csv_cells.line(["id", unit, "fold", "true", "size", *(f"in_{name}" for name in scores.classes)])
    for cells, own in zip(
        zip(scores.ids, scores.clusters, scores.folds, scores.true, strict=True), sets.tolist(), strict=True
    ):
        yield csv_cells.line([*cells, str(sum(own)), *(str(int(one)) for one in own)])


def _enrolment_lines(found: Curve) -> Iterator[str]:
    """Yield a table of the figures of each draw, and of each number of enrolled utterances."""
    names = list(found.points[0].figures)
    yield csv_cells.line(["enrolled", "draw", *names])
    for point in found.points:
        called = "all" if point.n is None else str(point.n)
        for draw, figures in enumerate(zip(*(point.figures[name].each for name in names), strict=True), 1):
            yield csv_cells.line([called, str(draw), *("" if one is None else f"{one:.9g}" for one in figures)])


def _label_error_lines(unit: str, scores: Scores) -> Iterator[str]:
    """Yield a table of all tested utterances, the likely label errors first."""
    yield csv_cells.line(["rank", "id", unit, "fold", "label", "likely_wrong", "other", "p_label", "p_other", "margin"])
    for rank, one in enumerate(label_errors.suspects(scores), 1):
        who = (scores.ids[one.number], scores.clusters[one.number], scores.folds[one.number], one.label)
        figures = (f"{value:.9g}" for value in (one.p_label, one.p_other, one.margin))
        yield csv_cells.line([str(rank), *who, "yes" if one.likely else "no", one.other, *figures])


def _moment_lines(result: Result, moments: Moments) -> Iterator[str]:
    """Yield a table of one row per row, or segment, of a tested utterance."""
    names = [f"score_{name}" for name in result.scores.classes] or ["value"]
    yield csv_cells.line(["id", "time", *names])
    ids = np.repeat(result.scores.ids, np.diff(moments.offsets))
    for id_, time, values in zip(ids.tolist(), moments.times.tolist(), moments.values.tolist(), strict=True):
        yield csv_cells.line([id_, f"{time:.6f}", *(f"{value:.6g}" for value in values)])


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
