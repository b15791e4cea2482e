"""Verbs that show what there is: list, describe for a corpus, and show for one utterance."""

from pathlib import Path

import click

from affex.pipeline.cli.options import (
    CACHE,
    CORPORA,
    DATA,
    DATASET,
    JSON,
    PATH,
    RUNNING,
    Group,
    argument,
    option,
    print_json,
    setting,
    under,
)
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.text.filenames import shown
from affex.pipeline.workspace.corpora import Corpora
from affex.pipeline.workspace.workspace import Running


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
@option("--run", default="", help="A finished run (of MOMENTS=1) whose scores over time are drawn, by name or folder.")
@option("--model", type=PATH, default=None, help="A model of pictures (of `fit`): where it looks is drawn.")
def show(
    utterance: str | None, corpora: Corpora, features: str, out: Path | None, run: str, model: Path | None
) -> None:
    """Draw a contact sheet of an utterance: frames with their faces, crops, and the sound.

    The faces are those in the cache; nothing is extracted.

    \b
    Examples:
      affex show s1_anger_1 --dataset demo
      affex show 01-06-01-02-01-12 --dataset ravdess --features faces:frames=16/clip --out sheet.pdf
      affex show s1_anger_1 --dataset demo --run mfcc_svm
      affex show s1_anger_1 --dataset demo --model faces.affex
    """
    from affex.pipeline.contact_sheet import write
    from affex.pipeline.models import looking

    if not utterance:
        raise UsageError("Say which utterance, by its id, as in: make show UTTERANCE=s1_anger_1")
    specs = feature_specs(features)
    if len(specs) > 1:
        raise UsageError(f"FEATURES='{features}' are several: name the one feature whose faces are shown.")
    console = Terminal()
    datasets, id_ = corpora.or_last(console).at_hand(console), shown(utterance)
    looks = (model.name, looking.looks(model, *write.found(datasets, id_))) if model else ("", ())
    write.show(datasets, id_, specs[0], out, console, run, looks)


@click.command()
@CORPORA
@option("--features", default=None, help="Features of the maps, separated by blanks. [what is cheap or cached]")
@setting("target")
@setting("classes")
@setting("identity")
@RUNNING
@JSON
def describe(
    corpora: Corpora,
    features: str | None,
    target: str | None,
    classes: str | None,
    identity: bool,
    running: Running,
    as_json: bool,
) -> None:
    """Write a page about a corpus before any model: what may mislead one, counts, recordings, raters, maps, copies.

    \b
    Examples:
      affex describe --dataset emodb
      affex describe --dataset csv --data mine.csv --features "egemaps compare"
      affex describe --dataset iemocap --classes ang,neu,sad,hap+exc
      affex describe --dataset emodb --identity
    """
    from affex.pipeline.workspace import describing
    from affex.pipeline.workspace.describing import Wanted
    from affex.pipeline.workspace.workspace import open_workspace

    console = Terminal(aside=as_json)
    datasets = corpora.or_last(console).at_hand(console)
    with open_workspace(datasets, console, running) as workspace:
        found = describing.written(workspace, Wanted(features, target, classes, identity))
    if as_json:
        print_json(found)


@click.group(name="list", cls=Group, invoke_without_command=True)
@CACHE
@JSON
@click.pass_context
def list_(context: click.Context, cache: Path, as_json: bool) -> None:
    """List corpora, features, classifiers, systems, and what is cached; or one of them; or a corpus's finished runs.

    \b
    Examples:
      affex list
      affex list features
      affex list systems
      affex list runs
      affex list runs --dataset emodb
    """
    from affex.pipeline.caching import inventory
    from affex.pipeline.systems import listing

    context.obj = cache
    if context.invoked_subcommand is not None:
        return
    plugins, cached = inventory.plugins(), inventory.cached(cache)
    if as_json:
        print_json({"plugins": plugins, "systems": listing.listed(), "cache": cached})
        return
    inventory.show_plugins(Terminal().rich, plugins)
    listing.show(Terminal().rich, listing.listed())
    inventory.show_cache(Terminal().rich, cached)


@list_.command()
@DATASET
@DATA
@JSON
@under
def runs(cache: Path, dataset: str | None, data: str | None, as_json: bool) -> None:
    """Table the finished runs of a corpus, newest first: what was evaluated, the figure with its interval, when."""
    from affex.pipeline.reporting import listing

    console = Terminal(aside=as_json)
    folder = Corpora(dataset, data, partial=False, cache=cache).or_last(console).folder
    listed = listing.of_corpus(folder)
    if as_json:
        print_json(listed)
    else:
        listing.show(console.rich, folder, listed)


@list_.command()
@JSON
def systems(as_json: bool) -> None:
    """List the published systems only: which work, by which command, and why others do not."""
    from affex.pipeline.systems import listing

    found = listing.listed()
    if as_json:
        print_json(found)
    else:
        listing.show(Terminal().rich, found)


def _part(name: str) -> click.Command:
    """Return the subcommand that lists only the corpora, the features or the classifiers."""

    @click.command(name, help=f"List the {name} only.")
    @JSON
    def part(as_json: bool) -> None:
        from affex.pipeline.caching import inventory

        plugins = inventory.plugins()
        if as_json:
            print_json(getattr(plugins, name))
        else:
            inventory.show_plugins(Terminal().rich, plugins, [name])

    return part


for part in ("corpora", "features", "classifiers"):
    list_.add_command(_part(part))
