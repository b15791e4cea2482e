"""From a corpus at hand to whether each of its speakers is one person, by voice and, where there is film, by face."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from affex.pipeline.caching.cache import FeatureFile
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs.features import FeatureSpec, feature_specs
from affex.pipeline.statistics import identity
from affex.pipeline.statistics.identity import Identity
from affex.pipeline.workspace.workspace import Workspace, brought_up_to_date, table_of

#: The feature that identifies who speaks or is seen, by the kind of media that it reads.
FEATURES = {"audio": "speaker", "video": "face"}


def wanted(dataset: Dataset, *, asked: bool) -> tuple[FeatureSpec, ...]:
    """Return the features by which a corpus is checked, an average over each utterance.

    Parameters
    ----------
    asked
        Whether to check at all cost; otherwise only by features that are cached, since extraction takes long, and what
        it writes is biometric.
    """
    names = [name for kind, name in FEATURES.items() if any(getattr(u, kind) for u in dataset.utterances)]
    if not asked:
        names = [name for name in names if FeatureFile(dataset.folder, *feature_specs(name)).path.exists()]
    return feature_specs(" ".join(f"{name}:pool=mean" for name in names)) if names else ()


def identities(workspace: Workspace, dataset: Dataset, *, asked: bool) -> tuple[Identity, ...]:
    """Return what each feature says of a corpus's speakers; extract what is missing."""
    if not any(utterance.speaker for utterance in dataset.utterances):
        return ()
    own, specs = replace(workspace, datasets=[dataset]), wanted(dataset, asked=asked)
    return tuple(found for spec in specs if (found := _identity(own, dataset, spec)))


def _identity(workspace: Workspace, dataset: Dataset, spec: FeatureSpec) -> Identity | None:
    """Return what a feature says; None if no utterance has rows of it."""
    summaries = brought_up_to_date(workspace, dataset, [spec.unpooled])
    summary = next(one for one in summaries if one.spec == spec.unpooled)
    if not summary.cached + summary.computed:
        return None
    table = table_of(workspace, [spec])
    present = np.flatnonzero(table.present[:, 0])
    own = [table.utterances[number] for number in present]
    labels = [utterance.label or "" for utterance in own]
    return identity.identity(spec.preset, table.X[present], [utterance.speaker for utterance in own], labels)


def with_remarks(workspace: Workspace) -> Workspace:
    """Return the workspace with what is found of each corpus's speakers among its notes, and print that."""
    datasets = [
        replace(dataset, notes=(*dataset.notes, *_remarks(workspace, dataset))) for dataset in workspace.datasets
    ]
    return replace(workspace, datasets=datasets)


def _remarks(workspace: Workspace, dataset: Dataset) -> Iterator[str]:
    several = len(workspace.datasets) > 1
    for found in identities(workspace, dataset, asked=True):
        for sentence in identity.sentences(found):
            yield f"{dataset.name}: {sentence}" if several else sentence
