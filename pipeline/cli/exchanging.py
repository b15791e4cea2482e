"""Verbs that exchange features with other projects: export, import."""

from pathlib import Path

import click

from affex.pipeline.cli.options import CORPORA, PATH, argument, option
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace.corpora import Corpora

#: Largest plausible distance between rows of one recording, s.
MOST_HOP = 3600

FORMAT = option("--format", "format_", default="", help="The format, where the name does not say it.")


@click.command()
@argument("out", type=PATH, required=False)
@CORPORA
@option("--features", default=None, help="The feature, with its parameters; one.")
@FORMAT
@option(
    "--by",
    type=click.Choice(["utterance", "recording"]),
    default="utterance",
    help="What an entry of a .csd, or an .npy, is; recording: as CMU-MultimodalSDK aligns them.",
)
def export(out: Path | None, corpora: Corpora, features: str | None, format_: str, by: str) -> None:
    """Write a cached feature and the labels for other projects: .csd, .npz, .parquet, .csv, or a folder.

    A folder is an audformat database; with --format npy arrays, one an utterance; with --format datasets what Hugging
    Face's datasets opens, with a Croissant description and a card.

    \b
    Examples:
      affex export egemaps.parquet --dataset emodb --features egemaps
      affex export mfcc.csd --dataset demo --features mfcc
      affex export database --dataset demo --features compare
      affex export egemaps.csv --dataset emodb --features egemaps
      affex export arrays --format npy --dataset demo --features mfcc
      affex export folder --format datasets --dataset demo --features egemaps
      affex export mfcc.csd --dataset mosei --features mfcc --by recording
    """
    from affex.pipeline.exchange import exporting

    if out is None or not features:
        raise UsageError("Say which file and which feature, as in: make export OUT=mfcc.csd DATASET=demo FEATURES=mfcc")
    console = Terminal()
    corpora = corpora.or_last(console)
    specs = feature_specs(features, corpora.imported)
    if len(specs) > 1:
        raise UsageError(f"FEATURES='{features}' are several: an export has one; export each under a name of its own.")
    exporting.export(corpora.the_one(console), specs[0], out, format_, console, by_recording=by == "recording")


@click.command(name="import")
@argument("file", type=PATH, required=False)
@CORPORA
@option("--called", "name", default=None, help="Its name for --features.")
@FORMAT
@option("--table", default="", help="The table of an audformat database, where it has several.")
@option("--hop", type=float, default=None, help="The time between rows, s, for a file without times.")
@option("--transpose", is_flag=True, default=False, help="Arrays are (columns, rows), as librosa has them.")
@option("--only", "--columns", "only", default="", help="Columns that are taken, separated by commas, as in 'AU*_r'.")
@option("--without", default="", help="Columns that are left out, likewise.")
@option("--drop-nan", is_flag=True, default=False, help="Leave out rows with NaN; else their utterance fails.")
@option("--note", default="", help="Its author, or another remark; stored in the file.")
def import_(
    file: Path | None,
    corpora: Corpora,
    name: str | None,
    format_: str,
    table: str,
    hop: float | None,
    transpose: bool,
    only: str,
    without: str,
    drop_nan: bool,
    note: str,
) -> None:
    """Take another project's features into the cache.

    From .csd, .npz, .h5, .mat, .parquet, .csv, .arff, folders of .npy or .csv, and audformat.

    Of mosi and mosei the folder of the labels will do (here labels/CMU_MOSI_Opinion_Labels.csd): they say which part of
    which recording each utterance is, so that features come in without the recordings.

    \b
    Examples:
      affex import CMU_MOSI_COVAREP.csd --dataset mosi --data labels --called covarep
      affex evaluate --dataset mosi --data labels --features covarep --protocol sentiment2
      affex import vectors --dataset emodb --called wav2vec2
      affex import openface --dataset rml --called units --columns "AU*_r"
      affex evaluate --dataset emodb --features "compare wav2vec2"
    """
    from affex.pipeline.exchange import importing
    from affex.pipeline.exchange.record import ImportOptions

    if file is None or not name:
        raise UsageError(
            "Say which file and under what name, as in: make import FILE=vectors.npz DATASET=emodb CALLED=wav2vec2"
        )
    importing.require_name(name)
    if hop is not None and not 0 < hop <= MOST_HOP:
        raise UsageError(f"--hop {hop}: expected more than 0 s, and {MOST_HOP} s at the most.")
    console = Terminal()
    corpora = corpora.or_last(console)
    corpus = corpora.the_one(console)
    options = ImportOptions(table, hop, transpose, _names(only), _names(without))
    importing.import_(file, corpus, name, console, format_=format_, options=options, drop=drop_nan, note=note)
    console.print(corpora.next_step("evaluate", FEATURES=name, PARTIAL=corpora.partial))


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))
