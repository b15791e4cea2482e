"""Leak: the arrow from an honest run and its leaky twin to what the leak adds, for readers who are new to the field."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affex.pipeline.evaluation import conclusions, intervals, runs
from affex.pipeline.evaluation.figures import figure_of, interval_of
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.reporting import tables
from affex.pipeline.reporting.comparison import shared
from affex.pipeline.text.errors import UsageError

if TYPE_CHECKING:
    from affex.pipeline.text.console import Terminal

#: The scheme of folds that ignore speakers.
RANDOM = "random-k"
#: The unit that an honest protocol keeps apart, in the words of `show_leak`.
APART = {"session": "sessions kept apart", "split": "the fixed split", "cross": "corpora kept apart"}


def show(console: "Terminal", honest: Path, leaky: Path) -> None:
    """Print how much figures rise if the test speakers are also in training, for readers who are new to the field.

    Parameters
    ----------
    console
        Where it is printed.
    honest, leaky
        The folders of two runs that differ only in the protocol; the second protocol is ``random-k``.

    Raises
    ------
    UsageError
        If a folder holds no run, the first run has random folds as well, or the runs share no utterance.
    AffexError
        If the runs contradict each other.
    """
    one, other = runs.read(honest), runs.read(leaky)
    protocol = one.summary.about.protocol
    if protocol.scheme == other.summary.about.protocol.scheme:
        raise UsageError(
            f"PROTOCOL={protocol.name} LEAK=1: both runs have random folds. The effect of a leak is shown "
            "against an honest protocol, as in PROTOCOL=loso LEAK=1."
        )
    for line in lines(one, other):
        console.print(line)


def twin(own: Run) -> Run | None:
    """Return the finished run that differs from another in random folds only, if there is one beside or inside it."""
    if own.summary.about.protocol.scheme == RANDOM:
        return None
    near = [own.folder / RANDOM, *sorted(own.folder.parent.glob(f"*{RANDOM.removesuffix('-k')}*"))]
    found = (_read(other) for other in near if runs.exists(other))
    return next((other for other in found if other and _is_twin(own.summary, other.summary)), None)


def _read(folder: Path) -> Run | None:
    """Return the run in a folder; None if it cannot be read."""
    try:
        return runs.read(folder)
    except UsageError:
        return None


def _is_twin(own: Summary, other: Summary) -> bool:
    mine, theirs = own.about, other.about
    ours, random = mine.protocol, theirs.protocol
    same = (mine.corpus, mine.settings, own.classes) == (theirs.corpus, theirs.settings, other.classes)
    return same and (ours.parts, ours.target, RANDOM) == (random.parts, random.target, random.scheme)


def lines(honest: Run, leaky: Run) -> Iterator[str]:
    """Yield in words the two figures, and what the leak adds.

    Raises
    ------
    UsageError, AffexError
        As `show_leak`, but for runs that cannot be read.
    """
    named = {"honest": honest, "leaky": leaky}
    scores = shared({name: run.scores for name, run in named.items()})
    metric, known = next(iter(honest.summary.headlines.items()))
    unit, one = honest.summary.about.unit, scores["honest"]
    features, classifier, *_ = honest.summary.about.model
    yield (
        f"The effect of a leak: the same features and classifier ({features}, {classifier}) on the same {len(one)} "
        f"utterances of {len(np.unique(one.clusters))} {unit}s, twice."
    )
    how = {
        "honest": APART.get(honest.summary.about.protocol.scheme, f"{unit}s kept apart"),
        "leaky": f"random folds, so that the same {unit}s are in training and test",
    }
    figures = {name: interval_of(own, metric, unit) for name, own in scores.items()}
    for name, run in named.items():
        n_train = np.mean([fold.n_train for fold in run.summary.folds])
        yield (
            f"  {how[name]} ({run.summary.about.protocol.name}; {n_train:.0f} training utterances a fold): "
            f"{known.title} {tables.with_interval(figures[name])}{tables.mark(run.summary)}"
        )
    kept_apart, dealt = (figure_of(scores[name], metric) for name in named)
    reach = known.high - known.low
    gain = intervals.jackknife(
        lambda part: dealt(part) - kept_apart(part), one.clusters, bounds=(-reach, reach), unit=unit
    )
    yield _worth(gain, figures["leaky"].value, unit)


def _worth(gain: intervals.Interval, leaky: float, unit: str) -> str:
    """Return in words what known test speakers add to the figure, as far as the interval allows a statement."""
    figure, found = tables.with_interval(gain), conclusions.verdict(gain.low, gain.high, gain.n_clusters)
    words = {
        "better": f"this part of {leaky:.3f} comes from known {unit}s, and is lost with new {unit}s",
        "worse": f"known {unit}s did not help, the model is clearly worse",
        "equal": f"{conclusions.in_words(found, gain.n_clusters)}, so known {unit}s add little or nothing",
        "unknown": f"the effect of known {unit}s: {conclusions.in_words(found, gain.n_clusters, unit)}",
    }
    reason = f" ({gain.reason})" if gain.reason else ""
    return f"The difference is {figure}{reason}: {words[found]}."
