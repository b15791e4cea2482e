"""Verbs that put a finished run into words: the reviewers' checklist."""

from pathlib import Path

import click

from affex.pipeline.cli.options import CACHE, argument
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError


@click.command()
@argument("run", required=False)
@CACHE
def checklist(run: str | None, cache: Path) -> None:
    """Fill the REFORMS checklist for reviewers as far as a finished run can answer, and name what only the author can.

    It writes checklist.html and checklist.md into the run's folder.

    \b
    Examples:
      affex checklist compare_svm_loso
      affex checklist emodb/compare_svm_loso-1f0c9a52
    """
    from affex.pipeline.evaluation import runs
    from affex.pipeline.pages import checklist as pages

    if not run:
        raise UsageError("Say which run, as in: make checklist RUN=compare_svm_loso (`make runs` lists them).")
    console = Terminal()
    (found,) = runs.find([run], cache)
    console.print(f"{pages.write(found).in_words}.")
    console.print(f"-> {found.folder / pages.HTML} and {pages.MARKDOWN}")
