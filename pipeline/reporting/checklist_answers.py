"""The answer to an item of the checklist, and what all answers are made from."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting import described
from affex.pipeline.reporting.described import DescribedCorpus, DescribedModel
from affex.pipeline.storage import files
from affex.pipeline.storage.sealed import opened

Status = Literal["run", "partly", "author"]
#: A run answers it; a run answers a part of it; only the author can.
RUN: Status = "run"
PARTLY: Status = "partly"
AUTHOR: Status = "author"

#: The file of a run that holds what may differ between equal runs: the machine, times.
TIMES = "times.json"
#: What that file says of the machine: how a field is called here, and how its value is shown.
MACHINE: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "system": ("system", str),
    "machine": ("type of processor", str),
    "processors": ("logical processors", str),
    "memory": ("memory", lambda n_bytes: f"{int(n_bytes) / 1e9:.1f} GB"),
    "processes": ("processes that computed", str),
}


@dataclass(frozen=True)
class Answer:
    """The answer to an item.

    Parameters
    ----------
    status
        Whether the run answers it.
    text
        The answer in sentences; may hold what people wrote.
    source
        The file and the field that the answer comes from; empty for what the author must say.
    open
        What the author must say.
    """

    status: Status
    text: str = ""
    source: str = ""
    open: str = ""


@dataclass(frozen=True)
class Known:
    """What answers are made from: a verified run, and what the code's plugins say of themselves."""

    run: Run

    @property
    def summary(self) -> Summary:
        """The run's figures and settings."""
        return self.run.summary

    @property
    def unit(self) -> str:
        """What a cluster is, as in ``speaker``."""
        return self.summary.about.unit

    @functools.cached_property
    def corpora(self) -> tuple[DescribedCorpus, ...]:
        """The corpora."""
        return described.corpora(self.summary)

    @functools.cached_property
    def models(self) -> tuple[DescribedModel, ...]:
        """The models, those of a fusion's members, too."""
        return described.models(self.summary.about.settings)

    @functools.cached_property
    def machine(self) -> Mapping[str, Any]:
        """The machine as the run's times have it; empty where they are of another run, damaged, or not there."""
        try:
            record = opened(files.content(self.run.folder / TIMES))
        except (OSError, ValueError):
            return {}
        if record.get("depends_on") != self.summary.depends_on:
            return {}
        known = {name: value for name in MACHINE if isinstance(value := record.get(name), str | int)}
        return {MACHINE[name][0]: MACHINE[name][1](value) for name, value in known.items()}

    @property
    def is_synthetic(self) -> bool:
        """Whether affex itself makes the corpora."""
        return all(corpus.sheet and corpus.sheet.make for corpus in self.corpora)

    def section(self, name: str) -> str:
        """Return a section of the corpora's data sheets; empty for a user's own table."""
        sheets = ((corpus.short, corpus.data_sheet.get(name, "")) for corpus in self.corpora)
        found = [(short, text) for short, text in sheets if text]
        return " ".join(text if len(self.corpora) == 1 else f"{short}: {text}" for short, text in found)

    @property
    def sheets(self) -> str:
        """Where the data sheets stand."""
        return ", ".join(f"pipeline/corpora/{corpus.sheet.name}.py" for corpus in self.corpora if corpus.sheet)


def record(*fields: str) -> str:
    """Return where an answer stands in the run's record."""
    return f"metrics.json: {', '.join(fields)}"


def author(open_: str) -> Answer:
    """Return the answer to an item that only the author knows."""
    return Answer(AUTHOR, open=open_)
