"""Verbs that bring media and features to hand: features, download, list."""

from pathlib import Path

import click

from pipeline import registry
from pipeline.cli.options import CACHE, CORPUS, RUNNING, at_hand, corpora_or_demo, imported, option, with_options
from pipeline.console import Terminal
from pipeline.dataset import remember
from pipeline.study import extracted, opened

#: What `features` extracts when nobody says.
DEFAULT_FEATURES = "compare mfcc logmel"


@click.command()
@with_options(CORPUS)
@option("--features", default=None, help=f"Features, parted by blanks. [{DEFAULT_FEATURES}]")
@with_options(RUNNING)
def features(
    dataset: str | None,
    data: str | None,
    partial: bool,
    cache: Path,
    features: str | None,
    scheduler: str,
    jobs: int | None,
    device: str,
    weights: Path | None,
) -> None:
    """Extract features into HDF5 files, what is missing only.

    \b
    Examples:
      affex features --dataset emodb
      affex features --dataset csv --data mine.csv --features "egemaps mfcc:n=20,hop=5ms"
    """
    console = Terminal()
    names, data = corpora_or_demo(console, dataset, data, cache)
    if features is None:
        features = DEFAULT_FEATURES
        console.say(f"FEATURES='{features}' (when nobody says)")
    specs = registry.feature_specs(features, imported(names, data, cache))
    datasets = at_hand(console, names, data, cache, partial=partial)
    with opened(datasets, console, scheduler, jobs, device, weights) as desk:
        extracted(desk, specs)
    remember(cache, names, data)


@click.command()
@with_options(CORPUS)
@option("--features", default="faces", help="The feature that looks for faces.")
def coverage(dataset: str | None, data: str | None, partial: bool, cache: Path, features: str) -> None:
    """Table the share of frames with a face, by speaker and clip, from what is cached.

    \b
    Examples:
      affex coverage --dataset demo
      affex coverage --dataset ravdess --features faces:frames=16/clip
    """
    from pipeline.matrix import load
    from pipeline.reporting import coverage as found

    console = Terminal()
    names, data = corpora_or_demo(console, dataset, data, cache)
    for spec in registry.feature_specs(features, imported(names, data, cache)):
        found.require_found(spec)
        for corpus in at_hand(console, names, data, cache, partial=partial):
            console.say(f"{corpus.name}: {spec}")
            found.show(console.rich, load(corpus, [spec]))


@click.command()
@option("--dataset", required=True, help="Corpus that is free to fetch.")
@option("--data", type=click.Path(path_type=Path), default=None, help="Where it goes. [data/<dataset>]")
@option("--extra", is_flag=True, default=False, help="Fetch the large archives, too (RAVDESS: 24 GB of video).")
def download(dataset: str, data: Path | None, extra: bool) -> None:
    """Fetch a corpus that is free to fetch; an interrupted download goes on where it ended."""
    from pipeline.dataset import DATA
    from pipeline.download import fetch

    console = Terminal()
    corpus = registry.corpus(dataset)
    root = data or DATA / dataset
    fetch(corpus, root, console.say, extra=extra)
    console.say(f"Done: {root}. Next: make features DATASET={dataset}")


@click.command(name="list")
@with_options((CACHE,))
def list_(cache: Path) -> None:
    """List corpora, features, classifiers, and what is cached."""
    from pipeline.caching import inventory

    inventory.show_plugins(Terminal().rich)
    inventory.show_cache(Terminal().rich, cache)
