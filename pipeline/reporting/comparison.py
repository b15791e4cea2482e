"""Comparison: the arrow from finished runs to the significant differences between them.

Runs are compared only within one corpus and protocol, on the utterances that all of them tested; the number of
utterances left out is reported. Figures are computed again on these utterances, with an interval over speakers, and
`pipeline.evaluation.significance` compares every pair of runs. Runs appear in the order of the arguments and not of
their figures: differences that are not significant are not ranked.

A comparison's folder holds ``comparison.json`` (all results), ``comparison.txt`` (the tables of the terminal) and
``comparison.png``, as a bundle (see `pipeline.storage.bundle`); equal runs give equal bytes.
"""

import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import conclusions, runs
from affex.pipeline.evaluation.figures import interval_of, n_folds
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.significance import DRAWS, Comparison, Predictions, pairwise
from affex.pipeline.evaluation.summary import METHOD, Summary, largest_score, method_of, versions
from affex.pipeline.reporting import comparison_tables, listing, pictures, tables
from affex.pipeline.reporting.compared import Compared, ComparedRun
from affex.pipeline.storage import bundle
from affex.pipeline.storage.records import plain
from affex.pipeline.text.errors import AffexError, UsageError

if TYPE_CHECKING:
    from affex.pipeline.text.console import Terminal

#: A comparison's record.
RECORD = "comparison.json"
#: The level of significance, for all pairs together.
ALPHA = 0.05
#: Seed of the random permutations.
SEED = 0
#: There is one letter per run, and a table of more than 325 pairs is unreadable.
MOST = 26
#: Fields in which runs must agree, by their names in the messages; the simplest difference is reported first.
ALIKE: Mapping[str, Callable[[Summary], Any]] = {
    "corpora": lambda summary: summary.about.corpus,
    "targets": lambda summary: summary.about.protocol.target,
    "classes": lambda summary: summary.classes,
    "protocols": lambda summary: summary.protocol_hash,
    "clusters": lambda summary: summary.about.unit,
}


def report(
    console: "Terminal",
    members: Sequence[Run],
    cache: Path,
    out: Path | None,
    metric: str,
    rope: float | None = None,
    against: Run | None = None,
) -> tuple[Path, Compared]:
    """Compare finished runs, write the files and print the tables; return the folder and the written comparison.

    Parameters
    ----------
    console
        Where the tables are shown.
    members
        The runs, as `chosen` returns them.
    cache
        The cache folder.
    out
        The folder of the files; None for one under the corpus's ``comparisons``.
    metric
        A headline figure; empty for UAR, or CCC where values are predicted.
    rope
        The largest difference that does not matter; None for that of the figure (`conclusions.rope_of`).
    against
        The run with which each of the others is compared; None for every pair.

    Raises
    ------
    UsageError
        If the runs or the metric do not fit together.
    AffexError
        If the runs contradict each other, or the folder cannot be written.
    """
    found = compare(members, metric, rope, against)
    folder = out or folder_of(found, cache)
    write(found, folder)
    comparison_tables.show_comparison(found, console.rich)
    console.print(f"-> {folder}")
    return folder, found


def chosen(names: Sequence[str], against: str, cache: Path) -> tuple[list[Run], Run | None]:
    """Return the named runs, and the one with which the others are compared, which is the first unless it is named.

    Parameters
    ----------
    names, against
        Runs, by name (or its beginning) or folder; `against` is empty where every pair is compared.
    cache
        The cache folder in which named runs are found.

    Raises
    ------
    UsageError
        If a run does not exist.
    """
    if not against:
        return runs.find(names, cache), None
    base, *others = runs.find([against, *names], cache)
    return with_base(others, base), base


def with_base(members: Sequence[Run], base: Run) -> list[Run]:
    """Return the runs, with a base first unless it is among them."""
    is_named = base.folder.resolve() in [run.folder.resolve() for run in members]
    return [*members] if is_named else [base, *members]


def compare(
    members: Sequence[Run], metric: str = "", rope: float | None = None, against: Run | None = None
) -> Compared:
    """Return what ``comparison.json`` holds.

    Parameters
    ----------
    members
        At least two runs of one corpus and one protocol.
    metric, rope, against
        As for `report`.

    Raises
    ------
    UsageError, AffexError
        As `report`.
    """
    named = _named(members)
    base = _name_of(against, named)
    first = members[0].summary
    _require_alike({name: run.summary for name, run in named.items()})
    metric, unit = _metric(metric, first), first.about.unit
    rope = _rope(rope, first.headlines[metric].high)
    scores = shared({name: run.scores for name, run in named.items()})
    pairs = _pairs(scores, metric, unit, rope, base)
    one = next(iter(scores.values()))
    found = Compared(
        metric=metric,
        corpus=first.about.corpus,
        protocol=first.about.protocol,
        protocol_hash=first.protocol_hash,
        classes=first.classes,
        unit=unit,
        n_utterances=len(one),
        n_clusters=len(np.unique(one.clusters)),
        runs=tuple(_entry(name, named[name], own, metric) for name, own in scores.items()),
        against=base,
        pairs=pairs,
        alpha=ALPHA,
        rope=rope,
        least_p=pairs[0].least_p,
        draws=None if pairs[0].exact else DRAWS,
        seed=SEED,
        interval_method=method_of(one),
        difference_method=METHOD,
        ceiling=next((run.summary.ceiling for run in members if run.summary.ceiling), None),
        versions=versions(),
    )
    return dataclasses.replace(found, notes=tuple(_notes(found, {run.summary.folds_hash for run in members})))


def folder_of(found: Compared, cache: Path) -> Path:
    """Return the default folder of a comparison."""
    return Path(cache, found.corpus, "comparisons", _name(found))


def write(found: Compared, folder: Path) -> None:
    """Write a comparison's files, all of them or none.

    Raises
    ------
    AffexError
        If the folder cannot be written.
    """
    text = tables.as_text(lambda console: comparison_tables.show_comparison(found, console))
    contents = {"comparison.txt": text.encode(), "comparison.png": pictures.comparison_picture(found)}
    bundle.write(folder, RECORD, plain(found), contents)


def shared(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    """Return the scores of runs for the utterances that all of them tested, in the order of the first run.

    Raises
    ------
    UsageError
        If there is no such utterance.
    AffexError
        If runs disagree on the speaker or on the true label of an utterance.
    """
    common = set.intersection(*(set(own.ids.tolist()) for own in scores.values()))
    (first, one), *others = scores.items()
    if not common:
        raise UsageError(f"The runs {', '.join(scores)} share no tested utterance: there is nothing to compare.")
    ids = [id_ for id_ in one.ids.tolist() if id_ in common]
    found = {name: _of(own, ids) for name, own in scores.items()}
    for name, _ in others:
        _require_same_truth(first, name, found)
    return found


def _of(scores: Scores, ids: Sequence[str]) -> Scores:
    place = {id_: number for number, id_ in enumerate(scores.ids.tolist())}
    numbers = [place[id_] for id_ in ids]
    columns = ("ids", "clusters", "folds", "true", "predicted", "values")
    return dataclasses.replace(scores, **{name: getattr(scores, name)[numbers] for name in columns})


def _require_same_truth(one: str, other: str, scores: Mapping[str, Scores]) -> None:
    for column in ("true", "clusters"):
        values, others = getattr(scores[one], column), getattr(scores[other], column)
        if (values != others).any():
            row = int(np.argmax(values != others))
            raise AffexError(
                f"{scores[one].ids[row]} is '{values[row]}' in the run {one} and '{others[row]}' in {other}: the "
                "corpus's labels or speakers changed between them.\nEvaluate both again, then compare."
            )


def other(run: Path, runs_of: Path) -> Path | None:
    """Return the newest run in a corpus's cache folder that is comparable with a run; None if there is none."""
    summary = runs.read(run).summary
    for folder in listing.folders(runs_of):
        try:
            if folder != run:
                _require_alike({"one": summary, "other": runs.read(folder).summary})
                return folder
        except UsageError:
            continue
    return None


def alike(members: Sequence[Run]) -> list[list[Run]]:
    """Return runs in groups of such that can be compared, in the order of their first runs."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in members:
        found.setdefault(tuple(aspect(run.summary) for aspect in ALIKE.values()), []).append(run)
    return [*found.values()]


def _named(members: Sequence[Run]) -> dict[str, Run]:
    """Return runs by the shortest ends of their folders' paths that differ."""
    if not 2 <= len(members) <= MOST:
        raise UsageError(f"A comparison is of 2 to {MOST} runs, got {len(members)}.")
    folders = [run.folder.resolve() for run in members]
    twice = next((run.name for run, folder in zip(members, folders, strict=True) if folders.count(folder) > 1), None)
    if twice:
        raise UsageError(f"The run {twice} is named twice: a run cannot be compared with itself.")
    ends = (["/".join(folder.parts[-depth:]) for folder in folders] for depth in itertools.count(1))
    names = next(end for end in ends if len(set(end)) == len(end))
    return dict(zip(names, members, strict=True))


def _name_of(against: Run | None, named: Mapping[str, Run]) -> str:
    """Return the name of a run among the compared ones; empty for none."""
    if against is None:
        return ""
    folder = against.folder.resolve()
    found = next((name for name, run in named.items() if run.folder.resolve() == folder), None)
    if found is None:
        raise UsageError(f"The others are to be compared with {against.name}, which is not among the runs: add it.")
    return found


def _require_alike(summaries: Mapping[str, Summary]) -> None:
    (first, one), *others = summaries.items()
    for (name, other), (several, aspect) in itertools.product(others, ALIKE.items()):
        if aspect(one) != aspect(other):
            words, also = _differing(one, other) if several == "protocols" else map(_words, map(aspect, (one, other)))
            raise UsageError(
                f"Runs on different {several} cannot be compared: {first} has {words}, {name} has {also}.\n"
                "Evaluate both alike (corpus, protocol, target, classes), then compare."
            )


def _differing(one: Summary, other: Summary) -> tuple[str, ...]:
    """Return in words where two protocols differ."""
    protocols = (one.about.protocol, other.about.protocol)
    names = [field.name for field in dataclasses.fields(Protocol) if field.name != "name"]
    names = [name for name in names if getattr(protocols[0], name) != getattr(protocols[1], name)]
    return tuple(
        f"{summary.about.protocol.name} ({_settings(summary, names) or summary.protocol_hash[:8]})"
        for summary in (one, other)
    )


def _settings(summary: Summary, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {_words(getattr(summary.about.protocol, name))}" for name in names)


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)


def _metric(name: str, summary: Summary) -> str:
    able = tuple(summary.headlines)
    if name and name not in able:
        raise UsageError(f"METRIC={name}: these runs can be compared by {', '.join(able)} (the default: {able[0]}).")
    return name or able[0]


def _rope(wanted: float | None, high: float) -> float | None:
    """Return the region of practical equivalence; None where the figure has none.

    Raises
    ------
    UsageError
        If it is no positive number.
    """
    if wanted is not None and not (0 < wanted < math.inf):
        raise UsageError(
            f"ROPE={wanted:g}: expected the largest difference that does not matter, a number above 0 in the figure's "
            f"unit, as in ROPE={conclusions.ROPE:g}."
        )
    return conclusions.rope_of(high, wanted)


def _pairs(
    scores: Mapping[str, Scores], metric: str, unit: str, rope: float | None, against: str
) -> tuple[Comparison, ...]:
    predictions = {
        name: Predictions(own.true, own.predicted, own.clusters, own.classes or None, n_folds(own))
        for name, own in scores.items()
    }
    try:
        return pairwise(predictions, metric, alpha=ALPHA, seed=SEED, unit=unit, rope=rope, against=against)
    except ValueError as error:
        raise AffexError(f"The runs cannot be compared: {error}.") from error


def _entry(name: str, run: Run, scores: Scores, metric: str) -> ComparedRun:
    """Return the entry of a run in a comparison."""
    return ComparedRun(
        name=name,
        model=run.summary.about.model,
        figure=interval_of(scores, metric, run.summary.about.unit),
        transductive=run.summary.transductive,
        enrolled=run.summary.about.enrolled_mark,
        leaks=run.summary.leaks,
        class_lost=run.summary.class_lost,
        largest_score=largest_score(scores) if scores.classes else None,
        n_left_out=len(run.scores) - len(scores),
        seeds=run.summary.seeds,
        depends_on=run.summary.depends_on,
    )


def _notes(found: Compared, folds_hashes: set[str]) -> Iterator[str]:
    for run in found.runs:
        yield from _notes_of(run, found)
    words = {"transductive": "transductive", "enrolled": "with enrolled utterances", "leaks": "with leaks"}
    for aspect, word in words.items():
        marked = [run.name for run in found.runs if getattr(run, aspect)]
        if 0 < len(marked) < len(found.runs):
            yield f"{', '.join(marked)}: {word}, the other runs not; a difference from these may be due to that alone"
    if len(folds_hashes) > 1:
        yield "the runs' folds are not alike (folds_hash in metrics.json): they were trained on different utterances"
    n_pairs, unit = len(found.pairs), found.unit
    if found.least_p * n_pairs > ALPHA:
        able = int(ALPHA / found.least_p)
        hint = ": AGAINST=NAME compares each of the others with one run"
        yield (
            f"over {found.n_clusters} {unit}s no p is below {tables.probability(found.least_p)}, and Holm's "
            f"correction multiplies the least one by {n_pairs}, so it stays above {ALPHA:g} whatever the figures are"
            + (f"; at most {able} pair{'s' * (able > 1)}, chosen beforehand, could be decided" if able else "")
            + (hint if len(found.runs) - 1 <= able < n_pairs and not found.against else "")
        )
    if found.ceiling and found.ceiling.metric != found.metric:
        yield f"the figure of a human rater is known only as {found.ceiling.metric} , see the runs' reports"


def _notes_of(run: ComparedRun, found: Compared) -> Iterator[str]:
    """Yield the caveats of one run."""
    unit = found.unit
    if run.n_left_out:
        total = found.n_utterances + run.n_left_out
        yield f"{run.n_left_out} of {total} utterances of {run.name} do not count: not all runs tested them"
    if run.seeds:
        yield (
            f"{run.name} ran with {len(run.seeds)} seeds: its predictions with the first, {run.seeds[0]}, are compared"
        )
    if run.figure.reason:
        yield f"no interval for {run.name}: {run.figure.reason}"
    if run.largest_score and run.largest_score.differs:
        yield f"scores of {run.name}: {tables.largest_score_words(run.largest_score)}"
    if run.enrolled:
        yield f"{run.name}: its predictions are those of the first draw of enrolled utterances, and its figure, too"
    if run.class_lost:
        lost = run.class_lost
        yield (
            f"{run.name}: {lost.n} of {lost.of} {unit}s have only one {lost.what}, which normalisation by "
            "speaker removes"
        )


def _name(found: Compared) -> str:
    """Return the name of a comparison's folder: the figure and the runs, then a hash of both."""
    names = [run.name for run in found.runs]
    identity = [found.metric, *names, *(f"against {name}" for name in [found.against] if name)]
    readable = "+".join(re.sub(r"-[0-9a-f]{8}$", "", name) for name in names)
    readable = re.sub(r"[^A-Za-z0-9.+=_]+", "-", f"{found.metric}_{readable}")
    return f"{readable[:80]}-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]}"
