"""Verbs that judge: evaluate, compare, and the demo."""

from pathlib import Path

import click

from pipeline import study
from pipeline.cli.options import (
    CACHE,
    CORPUS,
    MODEL,
    RUNNING,
    at_hand,
    card_of,
    corpora_or_demo,
    imported,
    members,
    option,
    with_options,
)
from pipeline.console import Terminal
from pipeline.dataset import remember
from pipeline.errors import UsageError
from pipeline.matrix import SpeakerNorm

OUT = option("--out", type=click.Path(path_type=Path), default=None, help="Folder of the results. [<cache>/.../<run>]")
RUNS = option("--runs", default=None, help="Finished runs, by name or folder, parted by blanks.")


@click.command()
@with_options(CORPUS, MODEL)
@option("--fusion", default="early", help="early (columns side by side) or late[:rule] (scores).")
@with_options((RUNS,))
@option("--inner", is_flag=True, default=False, help="Keep what a fusion of this run may learn from (slower).")
@option("--leak", is_flag=True, default=False, help="Also score random-k, to show what a leak is worth.")
@option("--allow-leaks", is_flag=True, default=False, help="Go on where the audit finds leaks, and say so.")
@with_options((OUT,), RUNNING)
def evaluate(
    dataset: str | None,
    data: str | None,
    partial: bool,
    cache: Path,
    features: str | None,
    classifier: str,
    protocol: str,
    target: str | None,
    classes: str | None,
    speaker_norm: SpeakerNorm,
    reweight: bool,
    soft: bool,
    seed: int,
    fusion: str,
    runs: str | None,
    inner: bool,
    leak: bool,
    allow_leaks: bool,
    out: Path | None,
    scheduler: str,
    jobs: int | None,
    device: str,
    weights: Path | None,
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
        study.fuse_runs(console, runs.split(), fusion, cache, out)
        return
    names, data = corpora_or_demo(console, dataset, data, cache)
    models = members(console, features, classifier, fusion, imported(names, data, cache))
    wish = study.Wish(
        card=card_of(names, protocol, target, classes),
        speaker_norm=speaker_norm,
        reweight=reweight,
        soft=soft,
        seed=seed,
        device=device,
        partial=partial,
        inner=inner,
        allow_leaks=allow_leaks,
    )
    datasets = at_hand(console, names, data, cache, partial=partial)
    with study.opened(datasets, console, scheduler, jobs, device, weights) as desk:
        remember(cache, names, data)
        if fusion.startswith("late"):
            study.fused(desk, models, wish, fusion, out, leak=leak)
        else:
            study.single(desk, models[0], wish, out, leak=leak)


@click.command()
@with_options((CACHE, RUNS, OUT))
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
@with_options((CACHE,), RUNNING)
def demo(cache: Path, scheduler: str, jobs: int | None, device: str, weights: Path | None) -> None:
    """Make a small corpus and evaluate it: audio alone, faces alone, both fused; on speakers the model never heard."""
    from pipeline.tour import tour

    console = Terminal()
    datasets = at_hand(console, "demo", None, cache, partial=False)
    with study.opened(datasets, console, scheduler, jobs, device, weights) as desk:
        remember(cache, "demo", None)
        tour(desk, study.Wish(card=card_of("demo", "", None, None), device=device))
