"""MLflow: the arrow from a finished run to an MLflow store (https://mlflow.org), where runs of many programs stand.

Settings become parameters, figures and the ends of their intervals metrics, and corpus, hashes, versions and caveats
tags; the run's files are its artefacts. The store is a folder, unless ``MLFLOW_TRACKING_URI`` names another one. affex
asks no network: MLflow's own telemetry is off, and only the user's address can name a server.
"""

import contextlib
import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FusionSettings
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting.differences import Repeated
from affex.pipeline.storage import bundle
from affex.pipeline.storage.bundle import Bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: The variables by which MLflow's users name a store, and an experiment in it.
STORE, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
#: The folder beside the cache that is the store if none is named.
FOLDER = "mlruns"
#: What MLflow reads: folders are "in maintenance mode" since version 3 and want a word, its telemetry another one.
ALLOWED, SILENT = "MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY"
#: The tag that tells whether a run was logged before.
BASIS = "affex.depends_on"
#: How many parameters or tags MLflow takes at a time, and the greatest length of a name and of a value.
BATCH, LONGEST_NAME, LONGEST = 100, 250, 5000
#: What MLflow takes in a name.
FOREIGN = re.compile(r"[^\w.\- :]")


def require() -> None:
    """Refuse to log where MLflow is not installed.

    Raises
    ------
    UsageError
        If so; the message says how to install it.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise UsageError(
            "LOG=mlflow needs MLflow, which is not installed here. `make install` installs it; in an environment of "
            "your own: pip install mlflow-skinny"
        )


def store_of(cache: Path) -> str:
    """Return the address of the store: the user's, or that of the folder beside the cache."""
    return os.environ.get(STORE) or (cache.absolute().parent / FOLDER).as_uri()


def log(run: Run, cache: Path) -> str:
    """Log a run, unless it is logged already; return a sentence that says where it stands.

    Whatever MLflow raises is said in that sentence, too: the run itself is finished, and nothing of it is lost.
    """
    store = store_of(cache)
    try:
        with _environment():
            return _logged(run, store)
    except Exception as error:  # a store of others may fail in any way
        return f"The run is finished, but could not be logged to MLflow in {store}: {error}"


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Let MLflow write into a folder, and send nothing; what the user set of either is kept."""
    before = {name: os.environ.get(name) for name in (ALLOWED, SILENT)}
    os.environ.update({name: "true" for name, value in before.items() if value is None})
    try:
        yield
    finally:
        for name in (name for name, value in before.items() if value is None):
            os.environ.pop(name, None)


def _logged(run: Run, store: str) -> str:
    from mlflow import MlflowClient

    client, files = MlflowClient(tracking_uri=store), runs.whole(run.folder)
    experiment = _experiment(client, os.environ.get(EXPERIMENT) or run.summary.about.corpus)
    if known := _known(client, experiment, run.summary.depends_on):
        return f"MLflow has this run already, as {known} in {store}"
    made = client.create_run(experiment, run_name=run.name).info.run_id
    try:
        _fill(client, made, run, files)
    except BaseException:
        client.set_terminated(made, "FAILED")
        raise
    client.set_terminated(made)
    return f"Logged to MLflow as {made} in {store}"


def _experiment(client: "MlflowClient", name: str) -> str:
    """Return the id of an experiment, which is made if there is none of the name."""
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id) if found else str(client.create_experiment(name))


def _known(client: "MlflowClient", experiment: str, basis: str) -> str:
    """Return the id of the logged run that depends on the same; empty if there is none."""
    found = client.search_runs([experiment], f"tags.`{BASIS}` = '{basis}' and attributes.status = 'FINISHED'")
    return str(found[0].info.run_id) if found else ""


def _fill(client: "MlflowClient", id_: str, run: Run, files: Bundle) -> None:
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(name, value, 0, 0) for name, value in figures(run.summary).items()]
    client.log_batch(id_, metrics=metrics)
    for some in _batches(parameters(Repeated(run.summary, files))):
        client.log_batch(id_, params=[Param(name, value) for name, value in some])
    for some in _batches(tags(run.summary)):
        client.log_batch(id_, tags=[RunTag(name, value) for name, value in some])
    for file in (runs.RECORD, *files.record[bundle.FILES]):
        client.log_artifact(id_, str(run.folder / file))


def figures(summary: Summary) -> dict[str, float]:
    """Return the figures that are defined, with chance and the ends of intervals, and counts, by name."""
    found: dict[str, float | None] = {"n_utterances": summary.n_utterances, "n_clusters": summary.n_clusters}
    for name, figure in summary.figures.items():
        ends = figure.interval
        found |= {name: figure.value, f"{name}_chance": figure.chance}
        found |= {f"{name}_low": ends.low, f"{name}_high": ends.high} if ends else {}
        given = figure.interval_given_models
        found |= {f"{name}_low_given_models": given.low, f"{name}_high_given_models": given.high} if given else {}
        found |= {f"{name}_sd_over_seeds": figure.spread_over_seeds}
    return {name: float(value) for name, value in found.items() if value is not None}


def parameters(run: Repeated) -> dict[str, str]:
    """Return the settings by the names of options, and the resolved ones of features and classifier, as text."""
    settings = run.summary.about.settings
    if isinstance(settings, FusionSettings):
        resolved: Mapping[str, Any] = {"members": " ".join(member.run for member in settings.members)}
    else:
        own = {f"classifier.{name}": value for name, value in settings.classifier_settings.items()}
        resolved = {**own, "feature_keys": " ".join(settings.feature_keys)}
    return {name: str(plain(value)) for name, value in {**run.settings, **resolved}.items()}


def tags(summary: Summary) -> dict[str, str]:
    """Return what tells runs apart, and the caveats, as text."""
    return {
        "affex.corpus": summary.about.corpus,
        "affex.protocol": str(summary.about.protocol),
        "affex.model": ", ".join(summary.about.model),
        "affex.protocol_hash": summary.protocol_hash,
        "affex.folds_hash": summary.folds_hash,
        BASIS: summary.depends_on,
        "affex.transductive": summary.transductive or "no",
        "affex.enrolled": summary.about.enrolled or "no",
        "affex.leaks": "; ".join(summary.leaks) or "none",
        **{f"affex.version.{name}": version for name, version in summary.versions.items()},
    }


def _batches(texts: Mapping[str, str]) -> Iterator[list[tuple[str, str]]]:
    """Yield names and values as MLflow takes them, some at a time."""
    each = [(FOREIGN.sub("_", name)[:LONGEST_NAME], value[:LONGEST]) for name, value in texts.items()]
    yield from (each[number : number + BATCH] for number in range(0, len(each), BATCH))
