"""The verb league: the same competitors on several corpora, and one verdict over them."""

from pathlib import Path

import click

from affex.pipeline.cli.evaluation import MEDIA
from affex.pipeline.cli.options import CACHE, JSON, PATH, gathered, option, print_json
from affex.pipeline.evaluation.settings import FIELDS, Settings
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace.corpora import parted
from affex.pipeline.workspace.workspace import Running

#: The settings of `evaluate` that hold for every run of a league.
COMMON = (
    *("data", "partial", "features", "classifier", "protocol", "target", "speaker_norm", "reweight", "soft", "seed"),
    *("device", "allow_leaks"),
)


@click.command()
@option("--corpora", default="", help="Corpora by name, and tables by path or name; separated by blanks.")
@option("--models", default=None, help="Competitors, as in 'compare/svm egemaps/xgboost'; + joins features.")
@gathered(without=[name for name in FIELDS if name not in COMMON], settings=Settings, running=Running)
@CACHE
@option("--cross/--no-cross", default=True, help="Also test each corpus by models of all others. [yes]")
@option("--out", type=PATH, default=None, help="Folder of the page and the record. [the folder of all caches]")
@MEDIA
@JSON
def league(
    corpora: str,
    models: str | None,
    settings: Settings,
    cache: Path,
    running: Running,
    cross: bool,
    out: Path | None,
    media: bool,
    as_json: bool,
) -> None:
    """Run every competitor on every corpus at hand, and say which is better on average over the corpora.

    Without --models, every combination of --features and --classifier competes. Finished runs are shown again, so the
    same command goes on where a league was interrupted.

    \b
    Examples:
      affex league --corpora "emodb ravdess mine.csv" --features "compare egemaps" --classifier "svm xgboost"
      affex league --corpora "emodb demo" --models "compare/svm compare+face/svm"
    """
    from affex.pipeline.caching import imports
    from affex.pipeline.pages import league as page
    from affex.pipeline.reporting import league as record
    from affex.pipeline.reporting import league_tables
    from affex.pipeline.workspace import league as rounds
    from affex.pipeline.workspace.competitors import competitors

    if models and settings.features:
        raise UsageError("MODELS= names the competitors, features and all: leave FEATURES= out.")
    console = Terminal(aside=as_json)
    named = rounds.named(parted(corpora), settings.data, cache, partial=settings.partial)
    imported = imports.found(cache, [one.folder.name for one in named])
    competing = competitors(models, settings.features, settings.classifier, imported)
    found = rounds.run(console, named, competing, settings, running, cross=cross, media=media)
    folder = out or cache
    record.write(found, folder)
    league_tables.show(found, console.rich)
    console.print(f"-> {page.write(found, folder)}, {record.RECORD} and {record.TEXT}")
    if as_json:
        print_json({"folder": str(folder), "league": found})
