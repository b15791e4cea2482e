"""Options that several verbs share, and the records that they form."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from affex.pipeline.evaluation.results import Soft
from affex.pipeline.evaluation.settings import DAWID_SKENE, FIELDS, TYPES, Settings
from affex.pipeline.storage import records
from affex.pipeline.streams.enrolment import is_enrolment
from affex.pipeline.streams.table import SpeakerNorm
from affex.pipeline.systems import system
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import unknown
from affex.pipeline.workspace.corpora import Corpora, expanded
from affex.pipeline.workspace.workspace import MOST_JOBS, Running


class Group(click.Group):
    """A group of verbs that suggests the nearest verb for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the requested verb; an error also names the verb before it."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            kind = f"{ctx.info_name} verb" if ctx.parent else "verb"
            raise unknown(kind, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class SpeakerNormType(click.ParamType[SpeakerNorm]):
    """The normalisation of each speaker's rows: click's values for true or false, ``mean``, or an enrolment."""

    name = "speaker norm"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpeakerNorm:
        """Return the value in the form of the settings."""
        if value == "mean" or is_enrolment(value):
            return str(value)
        try:
            return bool(click.BOOL.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"'{value}' is neither 1, 0, mean nor enrol:n=10", param, ctx)


class SoftType(click.ParamType[Soft]):
    """What training targets are made of: click's values for true or false, or the name of a model of raters."""

    name = "soft"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Soft:
        """Return the value in the form of the settings."""
        if value == DAWID_SKENE:
            return DAWID_SKENE
        try:
            return bool(click.BOOL.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"'{value}' is neither 1, 0 nor {DAWID_SKENE}", param, ctx)


class PathType(click.Path):
    """A path in which ``~`` means the home folder: not every shell expands it after a variable of make."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as a `Path`."""
        return super().convert(expanded(value), param, ctx)


#: The sources of an option's value that nobody typed.
UNTYPED = (None, ParameterSource.DEFAULT)

#: The click type of a path.
PATH = PathType()


def _variable(name: str) -> str:
    return wording.HANDED + name.removeprefix("--").replace("-", "_").upper()


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that shows its default, and that make may pass as a variable."""
    variable = _variable(names[0].partition("/")[0])
    return click.option(*names, envvar=variable, show_default=bool(settings.get("default")), **settings)


def print_json(record: object) -> None:
    """Print a record as one JSON document, whose content does not depend on the terminal."""
    click.echo(records.as_text(record))


def typed() -> frozenset[str]:
    """Return the names of the options of the running verb that were typed, or given by make or a file."""
    context = click.get_current_context()
    return frozenset(name for name in context.params if context.get_parameter_source(name) not in UNTYPED)


def argument(name: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click argument that make may pass as a variable."""
    return click.argument(name, envvar=_variable(name), **settings)


def setting(name: str) -> Callable[[Any], Any]:
    """Return the option of a field of `Settings`."""
    one = FIELDS[name]
    return option(*_spelled(name), default=one.default, help=one.metadata["help"], **_kind(name))


def _spelled(name: str) -> tuple[str, ...]:
    """Return the names of an option; a switch that a file may set also has a negative form."""
    dashed = name.replace("_", "-")
    return (f"--{dashed}/--no-{dashed}", name) if TYPES[name] is bool else (f"--{dashed}",)


def _kind(name: str) -> dict[str, Any]:
    """Return click's settings for the values of a field of `Settings`."""
    kind, metadata = TYPES[name], FIELDS[name].metadata
    if kind == SpeakerNorm:
        return {"is_flag": False, "flag_value": "1", "type": SpeakerNormType(), "metavar": "[1|mean|enrol:n=10]"}
    if kind == Soft:
        return {"is_flag": False, "flag_value": "1", "type": SoftType(), "metavar": f"[1|{DAWID_SKENE}]"}
    if "choices" in metadata:
        return {"type": click.Choice(metadata["choices"])}
    if kind is float:
        return {"type": click.FloatRange(0, 1, max_open=True)}
    return {"type": click.IntRange(*metadata["between"])} if kind is int else {}


def gathered(without: Collection[str] = (), **records: type) -> Callable[[Any], Any]:
    """Return a decorator that adds options for fields of records, and passes the records to the function.

    Parameters
    ----------
    without
        Fields that have no option here, and keep their defaults.
    records
        A dataclass for each argument of the function. Records may share a field.
    """
    fields = {
        argument: [field.name for field in dataclasses.fields(record) if field.name not in without]
        for argument, record in records.items()
    }
    names = list(dict.fromkeys(itertools.chain(*fields.values())))

    def apply(function: Any) -> Any:
        @functools.wraps(function)
        def called(*context: Any, **values: Any) -> Any:
            given = {name: values.pop(name) for name in names}
            whole = {
                argument: record(**{name: given[name] for name in fields[argument]})
                for argument, record in records.items()
            }
            return function(*context, **values, **whole)

        for name in reversed(names):
            called = (OTHERS.get(name) or setting(name))(called)
        return called

    return apply


def _or_above(context: click.Context, _: click.Parameter, value: bool) -> bool:
    """Return whether a flag is given after a subcommand, or after the verb above it."""
    return value or bool(context.parent and context.parent.params.get("as_json"))


JSON = option(
    "--json",
    "as_json",
    is_flag=True,
    default=False,
    callback=_or_above,
    help="Print one JSON document to standard output, and all else to standard error.",
)


def under(function: Any) -> Any:
    """Add the option for the folder of all caches to a subcommand; it may also be given after the verb above."""

    @functools.wraps(function)
    def called(cache: Path | None, **values: Any) -> Any:
        return function(cache or click.get_current_context().obj, **values)

    return click.option("--cache", type=PATH, default=None, help="Folder of all caches.")(called)


def with_system(console: Terminal, settings: Settings, corpora: Sequence[str]) -> Settings:
    """Return settings with those of the system that they name, except those that were typed; print what is run.

    Parameters
    ----------
    corpora
        The names of the corpora.

    Raises
    ------
    UsageError
        If there is no such system, or it cannot run.
    """
    if settings.system is None:
        return settings
    found = system.applied(settings, corpora, typed())
    console.print(f"SYSTEM={found.system}: {system.in_words(found)}")
    return found


#: Options that are not settings, by name: paths, and where work runs.
OTHERS = {
    "cache": option("--cache", type=PATH, default=Path("cache"), help="Folder of all caches."),
    "scheduler": option(
        "--scheduler", default="local", help="local, inline or tcp://host:8786 of a running Dask scheduler."
    ),
    "jobs": option("--jobs", type=click.IntRange(1, MOST_JOBS), default=None, help="Processes. [one a core]"),
    "weights": option("--weights", type=PATH, default=None, help="Folder of networks' weight files."),
}
CACHE, DATASET, DATA, PARTIAL = OTHERS["cache"], setting("dataset"), setting("data"), setting("partial")
CORPORA = gathered(corpora=Corpora)
RUNNING = gathered(running=Running)
#: The settings of an evaluation, and those of a single model.
EVALUATED = gathered(corpora=Corpora, settings=Settings, running=Running)
FITTED = gathered(
    without=[name for name, one in FIELDS.items() if not one.metadata.get("fitted", True)],
    corpora=Corpora,
    settings=Settings,
    running=Running,
)
#: The settings that say which utterances a network is tuned on, and where.
TUNED = gathered(
    without=[
        name
        for name in FIELDS
        if name not in ("dataset", "data", "partial", "protocol", "target", "classes", "seed", "device")
    ],
    corpora=Corpora,
    settings=Settings,
    running=Running,
)
