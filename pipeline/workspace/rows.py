"""From a workspace to rows for other programs: those of a protocol's utterances, and the frames of a feature."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from affex.pipeline.evaluation import protocols
from affex.pipeline.evaluation.selection import has_values
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Workspace, extracted, table_of

if TYPE_CHECKING:
    from affex.pipeline.evaluation.task import Task
    from affex.pipeline.streams.stream import Stream


def task_of(workspace: Workspace, settings: Settings) -> "tuple[Task, tuple[str, ...], str]":
    """Return the task of an evaluation, the names of its columns and of its target; extract missing features.

    Raises
    ------
    AffexError
        As `pipeline.workspace.experiment.run`.
    """
    from sklearn.dummy import DummyClassifier, DummyRegressor

    from affex.classifiers.base import of_estimator
    from affex.pipeline.evaluation.task import prepare
    from affex.pipeline.streams.readers import reader_of

    predicts_values = has_values(protocols.of_settings(settings))
    reads_rows = of_estimator(DummyRegressor() if predicts_values else DummyClassifier())
    specs, plan = experiment.planned(workspace, (tuple((settings.features or "").split()), reads_rows), settings)
    extracted(workspace, specs, verify=False)
    table = reader_of(reads_rows).arranged(table_of(workspace, specs))
    return prepare(table, plan), table.columns, plan.protocol.target


def frames_of(workspace: Workspace, feature: str, ids: Sequence[str] | None) -> "tuple[Stream, list[str]]":
    """Return the frames of a feature of one corpus, and the ids of the utterances; extract missing features.

    Parameters
    ----------
    ids
        The utterances that are read; they stand in the corpus's order. None for all.

    Raises
    ------
    UsageError
        If there are several corpora or features, the feature has no frames, or an id is unknown.
    """
    from affex.pipeline.streams.table import load

    specs = feature_specs(feature, workspace.imported)
    if len(specs) != 1 or not specs[0].framewise:
        raise UsageError(f"'{feature}': expected one feature with one row a frame, as in 'mfcc' or 'logmel'.")
    if len(workspace.datasets) != 1:
        raise UsageError(f"'{workspace.name}' names {len(workspace.datasets)} corpora: expected one.")
    extracted(workspace, specs, verify=False)
    table = load(workspace.datasets[0], specs, ids)
    return table.streams[0].read(), [utterance.id for utterance in table.utterances]
