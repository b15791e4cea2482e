"""Options that several verbs share, and the records that they form."""

import dataclasses
import functools
import itertools
import os
import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from affex.features.external.imported import Imported
from affex.pipeline.caching import dataset, imports
from affex.pipeline.caching.dataset import folder_name, last, opened, remember
from affex.pipeline.evaluation.settings import FIELDS, TYPES, Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.storage import records
from affex.pipeline.streams.table import SpeakerNorm
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError, unknown
from affex.pipeline.workspace.workspace import Running


class Group(click.Group):
    """A group of verbs that suggests the nearest verb for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the requested verb; an error also names the verb before it."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            kind = f"{ctx.info_name} verb" if ctx.parent else "verb"
            raise unknown(kind, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class SpeakerNormType(click.ParamType[SpeakerNorm]):
    """The normalisation of each speaker's rows: click's values for true or false, or ``mean``."""

    name = "speaker norm"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpeakerNorm:
        """Return the value in the form of the settings."""
        if value == "mean":
            return "mean"
        try:
            return bool(click.BOOL.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"'{value}' is neither 1, 0 nor mean", param, ctx)


class PathType(click.Path):
    """A path in which ``~`` means the home folder: not every shell expands it after a variable of make."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as a `Path`."""
        return super().convert(expanded(value), param, ctx)


def expanded(path: Any) -> Any:
    """Return a path with ``~`` replaced by the home folder; unchanged if there is no such user."""
    return os.path.expanduser(path)  # noqa: PTH111 - `Path.expanduser` raises where there is no such user


#: The click type of a path.
PATH = PathType()


def parted(text: str) -> list[str]:
    """Return names or paths that are separated by blanks; a name with blanks is in quotes.

    Raises
    ------
    UsageError
        If a quote does not end.
    """
    try:
        return [expanded(name) for name in shlex.split(text)]
    except ValueError as error:
        raise UsageError(f"{text}: a quote in it does not end.") from error


def _variable(name: str) -> str:
    return wording.HANDED + name.removeprefix("--").replace("-", "_").upper()


def option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click option that shows its default, and that make may pass as a variable."""
    variable = _variable(names[0].partition("/")[0])
    return click.option(*names, envvar=variable, show_default=bool(settings.get("default")), **settings)


def print_json(record: object) -> None:
    """Print a record as one JSON document, whose content does not depend on the terminal."""
    click.echo(records.as_text(record))


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
        return {"is_flag": False, "flag_value": "1", "type": SpeakerNormType(), "metavar": "[1|mean]"}
    if "choices" in metadata:
        return {"type": click.Choice(metadata["choices"])}
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


@dataclass(frozen=True)
class Corpora:
    """The selected corpora, and the folder of all caches; the fields have the values of the options."""

    dataset: str | None
    data: str | None
    partial: bool
    cache: Path

    def or_last(self, console: Terminal) -> "Corpora":
        """Return the named corpora, else those of the last command, else the demo."""
        if self.dataset is not None:
            for name in self.names:
                dataset.require_no_table(name, self.cache)
            return self
        if self.data is not None:
            raise UsageError(
                f"DATA={shlex.quote(self.data)} does not say which corpus it is: name it, as in DATASET=emodb, or "
                "DATASET=csv for a table."
            )
        found = last(self.cache)
        console.say(
            f"DATASET={shlex.quote(found[0])} (used last)" if found else "DATASET=demo (no corpus was used before)"
        )
        name, data = found or ("demo", None)
        return replace(self, dataset=name, data=data)

    @property
    def names(self) -> list[str]:
        """The name of each corpus."""
        return (self.dataset or "").split()

    def at_hand(self, console: Terminal) -> list[Dataset]:
        """Open the corpora, and store them as the default of the next command.

        Raises
        ------
        UsageError
            If the number of folders differs from the number of corpora.
        """
        pairs = zip(self.names, self._folders, strict=True)
        found = [opened(name, folder, self.cache, partial=self.partial, console=console) for name, folder in pairs]
        remember(self.cache, self.dataset or "", self.data, found)
        return found

    def the_one(self, console: Terminal) -> Dataset:
        """Open the only corpus.

        Raises
        ------
        UsageError
            If there are several corpora.
        """
        if len(self.names) != 1:
            raise UsageError(f"DATASET='{self.dataset}': name the one corpus whose utterances are meant.")
        (corpus,) = self.at_hand(console)
        return corpus

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together; it may not exist yet."""
        pairs = zip(self.names, self._folders, strict=True)
        return self.cache / "+".join(folder_name(name, folder) for name, folder in pairs)

    @property
    def imported(self) -> dict[str, Imported]:
        """The imported features of other projects in the cache, by name, those of these corpora first."""
        pairs = zip(self.names, self._folders, strict=True)
        return imports.found(self.cache, [folder_name(name, folder) for name, folder in pairs])

    def next_step(self, verb: str, **settings: object) -> str:
        """Return a next step, as a line to copy; it names no corpora, because these are the default now."""
        elsewhere = self.cache if self.cache != dataset.CACHE else None
        return f"Next: {wording.command(verb, **settings, CACHE=elsewhere)}"

    def named_in(self, settings: Settings) -> Settings:
        """Return settings that name these corpora."""
        return replace(settings, dataset=self.dataset, data=self.data)

    @property
    def _folders(self) -> list[Path | None]:
        """The given folder of each corpus."""
        n, data = len(self.names), self.data
        folders: list[Path | None] = [None] * n
        if data is not None:
            folders = [Path(folder) for folder in (parted(data) if n > 1 else [expanded(data)])]
        if not n or len(folders) != n:
            raise UsageError(
                f"DATASET='{self.dataset}' names {n} corpora, and DATA='{data or ''}' {len(folders)} folders: expected "
                "one each, in the same order (a folder with blanks in its name needs quotes of its own)."
            )
        return folders


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


#: Options that are not settings, by name: paths, and where work runs.
OTHERS = {
    "cache": option("--cache", type=PATH, default=Path("cache"), help="Folder of all caches."),
    "scheduler": option(
        "--scheduler", default="local", help="local, inline or tcp://host:8786 of a running Dask scheduler."
    ),
    "jobs": option("--jobs", type=click.IntRange(1, 1024), default=None, help="Processes. [one a core]"),
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
