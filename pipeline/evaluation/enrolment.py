"""Enrolment: the arrow from draws of enrolled utterances to the price of normalisation: what each number is worth.

A model is trained once. Its test rows are normalised by other utterances of their speaker, once for each number of them
and for each draw (`pipeline.streams.enrolment`), and decided anew. Every point of the curve scores all test utterances.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from affex.pipeline.evaluation import metrics, repetitions
from affex.pipeline.evaluation.folds import Clusters, Fold
from affex.pipeline.evaluation.intervals import Interval
from affex.pipeline.evaluation.repetitions import Repetitions
from affex.pipeline.evaluation.results import Draws, Result, Targets
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.streams.enrolment import LEAST, Enrolled, enrolment_of, is_enrolment
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.stream import Numbers, rows_of
from affex.pipeline.text.errors import UsageError


@dataclass(frozen=True)
class Point:
    """What one number of enrolled utterances is worth.

    Parameters
    ----------
    n
        How many other utterances of the speaker are enrolled; 0: rows are not normalised by speaker; None: all others.
    draws
        How often they were drawn.
    needs
        What it takes in practice, in words.
    figures
        The headline figures, by name.
    gain
        The main figure less that of the same model without normalisation, paired; None where that was not evaluated.
    n_fewer
        Of how many test utterances the speaker has fewer others: all of them are enrolled.
    n_without
        Of how many test utterances the speaker has no others, or one with a single row: all their columns are 0.
    """

    n: int | None
    draws: int
    needs: str
    figures: Mapping[str, Repetitions]
    gain: Interval | None
    n_fewer: int
    n_without: int

    @property
    def called(self) -> str:
        """The number in a table: ``"10"``, or ``"all others"``."""
        return "all others" if self.n is None else str(self.n)


@dataclass(frozen=True)
class Curve:
    """The price of normalisation: what each number of enrolled utterances is worth.

    Parameters
    ----------
    figure
        The name of the main figure.
    from_
        The label that enrolled utterances have; empty where any may be enrolled.
    points
        By number of enrolled utterances, rising.
    """

    figure: str
    from_: str
    points: tuple[Point, ...]


def require_able(plan: Plan) -> None:
    """Refuse a classifier whose decision on an utterance depends on the rows of others.

    Raises
    ------
    UsageError
        If the settings ask for enrolment, and the classifier reads dialogs.
    """
    if is_enrolment(plan.settings.speaker_norm) and plan.classifier.context != "none":
        raise UsageError(
            f"CLASSIFIER={plan.classifier.name} reads other turns beside the tested one, which would help to normalise "
            "each other. SPEAKER_NORM=enrol needs a classifier without context; SPEAKER_NORM=1 normalises all turns."
        )


def require_new(rounds: Sequence[Fold], speakers: Clusters) -> None:
    """Refuse folds in which a tested speaker is also a training speaker.

    Raises
    ------
    UsageError
        The message names the fold and the speaker.
    """
    for fold in rounds:
        both = np.intersect1d(speakers.of[fold.train], speakers.of[fold.test])
        if len(both):
            raise UsageError(
                f"SPEAKER_NORM=enrol normalises new speakers by a few utterances, and in fold {fold.name} speaker "
                f"{both[0]} is in training as well. Use a protocol that keeps speakers apart, as PROTOCOL=loso."
            )


def as_tested(examples: Examples, fold: Fold, plan: Plan, point: int = -1, draw: int = 0) -> Examples:
    """Return the examples with the rows, or the distances, by which a fold's test utterances are tested."""
    own = examples.tested(fold.test, point, draw)
    if examples.enrolled is None or examples.distances is None:
        return own
    tested, trained = rows_of(own.offsets, fold.test), rows_of(own.offsets, fold.train)
    distances = examples.distances.copy()
    distances[np.ix_(tested, trained)] = plan.classifier.distances(own.X[tested], own.X[trained], device="cpu")
    return replace(own, distances=distances)


def each_draw(enrolled: Enrolled) -> Iterator[tuple[int, int]]:
    """Yield each point and each draw of it, by their numbers."""
    for point, draws in enumerate(enrolled.members):
        yield from ((point, draw) for draw in range(len(draws)))


def draws_of(spec: str, enrolled: Enrolled, tested: Numbers, decided: Targets) -> Draws:
    """Return the decisions by point and draw.

    Parameters
    ----------
    spec
        The setting.
    tested : (n_tested,) int64
        The test utterances, by their numbers in the task.
    decided : (n_trials, n_tested)
        The decisions, in the order of `each_draw`.
    """
    how = enrolment_of(spec)
    ends = np.cumsum([draws for _, draws in how.points])[:-1]
    lengths = enrolled.streams[0].lengths
    own = [[draws[0][i] for i in tested.tolist()] for draws in enrolled.members]
    return Draws(
        how,
        tuple(np.split(decided, ends)),
        tuple(np.array([len(one) for one in each]) for each in own),
        tuple(sum(int(lengths[one].sum()) < LEAST for one in each) for each in own),
    )


def curve_of(result: Result) -> Curve | None:
    """Return the price of normalisation; None where no utterance was enrolled.

    Where the run itself has no normalisation by speaker, it is the point 0, with which the others are compared.
    """
    drawn, scores, unit = result.enrolled, result.scores, result.about.unit
    if drawn is None:
        return None
    headlines = metrics.headlines(scores.classes)
    main = next(iter(headlines))
    plain = () if result.about.settings.speaker_norms else (scores.predicted,)
    points = [
        Point(
            n=n,
            draws=len(decided),
            needs=needs(n, drawn.how.from_),
            figures={name: repetitions.repeated(scores, name, [*decided], unit) for name in headlines},
            gain=repetitions.gain(scores, main, [*decided], plain, unit) if plain else None,
            n_fewer=0 if n is None else int((sizes < n).sum()),
            n_without=without,
        )
        for n, decided, sizes, without in zip(
            drawn.how.n, drawn.decided, drawn.n_enrolled, drawn.n_without, strict=True
        )
    ]
    if plain:
        figures = {name: repetitions.repeated(scores, name, plain, unit) for name in headlines}
        points.insert(0, Point(0, 1, needs(0), figures, None, 0, 0))
    return Curve(main, drawn.how.from_, tuple(points))


def needs(n: int | None, from_: str = "") -> str:
    """Return what a number of enrolled utterances takes in practice, in words."""
    if n == 0:
        return "nothing: the first utterance of a new speaker is recognised"
    labels = f"the label of each ({from_})" if from_ else "no labels"
    if n is None:
        return f"all other utterances of the speaker, as after a whole session; {labels}"
    which = f"{from_} utterances" if from_ else "utterances"
    return f"{n} {which} of the new speaker before the first is recognised; {labels}"


def notes(drawn: Draws) -> Iterator[str]:
    """Yield what a reader must know of the draws, a sentence each."""
    if any(draws > 1 for _, draws in drawn.how.points):
        yield (
            "figures are means over the draws of enrolled utterances; predictions and scores, and so what is by class "
            "or by speaker, and comparisons with other runs, are those of the first draw"
        )
    if drawn.how.from_:
        yield f"only utterances labelled {drawn.how.from_} are enrolled, so these labels of a new speaker must be known"
    yield from shortages(drawn)


def shortages(drawn: Draws) -> Iterator[str]:
    """Yield for how many test utterances too few others could be enrolled, a sentence each."""
    label = f" labelled {drawn.how.from_}" if drawn.how.from_ else ""
    for n, sizes in zip(drawn.how.n, drawn.n_enrolled, strict=True):
        if n is not None and (fewer := int((sizes < n).sum())):
            yield (
                f"for {fewer} of {len(sizes)} test utterances the speaker has fewer than {n} others{label}: all of "
                "these are enrolled"
            )
    if without := drawn.n_without[-1]:
        yield (
            f"{without} of {len(drawn.n_enrolled[-1])} test utterances have no others{label} of their speaker, or one "
            "with a single row, which has no standard deviation: all their columns are 0, and say nothing"
        )
