"""Write the page of the documentation that lists every command with its options, from the command itself."""

import re
from collections.abc import Iterator

import click

HEAD = """\
# Every command and option

`make VERB NAME=value` and `affex VERB --name value` are the same; `affex` lies in `.venv/bin`. This page is what
`affex VERB --help` says of each verb. The variable of make has the option's name in capitals, with `_` for `-`.
"""


def page() -> str:
    """Return the page as Markdown."""
    from affex.pipeline.cli.command import cli

    return "\n".join([HEAD, *_verbs(cli, "affex")])


def _verbs(group: click.Group, before: str) -> Iterator[str]:
    """Yield the parts of the page of every verb of a group."""
    for name, verb in group.commands.items():
        yield from _verb(verb, f"{before} {name}")
        if isinstance(verb, click.Group):
            yield from _verbs(verb, f"{before} {name}")


def _verb(verb: click.Command, name: str) -> Iterator[str]:
    """Yield what a verb does, examples of it, and its arguments and options."""
    yield f"\n## {name}\n"
    text, *examples = re.split(r"\x08\s*Examples:\n", verb.help or "")
    yield " ".join(text.split()) + "\n"
    for lines in examples:
        yield "```text\n" + "\n".join(line.strip() for line in lines.strip().splitlines()) + "\n```\n"
    context = click.Context(verb, info_name=name)
    records = [record for option in verb.get_params(context) if (record := option.get_help_record(context))]
    arguments = [f"| `{one.human_readable_name}` | |" for one in verb.params if isinstance(one, click.Argument)]
    yield "| option | meaning |\n| --- | --- |"
    yield from arguments
    yield from (f"| `{_cell(names)}` | {_cell(_as_text(about))} |" for names, about in records)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _as_text(help_: str) -> str:
    """Return a help text in which no letter marks anything up."""
    return "".join(f"\\{letter}" if letter in "*_[]<>`" else letter for letter in help_)
