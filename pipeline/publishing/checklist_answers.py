"""The answer to an item of the checklist, and what all answers are made from."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from affex.pipeline.evaluation import times
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.publishing import described
from affex.pipeline.publishing.described import DescribedCorpus, DescribedModel
from affex.pipeline.reporting import inputs
from affex.pipeline.reporting.inputs import Inputs

Status = Literal["run", "partly", "author"]
#: A run answers it; a run answers a part of it; only the author can.
RUN: Status = "run"
PARTLY: Status = "partly"
AUTHOR: Status = "author"


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
    def machine(self) -> Mapping[str, str]:
        """The machine as the run's times have it; empty where they are of another run, damaged, or not there."""
        found = times.read(self.run.folder, self.summary.depends_on)
        if found is None:
            return {}
        kind = {"system": found.system, "type of processor": found.machine}
        known = {**kind, "logical processors": str(found.processors)}
        by = {"processes that computed": str(found.processes)} if found.processes else {}
        return {**known, "memory": f"{found.memory / 1e9:.1f} GB", **by}

    @functools.cached_property
    def lacking(self) -> Inputs | None:
        """What the features lack; None where that is not known."""
        return inputs.read(self.run.folder, self.summary.depends_on)

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
