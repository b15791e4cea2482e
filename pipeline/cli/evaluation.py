"""Verbs that judge: evaluate, compare, and the demo."""

from pathlib import Path

import click

from pipeline import registry, study
from pipeline.cli.options import ASKED, CACHE, CORPORA, RUNNING, Asked, Corpora, option
from pipeline.console import Terminal
from pipeline.desk import Running, open_desk
from pipeline.errors import UsageError

OUT = option("--out", type=click.Path(path_type=Path), default=None, help="Folder of the results. [<cache>/.../<run>]")
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
            raise UsageError("RUNS are fused by FUSION=late[:rule]; to compare them: make compare RUNS='...'.")
        study.fuse_runs(console, runs.split(), fusion, corpora.cache, out)
        return
    corpora = corpora.or_last(console)
    models = asked.members(console, fusion, corpora.imported)
    wish = study.Wish(
        card=corpora.card(asked),
        speaker_norm=asked.speaker_norm,
        reweight=asked.reweight,
        soft=asked.soft,
        seed=asked.seed,
        device=running.device,
        partial=corpora.partial,
        inner=inner,
        allow_leaks=allow_leaks,
    )
    with open_desk(corpora.at_hand(console), console, running) as desk:
        corpora.remember()
        if fusion.startswith("late"):
            study.fused(desk, models, wish, fusion, out, leak=leak)
        else:
            study.single(desk, models[0], wish, out, leak=leak)


@click.command()
@CACHE
@RUNS
@OUT
@option("--metric", default="", help="What is compared: uar, war, macro_f1, ccc ... [uar, or ccc]")
def compare(cache: Path, runs: str | None, out: Path | None, metric: str) -> None:
    """Say which of several runs on the same card differ by more than chance would.

    \b
    Examples:
      affex compare --runs "compare_svm_loso-1f0c9a52 egemaps_svm_loso-99aa0123"
    """
    from pipeline.reporting import comparison

    if runs is None or len(runs.split()) < 2:
        raise UsageError("Say which runs, two at least, as in RUNS='compare_svm_loso-1f egemaps_svm_loso-99'.")
    comparison.report(Terminal(), runs.split(), cache, out, metric)


@click.command()
@CACHE
@RUNNING
def demo(cache: Path, running: Running) -> None:
    """Make a small corpus and evaluate it: audio alone, faces alone, both fused; on speakers the model never heard."""
    from pipeline.tour import tour

    console = Terminal()
    corpora = Corpora("demo", None, partial=False, cache=cache)
    with open_desk(corpora.at_hand(console), console, running) as desk:
        corpora.remember()
        tour(desk, study.Wish(card=registry.corpus("demo").cards[0], device=running.device))
