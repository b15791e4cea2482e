"""Finished runs on made rows, for tests of what reads a run: named as if they were of a corpus and a feature."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from synthetic import EMOTIONS, make_table, with_values

from affex.pipeline.corpora.base import LOSO, Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.results import Result
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.reporting import report
from affex.pipeline.specs.classifiers import classifier_of

#: Settings that name a corpus and nothing else.
PLAIN = Settings(dataset="emodb")
VALENCE = Protocol("valence", target="valence")


def result(
    *,
    corpus: str = "emodb",
    features: tuple[str, ...] = ("egemaps",),
    keys: tuple[str, ...] = ("",),
    classifier: Any = "logistic",
    protocol: Protocol = LOSO,
    classes: tuple[str, ...] = EMOTIONS,
    settings: Settings = PLAIN,
) -> Result:
    """Return the result of an evaluation on made rows of four speakers, under any names."""
    built = classifier_of(classifier) if isinstance(classifier, str) else classifier
    plan = Plan(corpus=corpus, features=features, keys=keys, classifier=built, settings=settings)
    table = with_values(make_table(n_speakers=4, classes=classes))
    found = evaluate(table, replace(plan, protocol=VALENCE if protocol.target == "valence" else LOSO))
    return replace(found, about=replace(found.about, protocol=protocol))


def run(folder: Path, of: Result, settings: Settings | None = PLAIN) -> Run:
    """Write a result as a run, and read it back."""
    report.write(of, folder, "ba515", settings)
    return runs.read(folder)


def held(name: str, of: Result) -> Run:
    """Return a result as a run of this name that no folder holds."""
    return Run(name, Path(name), summarise(of), of.scores, of.inner)
