"""Checklist: from a run to REFORMS, the items that reviewers of a study with machine learning ask for.

Kapoor et al., "REFORMS: Consensus-based Recommendations for Machine-learning-based Science", Science Advances 10(18),
2024, doi:10.1126/sciadv.adk3452: 32 items in 8 modules. The subjects here are in our own words; what an item asks for
exactly is in the published table, by its number. Each item is answered as far as the run can, with the place of the
answer; what only the author knows is named.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from affex.pipeline.evaluation.runs import Run
from affex.pipeline.publishing import checklist_data, checklist_figures, checklist_models, checklist_repeat
from affex.pipeline.publishing.checklist_answers import AUTHOR, PARTLY, RUN, Answer, Known

#: Where the published table stands.
PUBLISHED = "https://doi.org/10.1126/sciadv.adk3452"
#: How a status is called.
STATUS: Mapping[Literal["run", "partly", "author"], str] = {
    RUN: "answered from the run",
    PARTLY: "partly answered; the author completes it",
    AUTHOR: "the author must answer it",
}
#: The modules, each with its items: number, subject, and the function that answers it.
MODULES: Mapping[str, tuple[tuple[str, str, Callable[[Known], Answer]], ...]] = {
    "1 What the study claims": (
        ("1a", "The population that the claim is about", checklist_data.population),
        ("1b", "Why this population", checklist_data.why_population),
        ("1c", "Why machine learning", checklist_data.why_learning),
    ),
    "2 Repeating it": (
        ("2a", "The data, with an identifier", checklist_repeat.data),
        ("2b", "The code, with its version", checklist_repeat.code),
        ("2c", "The machine and its software", checklist_repeat.machine),
        ("2d", "Instructions", checklist_repeat.instructions),
        ("2e", "A script that gives all results", checklist_repeat.script),
    ),
    "3 The data": (
        ("3a", "Where the data come from, and who said what is true", checklist_data.sources),
        ("3b", "What was sampled from", checklist_data.frame),
        ("3c", "Why the data suit the task", checklist_data.why_data),
        ("3d", "The outcome, and how it is distributed", checklist_data.outcome),
        ("3e", "How large the sample is", checklist_data.size),
        ("3f", "Missing data", checklist_data.missing),
        ("3g", "Whether the sample stands for the population", checklist_data.representative),
    ),
    "4 Preparation": (
        ("4a", "What was left out, and why", checklist_data.excluded),
        ("4b", "Impossible or corrupt samples", checklist_data.corrupt),
        ("4c", "Transformations, and where they are fitted", checklist_models.transformations),
    ),
    "5 Models": (
        ("5a", "Which models were trained", checklist_models.trained),
        ("5b", "Why these models", checklist_models.why_models),
        ("5c", "How they were evaluated", checklist_models.evaluated),
        ("5d", "How the final model was chosen", checklist_models.selected),
        ("5e", "Hyperparameters", checklist_models.hyperparameters),
        ("5f", "What the figures are held against", checklist_figures.baselines),
    ),
    "6 Leakage": (
        ("6a", "Training apart from test", checklist_models.apart),
        ("6b", "Dependent or repeated samples", checklist_models.dependent),
        ("6c", "Whether each input may be used", checklist_models.inputs),
    ),
    "7 Figures": (
        ("7a", "Which figures, and why", checklist_figures.metrics),
        ("7b", "Uncertainty", checklist_figures.uncertainty),
        ("7c", "Tests", checklist_figures.tests),
    ),
    "8 Where it holds": (
        ("8a", "Evidence from outside the sample", checklist_figures.outside),
        ("8b", "Where the finding will not hold", checklist_figures.limits),
    ),
}


@dataclass(frozen=True)
class Item:
    """An item of the checklist with its answer."""

    number: str
    subject: str
    module: str
    answer: Answer


@dataclass(frozen=True)
class Checklist:
    """The items of a run, in the order of the published table.

    Parameters
    ----------
    run
        The run's name.
    items
        All 32.
    """

    run: str
    items: tuple[Item, ...]

    @property
    def counts(self) -> Counter[str]:
        """How many items have each status."""
        return Counter(item.answer.status for item in self.items)

    @property
    def of_author(self) -> tuple[str, ...]:
        """The numbers of the items that only the author can answer."""
        return tuple(item.number for item in self.items if item.answer.status == AUTHOR)

    @property
    def in_words(self) -> str:
        """How many items are filled from the run, and which only the author can answer."""
        filled, partly = self.counts[RUN] + self.counts[PARTLY], self.counts[PARTLY]
        return (
            f"{filled} of {len(self.items)} items of REFORMS are filled from the run, {partly} of them in part; only "
            f"the author can answer {', '.join(self.of_author) or 'none'}"
        )


def checklist(run: Run) -> Checklist:
    """Return REFORMS for a run."""
    return Checklist(run.name, tuple(_items(Known(run))))


def _items(known: Known) -> Iterator[Item]:
    for module, items in MODULES.items():
        for number, subject, answered in items:
            yield Item(number, subject, module, answered(known))
