"""Options that several verbs share, and what they mean together."""

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
    """Verbs, with the nearest one named for a misspelt one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the verb that was asked for."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("verb", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class SpeakerNormType(click.ParamType[SpeakerNorm]):
    """What is done to each speaker's rows: what click takes for true or false, or mean."""

    name = "speaker norm"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SpeakerNorm:
        """Return it as the settings have it."""
        if value == "mean":
            return "mean"
        try:
            return bool(click.BOOL.convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"'{value}' is neither 1, 0 nor mean", param, ctx)


class PathType(click.Path):
    """A path, with the home folder that ``~`` stands for: only some shells expand it behind a variable of make."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a `Path`."""
        return super().convert(expanded(value), param, ctx)


def expanded(path: Any) -> Any:
    """Return a path with the home folder in the place of ``~``; where there is no such user, as it is."""
    return os.path.expanduser(path)  # noqa: PTH111 - `Path.expanduser` raises where there is no such user


#: A path, as `PathType` reads it.
PATH = PathType()


def parted(text: str) -> list[str]:
    """Return the names, or the paths, that are parted by blanks; one with blanks in it stands in quotes.

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
    """Return a click option that shows its default, and that make may hand on."""
    variable = _variable(names[0].partition("/")[0])
    return click.option(*names, envvar=variable, show_default=bool(settings.get("default")), **settings)


def print_json(record: object) -> None:
    """Print a record as one JSON document, whatever the terminal can show."""
    click.echo(records.as_text(record))


def argument(name: str, **settings: Any) -> Callable[[Any], Any]:
    """Return a click argument that make may hand on."""
    return click.argument(name, envvar=_variable(name), **settings)


def setting(name: str) -> Callable[[Any], Any]:
    """Return the option of a field of `Settings`."""
    one = FIELDS[name]
    return option(*_spelled(name), default=one.default, help=one.metadata["help"], **_kind(name))


def _spelled(name: str) -> tuple[str, ...]:
    """Return how an option is spelled; a switch that a file has on can be turned off."""
    dashed = name.replace("_", "-")
    return (f"--{dashed}/--no-{dashed}", name) if TYPES[name] is bool else (f"--{dashed}",)


def _kind(name: str) -> dict[str, Any]:
    """Return what click is to know of the values of a field of `Settings`."""
    kind, metadata = TYPES[name], FIELDS[name].metadata
    if kind == SpeakerNorm:
        return {"is_flag": False, "flag_value": "1", "type": SpeakerNormType(), "metavar": "[1|mean]"}
    if "choices" in metadata:
        return {"type": click.Choice(metadata["choices"])}
    return {"type": click.IntRange(*metadata["between"])} if kind is int else {}


def gathered(without: Collection[str] = (), **records: type) -> Callable[[Any], Any]:
    """Return a decorator that adds the options of records' fields, whose values reach the function as these records.

    Parameters
    ----------
    without
        Fields that have no option here, and keep their defaults.
    records
        By the function's argument: a dataclass. Records may share a field.
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
    """Which corpora are meant, and where all caches are; fields as the options say them."""

    dataset: str | None
    data: str | None
    partial: bool
    cache: Path

    def or_last(self, console: Terminal) -> "Corpora":
        """Return the corpora that were named, else those used last, else the demo."""
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
        """What each corpus is called."""
        return (self.dataset or "").split()

    def at_hand(self, console: Terminal) -> list[Dataset]:
        """Open them, and note that they were used last, for who names none.

        Raises
        ------
        UsageError
            If there are not as many folders as corpora.
        """
        pairs = zip(self.names, self._folders, strict=True)
        found = [opened(name, folder, self.cache, partial=self.partial, console=console) for name, folder in pairs]
        remember(self.cache, self.dataset or "", self.data, found)
        return found

    def the_one(self, console: Terminal) -> Dataset:
        """Open the one that is meant.

        Raises
        ------
        UsageError
            If several are.
        """
        if len(self.names) != 1:
            raise UsageError(f"DATASET='{self.dataset}': name the one corpus whose utterances are meant.")
        (corpus,) = self.at_hand(console)
        return corpus

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together; it need not be there."""
        pairs = zip(self.names, self._folders, strict=True)
        return self.cache / "+".join(folder_name(name, folder) for name, folder in pairs)

    @property
    def imported(self) -> dict[str, Imported]:
        """The features of other projects that the cache holds, by name, those of these corpora before others."""
        pairs = zip(self.names, self._folders, strict=True)
        return imports.found(self.cache, [folder_name(name, folder) for name, folder in pairs])

    def next_step(self, verb: str, **settings: object) -> str:
        """Return what might be done next, as a line to copy; it names no corpora, since these are the last ones."""
        elsewhere = self.cache if self.cache != dataset.CACHE else None
        return f"Next: {wording.command(verb, **settings, CACHE=elsewhere)}"

    def named_in(self, settings: Settings) -> Settings:
        """Return settings that name these corpora."""
        return replace(settings, dataset=self.dataset, data=self.data)

    @property
    def _folders(self) -> list[Path | None]:
        """Where each is said to lie."""
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
    """Return whether a flag stands behind a verb, or behind the one that it is under."""
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
    """Give a verb under another the folder of all caches, which may be named behind either."""

    @functools.wraps(function)
    def called(cache: Path | None, **values: Any) -> Any:
        return function(cache or click.get_current_context().obj, **values)

    return click.option("--cache", type=PATH, default=None, help="Folder of all caches.")(called)


#: Options that are no settings, by name: where things are, and where work runs.
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
#: What an evaluation is told; and what a single model is.
EVALUATED = gathered(corpora=Corpora, settings=Settings, running=Running)
FITTED = gathered(
    without=[name for name, one in FIELDS.items() if not one.metadata.get("fitted", True)],
    corpora=Corpora,
    settings=Settings,
    running=Running,
)
