"""The verb ``show``, which displays one utterance."""

from pathlib import Path

import click

from affex.pipeline.cli.options import CORPORA, PATH, argument, option
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.text.filenames import shown
from affex.pipeline.workspace.corpora import Corpora


@click.command()
@argument("utterance", required=False)
@CORPORA
@option("--features", default="faces", help="The faces that are shown, with their parameters.")
@option(
    "--out",
    type=PATH,
    default=None,
    help="The file, a .png, .pdf or .svg. [<cache>/<corpus>/sheets/<utterance>.png]",
)
def show(utterance: str | None, corpora: Corpora, features: str, out: Path | None) -> None:
    """Draw a contact sheet of an utterance: frames with their faces, crops, and the sound.

    The faces are those in the cache; nothing is extracted.

    \b
    Examples:
      affex show s1_anger_1 --dataset demo
      affex show 01-06-01-02-01-12 --dataset ravdess --features faces:frames=16/clip --out sheet.pdf
    """
    from affex.pipeline.contact_sheet import write

    if not utterance:
        raise UsageError("Say which utterance, by its id, as in: make show UTTERANCE=s1_anger_1")
    specs = feature_specs(features)
    if len(specs) > 1:
        raise UsageError(f"FEATURES='{features}' are several: name the one feature whose faces are shown.")
    console = Terminal()
    write.show(corpora.or_last(console).at_hand(console), shown(utterance), specs[0], out, console)
