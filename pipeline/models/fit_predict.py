"""From settings to a model file, and from a model file and recordings to a table of predictions.

This module joins the arrows for models, as `pipeline.workspace.experiment` does for evaluations.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline import media
from affex.pipeline.caching import feature_rows
from affex.pipeline.caching.cache import FeatureFile, recipe
from affex.pipeline.caching.imports import is_imported
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.outcomes import FoldScores
from affex.pipeline.evaluation.prechecks import foreseen, require_able
from affex.pipeline.evaluation.results import TRANSDUCTIVE, best_scored
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.evaluation.summary import LargestScore, Summary, versions
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.models import model_card, model_file, models
from affex.pipeline.models.models import Model, Predictions
from affex.pipeline.reporting import tables
from affex.pipeline.specs import data_sheets
from affex.pipeline.specs.classifiers import Member
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.storage import atomic
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.streams.table import Table
from affex.pipeline.systems.needs import require
from affex.pipeline.text import csv_cells
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Workspace, extracted, table_of, utterances_of

if TYPE_CHECKING:
    import rich.table

#: How many predictions are shown; the table has them all.
SHOWN = 20

#: How many left-out files are named per reason; the table has them all.
FIRST = 5


def fit(
    workspace: Workspace,
    settings: Settings,
    path: Path | None = None,
    *,
    exclude: Sequence[str] = (),
    member: Member | None = None,
) -> Path:
    """Extract missing features, fit a model on all but the excluded speakers, print a summary; return its file.

    Parameters
    ----------
    path
        Where the file goes; None for ``<cache>/<corpus>/models/<name>.affex``.
    exclude
        Speakers who are not used for training.
    member
        The features and the classifier; None for those in the settings.

    Raises
    ------
    AffexError
        If there are no training data, or the file cannot be written.
    """
    (one,) = [member] if member else experiment.models_of(workspace.console, settings, workspace.imported)
    require(workspace.datasets, [one], settings)
    specs, plan = experiment.planned(workspace, one, settings)
    _require_extractable(specs)
    models.require_saved(plan)
    model_file.require_savable(require_able(plan), plan.classifier)
    for sentence in foreseen(utterances_of(workspace), plan, exclude):
        workspace.console.print(sentence)
    extracted(workspace, specs, verify=False)
    atomic.require_writable(path.parent if path else workspace.folder / "models")
    recipes = [recipe(spec.feature).spec for spec in specs]
    model = models.fit(table_of(workspace, specs), plan, exclude=exclude, recipes=recipes)
    model = replace(model, learned=replace(model.learned, notes=(*workspace.notes, *model.learned.notes)))
    path = path or workspace.folder / "models" / f"{model.name}{model_file.SUFFIX}"
    model_file.write(model, path)
    card = _write_card(model, path, workspace.folder.parent)
    for sentence in (*_fitted(model), *_chosen(model)):
        workspace.console.print(sentence)
    _print_worth(workspace.console, model, workspace.folder.parent)
    workspace.console.print(f"Model: {path.stat().st_size / 1e6:.1f} MB -> {path}")
    workspace.console.print(f"Its card: what it learned from, what it is for, how good such models are -> {card}")
    return path


def _write_card(model: Model, path: Path, cache: Path) -> Path:
    """Write the card of a model beside its file, and return its path."""
    names = model.plan.corpus.split("+")
    sheets = [data_sheets.of_corpus(name) for name in names]
    file = model_card.File(path.name, path.stat().st_size, media.digest(path))
    card = path.with_name(path.name + model_card.SUFFIX)
    atomic.write_text(card, [model_card.text(model, file, sheets, _evaluation(model, cache))])
    return card


def _evaluation(model: Model, cache: Path) -> Summary | None:
    """Return the figures of the run with the same settings; None if the cache has none that can be read."""
    with contextlib.suppress(OSError, DamagedError):
        return runs.summary_of(runs.whole(cache / model.plan.corpus / "runs" / model.evaluation))
    return None


def _require_extractable(specs: Sequence[FeatureSpec]) -> None:
    """Refuse imported rows of another project: affex cannot compute them for new recordings.

    Raises
    ------
    UsageError
        If a feature is imported; the message names it.
    """
    foreign = [spec.preset for spec in specs if is_imported(spec)]
    if foreign:
        raise UsageError(
            f"{' and '.join(foreign)} was imported, and affex cannot extract it from new recordings: a model on it "
            "could not predict. Evaluate it (`make evaluate`), or fit on features that are extracted here."
        )


def predict(workspace: Workspace, model: Model, name: str, out: Path | None) -> Path:
    """Extract the model's features, write a table of its predictions for each recording, and show the first ones.

    Parameters
    ----------
    workspace
        With the recordings as its one corpus.
    name
        The model's name, for the name of the table.
    out
        Where the table goes: a file, or a folder; None for one beside the recordings' cached rows.

    Raises
    ------
    AffexError
        If the model uses features that differ from those here, or no recording has any feature.
    """
    (dataset,) = workspace.datasets
    specs = feature_specs(" ".join(model.plan.features))
    models.require_features(model, specs)
    if model.plan.settings.speaker_norm:
        models.require_speakers(dataset.utterances)
    for sentence in (*_fitted(model), *_changed_versions(model), *_left_out(dataset)):
        workspace.console.print(sentence)
    extracted(workspace, specs, verify=False)
    table = table_of(workspace, specs)
    failures = [_failures(workspace, spec) for spec in specs]
    predictions = models.predict(model, table, failures)
    path = _place(out, dataset.folder, name)
    atomic.write_text(path, lines(table, predictions, model.classes, dataset.left_out))
    _show(workspace.console, table, predictions, model)
    workspace.console.print("These predictions carry no figure of their quality: the true labels are not known.")
    _print_worth(workspace.console, model, dataset.folder.parent)
    n = len(dataset.left_out)
    beside = f", {n} file{'' if n == 1 else 's'} left out" if n else ""
    workspace.console.print(
        f"{len(predictions.fold_scores.numbers)} of {len(table)} recordings labelled{beside} -> {path}"
    )
    return path


def lines(
    table: Table, predictions: Predictions, classes: Sequence[str], left_out: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield a table of one row per recording, in order; without a prediction it has blank cells and the reason.

    Parameters
    ----------
    left_out
        Why other files of the folder are no recordings, by name; each has a row at the end.
    """
    scored = predictions.fold_scores
    place = {int(number): row for row, number in enumerate(scored.numbers)}
    yield csv_cells.line(["id", "file", "predicted", *(f"score_{name}" for name in classes), "note"])
    for number, utterance in enumerate(table.utterances):
        cells = [""] * (1 + len(classes))
        if number in place:
            row = place[number]
            predicted = scored.predicted[row]
            cells = [predicted if classes else f"{predicted:.9g}", *(f"{score:.9g}" for score in scored.scores[row])]
        file = next((medium.path for medium in utterance.media("audio")), "")
        yield csv_cells.line([utterance.id, file, *cells, predictions.notes.get(utterance.id, "")])
    for name, why in (left_out or {}).items():
        yield csv_cells.line([name, name, *[""] * (1 + len(classes)), f"left out: it {why}"])


def _left_out(dataset: Dataset) -> Iterator[str]:
    """Yield how many files are not recordings, for each reason, with the first of them, and further notes."""
    for note in dataset.notes:
        yield f"Note: {note}."
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, why in dataset.left_out.items():
        by_reason[why].append(name)
    for why, names in by_reason.items():
        more = f" and {len(names) - FIRST} more" if len(names) > FIRST else ""
        yield f"Left out {len(names)}: {', '.join(names[:FIRST])}{more}: it {why}"


def _failures(workspace: Workspace, spec: FeatureSpec) -> Mapping[str, str]:
    """Return why recordings lack a feature, by id, from the feature's file."""
    (dataset,) = workspace.datasets
    file = FeatureFile(dataset.folder, spec)
    return feature_rows.contents(file.path, file.key, dataset.command("features", FEATURES=spec.unpooled)).failures


def _place(out: Path | None, folder: Path, name: str) -> Path:
    if out is None:
        return folder / f"{name}.csv"
    return out / f"{name}.csv" if out.is_dir() else out


def _fitted(model: Model) -> Iterator[str]:
    """Yield a description of a model and of its training speakers."""
    learned, plan = model.learned, model.plan
    without = f", without {', '.join(learned.excluded)}" if learned.excluded else ""
    counts = ", ".join(f"{name} {n}" for name, n in learned.counts.items())
    yield (
        f"{plan.classifier.name} on {' '.join(plan.features)}, learned from {learned.n_utterances} utterances "
        f"of {learned.n_clusters} {learned.unit}s of {plan.corpus}{without}: {counts or plan.protocol.target}"
    )
    for note in learned.notes:
        yield f"Note: {note}."


def _chosen(model: Model) -> Iterator[str]:
    """Yield the excluded utterances and the chosen hyperparameters."""
    if model.learned.left_out:
        yield "Left out: " + ", ".join(f"{n} {reason}" for reason, n in model.learned.left_out.items())
    if model.chosen:
        yield "Chosen: " + ", ".join(f"{name}={value}" for name, value in model.chosen.items())
    if model.plan.settings.speaker_norm:
        known = TRANSDUCTIVE[model.plan.settings.speaker_norm]
        yield (
            f"Note: {known}; to use it, name the speakers, and give several recordings of each, of more than one class."
        )


def _changed_versions(model: Model) -> Iterator[str]:
    here = versions()
    changed = [
        f"{name} {then} -> {here[name]}" for name, then in model.versions.items() if here.get(name, then) != then
    ]
    if changed:
        yield f"Note: it was fitted under other versions ({', '.join(changed)}): scores may differ a little."


def _print_worth(console: Terminal, model: Model, folder: Path) -> None:
    """Print the figures of such models on unknown speakers, or how to compute them."""
    run = folder / model.plan.corpus / "runs" / model.evaluation
    try:
        summary = runs.summary_of(runs.whole(run))
    except DamagedError as error:
        console.print(f"The performance of such models on new speakers is unknown: {run}: {error}. {runs.AGAIN}")
        return
    except OSError:
        console.print(
            "For the performance of such models on new speakers: `make evaluate` with the same settings (run "
            f"{model.evaluation})."
        )
        return
    console.print(f"Such models on new speakers of {model.plan.corpus}: {tables.headline(summary)} -> {run}")


def _show(console: Terminal, table: Table, predictions: Predictions, model: Model) -> None:
    """Print the first predictions, their number per class, and the notes."""
    scored = predictions.fold_scores
    console.rich.print(_table(console, table, scored, model))
    if len(scored.numbers) > SHOWN:
        console.print(f"... and {len(scored.numbers) - SHOWN} more")
    if model.classes:
        console.print(
            "Predicted: " + ", ".join(f"{name} {n}" for name, n in Counter(scored.predicted.tolist()).most_common())
        )
        differs = int((best_scored(scored.predicted, scored.scores, model.classes) != scored.predicted).sum())
        console.print(f"Scores: {tables.largest_score_words(LargestScore(differs, len(scored.numbers)))}.")
    if model.plan.settings.speaker_norm:
        console.print(f"Note: {TRANSDUCTIVE[model.plan.settings.speaker_norm]}.")
    for id_, note in list(predictions.notes.items())[:SHOWN]:
        console.print(f"  {id_}: {note}")
    if len(predictions.notes) > SHOWN:
        console.print(f"  ... and {len(predictions.notes) - SHOWN} more (the table has them all)")


def _table(console: Terminal, table: Table, scored: FoldScores, model: Model) -> "rich.table.Table | str":
    ids = [table.utterances[number].id for number in scored.numbers[:SHOWN]]
    if not model.classes:
        values = [(id_, f"{value:.3f}") for id_, value in zip(ids, scored.predicted, strict=False)]
        return tables.table(("", model.plan.protocol.target), values)
    rows = list(zip(ids, scored.predicted.tolist(), scored.scores, strict=False))
    narrow = [(id_, name, f"{scores[model.classes.index(name)]:.3f}") for id_, name, scores in rows]
    wide = [(id_, name, *(f"{score:.3f}" for score in scores)) for id_, name, scores in rows]
    columns = ("", "predicted")
    return tables.fitting(
        console.rich, tables.table((*columns, *model.classes), wide), tables.table((*columns, "its score"), narrow)
    )
