"""The verb ``cache`` and its subcommands."""

from pathlib import Path

import click

from affex.pipeline.cli.extraction import DEFAULTS, default_features
from affex.pipeline.cli.options import CACHE, DATA, DATASET, JSON, PARTIAL, Group, option, print_json, under
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError
from affex.pipeline.workspace.corpora import Corpora


@click.group(cls=Group, invoke_without_command=True)
@CACHE
@JSON
@click.pass_context
def cache(context: click.Context, cache: Path, as_json: bool) -> None:
    """Look at the cache: list it, verify it, say why an utterance is computed again.

    \b
    Examples:
      affex cache
      affex cache verify
      affex cache why --dataset emodb --features compare
    """
    from affex.pipeline.caching import inventory

    context.obj = cache
    if context.invoked_subcommand is not None:
        return
    if as_json:
        print_json(inventory.cached(cache))
    else:
        inventory.show_cache(Terminal().rich, inventory.cached(cache))


@cache.command()
@JSON
@under
def verify(cache: Path, as_json: bool) -> None:
    """Check rows, runs, comparisons, models and all else that is kept here; exit code 1 if anything is damaged."""
    from affex.pipeline.verification import verification

    verified = verification.verify(Terminal(aside=as_json), cache)
    if as_json:
        print_json(verified)
    if verified.damaged:
        raise AffexError("Damage was found; the lines above show how to repair each file.")


@cache.command()
@DATASET
@DATA
@PARTIAL
@option("--features", default=None, help=f"Features, separated by blanks. [{DEFAULTS}]")
@JSON
@under
def why(cache: Path, dataset: str | None, data: str | None, partial: bool, features: str | None, as_json: bool) -> None:
    """Say which utterances the next `affex features` would compute, and why."""
    from affex.pipeline.caching import inventory

    console = Terminal(aside=as_json)
    corpora = Corpora(dataset, data, partial, cache).or_last(console)
    named = feature_specs(features, corpora.imported) if features is not None else ()
    datasets = corpora.at_hand(console)
    specs = named or feature_specs(default_features(datasets))
    found = [inventory.why(console, corpus, spec) for corpus in datasets for spec in specs]
    if as_json:
        print_json(found)
        return
    for one in found:
        inventory.show_why(console, one)
