"""Verbs that judge: evaluate, compare, and the demo."""

import shlex
from pathlib import Path

import click

from affex.pipeline.caching.dataset import last_folder
from affex.pipeline.cli.options import ASKED, CACHE, CORPORA, PATH, RUNNING, Asked, Corpora, option, parted
from affex.pipeline.specs import grammar
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Running, open_workspace

OUT = option("--out", type=PATH, default=None, help="Folder of the results. [<cache>/.../<run>]")
RUNS = option("--runs", default=None, help="Finished runs, by name or folder, parted by blanks.")


@click.command()
@CORPORA
@ASKED
@option("--fusion", default="early", help="early (columns side by side) or late[:rule] (scores).")
@RUNS
@option("--inner", is_flag=True, default=False, help="Keep what a fusion of this run may learn from (slower).")
@option("--leak", is_flag=True, default=False, help="Also score random-k, to show what a leak is worth.")
@option("--allow-leaks", is_flag=True, default=False, help="Go on where the audit finds leaks, and say so.")
@OUT
@RUNNING
def evaluate(
    corpora: Corpora,
    asked: Asked,
    fusion: str,
    runs: str | None,
    inner: bool,
    leak: bool,
    allow_leaks: bool,
    out: Path | None,
    running: Running,
) -> None:
    """Train and test, leaving one speaker out at a time; extract first what is missing.

    \b
    Examples:
      affex evaluate --classifier svm
      affex evaluate --dataset emodb --features egemaps --classifier xgboost --seed 1
      affex evaluate --dataset ravdess --protocol song --classes 'angry,happy,sad,calm+neutral'
      affex evaluate --dataset emodb --features "compare mfcc-voice" --classifier "svm gmm" --fusion late
      affex evaluate --dataset "emodb ravdess" --protocol cross:test=ravdess --classes 'anger+angry,sadness+sad'
    """
    console = Terminal()
    if runs is not None:
        if not fusion.startswith("late"):
            raise UsageError("Runs are fused by FUSION=late[:rule]; to compare them: make compare RUNS='...'.")
        console.say(_comparison(corpora, experiment.fuse_runs(console, parted(runs), fusion, corpora.cache, out)))
        return
    corpora = corpora.or_last(console)
    models = asked.members(console, fusion, corpora.imported)
    wish = experiment.Wish(
        protocol=corpora.protocol(asked),
        speaker_norm=asked.speaker_norm,
        reweight=asked.reweight,
        soft=asked.soft,
        seed=asked.seed,
        device=running.device,
        partial=corpora.partial,
        inner=inner,
        allow_leaks=allow_leaks,
    )
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        if fusion.startswith("late"):
            folder = experiment.fused(workspace, models, wish, fusion, out, leak=leak)
        else:
            folder = experiment.single(workspace, models[0], wish, out, leak=leak)
        console.say(_next(corpora, asked, folder, is_one=not fusion.startswith("late")))


def _next(corpora: Corpora, asked: Asked, folder: Path, *, is_one: bool) -> str:
    """Return what might be done after an evaluation, as a line to copy: compare, where it can be, else fit."""
    named = {grammar.name_of(spec) for spec in (asked.features or "").split()}
    if _other(corpora, folder) or not is_one or named & {*corpora.imported}:
        return _comparison(corpora, folder)
    return corpora.next_step("fit", **asked.settings, PARTIAL=corpora.partial)


def _comparison(corpora: Corpora, folder: Path) -> str:
    """Return the line that compares a run with the newest like it; where there is none, the one that lists all runs."""
    other = _other(corpora, folder)
    if other is None:
        return corpora.next_step("runs")
    names = (other.name, folder.name if folder.parent == other.parent else str(folder))
    return corpora.next_step("compare", RUNS=" ".join(map(shlex.quote, names)))


def _other(corpora: Corpora, folder: Path) -> Path | None:
    """Return the newest run of the same corpus that a run can be compared with, if there is one."""
    from affex.pipeline.reporting import comparison

    is_at_home = folder.parent.name == "runs"
    return comparison.other(folder, folder.parent.parent if is_at_home else corpora.cache / last_folder(corpora.cache))


@click.command()
@CACHE
@RUNS
@OUT
@option("--metric", default="", help="What is compared: uar, war, macro_f1, ccc ... [uar, or ccc]")
def compare(cache: Path, runs: str | None, out: Path | None, metric: str) -> None:
    """Say which of several runs on the same protocol differ by more than chance would.

    \b
    Examples:
      affex compare --runs "compare_svm_loso-1f0c9a52 egemaps_svm_loso-99aa0123"
    """
    from affex.pipeline.reporting import comparison

    if runs is None or len(parted(runs)) < 2:
        raise UsageError("Say which runs, two at least, as in RUNS='compare_svm_loso-1f egemaps_svm_loso-99'.")
    comparison.report(Terminal(), parted(runs), cache, out, metric)


@click.command()
@CACHE
@RUNNING
def demo(cache: Path, running: Running) -> None:
    """Make a small corpus and evaluate it: audio alone, faces alone, both fused; on speakers the model never heard."""
    from affex.pipeline.workspace.demo import demonstrate

    console = Terminal()
    corpora = Corpora("demo", None, partial=False, cache=cache)
    with open_workspace(corpora.at_hand(console), console, running) as workspace:
        demonstrate(workspace, experiment.Wish(protocol=corpus_of("demo").protocols[0], device=running.device))
        console.say("Your own recordings, listed in a table: make features DATASET=csv DATA=mine.csv")
        console.say(corpora.next_step("show", DATASET="demo", UTTERANCE=workspace.datasets[0].utterances[0].id))
