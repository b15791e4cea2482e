"""From the name of a corpus to a workspace: what every function of the Python face does first."""

import contextlib
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


def datasets(corpus: str, place: Place) -> "list[Dataset]":
    """Open the corpora that a name says, one or several parted by blanks; a path to a csv file is a table.

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

    if corpus.endswith(".csv"):
        return [dataset.opened(dataset.TABLE, path(corpus), path(place.cache), partial=place.partial, console=Log())]
    names = corpus.split()
    folders: list[Path | None] = [*_folders(place.data)] or [None] * len(names)
    if len(folders) != len(names):
        raise UsageError(f"'{corpus}' names {len(names)} corpora, and data {len(folders)} folders: expected one each.")
    return [
        dataset.opened(name, folder, path(place.cache), partial=place.partial, console=Log())
        for name, folder in zip(names, folders, strict=True)
    ]


def named(corpus: str, place: Place) -> tuple[str, str | None]:
    """Return the settings ``dataset`` and ``data`` of the corpora that a name says."""
    if corpus.endswith(".csv"):
        return "csv", corpus
    folders = _folders(place.data)
    data = shlex.join(map(str, folders)) if len(folders) > 1 else "".join(map(str, folders))
    return corpus, data or None


def _folders(data: PathLikeText | Sequence[PathLikeText] | None) -> list[Path]:
    if data is None:
        return []
    return [path(data)] if isinstance(data, str | PathLike) else [path(one) for one in data]


@contextlib.contextmanager
def opened(corpus: str, place: Place) -> "Iterator[Workspace]":
    """Open a workspace of the corpora that a name says."""
    from affex.pipeline.text.console import Log
    from affex.pipeline.workspace.workspace import open_workspace

    with open_workspace(datasets(corpus, place), Log(), place.running) as workspace:
        yield workspace
