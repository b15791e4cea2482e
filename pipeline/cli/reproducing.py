"""The verb that repeats a finished run and says what differs: reproduce."""

from pathlib import Path

import click

from affex.pipeline.cli.options import CACHE, JSON, PATH, argument, gathered, option, print_json, typed
from affex.pipeline.evaluation.settings import FIELDS, Settings
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError
from affex.pipeline.workspace.workspace import Running

#: Settings that would make another kind of run.
FIXED = ("system", "runs", "leak")
CHANGED = gathered(without=FIXED, settings=Settings, running=Running)


@click.command()
@argument("run", required=False)
@CHANGED
@CACHE
@option("--out", type=PATH, default=None, help="An empty folder for the new run. [a temporary one]")
@JSON
def reproduce(
    run: str | None, settings: Settings, cache: Path, running: Running, out: Path | None, as_json: bool
) -> int:
    """Repeat a finished run from its settings, and say whether every byte of its figures is the same.

    If not: which setting, version, feature, corpus or code differs, and by how much the figures do. The exit code is 0
    if all is the same, else 1. Settings that are typed beside the run change it; they are named as the difference.

    \b
    Examples:
      affex reproduce egemaps_svm_loso
      affex reproduce emodb/compare_svm_loso-1f0c9a52 --seed 1
    """
    from affex.pipeline.reporting import reproduced
    from affex.pipeline.workspace.reproduction import Place, reproduce

    if not run:
        raise UsageError("Say which run, as in: make reproduce RUN=egemaps_svm_loso (`make runs` lists all)")
    changes = {one: getattr(settings, one) for one in FIELDS if one in typed() and one not in FIXED}
    console = Terminal(aside=as_json)
    found = reproduce(console, run, Place(cache, running, changes), out)
    if as_json:
        print_json(found)
    for line in () if as_json else reproduced.lines(found):
        console.print(line)
    return 0 if found.same else 1
