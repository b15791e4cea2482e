"""The verb ``cache`` and those under it."""

from pathlib import Path

import click

from affex.pipeline.cli.extraction import DEFAULT_FEATURES
from affex.pipeline.cli.options import CACHE, DATA, DATASET, PARTIAL, Corpora, Group, option, under
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError


@click.group(cls=Group, invoke_without_command=True)
@CACHE
@click.pass_context
def cache(context: click.Context, cache: Path) -> None:
    """Look at the cache: list it, verify it, say why an utterance is computed again.

    \b
    Examples:
      affex cache
      affex cache verify
      affex cache why --dataset emodb --features compare
    """
    from affex.pipeline.caching import inventory

    context.obj = cache
    if context.invoked_subcommand is None:
        inventory.show_cache(Terminal().rich, cache)


@cache.command()
@under
def verify(cache: Path) -> None:
    """Check rows, runs, comparisons, models and all else that is kept here; exit code 1 if anything is damaged."""
    from affex.pipeline.verification import verification

    if not verification.verify(Terminal(), cache):
        raise AffexError("Damage was found; beside each thing stands how to mend it.")


@cache.command()
@DATASET
@DATA
@PARTIAL
@option("--features", default=DEFAULT_FEATURES, help="Features, parted by blanks.")
@under
def why(cache: Path, dataset: str | None, data: str | None, partial: bool, features: str) -> None:
    """Say which utterances the next `affex features` would compute, and why."""
    from affex.pipeline.caching import inventory

    console = Terminal()
    corpora = Corpora(dataset, data, partial, cache).or_last(console)
    for corpus in corpora.at_hand(console):
        inventory.show_why(console, corpus, feature_specs(features, corpora.imported))
