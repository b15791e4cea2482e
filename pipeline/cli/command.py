"""The command ``affex``: one verb per step, and the demo, which runs all steps.

The Makefile passes its variables as ``AFFEX_<OPTION>`` in the environment, so that blanks, umlauts and quotes survive.
It announces this by ``--from-make``. Without that word these variables are ignored, so variables of a shell change no
run. The exit code is 0 for success, 1 for a failed run and for a reproduced run that differs, 2 for a usage error, 130
for an interrupt.
"""

import io
import os
import sys
from collections.abc import MutableMapping, Sequence

import click

from affex.pipeline.cli import (
    auditing,
    cached,
    evaluation,
    exchanging,
    extraction,
    league,
    looking,
    models,
    reporting,
    reproducing,
)
from affex.pipeline.cli.options import Group
from affex.pipeline.text import wording
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.printable import printable
from affex.version import __version__

#: The word that the Makefile puts before the verb.
FROM_MAKE = "--from-make"
#: The variable that tests read.
TEST_DATA = f"{wording.HANDED}TEST_DATA"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="affex")
def cli() -> None:
    """Audio-visual emotion recognition: features extracted once, evaluated honestly.

    \b
    Examples:
      affex demo
      affex features --dataset emodb --features "compare mfcc:n=20,hop=5ms"
      affex evaluate --dataset emodb --classifier svm --speaker-norm
    """


for verb in (
    extraction.features,
    evaluation.evaluate,
    evaluation.compare,
    league.league,
    evaluation.report,
    reporting.checklist,
    reproducing.reproduce,
    evaluation.demo,
    models.fit,
    models.predict,
    models.tune,
    extraction.download,
    looking.list_,
    extraction.coverage,
    looking.describe,
    looking.show,
    auditing.audit,
    exchanging.export,
    exchanging.import_,
    cached.cache,
):
    cli.add_command(verb)

INTERRUPTED = "Interrupted. All utterances and folds finished so far are kept; run the same command again to go on."


def main() -> None:
    """Run the command; every error with a message for users is printed as a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may contain bytes that are not text
    try:
        code = cli(typed(sys.argv[1:], os.environ), standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        click.echo(printable(_in_words(error), keep="\n"), err=True, nl=False)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(INTERRUPTED, err=True)
        sys.exit(130)
    except AffexError as error:
        click.echo(printable(wording.as_typed(f"Error: {error}"), keep="\n"), err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


def typed(arguments: Sequence[str], environment: MutableMapping[str, str]) -> list[str]:
    """Return the arguments after ``affex``; remove variables that make did not pass, and print a notice."""
    if arguments[:1] == [FROM_MAKE]:
        return list(arguments[1:])
    stray = sorted(name for name in environment if name.startswith(wording.HANDED) and name != TEST_DATA)
    for name in stray:
        del environment[name]
    if stray:
        click.echo(printable(f"Ignored: {', '.join(stray)}. affex reads options, no environment variables."), err=True)
    return list(arguments)


def _in_words(error: click.ClickException) -> str:
    """Return the message of an options error; users of make get its variables, without the usage of ``affex``."""
    if wording.is_of_make():
        return wording.option_as_typed(f"Error: {error.format_message()}\n")
    shown = io.StringIO()
    error.show(shown)
    return shown.getvalue()
