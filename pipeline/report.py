"""Report: the arrow from scores to what is read: the files of a run, and tables in the terminal.

A run's folder holds ``metrics.json`` (the figures, and everything that made them), ``predictions.csv`` (one row a
tested utterance), ``confusion.png`` and ``report.txt`` (the tables that the terminal shows). The files say nothing
of when, where or on how many cores they were made: equal runs give equal bytes. Figures under normalisation by speaker
are called transductive wherever they stand.
"""

import csv
import dataclasses
import hashlib
import io
import json
import platform
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import atomic, manifest, metrics
from pipeline.evaluate import FoldSummary, Result, Scores, Settings
from pipeline.matrix import Matrix
from pipeline.work import code_digest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console
    from rich.table import Table

#: Whose versions may change a result.
DISTRIBUTIONS = ("affex", "joblib", "numpy", "scikit-learn", "scipy", "xgboost")
#: Of more speakers than these the terminal shows the first; ``metrics.json`` has all.
MOST_SPEAKERS = 40
TRANSDUCTIVE = (
    "transductive: every column is z-scored within each speaker, over all utterances of the speaker, "
    "those tested among them (not their labels)"
)


def run_name(settings: Settings) -> str:
    """Return the name of a run's folder: what is read first, then a hash of all settings.

    It looks like ``compare_svm_loso_spknorm-1f0c9a52``.
    """
    parts = ["+".join(settings.features), settings.classifier.name, settings.card.name]
    if settings.speaker_norm:
        parts.append("spknorm")
    readable = "_".join(re.sub(r"[^A-Za-z0-9.+=_]+", "-", part) for part in parts)
    canonical = json.dumps(_settings(settings), sort_keys=True)
    return f"{readable[:80]}-{hashlib.sha256(canonical.encode()).hexdigest()[:8]}"


def rests_on(matrix: Matrix, settings: Settings) -> str:
    """Return the sha256 of all that a result rests on: rows, labels and speakers, settings, code and versions."""
    sha = hashlib.sha256(json.dumps([_settings(settings), _versions(), code_digest()], sort_keys=True).encode())
    for line in manifest.lines(matrix.utterances):
        sha.update(line.encode())
    for array in (matrix.X, matrix.offsets, matrix.present):
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def write(result: Result, folder: Path, basis: str = "") -> None:
    """Write a run's files, each whole or not at all, ``metrics.json`` last.

    Parameters
    ----------
    basis
        What `rests_on` said of the run.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    contents = {
        "predictions.csv": "".join(_prediction_lines(result.scores)).encode(),
        "confusion.png": confusion_picture(result),
        "report.txt": _as_text(result).encode(),
    }
    with atomic.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with atomic.writing(folder / name), atomic.temporary(folder / name) as file:
            file.write(content)
    proof = {"rests_on": basis, "files": {name: _sha256(content) for name, content in contents.items()}}
    text = json.dumps(summary(result) | proof, indent=2, ensure_ascii=False, allow_nan=False)
    atomic.write_text(folder / "metrics.json", [text, "\n"])


def kept(folder: Path, basis: str) -> str | None:
    """Return the text of a run that rests on the same, whole and unchanged; None where there is no such run."""
    try:
        found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        contents = {name: (folder / name).read_bytes() for name in found["files"]}
        whole = found["files"] == {name: _sha256(content) for name, content in contents.items()}
        return contents["report.txt"].decode() if whole and found["rests_on"] == basis else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _as_text(result: Result) -> str:
    """Return what `show` prints, for a file."""
    from rich.console import Console

    text = io.StringIO()
    show(result, None, Console(file=text, width=120, color_system=None))
    return text.getvalue()


def summary(result: Result) -> dict[str, Any]:
    """Return what ``metrics.json`` holds; a share that is undefined is None."""
    scores, settings = result.scores, result.settings
    confusion = confusion_of(scores)
    return {
        **_headline(confusion),
        "chance": _headline(_always_the_most_frequent(confusion)),
        "transductive": TRANSDUCTIVE if settings.speaker_norm else None,
        "n_utterances": len(scores.ids),
        "n_speakers": len(np.unique(scores.speakers)),
        "classes": list(scores.classes),
        "per_class": _per_class(scores.classes, confusion),
        "per_speaker": _per_speaker(scores),
        "confusion": confusion.tolist(),
        **_settings(settings),
        "scores": settings.classifier.scores,
        "folds": {fold.name: _fold(fold) for fold in result.folds},
        "left_out": dict(result.left_out),
        "warnings": list(result.notes),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in DISTRIBUTIONS}


def confusion_of(scores: Scores) -> metrics.Counts:
    """Return the confusion matrix of all tested utterances, ``(n_classes, n_classes) int64``."""
    return metrics.confusion_matrix(scores.true.tolist(), scores.predicted.tolist(), scores.classes)


def _headline(confusion: metrics.Counts) -> dict[str, float]:
    return {
        "uar": metrics.uar(confusion),
        "war": metrics.war(confusion),
        "macro_f1": metrics.macro_f1(confusion),
    }


def _always_the_most_frequent(confusion: metrics.Counts) -> metrics.Counts:
    n = confusion.sum(axis=1)
    guess = np.zeros_like(confusion)
    guess[:, n.argmax()] = n
    return guess


def _per_class(classes: tuple[str, ...], confusion: metrics.Counts) -> dict[str, dict[str, float | None]]:
    recalls, precisions, f1s = metrics.recalls(confusion), metrics.precisions(confusion), metrics.f1s(confusion)
    return {
        name: {
            "n": int(confusion[i].sum()),
            "correct": int(confusion[i, i]),
            "recall": _share(recalls[i]),
            "precision": _share(precisions[i]),
            "f1": _share(f1s[i]),
        }
        for i, name in enumerate(classes)
    }


def _per_speaker(scores: Scores) -> dict[str, dict[str, Any]]:
    """Each speaker's own averages; UAR is over the classes that the speaker has (``n_classes``)."""
    found = {}
    for speaker in np.unique(scores.speakers):
        own = scores.speakers == speaker
        confusion = metrics.confusion_matrix(scores.true[own].tolist(), scores.predicted[own].tolist(), scores.classes)
        n = confusion.sum(axis=1)
        found[str(speaker)] = {
            "n": int(n.sum()),
            "n_classes": int((n > 0).sum()),
            "uar": metrics.uar(confusion),
            "war": metrics.war(confusion),
            "correct_of": {name: [int(confusion[i, i]), int(n[i])] for i, name in enumerate(scores.classes) if n[i]},
        }
    return found


def _fold(fold: FoldSummary) -> dict[str, Any]:
    return {"n_train": fold.n_train, "n_test": fold.n_test, "best_params": _plain(fold.best_params)}


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "corpus": settings.corpus,
        "protocol": settings.card.protocol,
        "card": _plain(dataclasses.asdict(settings.card)),
        "target": settings.target,
        "class_selection": settings.classes,
        "features": " ".join(settings.features),
        "feature_keys": list(settings.keys),
        "classifier": settings.classifier.name,
        "classifier_settings": _plain(dataclasses.asdict(settings.classifier)),
        "speaker_norm": settings.speaker_norm,
        "seed": settings.seed,
        "device": settings.device,
    }


def _plain(value: Any) -> Any:
    """Turn numpy's numbers and tuples into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value


def _share(share: float) -> float | None:
    return None if np.isnan(share) else float(share)


def _prediction_lines(scores: Scores) -> Iterator[str]:
    head = ["id", "speaker", "fold", "true", "predicted", *(f"score_{name}" for name in scores.classes)]
    yield _csv_line(head)
    words = zip(scores.ids, scores.speakers, scores.folds, scores.true, scores.predicted, strict=True)
    for word, values in zip(words, scores.values, strict=True):
        yield _csv_line([*word, *(f"{value:.6f}" for value in values)])


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def confusion_picture(result: Result) -> bytes:
    """Draw the confusion matrix as a PNG file: each cell the share of its row (the true class) and its count."""
    import matplotlib.style
    from matplotlib.figure import Figure

    confusion = confusion_of(result.scores)
    height = 2.2 + 0.75 * len(confusion)
    width = max(6.0, height + 0.08 * max(map(len, result.scores.classes)))  # room for the names and the title
    title = textwrap.fill(_title(result.settings), int(12 * width))
    picture = io.BytesIO()
    with matplotlib.style.context("default"):  # a user's own style would change the bytes
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
        _draw_cells(figure.subplots(), result.scores.classes, confusion)
        figure.suptitle(f"{title}\n{_headline_words(result, confusion)}", fontsize=10)
        figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_cells(axes: "Axes", classes: tuple[str, ...], confusion: metrics.Counts) -> None:
    n = confusion.sum(axis=1)
    shares = confusion / np.maximum(n, 1)[:, None]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = range(len(classes))
    axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, [f"{name} ({count})" for name, count in zip(classes, n, strict=True)])
    axes.set(xlabel="predicted", ylabel="true (utterances)")
    for i, j in zip(*np.nonzero(confusion), strict=True):
        colour = "white" if shares[i, j] > 0.6 else "black"
        words = f"{shares[i, j]:.0%}\n{confusion[i, j]}"
        axes.text(j, i, words, ha="center", va="center", color=colour, fontsize=9)


def _title(settings: Settings) -> str:
    target = () if settings.target == "label" else (settings.target,)
    words = (*target, " ".join(settings.features), settings.classifier.name, settings.card.name)
    return f"{settings.corpus}: {', '.join(words)}"


def _headline_words(result: Result, confusion: metrics.Counts) -> str:
    words = f"UAR {metrics.uar(confusion):.3f}, WAR {metrics.war(confusion):.3f}"
    return words + (" (speaker-normalised: transductive)" if result.settings.speaker_norm else "")


def show(result: Result, folder: Path | None, console: "Console") -> None:
    """Print a result as tables: the headline, by class, by speaker, and the confusion matrix; then where it lies."""
    from rich.text import Text

    found = summary(result)
    mark = " (transductive)" if found["transductive"] else ""
    console.print(Text(_title(result.settings), style="bold"))
    console.print(Text(_counts(result, found)))
    console.print(_headline_table(found, mark))
    console.print(Text(f"By class{mark}"), _class_table(found), sep="\n")
    confusion = _fitting(console, _confusion_table(found), "too wide for this terminal, see confusion.png\n")
    console.print(Text(f"Confusion{mark}: rows true, columns predicted"), confusion, sep="\n")
    speakers = (_speaker_table(found, classes) for classes in (found["classes"], ()))
    console.print(Text(f"By speaker{mark}: {_speaker_words(found)}"), _fitting(console, *speakers), sep="\n")
    for note in filter(None, (found["transductive"], *found["warnings"])):
        console.print(Text(f"Note: {note}."))
    where = f" -> {folder}" if folder else ""
    console.print(Text(f"UAR {found['uar']:.3f}{mark}, WAR {found['war']:.3f}{mark}{where}"))


def _counts(result: Result, found: dict[str, Any]) -> str:
    words = (
        f"{found['n_utterances']} utterances of {found['n_speakers']} speakers in {len(result.folds)} folds, "
        f"{len(found['classes'])} classes, seed {found['seed']}"
    )
    left_out = ", ".join(f"{n} {reason}" for reason, n in found["left_out"].items())
    return words + (f"; left out: {left_out}" if left_out else "")


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Return a table whose first column is words, the others numbers; nothing in it is markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _fitting(console: "Console", wide: "Table", narrow: "Table | str") -> "Table | str":
    """Return the wide one where no number of it would be cut off."""
    from rich.measure import Measurement

    needed = Measurement.get(console, console.options.update(max_width=10_000), wide).maximum
    return wide if needed <= console.width else narrow


def _headline_table(found: dict[str, Any], mark: str) -> "Table":
    names = {"uar": "UAR", "war": "WAR", "macro_f1": "macro F1"}
    frequent = max(found["per_class"], key=lambda name: found["per_class"][name]["n"])
    rows = ((name, f"{found[key]:.3f}{mark}", f"{found['chance'][key]:.3f}") for key, name in names.items())
    return _table(("", "score", f"chance (always '{frequent}')"), rows)


def _class_table(found: dict[str, Any]) -> "Table":
    rows = (
        (name, str(row["n"]), *(_number(row[key]) for key in ("recall", "precision", "f1")))
        for name, row in found["per_class"].items()
    )
    return _table(("class", "n", "recall", "precision", "F1"), rows)


def _confusion_table(found: dict[str, Any]) -> "Table":
    rows = (
        (name, *(str(count) if count else "." for count in counts))
        for name, counts in zip(found["classes"], found["confusion"], strict=True)
    )
    return _table(("", *_short(found["classes"])), rows)


def _speaker_table(found: dict[str, Any], classes: Sequence[str]) -> "Table":
    rows = (
        (
            speaker,
            str(row["n"]),
            f"{row['war']:.3f}",
            f"{row['uar']:.3f}",
            *("/".join(map(str, row["correct_of"].get(name, "-"))) for name in classes),
        )
        for speaker, row in list(found["per_speaker"].items())[:MOST_SPEAKERS]
    )
    return _table(("speaker", "n", "WAR", "UAR", *_short(classes)), rows)


def _speaker_words(found: dict[str, Any]) -> str:
    rest = len(found["per_speaker"]) - MOST_SPEAKERS
    words = "UAR over the classes each has, then correct/all"
    return words + (f"; {rest} more in metrics.json" if rest > 0 else "")


def _short(classes: Sequence[str]) -> list[str]:
    """Return the beginnings of the classes' names, as long as it takes to tell them apart."""
    for length in range(3, max(map(len, classes), default=0)):
        if len({name[:length] for name in classes}) == len(classes):
            return [name[:length] for name in classes]
    return list(classes)


def _number(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
