"""From the name of a corpus to a workspace: what every function of the Python face does first."""

import contextlib
import functools
import inspect
import shlex
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from affex.pipeline.workspace.corpora import Corpora
    from affex.pipeline.workspace.workspace import Running, Workspace

#: Where a corpus, a cache or a file lies.
PathLikeText = str | PathLike[str]
#: The suffixes of tables.
TABLES = (".csv", ".tsv")

F = TypeVar("F", bound=Callable[..., Any])


class RunningKeywords(TypedDict, total=False):
    """The keywords of a `Place` that say where work runs."""

    cache: PathLikeText
    scheduler: str
    jobs: int | None
    device: str
    weights: PathLikeText | None


class PlaceKeywords(RunningKeywords, total=False):
    """All keywords of a `Place`."""

    data: PathLikeText | Sequence[PathLikeText] | None
    partial: bool


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where corpora and caches lie, and where work runs; fields as on the command line.

    Parameters
    ----------
    data
        The folder of the corpus; None for ``data/<corpus>``. Several corpora have as many folders.
    cache
        The folder of all caches.
    partial
        Whether a corpus that is not whole will do.
    scheduler
        ``"local"`` processes, ``"inline"`` (this process), or the address of a running Dask scheduler.
    jobs
        How many local processes; None for one a core.
    device
        ``"cpu"`` or ``"cuda"``.
    weights
        The folder of weight files that networks need.
    """

    data: PathLikeText | Sequence[PathLikeText] | None = None
    cache: PathLikeText = "cache"
    partial: bool = False
    scheduler: str = "local"
    jobs: int | None = None
    device: str = "cpu"
    weights: PathLikeText | None = None

    @property
    def running(self) -> "Running":
        """Where work runs, as a workspace takes it."""
        from affex.pipeline.workspace.workspace import Running

        weights = None if self.weights is None else path("weights", self.weights)
        return Running(self.scheduler, self.jobs, self.device, weights)


def with_place(function: F) -> F:
    """Name the keywords of a place in a function's signature, where help and completion read them.

    The function takes them together, as its last parameter, annotated with `RunningKeywords` or `PlaceKeywords`. Errors
    that it raises name settings as its keywords.
    """

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        from affex.pipeline.text import errors, wording

        try:
            return function(*given, **named)
        except errors.AffexError as error:
            error.args = (wording.as_python(str(error), signature.parameters),)
            raise

    signature = inspect.signature(function)
    *own, place = signature.parameters.values()
    (keywords,) = typing.get_args(place.annotation)
    fields = inspect.signature(Place).parameters
    taken = [fields[name] for name in fields if name in typing.get_type_hints(keywords)]
    signature = signature.replace(parameters=[*own, *taken])
    vars(called)["__signature__"] = signature
    return typing.cast(F, called)


def placed(function: Callable[..., Any], place: PlaceKeywords | RunningKeywords) -> Place:
    """Return the place that a function's keywords name.

    Raises
    ------
    UsageError
        If the function has no such keyword.
    """
    from affex.pipeline.text.errors import unknown

    known = inspect.signature(function).parameters
    for name in place:
        if name not in known:
            raise unknown(f"keyword of {function.__name__}", name, known)
    return Place(**place)


def path(name: str, value: Any) -> Path:
    """Return a path with the home folder in the place of ``~``.

    Parameters
    ----------
    name
        What it is the path of, for messages.

    Raises
    ------
    UsageError
        If the value is no path.
    """
    from affex.pipeline.text.errors import UsageError
    from affex.pipeline.workspace.corpora import expanded

    if not isinstance(value, str | PathLike):
        raise UsageError(f"{name}: expected a path, as a text or a pathlib.Path, got {_kind(value)}.")
    return Path(expanded(value))


def several(name: str, value: Any) -> list[Path]:
    """Return the paths that one path, or any number of them, name.

    Raises
    ------
    UsageError
        If one is no path.
    """
    alone = isinstance(value, str | PathLike) or not hasattr(value, "__iter__")
    return [path(name, one) for one in ([value] if alone else value)]


def texts(name: str, value: Any) -> list[str]:
    """Return one text, or any number of them, as a list.

    Raises
    ------
    UsageError
        If one is no text, or a blank one.
    """
    from affex.pipeline.text.errors import UsageError

    found = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else [*value]
    for one in found:
        if not isinstance(one, str) or not one.strip():
            raise UsageError(f"{name}: expected a text, or a list of texts, got {_kind(one)}.")
    return found


def joined(name: str, value: Any) -> str:
    """Return one name, or several, as a text with blanks between them; see `texts`.

    Raises
    ------
    UsageError
        If there is none.
    """
    from affex.pipeline.text.errors import UsageError

    if not (found := texts(name, value)):
        raise UsageError(f"{name}: expected a text, or a list of texts, got an empty list.")
    return " ".join(found)


def plain(value: Any) -> Any:
    """Return a number of numpy as one of Python; anything else as it is."""
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") and not value.shape else value


def corpora_of(corpus: Any, place: Place) -> "Corpora":
    """Return the corpora that a name says, one or several separated by blanks; a path to a table is a table.

    Raises
    ------
    UsageError
        If it is no name and no path, or there are not as many folders as corpora.
    """
    from affex.pipeline.text.errors import UsageError
    from affex.pipeline.workspace.corpora import Corpora

    if not isinstance(corpus, str | PathLike):
        raise UsageError(
            f"corpus: expected the name of a corpus, as 'emodb', or the path of a table, as 'mine.csv', got "
            f"{_kind(corpus)}. Write a table of your own to a file with the columns file, speaker and label."
        )
    is_table = isinstance(corpus, PathLike) or Path(corpus).suffix.lower() in TABLES
    folders = [] if place.data is None else several("data", place.data)
    if is_table and folders:
        raise UsageError(f"'{corpus}' is a table, which names its files itself: leave data out.")
    names, folders = (["csv"], [path("corpus", corpus)]) if is_table else (str(corpus).split(), folders)
    if folders and len(folders) != len(names):
        raise UsageError(f"'{corpus}' names {len(names)} corpora, and data {len(folders)} folders: expected one each.")
    data = shlex.join(map(str, folders)) if len(folders) > 1 else next(map(str, folders), None)
    return Corpora(" ".join(names), data, place.partial, path("cache", place.cache))


@contextlib.contextmanager
def opened(corpora: "Corpora", place: Place) -> "Iterator[Workspace]":
    """Open a workspace of corpora."""
    from affex.pipeline.text.console import Log
    from affex.pipeline.workspace.workspace import open_workspace

    running = place.running
    with open_workspace(corpora.opened(Log()), Log(), running) as workspace:
        yield workspace


def _kind(value: object) -> str:
    return "an empty text" if isinstance(value, str) else f"a value of the type {type(value).__name__}"
