"""The command ``affex``: one verb a step, and the demo that takes them all.

Every option is also an environment variable ``AFFEX_<OPTION>``; that is how the Makefile hands its
variables on, so that blanks, umlauts and quotes survive. Exit code 0 is success, 1 a failed run, 2 a usage
error, 130 an interrupt.
"""

import io
import sys

import click

from pipeline import __version__
from pipeline.cli import cached, evaluation, exchanging, extraction, looking, models
from pipeline.cli.options import Group
from pipeline.errors import AffexError, UsageError
from pipeline.printable import printable


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="affex")
def cli() -> None:
    """Audio-visual emotion recognition: features extracted once, judged honestly.

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

INTERRUPTED = "Interrupted. All clips and folds finished so far are kept; run the same command again to go on."


def main() -> None:
    """Run the command; every error that is meant for people is shown as a sentence."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path may hold what is no text
    try:
        code = cli(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(printable(shown.getvalue(), keep="\n"), err=True, nl=False)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo(INTERRUPTED, err=True)
        sys.exit(130)
    except AffexError as error:
        click.echo(printable(f"Error: {error}", keep="\n"), err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
