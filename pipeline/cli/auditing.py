"""Verbs that audit what others made, before any model: their folds."""

from pathlib import Path

import click

from affex.pipeline.cli.options import JSON, PATH, Group, argument, option, print_json, setting
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError


@click.group(cls=Group)
def audit() -> None:
    """Audit what others made: folds.

    \b
    Examples:
      affex audit folds EmoBox/data
      affex audit folds mine.csv --dataset emodb
    """


@audit.command()
@argument("file", required=False, type=PATH)
@option("--speaker", default="", help="A regular expression whose group is the speaker in a key. [the corpus's]")
@setting("dataset")
@JSON
def folds(file: Path | None, speaker: str, dataset: str | None, as_json: bool) -> int:
    """Say which speakers, recordings and texts are on both sides of folds, from their keys alone.

    FILE is a table of folds or a folder of them, of one corpus or of many: csv, EmoBox's JSON lines, EMO-SUPERB's
    partitions, JSON. No recording is needed. The exit code is 0 if no speaker and no recording is on both sides of a
    fold, and 1 if one is, or if the speaker of a key is not known. A text on both sides is only noted. The regular
    expression is applied to every key, so one that backtracks without end takes that long: Ctrl-C ends it.

    \b
    Examples:
      affex audit folds EmoBox/data
      affex audit folds mine.csv --dataset emodb
      affex audit folds theirs.json --speaker "s(\\d+)_" --json
    """
    from affex.pipeline.evaluation import key_audit
    from affex.pipeline.reporting import key_audits

    if not file:
        raise UsageError("Say which folds, as in: make audit FILE=mine.csv DATASET=emodb")
    found = key_audit.audit(file, speaker=speaker, corpus=dataset or "")
    if as_json:
        print_json(found)
    else:
        key_audits.show(Terminal().rich, found)
    return 0 if found.clean else 1
