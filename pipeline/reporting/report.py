"""Report: the arrow from scores to the files of a run.

A run's folder holds ``metrics.json`` (the figures, and everything that made them), ``predictions.csv`` (one row a
tested utterance), a picture (``confusion.png``, or ``scatter.png`` where values are predicted), ``report.txt`` (the
tables that the terminal shows) and, where a fusion is to learn from the run, ``inner.csv``. They are a bundle (see
`pipeline.storage.bundle`), sealed, and read back by `pipeline.evaluation.runs` alone. The files say nothing of
when, where or on how many cores they were made: equal runs give equal bytes. Figures under normalisation by speaker
are called transductive wherever they stand, and figures that a leak has made too good say so.
"""

import dataclasses
import hashlib
import json
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affex.pipeline.evaluation import intervals, metrics, runs
from affex.pipeline.evaluation.folds import protocol_hash
from affex.pipeline.evaluation.results import About, FoldSummary, Result, Scores, Seen
from affex.pipeline.evaluation.training_limits import INNER
from affex.pipeline.manifest import manifest
from affex.pipeline.reporting import pictures, tables
from affex.pipeline.storage import bundle
from affex.pipeline.storage.provenance import versions as versions_of
from affex.pipeline.streams.table import Matrix, SpeakerNorm
from affex.pipeline.text import csv_cells

#: Whose versions may change a result.
DISTRIBUTIONS = ("affex", "joblib", "numpy", "scikit-learn", "scipy", "xgboost")
#: The tables that the terminal shows.
REPORT = "report.txt"
#: What is to be known of figures on rows that are normalised by speaker, by how they are.
TRANSDUCTIVE: dict[SpeakerNorm, str] = {
    True: "transductive: every column is z-scored within each speaker, over all utterances of the speaker, "
    "those tested among them (not their labels)",
    "mean": "transductive: every column has the mean of each speaker taken away, over all utterances of the speaker, "
    "those tested among them (not their labels)",
}
#: How long a run's name may be before its hash, and how much of the features is left in it at the least.
LONGEST, LEAST = 80, 20
METHOD = "delete-one-cluster jackknife of the pooled figure, t with S - 1 degrees of freedom, clipped to its range"


def run_name(about: About) -> str:
    """Return the name of a run's folder: what is read first, then a hash of all settings.

    It looks like ``compare_svm_loso_spknorm-1f0c9a52``. Where it gets long, it is the features that are cut: of many
    models that are fused, one wants to read how.
    """
    features, classifier, *options = about.model
    before = [] if about.protocol.target == "label" else [about.protocol.target]
    parts = (*before, features, classifier, str(about.protocol), *options)
    words = [re.sub(r"[^A-Za-z0-9.+=_]+", "-", part) for part in parts]
    place, beyond = len(before), max(0, len("_".join(words)) - LONGEST)
    words[place] = words[place][: max(LEAST, len(words[place]) - beyond)]
    return f"{'_'.join(words)[:LONGEST]}-{hashlib.sha256(_canonical(about).encode()).hexdigest()[:8]}"


def depends_on(matrix: Matrix | None, about: About, code: str, *more: str) -> str:
    """Return the sha256 of all that a result depends on: rows, labels and speakers, settings, code and versions.

    Parameters
    ----------
    matrix
        The rows; None for a fusion, whose settings name what its members depend on.
    code
        The digest of the code that computes the result (see `pipeline.storage.provenance.code_digest`).
    more
        What else it depends on.
    """
    sha = hashlib.sha256(json.dumps([_canonical(about), versions(), code, *more]).encode())
    if matrix is None:
        return sha.hexdigest()
    for line in manifest.lines(matrix.utterances):
        sha.update(line.encode())
    for array in (matrix.X, matrix.offsets, matrix.present):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def write(result: Result, folder: Path, basis: str = "") -> dict[str, Any]:
    """Write a run's files, all of them or none; return what `summary` says of it.

    Parameters
    ----------
    basis
        What `depends_on` said of the run.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    found = summary(result)
    contents = {runs.PREDICTIONS: "".join(_prediction_lines(result.about.unit, [result.scores])).encode()}
    if result.inner:
        contents[runs.INNER] = "".join(_prediction_lines(result.about.unit, result.inner)).encode()
    contents |= pictures.of_result(result, found)
    contents[REPORT] = tables.as_text(lambda console: tables.show(found, None, console)).encode()
    bundle.write(folder, runs.RECORD, {**found, "rests_on": basis}, contents)
    return found


def kept(folder: Path, basis: str, *, inner: bool = False) -> str | None:
    """Return the text of a run that rests on the same; None where there is no such run.

    Parameters
    ----------
    inner
        Whether only a run that kept its inner scores will do.

    Raises
    ------
    DamagedError
        If the run that is there is not what was written.
    """
    if not runs.exists(folder):
        return None
    found = runs.whole(folder)
    alone = all(INNER in fold.get("limits", {}) for fold in found.record["folds"].values())
    enough = runs.INNER in found.contents or alone or not inner
    return found.contents[REPORT].decode() if enough and found.record.get("rests_on") == basis else None


def summary(result: Result) -> dict[str, Any]:
    """Return what ``metrics.json`` holds; a figure that is undefined is None."""
    scores, about = result.scores, result.about
    return {
        **(_of_classes(scores) if scores.classes else _of_values(scores)),
        "intervals": _intervals(scores, about.unit),
        "leaks": list(result.leaks),
        "transductive": _transductive(about),
        "class_lost": plain(result.class_lost),
        "speakers_by_classes": plain(result.spread),
        "ceiling": plain(result.ceiling),
        **({"seen": [_seen(one) for one in result.seen]} if result.seen else {}),
        "n_utterances": len(scores),
        "n_clusters": len(np.unique(scores.clusters)),
        "cluster": about.unit,
        **plain(about.record),
        "model": list(about.model),
        "protocol": about.protocol.scheme,
        "card": {**plain(dataclasses.asdict(about.protocol)), "hash": protocol_hash(about.protocol)},
        "target": about.protocol.target,
        "folds_hash": result.folds_hash,
        "scores": about.scores,
        "folds": {fold.name: _fold(fold) for fold in result.folds},
        "left_out": dict(result.left_out),
        "warnings": list(result.notes),
        "versions": versions(),
    }


def _transductive(about: About) -> str | None:
    """Return how what is tested was seen, by the model or by the members of a fusion; None where it was not."""
    records = (about.record, *about.record.get("members", ()))
    norms = dict.fromkeys(record["speaker_norm"] for record in records if record.get("speaker_norm"))
    return "; ".join(TRANSDUCTIVE[norm] for norm in norms or (True,)) if about.transductive else None


def versions() -> dict[str, str]:
    """Return the versions of all that may change a result."""
    return {"python": platform.python_version()} | versions_of(DISTRIBUTIONS)


def confusion_of(scores: Scores) -> metrics.Counts:
    """Return the confusion matrix of all tested utterances, ``(n_classes, n_classes) int64``."""
    return metrics.confusion_matrix(scores.true, scores.predicted, scores.classes)


def figure_of(scores: Scores, name: str) -> metrics.Figure:
    """Return the function that gives a figure for any part of the tested utterances."""
    if scores.classes:
        return metrics.class_figure(name, scores.true, scores.predicted, scores.values, scores.classes)
    return metrics.value_figure(name, scores.true, scores.predicted)


def interval_of(scores: Scores, name: str, unit: str) -> intervals.Interval:
    """Return a figure of all tested utterances with its interval over clusters, which are `unit`s."""
    known = metrics.CLASS_METRICS if scores.classes else metrics.VALUE_METRICS
    bounds = (known[name].low, known[name].high)
    return intervals.jackknife(figure_of(scores, name), scores.clusters, bounds=bounds, unit=unit)


def plain(value: Any) -> Any:
    """Turn numpy's numbers and tuples into what JSON knows; what is no number becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(inner) for inner in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _of_classes(scores: Scores) -> dict[str, Any]:
    confusion, everyone = confusion_of(scores), np.arange(len(scores))
    frequent = scores.classes[confusion.sum(axis=1).argmax()]
    always = dataclasses.replace(scores, predicted=np.full(len(scores), frequent))
    names = metrics.CLASS_HEADLINES
    return {
        **{name: _number(figure_of(scores, name)(everyone)) for name in metrics.CLASS_METRICS},
        "chance": {name: _number(figure_of(always, name)(everyone)) for name in names},
        "chance_is": f"always '{frequent}'",
        "classes": list(scores.classes),
        "largest_score": largest_score(scores),
        "per_class": _per_class(scores.classes, confusion),
        "per_speaker": {name: _one_speaker(scores, own) for name, own in _clusters(scores)},
        "confusion": confusion.tolist(),
    }


def largest_score(scores: Scores) -> dict[str, Any]:
    """Return for how many utterances the largest score is another class's than the decision's, and what it would do."""
    by_score = dataclasses.replace(scores, predicted=scores.best_scored)
    return {
        "differs": int((by_score.predicted != scores.predicted).sum()),
        "of": len(scores),
        "uar": _number(figure_of(by_score, "uar")(np.arange(len(scores)))),
    }


def _of_values(scores: Scores) -> dict[str, Any]:
    everyone, names = np.arange(len(scores)), metrics.VALUE_METRICS
    mean = dataclasses.replace(scores, predicted=np.full(len(scores), np.mean(scores.true.astype(np.float64))))
    return {
        **{name: _number(figure_of(scores, name)(everyone)) for name in names},
        "chance": {name: _number(figure_of(mean, name)(everyone)) for name in names},
        "chance_is": "always the mean",
        "classes": [],
        "per_speaker": {
            cluster: {"n": len(own), **{name: _number(figure_of(scores, name)(own)) for name in names}}
            for cluster, own in _clusters(scores)
        },
    }


def _intervals(scores: Scores, unit: str) -> dict[str, Any]:
    names = metrics.CLASS_HEADLINES if scores.classes else metrics.VALUE_HEADLINES
    return {
        name: {**plain(dataclasses.asdict(interval_of(scores, name, unit))), "method": METHOD, "cluster": unit}
        for name in names
    }


def _clusters(scores: Scores) -> Iterator[tuple[str, metrics.Numbers]]:
    for name in np.unique(scores.clusters):
        yield str(name), np.flatnonzero(scores.clusters == name)


def _per_class(classes: tuple[str, ...], confusion: metrics.Counts) -> dict[str, dict[str, float | None]]:
    recalls, precisions, f1s = metrics.recalls(confusion), metrics.precisions(confusion), metrics.f1s(confusion)
    return {
        name: {
            "n": int(confusion[i].sum()),
            "correct": int(confusion[i, i]),
            "recall": _number(recalls[i]),
            "precision": _number(precisions[i]),
            "f1": _number(f1s[i]),
        }
        for i, name in enumerate(classes)
    }


def _one_speaker(scores: Scores, own: metrics.Numbers) -> dict[str, Any]:
    """Return a speaker's own averages; UAR is over the classes that the speaker has (``n_classes``)."""
    confusion = metrics.confusion_matrix(scores.true[own], scores.predicted[own], scores.classes)
    n = confusion.sum(axis=1)
    return {
        "n": int(n.sum()),
        "n_classes": int((n > 0).sum()),
        "uar": metrics.uar(confusion),
        "war": metrics.war(confusion),
        "correct_of": {name: [int(confusion[i, i]), int(n[i])] for i, name in enumerate(scores.classes) if n[i]},
    }


def _fold(fold: FoldSummary) -> dict[str, Any]:
    noise = {} if fold.n_noise is None else {"n_noise": fold.n_noise}
    limits = {"limits": dict(fold.limits)} if fold.limits else {}
    return {"n_train": fold.n_train, "n_test": fold.n_test, **noise, "best_params": plain(fold.best_params), **limits}


def _seen(one: Seen) -> dict[str, Any]:
    seen: dict[str, Any] = plain(dataclasses.asdict(one) | {"informedness": one.informedness})
    return seen


def _canonical(about: About) -> str:
    return json.dumps([plain(about.record), protocol_hash(about.protocol), list(about.model)], sort_keys=True)


def _number(figure: float) -> float | None:
    return float(figure) if np.isfinite(figure) else None


def _prediction_lines(unit: str, parts: "list[Scores] | tuple[Scores, ...]") -> Iterator[str]:
    """Yield a table of one row an utterance; numbers to 9 digits, enough for any fusion."""
    yield csv_cells.line(["id", unit, "fold", "true", "predicted", *(f"score_{name}" for name in parts[0].classes)])
    for scores in parts:
        words = zip(scores.ids, scores.clusters, scores.folds, scores.true, scores.predicted, strict=True)
        for (*names, true, predicted), values in zip(words, scores.values, strict=True):
            said = [true, predicted] if scores.classes else [f"{true:.9g}", f"{predicted:.9g}"]
            yield csv_cells.line([*names, *said, *(f"{value:.9g}" for value in values)])
