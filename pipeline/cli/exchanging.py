"""Verbs that exchange features with other projects: export, import."""

from pathlib import Path

import click

from pipeline import registry
from pipeline.cli.options import CORPUS, at_hand, corpora_or_demo, imported, option, with_options
from pipeline.console import Terminal
from pipeline.dataset import remember
from pipeline.errors import UsageError
from pipeline.manifest import Dataset

FORMAT = option("--format", "format_", default="", help="The format, where the name does not say it.")


@click.command()
@click.argument("out", envvar="AFFEX_OUT", type=click.Path(path_type=Path), required=False)
@with_options(CORPUS)
@option("--features", default=None, help="The feature, with its parameters; one.")
@with_options((FORMAT,))
def export(
    out: Path | None,
    dataset: str | None,
    data: str | None,
    partial: bool,
    cache: Path,
    features: str | None,
    format_: str,
) -> None:
    """Write a cached feature and the labels for other projects: .csd, .npz, .parquet, or a folder (audformat).

    \b
    Examples:
      affex export egemaps.parquet --dataset emodb --features egemaps
      affex export mfcc.csd --dataset demo --features mfcc
      affex export database --dataset demo --features compare
    """
    from pipeline.exchange import exporting

    if out is None or not features:
        raise UsageError(
            "Say which file and which feature, as in: affex export mfcc.csd --dataset demo --features mfcc"
        )
    console = Terminal()
    names, data = corpora_or_demo(console, dataset, data, cache)
    specs = registry.feature_specs(features, imported(names, data, cache))
    if len(specs) > 1:
        raise UsageError(f"FEATURES='{features}' are several: an export has one; export each under a name of its own.")
    exporting.export(_one(console, names, data, cache, partial=partial), specs[0], out, format_, console)


@click.command(name="import")
@click.argument("file", envvar="AFFEX_FILE", type=click.Path(path_type=Path), required=False)
@with_options(CORPUS)
@option("--name", default=None, help="What FEATURES calls it from then on.")
@with_options((FORMAT,))
@option("--table", default="", help="The table of an audformat database, where it has several.")
@option("--hop", type=float, default=None, help="How far apart the rows of an .npy are, s.")
@option("--drop-nan", is_flag=True, default=False, help="Leave out rows with NaN; else their utterance fails.")
@option("--note", default="", help="Who made it, or what else is to be known; kept in the file.")
def import_(
    file: Path | None,
    dataset: str | None,
    data: str | None,
    partial: bool,
    cache: Path,
    name: str | None,
    format_: str,
    table: str,
    hop: float | None,
    drop_nan: bool,
    note: str,
) -> None:
    """Take another project's features into the cache: .csd, .npz, .parquet, .csv, folders of .npy or .csv, audformat.

    \b
    Examples:
      affex import openface.csd --dataset mosei --name openface --note "CMU-MultimodalSDK"
      affex import vectors --dataset emodb --name wav2vec2
      affex evaluate --dataset emodb --features "compare wav2vec2"
    """
    from pipeline.exchange import importing
    from pipeline.exchange.record import Wish

    if file is None or not name:
        raise UsageError(
            "Say which file and under what name, as in: affex import vectors.npz --dataset emodb --name wav2vec2"
        )
    importing.require_name(name)
    if hop is not None and not hop > 0:
        raise UsageError(f"--hop {hop}: expected more than 0 s.")
    console = Terminal()
    names, data = corpora_or_demo(console, dataset, data, cache)
    corpus = _one(console, names, data, cache, partial=partial)
    importing.import_(file, corpus, name, console, format_=format_, wish=Wish(table, hop), drop=drop_nan, note=note)
    remember(cache, names, data)
    console.say(f"Next: make evaluate FEATURES={name}")


def _one(console: Terminal, names: str, data: str | None, cache: Path, *, partial: bool) -> Dataset:
    if len(names.split()) != 1:
        raise UsageError(f"DATASET='{names}': name the one corpus whose utterances are meant.")
    (corpus,) = at_hand(console, names, data, cache, partial=partial)
    return corpus
