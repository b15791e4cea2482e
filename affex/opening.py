"""From the name of a corpus to a workspace: what every function of the Python face does first."""

import contextlib
import itertools
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affex.pipeline.manifest.manifest import Dataset
    from affex.pipeline.workspace.workspace import Running, Workspace

#: Where a corpus, a cache or a file lies.
PathLikeText = str | PathLike[str]


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

        return Running(self.scheduler, self.jobs, self.device, path(self.weights) if self.weights else None)


def path(name: PathLikeText) -> Path:
    """Return a path with the home folder in the place of ``~``."""
    return Path(name).expanduser()


def named(corpus: str, place: Place) -> tuple[str, str | None]:
    """Return the settings ``dataset`` and ``data`` of the corpora that a name says; a path to a csv file is a table."""
    names, folders = _pairs(corpus, place)
    return " ".join(names), " ".join(map(shlex.quote, folders)) if len(folders) > 1 else next(iter(folders), None)


def datasets(corpus: str, place: Place) -> "list[Dataset]":
    """Open the corpora that a name says, one or several separated by blanks.

    Raises
    ------
    UsageError
        If there is no such corpus, or there are not as many folders as corpora.
    CorpusError
        If a folder is not that corpus, or not the whole of it.
    """
    from affex.pipeline.caching import dataset
    from affex.pipeline.text.console import Log
    from affex.pipeline.text.errors import UsageError

    names, folders = _pairs(corpus, place)
    if folders and len(folders) != len(names):
        raise UsageError(f"'{corpus}' names {len(names)} corpora, and data {len(folders)} folders: expected one each.")
    return [
        dataset.opened(name, path(folder) if folder else None, path(place.cache), partial=place.partial, console=Log())
        for name, folder in itertools.zip_longest(names, folders)
    ]


def _pairs(corpus: str, place: Place) -> tuple[list[str], list[str]]:
    """Return the names of the corpora, and their folders (or the table), if any are given."""
    if corpus.endswith(".csv"):
        return ["csv"], [corpus]
    data = [] if place.data is None else [place.data] if isinstance(place.data, str | PathLike) else place.data
    return corpus.split(), [str(path(folder)) for folder in data]


@contextlib.contextmanager
def opened(corpus: str, place: Place) -> "Iterator[Workspace]":
    """Open a workspace of the corpora that a name says."""
    from affex.pipeline.text.console import Log
    from affex.pipeline.workspace.workspace import open_workspace

    with open_workspace(datasets(corpus, place), Log(), place.running) as workspace:
        yield workspace
