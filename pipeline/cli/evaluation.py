"""Verbs for evaluation: evaluate, compare, and the demo."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from affex.pipeline.caching.dataset import last_folder
from affex.pipeline.cli.config import CONFIG
from affex.pipeline.cli.options import (
    CACHE,
    DATA,
    DATASET,
    EVALUATED,
    JSON,
    PATH,
    RUNNING,
    option,
    print_json,
    setting,
    with_system,
)
from affex.pipeline.evaluation.settings import FIELDS, Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs import grammar
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.corpora import Corpora, parted
from affex.pipeline.workspace.workspace import Running, open_workspace

if TYPE_CHECKING:
    from affex.pipeline.evaluation.summary import Summary

OUT = option("--out", type=PATH, default=None, help="Folder of the results. [<cache>/.../<run>]")
LOG = option("--log", type=click.Choice(["mlflow"]), default=None, help="Log the run to MLflow, too. [no]")
#: The options that the line for `fit` repeats if they are not the default.
NAMED = [name for name, one in FIELDS.items() if one.metadata.get("fitted", True)]
MEDIA = option(
    "--media", is_flag=True, default=False, help="Show recordings on pages although a licence may bind them."
)


@click.command()
@CONFIG
@EVALUATED
@OUT
@MEDIA
@LOG
@JSON
def evaluate(
    corpora: Corpora,
    settings: Settings,
    running: Running,
    out: Path | None,
    media: bool,
    log: str | None,
    as_json: bool,
) -> None:
    """Train and test, leaving one speaker out at a time; extract first what is missing.

    \b
    Examples:
      affex evaluate --classifier svm
      affex evaluate --dataset emodb --features egemaps --classifier xgboost --seed 1
      affex evaluate --dataset ravdess --protocol song --classes 'angry,happy,sad,calm+neutral'
      affex evaluate --dataset emodb --features "compare mfcc-voice" --classifier "svm gmm" --fusion late
      affex evaluate --dataset "emodb ravdess" --protocol cross:test=ravdess --classes 'anger+angry,sadness+sad'
      affex evaluate --config mine.toml --seed 1
      affex evaluate --dataset emodb --log mlflow
    """
    from affex.pipeline.reporting import mlflow_log

    console = Terminal(aside=as_json)
    if log is not None:
        mlflow_log.require()
    folder = _evaluated(console, corpora, settings, running, out, _After(console, corpora.cache, media, log))
    if as_json:
        print_json(_finished(folder))


@dataclass(frozen=True)
class _After:
    """What follows a finished run: its page and, if asked for, an entry in MLflow."""

    console: Terminal
    cache: Path
    media: bool
    log: str | None

    def write(self, folder: Path, datasets: Sequence[Dataset]) -> None:
        """Write the page of a run and log the run; print where they stand."""
        from affex.pipeline.evaluation import runs
        from affex.pipeline.reporting import mlflow_log
        from affex.pipeline.workspace import pages

        pages.write_run(self.console, folder, datasets, media=self.media)
        if self.log is not None:
            self.console.print(mlflow_log.log(runs.read(folder), self.cache))


def _evaluated(
    console: Terminal, corpora: Corpora, settings: Settings, running: Running, out: Path | None, after: _After
) -> Path:
    """Evaluate, or fuse finished runs; print possible next steps, and return the run's folder."""
    from affex.pipeline.workspace import pages

    if settings.runs is not None:
        if settings.system is not None:
            raise UsageError("SYSTEM= names models to evaluate, and RUNS= finished ones: expected one of the two.")
        folder = _fused_runs(console, corpora, settings, out)
        after.write(folder, pages.of_settings(folder, corpora.cache))
        console.print(_comparison(corpora, folder))
        return folder
    corpora = corpora.or_last(console)
    asked, settings = settings, with_system(console, settings, corpora.names)
    models = experiment.models_of(console, settings, corpora.imported)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        folder = experiment.run(workspace, corpora.named_in(settings), out, models)
        after.write(folder, workspace.datasets)
        console.print(_next(corpora, asked, settings, folder))
    return folder


@dataclass(frozen=True)
class Finished:
    """The output of ``--json`` for a run."""

    name: str
    folder: str
    summary: "Summary"


def _finished(folder: Path) -> Finished:
    from affex.pipeline.evaluation import runs

    run = runs.read(folder)
    return Finished(run.name, str(run.folder), run.summary)


def _fused_runs(console: Terminal, corpora: Corpora, settings: Settings, out: Path | None) -> Path:
    """Fuse finished runs; return the folder of the fused run."""
    if not settings.fusion.startswith("late"):
        raise UsageError("Runs are fused by FUSION=late[:rule]; to compare them: make compare RUNS='...'.")
    return experiment.fuse_runs(console, parted(settings.runs or ""), settings, corpora.cache, out)


def _next(corpora: Corpora, asked: Settings, settings: Settings, folder: Path) -> str:
    """Return a next step after an evaluation, as a line to copy: compare if possible, else fit as was asked."""
    named = {grammar.name_of(spec) for spec in (settings.features or "").split()}
    is_one = not settings.fusion.startswith("late")
    if _other(corpora, folder) or not is_one or named & {*corpora.imported}:
        return _comparison(corpora, folder)
    return corpora.next_step("fit", **_named(asked))


def _named(settings: Settings) -> dict[str, object]:
    """Return a single model's settings that differ from the defaults, by variable; and the classifier or system."""
    told = "classifier" if settings.system is None else "system"
    if is_enrolment(settings.speaker_norm):
        settings = replace(settings, speaker_norm=True)  # the same model
    values = {name: getattr(settings, name) for name in NAMED if name not in ("dataset", "data")}
    return {k.upper(): v for k, v in values.items() if v != FIELDS[k].default or k == told}


def _comparison(corpora: Corpora, folder: Path) -> str:
    """Return the line that compares a run with the newest similar run; without one, the line that lists all runs."""
    other = _other(corpora, folder)
    if other is None:
        return corpora.next_step("runs")
    names = (other.name, folder.name if folder.parent == other.parent else str(folder))
    return corpora.next_step("compare", RUNS=" ".join(map(shlex.quote, names)))


def _other(corpora: Corpora, folder: Path) -> Path | None:
    """Return the newest run of the same corpus that is comparable with a run, if there is one."""
    from affex.pipeline.reporting import comparison

    is_at_home = folder.parent.name == "runs"
    return comparison.other(folder, folder.parent.parent if is_at_home else corpora.cache / last_folder(corpora.cache))


@click.command()
@CACHE
@setting("runs")
@OUT
@option("--metric", default="", help="What is compared: uar, war, macro_f1, ccc ... [uar, or ccc]")
@option("--rope", type=float, default=None, help="The largest difference that does not matter. [0.01]")
@option("--against", default="", help="The run with which each of the others is compared. [every pair is compared]")
@JSON
def compare(
    cache: Path, runs: str | None, out: Path | None, metric: str, rope: float | None, against: str, as_json: bool
) -> None:
    """Say which of several runs on the same protocol differ by more than chance would.

    \b
    Examples:
      affex compare --runs "compare_svm_loso-1f0c9a52 egemaps_svm_loso-99aa0123"
      affex compare --runs "compare_svm_loso egemaps_svm_loso" --rope 0.02
      affex compare --runs "egemaps_svm_loso mfcc_gmm_loso" --against compare_svm_loso
    """
    from affex.pipeline.workspace import pages

    if runs is None or len({*parted(runs), *parted(against)}) < 2:
        raise UsageError("Say which runs, two at least, as in RUNS='compare_svm_loso-1f egemaps_svm_loso-99'.")
    folder, compared = pages.compare(Terminal(aside=as_json), parted(runs), cache, out, metric, rope, against)
    if as_json:
        print_json({"folder": str(folder), "comparison": compared})


@click.command()
@CACHE
@DATASET
@DATA
@option("--out", type=PATH, default=None, help="The page. [<cache>/<corpus>/report.html]")
@MEDIA
def report(cache: Path, dataset: str | None, data: str | None, out: Path | None, media: bool) -> None:
    """Write a page of all finished runs of a corpus, or of several, and the pages of these runs.

    \b
    Examples:
      affex report --dataset emodb
      affex report --dataset "emodb ravdess"
    """
    from affex.pipeline.workspace import pages

    console = Terminal()
    corpora = Corpora(dataset, data, partial=True, cache=cache).or_last(console)
    console.print(f"-> {pages.write_all(console, corpora, out, media=media)}")


@click.command()
@CACHE
@RUNNING
def demo(cache: Path, running: Running) -> None:
    """Make a small corpus and evaluate it: audio alone, faces alone, both fused; on speakers the model never heard."""
    from affex.pipeline.workspace import pages
    from affex.pipeline.workspace.demo import demonstrate

    console = Terminal()
    corpora = Corpora("demo", None, partial=False, cache=cache)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        demonstrate(workspace, Settings(dataset="demo", device=running.device))
        page = pages.write_all(console, corpora, None, media=False)
        console.print(f"Open this page of all runs in a browser: {page}")
        console.print("Your own recordings, listed in a table: make features DATASET=csv DATA=mine.csv")
        console.print(corpora.next_step("show", DATASET="demo", UTTERANCE=workspace.datasets[0].utterances[0].id))
