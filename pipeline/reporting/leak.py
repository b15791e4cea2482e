"""Leak: the arrow from runs that differ in their folds to what a leak adds, for readers who are new to the field.

The runs make a ladder. On each rung the training utterances share more with those tested: neither speaker nor text, the
text, the speaker. A run under ``loso+text`` may bring a size-matched control, which tells what is due to the text from
what is due to fewer training utterances.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import conclusions, controls, intervals, metrics, protocols, runs
from affex.pipeline.evaluation.controls import Control
from affex.pipeline.evaluation.figures import figure_of, interval_of
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting import report, tables
from affex.pipeline.reporting.comparison import shared
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from affex.pipeline.text.console import Terminal

#: The schemes of folds that ignore speakers.
RANDOM, TEXT = "random-k", "text"
LEAKY = (TEXT, RANDOM)
#: What is kept apart, by scheme, in words; ``{unit}`` is the speaker, or what stands for it.
APART = {
    "loso+text": "{unit}s and texts kept apart",
    "session": "sessions kept apart",
    "split": "the fixed split",
    "cross": "corpora kept apart",
    TEXT: "texts kept apart, so that the same {unit}s are in training and test",
    RANDOM: "random folds, so that the same {unit}s are in training and test",
}
#: The name of the size-matched control on the ladder.
CONTROL = "size-matched control"
#: How often a model is evaluated, in words.
TIMES = {2: "twice", 3: "three times", 4: "four times"}


@dataclass(frozen=True)
class Rung:
    """A figure on the ladder.

    Parameters
    ----------
    name
        The protocol's name, or `CONTROL`.
    how
        What is kept apart, in words.
    n_train
        The mean number of training utterances of a fold.
    figure
        With its interval over speakers.
    mark
        What a reader must know, such as ``" (with leaks)"``; of a control its spread.
    """

    name: str
    how: str
    n_train: float
    figure: Interval
    mark: str


@dataclass(frozen=True)
class Step:
    """The difference of two rungs, the second minus the first, with its interval, and what follows from it."""

    names: tuple[str, str]
    difference: Interval
    words: str


@dataclass(frozen=True)
class Ladder:
    """What the same model reaches under several protocols, from the strictest on.

    Parameters
    ----------
    title
        The main figure, as ``"UAR"``.
    says
        What was evaluated, in a sentence.
    """

    title: str
    says: str
    rungs: tuple[Rung, ...]
    steps: tuple[Step, ...]


def beside(summary: Summary) -> tuple[str, ...]:
    """Return the schemes of the folds that show what a leak is worth, beside those of a run.

    Beside folds that ignore speakers, or that leak in another way, stands the honest protocol.
    """
    scheme = summary.about.protocol.scheme
    if scheme == controls.SCHEME:
        return ("loso", RANDOM)
    return ("loso",) if scheme in LEAKY or (summary.leaks and scheme != "loso") else (RANDOM,)


def show(console: "Terminal", own: Path, others: Sequence[Path]) -> None:
    """Print how much figures rise if test speakers, or texts, are also in training.

    Parameters
    ----------
    console
        Where it is printed.
    own, others
        The folders of runs that differ only in the protocol.

    Raises
    ------
    UsageError
        If a folder holds no run, all runs have random folds, or the runs share no utterance.
    AffexError
        If the runs contradict each other.
    """
    found = [runs.read(folder) for folder in (own, *others)]
    if all(run.summary.about.protocol.scheme in LEAKY for run in found):
        name = found[0].summary.about.protocol.name
        raise UsageError(
            f"PROTOCOL={name} LEAK=1: both runs have random folds. The effect of a leak is shown "
            "against an honest protocol, as in PROTOCOL=loso LEAK=1."
        )
    tall = ladder(found[0], found[1:])
    if len(tall.rungs) > 2:
        console.rich.print(tables.fitting(console.rich, as_table(tall), ""))
    for line in lines(tall):
        console.print(line)


def near(own: Run) -> list[Run]:
    """Return the finished runs, beside or inside another, that show what a leak is worth in it."""
    found = (_near(own, scheme) for scheme in beside(own.summary))
    return [run for run in found if run]


def _near(own: Run, scheme: str) -> Run | None:
    """Return the run that differs from another only in that its folds have this scheme, if there is one."""
    about = own.summary.about
    twin = replace(about, protocol=protocols.with_scheme(about.protocol, scheme))
    exact = [own.folder / scheme, own.folder.parent / report.run_name(twin)]
    alike = sorted(own.folder.parent.glob(f"*_{twin.protocol}[-_]*"))
    found = (_read(folder) for folder in dict.fromkeys((*exact, *alike)) if runs.exists(folder))
    return next((run for run in found if run and _is_twin(own.summary, run.summary, twin.protocol)), None)


def _read(folder: Path) -> Run | None:
    """Return the run in a folder; None if it cannot be read."""
    try:
        return runs.read(folder)
    except UsageError:
        return None


def _is_twin(own: Summary, other: Summary, protocol: Protocol) -> bool:
    mine, theirs = own.about, other.about
    same = (mine.corpus, mine.settings, own.classes) == (theirs.corpus, theirs.settings, other.classes)
    wanted, found = ((one.parts, one.target, one.classes, one.scheme) for one in (protocol, theirs.protocol))
    return same and wanted == found


def ladder(own: Run, others: Sequence[Run]) -> Ladder:
    """Return the figures of runs that differ in their folds, from the strictest on, and their differences.

    Raises
    ------
    UsageError, AffexError
        As `show`, but for runs that cannot be read.
    """
    members = sorted((own, *others), key=_place)
    scores = shared({_name(run): run.scores for run in members})
    summary, one = own.summary, next(iter(scores.values()))
    metric, known = next(iter(summary.headlines.items()))
    unit, (features, classifier, *_) = summary.about.unit, summary.about.model
    rungs = [_rung(run, scores[_name(run)], metric) for run in members]
    control = next((run.summary.control for run in members if run.summary.control), None)
    if control:
        rungs.insert(1, _control(control, rungs[0], unit))
    says = (
        f"The effect of a leak: the same features and classifier ({features}, {classifier}) on the same {len(one)} "
        f"utterances of {len(np.unique(one.clusters))} {unit}s, {TIMES[len(rungs)]}."
    )
    return Ladder(known.title, says, tuple(rungs), tuple(_steps(members, scores, control, unit)))


def _place(run: Run) -> tuple[bool, int]:
    """Return where a run stands on the ladder: protocols that keep most apart come first."""
    scheme = run.summary.about.protocol.scheme
    order = (controls.SCHEME, "", TEXT, RANDOM)
    return bool(run.summary.leaks), order.index(scheme) if scheme in order else 1


def _name(run: Run) -> str:
    return run.summary.about.protocol.name


def _rung(run: Run, scores: Scores, metric: str) -> Rung:
    about = run.summary.about
    n_train = float(np.mean([fold.n_train for fold in run.summary.folds]))
    usual = "folds that leak" if run.summary.leaks and about.protocol.scheme != "loso" else "{unit}s kept apart"
    how = APART.get(about.protocol.scheme, usual).format(unit=about.unit)
    return Rung(about.protocol.name, how, n_train, interval_of(scores, metric, about.unit), tables.mark(run.summary))


def _control(control: Control, first: Rung, unit: str) -> Rung:
    low, high = (tables.number(end(control.figures)) for end in (min, max))
    n = len(control.figures)
    how = f"{unit}s kept apart, {control.n_removed:.0f} random utterances left out instead of the texts"
    return Rung(CONTROL, how, first.n_train, control.mean, f" (mean of {n} draws, {low} to {high})")


def _steps(members: Sequence[Run], scores: Mapping[str, Scores], control: Control | None, unit: str) -> Iterator[Step]:
    """Yield what hearing the text adds, then what each next protocol adds."""
    if control:
        turned = _turned(control.difference)
        yield Step((_name(members[0]), CONTROL), turned, _worth(turned, control.mean.value, "text", unit))
    for lower, upper in itertools.pairwise(members):
        one, other = scores[_name(lower)], scores[_name(upper)]
        gain = _gain(one, other, unit)
        figure = figure_of(other, _metric(other))(np.arange(len(other)))
        heard = "text" if lower.summary.about.protocol.scheme == controls.SCHEME else unit
        yield Step((_name(lower), _name(upper)), gain, _worth(gain, figure, heard, unit))


def _metric(scores: Scores) -> str:
    return next(iter(metrics.headlines(scores.classes)))


def _gain(one: Scores, other: Scores, unit: str) -> Interval:
    """Return how much higher the second figure is, with its interval over speakers."""
    metric, known = next(iter(metrics.headlines(one.classes).items()))
    lower, upper = figure_of(one, metric), figure_of(other, metric)
    reach = known.high - known.low
    return intervals.jackknife(lambda part: upper(part) - lower(part), one.clusters, bounds=(-reach, reach), unit=unit)


def _turned(difference: Interval) -> Interval:
    """Return the interval of a difference with its sign turned."""
    low, high = (None if end is None else -end for end in (difference.high, difference.low))
    return replace(difference, value=-difference.value, low=low, high=high)


def as_table(found: Ladder) -> "Table":
    """Return one row a rung: its figure, and the difference to a rung above, with intervals."""
    above = {step.names[1]: step for step in found.steps}
    rows = (
        (rung.name, f"{rung.n_train:.0f}", *_cells(rung.figure), *_difference(above.get(rung.name)))
        for rung in found.rungs
    )
    return tables.table(("protocol", "trained on", found.title, "interval", "minus that of", "is", "interval"), rows)


def _difference(step: Step | None) -> tuple[str, str, str]:
    return (step.names[0], *_cells(step.difference)) if step else ("", "", "")


def _cells(interval: Interval) -> tuple[str, str]:
    return tables.number(interval.value), tables.ends(interval.low, interval.high) or "-"


def lines(found: Ladder) -> Iterator[str]:
    """Yield a ladder in words: what was evaluated, one line a rung, one line a difference."""
    yield found.says
    for rung in found.rungs:
        yield (
            f"  {rung.how} ({rung.name}; {rung.n_train:.0f} training utterances a fold): "
            f"{found.title} {tables.with_interval(rung.figure)}{rung.mark}"
        )
    for step in found.steps:
        yield f"{_between(found, step)} is {in_words(step)}."


def _between(found: Ladder, step: Step) -> str:
    return "The difference" if len(found.steps) == 1 else f"{step.names[1]} minus {step.names[0]}"


def in_words(step: Step) -> str:
    """Return a difference with its interval, and what follows from it."""
    reason = f" ({step.difference.reason})" if step.difference.reason else ""
    return f"{tables.with_interval(step.difference)}{reason}: {step.words}"


def _worth(gain: Interval, higher: float, heard: str, unit: str) -> str:
    """Return in words what known test speakers (or texts) add to a figure, as far as the interval allows it."""
    found = conclusions.verdict(gain.low, gain.high, gain.n_clusters)
    words = {
        "better": f"this part of {higher:.3f} comes from known {heard}s, and is lost with new {heard}s",
        "worse": f"known {heard}s did not help, the model is clearly worse",
        "equal": f"{conclusions.in_words(found, gain.n_clusters)}, so known {heard}s add little or nothing",
        "unknown": f"the effect of known {heard}s: {conclusions.in_words(found, gain.n_clusters, unit)}",
    }
    return words[found]
