"""Corpora: from the settings ``DATASET`` and ``DATA`` to corpora at hand, for the command line and for Python."""

import itertools
import os
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affex.features.external.imported import Imported
from affex.pipeline.caching import dataset, imports
from affex.pipeline.caching.dataset import folder_name, last, opened, remember
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.text import wording
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import UsageError


def expanded(path: Any) -> Any:
    """Return a path with ``~`` replaced by the home folder; unchanged if there is no such user."""
    return os.path.expanduser(path)  # noqa: PTH111 - `Path.expanduser` raises where there is no such user


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
                f"DATA={shlex.quote(self.data)} names no corpus: name it, as in DATASET=emodb, or "
                "DATASET=csv for a table."
            )
        found = last(self.cache)
        console.print(
            f"DATASET={shlex.quote(found[0])} (used last)" if found else "DATASET=demo (no corpus was used before)"
        )
        name, data = found or ("demo", None)
        return replace(self, dataset=name, data=data)

    @property
    def names(self) -> list[str]:
        """The name of each corpus."""
        return (self.dataset or "").split()

    def opened(self, console: Terminal) -> list[Dataset]:
        """Open the corpora.

        Raises
        ------
        UsageError
            If there is no such corpus, or the number of folders differs from the number of corpora.
        CorpusError
            If a folder is not that corpus, or not the whole of it.
        """
        return [opened(name, folder, self.cache, partial=self.partial, console=console) for name, folder in self._pairs]

    def at_hand(self, console: Terminal) -> list[Dataset]:
        """Open the corpora, and store them as the default of the next command; see `opened`."""
        found = self.opened(console)
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
            raise UsageError(f"DATASET='{self.dataset}': expected the name of one corpus.")
        (corpus,) = self.at_hand(console)
        return corpus

    @property
    def each(self) -> "list[Corpora]":
        """The corpora one by one."""
        return [replace(self, dataset=name, data=None if data is None else str(data)) for name, data in self._pairs]

    @property
    def folder(self) -> Path:
        """The cache folder of the corpus, or of the corpora together; it may not exist yet."""
        return self.cache / "+".join(itertools.starmap(folder_name, self._pairs))

    @property
    def imported(self) -> dict[str, Imported]:
        """The imported features of other projects in the cache, by name, those of these corpora first."""
        return imports.found(self.cache, [*itertools.starmap(folder_name, self._pairs)])

    def next_step(self, verb: str, **settings: object) -> str:
        """Return a next step, as a line to copy; it names no corpora, because these are the default now."""
        elsewhere = self.cache if self.cache != dataset.CACHE else None
        return f"Next: {wording.command(verb, **settings, CACHE=elsewhere)}"

    def named_in(self, settings: Settings) -> Settings:
        """Return settings that name these corpora."""
        return replace(settings, dataset=self.dataset, data=self.data)

    @property
    def _pairs(self) -> list[tuple[str, Path | None]]:
        """The name and the given folder of each corpus."""
        n, data = len(self.names), self.data
        folders: list[Path | None] = [None] * n
        if data is not None:
            folders = [Path(folder) for folder in (parted(data) if n > 1 else [expanded(data)])]
        if not n or len(folders) != n:
            raise UsageError(
                f"DATASET='{self.dataset}' names {n} corpora, and DATA='{data or ''}' {len(folders)} folders: expected "
                "one each, in the same order (a folder with blanks in its name needs quotes of its own)."
            )
        return [*zip(self.names, folders, strict=True)]
