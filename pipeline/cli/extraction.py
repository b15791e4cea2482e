"""Verbs that bring media and features to hand: features, download, list."""

from pathlib import Path

import click

from pipeline import registry
from pipeline.cli.options import CACHE, CORPORA, RUNNING, Corpora, option
from pipeline.console import Terminal
from pipeline.desk import Running, extracted, open_desk

#: What `features` extracts when nobody says.
DEFAULT_FEATURES = "compare mfcc logmel"


@click.command()
@CORPORA
@option("--features", default=None, help=f"Features, parted by blanks. [{DEFAULT_FEATURES}]")
@RUNNING
def features(corpora: Corpora, features: str | None, running: Running) -> None:
    """Extract features into HDF5 files, what is missing only.

    \b
    Examples:
      affex features --dataset emodb
      affex features --dataset csv --data mine.csv --features "egemaps mfcc:n=20,hop=5ms"
    """
    console = Terminal()
    corpora = corpora.or_last(console)
    if features is None:
        features = DEFAULT_FEATURES
        console.say(f"FEATURES='{features}' (the default)")
    specs = registry.feature_specs(features, corpora.imported)
    with open_desk(corpora.at_hand(console), console, running) as desk:
        extracted(desk, specs)
        corpora.remember()  # whatever becomes of the workers now


@click.command()
@CORPORA
@option("--features", default="faces", help="The feature that looks for faces.")
def coverage(corpora: Corpora, features: str) -> None:
    """Table the share of frames with a face, by speaker and clip, from what is cached.

    \b
    Examples:
      affex coverage --dataset demo
      affex coverage --dataset ravdess --features faces:frames=16/clip
    """
    from pipeline.matrix import load
    from pipeline.reporting import coverage as found

    console = Terminal()
    corpora = corpora.or_last(console)
    for spec in registry.feature_specs(features, corpora.imported):
        found.require_found(spec)
        for corpus in corpora.at_hand(console):
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
@CACHE
def list_(cache: Path) -> None:
    """List corpora, features, classifiers, and what is cached."""
    from pipeline.caching import inventory

    inventory.show_plugins(Terminal().rich)
    inventory.show_cache(Terminal().rich, cache)
