"""The command ``affex``: one verb a step, and the demo that takes them all.

Every option is also an environment variable ``AFFEX_<OPTION>``; that is how the Makefile hands its
variables on, so that blanks, umlauts and quotes survive; one that no option reads is an error. Exit code 0 is
success, 1 a failed run, 2 a usage error, 130 an interrupt.
"""

import io
import os
import sys
from collections.abc import Iterable, Iterator

import click

from affex import __version__
from affex.pipeline.cli import cached, evaluation, exchanging, extraction, looking, models
from affex.pipeline.cli.options import Group
from affex.pipeline.text import wording
from affex.pipeline.text.errors import AffexError, UsageError, unknown
from affex.pipeline.text.printable import printable

#: What the names of our environment variables begin with, and the one that tests read.
PREFIX = "AFFEX_"
TEST_DATA = "AFFEX_TEST_DATA"


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
    evaluation.demo,
    models.fit,
    models.predict,
    extraction.download,
    extraction.list_,
    extraction.coverage,
    looking.show,
    exchanging.export,
    exchanging.import_,
    cached.cache,
):
    cli.add_command(verb)

INTERRUPTED = "Interrupted. All utterances and folds finished so far are kept; run the same command again to go on."


def main() -> None:
    """Run the command; every error that is meant for people is shown as a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may hold what is no text
    try:
        require_known(os.environ)
        code = cli(standalone_mode=False)
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


def require_known(environment: Iterable[str]) -> None:
    """Refuse a variable that begins as ours do, and that nothing reads.

    Raises
    ------
    UsageError
        Naming the nearest one.
    """
    known = {wording.MAKE_TYPED_IN, TEST_DATA, *_variables(cli)}
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise unknown("environment variable", name, known)


def _variables(command: click.Command) -> Iterator[str]:
    """Yield the environment variables that a verb's options, and those of the verbs under it, are read from."""
    yield from (option.envvar for option in command.params if isinstance(option.envvar, str))
    for verb in command.commands.values() if isinstance(command, click.Group) else ():
        yield from _variables(verb)


def _in_words(error: click.ClickException) -> str:
    """Return what was wrong with the options: to who typed ``make``, in its variables and without our usage."""
    if wording.MAKE_TYPED_IN in os.environ:
        return wording.option_as_typed(f"Error: {error.format_message()}\n")
    shown = io.StringIO()
    error.show(shown)
    return shown.getvalue()
