"""From a corpus at hand to its description: features that are cheap are extracted, the rest is computed from rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from affex.classifiers.base import of_estimator
from affex.features.external.imported import Imported
from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.evaluation.named_votes import named_votes
from affex.pipeline.extraction import headers
from affex.pipeline.extraction.extract import Summary
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.pages import corpus, corpus_tables
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.statistics import counts, description
from affex.pipeline.statistics.agreement import agreement
from affex.pipeline.statistics.description import Description, Failure, View
from affex.pipeline.statistics.findings import findings
from affex.pipeline.statistics.labels import Labels, labels
from affex.pipeline.statistics.raters import raters
from affex.pipeline.statistics.recordings import recordings
from affex.pipeline.statistics.twins import twins
from affex.pipeline.streams.table import Table
from affex.pipeline.workspace.identities import identities
from affex.pipeline.workspace.workspace import Workspace, brought_up_to_date, readable, table_of

#: The features that measure recordings and find copies of them.
LEVELS, PRINTS = "levels", "fingerprint"
#: The feature of the maps of a corpus with sound; those of film take long, and are mapped where they are cached.
OF_SOUND, OF_FILM, OF_MOTION, OF_TEXT = "egemaps", ("fer", "face", "landmarks"), "mocap", "text"


@dataclass(frozen=True)
class Wanted:
    """What is described.

    Parameters
    ----------
    features
        The features of the maps, separated by blanks; None for what is cheap or cached.
    target, classes
        What the classes are, as in an evaluation; None for the labels as they are.
    identity
        Whether to check who is who; otherwise that is done only where the embeddings are cached.
    """

    features: str | None = None
    target: str | None = None
    classes: str | None = None
    identity: bool = False


@dataclass(frozen=True)
class _Extracted:
    """The outcome of each feature, and the rows of those that have any."""

    workspace: Workspace
    summaries: Sequence[Summary]

    def rows(self, spec: FeatureSpec) -> Table | None:
        """Return the rows of a feature; None if no utterance has any."""
        summary = next((one for one in self.summaries if one.spec == spec.unpooled), None)
        return table_of(self.workspace, [spec]) if summary and summary.cached + summary.computed else None


def written(workspace: Workspace, wanted: Wanted) -> list[Description]:
    """Describe each corpus, write its page, and print the first lines of it."""
    found = [describe(workspace, dataset, wanted) for dataset in workspace.datasets]
    settings = {
        "FEATURES": wanted.features,
        "TARGET": wanted.target,
        "CLASSES": wanted.classes,
        "IDENTITY": wanted.identity,
    }
    for dataset, own in zip(workspace.datasets, found, strict=True):
        path = corpus.write(dataset.folder, own, dataset.command("describe", **settings))
        for line in _first_lines(own):
            workspace.console.print(line)
        workspace.console.print(f"-> {path}")
    return found


def _first_lines(found: Description) -> list[str]:
    """Return what the terminal shows: the headline, and what to know first."""
    headline = ", ".join(f"{value} {what}" for value, what in corpus_tables.facts(found))
    kinds = {"serious": "SERIOUS", "warning": "Warning", "note": "Note"}
    return [f"{found.corpus}: {headline}", *(f"{kinds[one.weight]}: {one.text}" for one in found.findings)]


def describe(workspace: Workspace, dataset: Dataset, wanted: Wanted) -> Description:
    """Return the description of a corpus; extract what it needs.

    Raises
    ------
    UsageError
        If a feature, the target or a class does not exist.
    """
    own = replace(workspace, datasets=[dataset])
    classes = labels(dataset.utterances, wanted.target or "", wanted.classes or "")
    mapped = _mapped(own, dataset, wanted.features)
    specs = [*_measured(dataset), *mapped]
    found = _Extracted(own, brought_up_to_date(own, dataset, list(dict.fromkeys(spec.unpooled for spec in specs))))
    whole = _described(own, dataset, classes, wanted, found)
    with workspace.console.progress("mapping", len(mapped), "features") as tick:
        views = [_view(spec, found, whole, tick) for spec in mapped]
    whole = replace(whole, views=tuple(view for view in views if view))
    return replace(whole, findings=findings(whole))


def _described(
    workspace: Workspace, dataset: Dataset, classes: Labels, wanted: Wanted, found: _Extracted
) -> Description:
    """Return all of a description but its views and findings."""
    every = tuple(dataset.utterances)
    names, speakers = tuple(label or "" for label in classes.of), tuple(utterance.speaker for utterance in every)
    levels, prints = (found.rows(spec) for spec in feature_specs(f"{LEVELS} {PRINTS}"))
    present = levels.present[:, 0] if levels else np.zeros(len(every), bool)
    rows = (levels.columns, levels.X[present]) if levels else ((), np.empty((0, 0), np.float32))
    stored = headers.of_corpus(dataset, workspace.runner, workspace.console)
    return Description(
        corpus=dataset.name,
        target=wanted.target or "",
        chosen_classes=wanted.classes or "",
        ids=tuple(utterance.id for utterance in every),
        speakers=speakers,
        labels=names,
        findings=(),
        classes=counts.by_class(names),
        fields=counts.by_fields(every),
        crossed=counts.crossed(names, speakers),
        dimensions=counts.dimensions(every),
        recordings=recordings(every, names, rows, present, stored),
        failures=tuple(failure for summary in found.summaries for failure in _failures(summary, dataset)),
        agreement=agreement([u.votes for u in every], speakers, classes.classes, _mapping(classes)),
        raters=raters(named_votes(every, _mapping(classes), classes.classes), classes.classes),
        views=(),
        twins=twins(every, names, prints),
        identities=identities(workspace, dataset, asked=wanted.identity),
        notes=(*dataset.notes, *classes.notes),
    )


def _mapping(classes: Labels) -> dict[str, str]:
    """Return the class of each label of a vote; of labels, not of another target's values."""
    return {label: name for label, name in classes.class_of.items() if name in classes.classes}


def _measured(dataset: Dataset) -> tuple[FeatureSpec, ...]:
    """Return the features that measure sound, for a corpus that has any."""
    has_sound = any(utterance.audio for utterance in dataset.utterances)
    return feature_specs(f"{LEVELS} {PRINTS}") if has_sound else ()


def _mapped(workspace: Workspace, dataset: Dataset, features: str | None) -> tuple[FeatureSpec, ...]:
    """Return the features of the maps, with one row an utterance."""
    from sklearn.dummy import DummyClassifier

    names = features if features is not None else _default(dataset, workspace.imported)
    if not names.split():
        return ()
    if features is None:
        workspace.console.print(f"FEATURES={names} (the default for maps)")
    return readable(workspace.console, names.split(), of_estimator(DummyClassifier()), workspace.imported)


def _default(dataset: Dataset, imported: dict[str, Imported]) -> str:
    """Return the feature that is mapped if none is named; empty if none is cheap or cached."""
    has = {kind: any(getattr(u, kind) for u in dataset.utterances) for kind in ("audio", "video", "mocap", "text")}
    if has["audio"]:
        return OF_SOUND
    cached = (name for name in OF_FILM if FeatureFile(dataset.folder, *feature_specs(name)).path.exists())
    film = next(cached, "") if has["video"] else ""
    others = (film, next(iter(imported), ""), OF_MOTION if has["mocap"] else "", OF_TEXT if has["text"] else "")
    return next(filter(None, others), "")


def _failures(summary: Summary, dataset: Dataset) -> tuple[Failure, ...]:
    return description.failures(str(summary.spec), summary.failures, dataset.utterances)


def _view(spec: FeatureSpec, found: _Extracted, whole: Description, tick: Callable[[int], None]) -> View | None:
    """Return what a feature shows; None if no utterance has rows of it."""
    table = found.rows(spec)
    view = None
    if table is not None:
        numbers = np.flatnonzero(table.present[:, 0])
        X = table.X[numbers]
        finite = np.asarray(np.isfinite(X).all(axis=0))
        columns = [name for name, is_whole in zip(table.columns, finite, strict=True) if is_whole]
        view = description.view(str(spec), (columns, X[:, finite]), numbers, whole.speakers, whole.labels)
    tick(1)
    return view
