"""Enrolment: the arrow from a speaker's other utterances to the rows of a tested one, normalised with their statistics.

``SPEAKER_NORM=1`` z-scores a tested speaker with all utterances of the speaker, the tested ones among them. A system in
use has heard some utterances of a new speaker, if any: their number is the price of normalisation. Here each tested
utterance is z-scored with the mean and the standard deviation of `Enrolment.n` *other* utterances of its speaker, so
every utterance is tested, and none helps to normalise itself. Which ones are drawn at random, several times. Training
speakers are z-scored with all of theirs.

A z-score of `n` values with their own mean and deviation lies within ``sqrt(n - 1)`` of 0 (Samuelson 1968), and so do
those of training speakers. That of a value that is none of the `n` has no limit: where the enrolled values hardly vary,
it is huge. So it is cut there. On EMO-DB (`compare`, `svm`) UAR with all others enrolled is .865 with the limit, as
with the utterance itself among them, and .840 without; with five others it is .747 and .433.

References
----------
P. A. Samuelson, How deviant can you be?, Journal of the American Statistical Association 63, 1522-1525, 1968,
    doi:10.2307/2285901 (the limit).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs import grammar
from affex.pipeline.streams.stream import Numbers, Stream
from affex.pipeline.text.errors import UsageError, unknown

Floats = NDArray[np.float64]

#: The name of the normalisation in ``SPEAKER_NORM=enrol:n=10``.
NAME = "enrol"
#: The word for all other utterances of the speaker.
ALL = "all"
#: A standard deviation needs two utterances.
LEAST = 2
#: The most draws: each scores all test utterances once more.
MOST_DRAWS = 100
#: The enrolments of ``ENROL=1``; 0, no normalisation at all, stands beside them.
CURVE = f"{NAME}:n=5+10+20+{ALL}"


@dataclass(frozen=True)
class Enrolment:
    """On which other utterances of its speaker a tested utterance is normalised.

    Parameters
    ----------
    n
        How many, in ascending order; None for all others. Each number is scored; the last is that of the run's figures.
    draws
        How often they are drawn (all others: once, since there is only one way).
    from_
        The label that enrolled utterances must have; empty for any.
    """

    n: tuple[int | None, ...] = (10,)
    draws: int = 5
    from_: str = ""

    def __str__(self) -> str:
        """Return the spec, with all its parameters."""
        label = f",from={self.from_}" if self.from_ else ""
        return f"{NAME}:n={'+'.join(ALL if n is None else str(n) for n in self.n)},draws={self.draws}{label}"

    @property
    def points(self) -> tuple[tuple[int | None, int], ...]:
        """Each number of enrolled utterances, and how often they are drawn."""
        return tuple((n, 1 if n is None else self.draws) for n in self.n)


def is_enrolment(spec: object) -> TypeGuard[str]:
    """Return whether a value of ``SPEAKER_NORM`` asks for enrolment."""
    return isinstance(spec, str) and grammar.name_of(spec) == NAME


def enrolment_of(spec: str) -> Enrolment:
    """Return the enrolment that a spec asks for, as in ``enrol:n=10,draws=5,from=neutral``.

    Raises
    ------
    UsageError
        If a parameter is unknown, or its value makes no sense.
    """
    found = grammar.parameters(spec)
    if others := [key for key in found if key not in ("n", "draws", "from")]:
        raise unknown(f"parameter of {NAME}", others[0], ("n", "draws", "from"))
    numbers = tuple(_number(spec, text) for text in found["n"].split("+")) if "n" in found else Enrolment.n
    order = [np.inf if n is None else n for n in numbers]
    if order != sorted(set(order)):
        raise UsageError(f"n={found['n']} in '{spec}': expected rising numbers, as in n=5+10+20+{ALL}.")
    draws = found.get("draws", str(Enrolment.draws))
    if not (draws.isascii() and draws.isdigit() and 1 <= int(draws) <= MOST_DRAWS):
        raise UsageError(f"draws={draws} in '{spec}': expected a whole number from 1 to {MOST_DRAWS}.")
    return Enrolment(numbers, int(draws), found.get("from", ""))


def _number(spec: str, text: str) -> int | None:
    if text == ALL:
        return None
    if not (text.isascii() and text.isdigit() and LEAST <= int(text) <= grammar.LARGEST):
        raise UsageError(
            f"n={text} in '{spec}': expected a number of utterances, {LEAST} or more, or {ALL}. "
            "Without any there is no normalisation: leave it out."
        )
    return int(text)


@dataclass(frozen=True, eq=False)
class Enrolled:
    """The rows of all utterances as they are, and who is enrolled for each tested one.

    Parameters
    ----------
    streams
        The rows of all utterances that may be enrolled, not normalised.
    number : (n_utterances,) int64
        Where each utterance that a task reads stands in these streams.
    members
        For each point (a number of enrolled utterances) and each draw, the enrolled utterances of every utterance that
        the task reads, by their numbers in `streams`.
    """

    streams: tuple[Stream, ...]
    number: Numbers
    members: tuple[tuple[tuple[Numbers, ...], ...], ...]

    def rows(self, stream: int, tested: Numbers, point: int, draw: int) -> list[NDArray[np.float32]]:
        """Return the normalised rows of tested utterances, one array an utterance, of one stream.

        Parameters
        ----------
        tested : (n,) int64
            The utterances, by their numbers in the task.
        point, draw
            Which of the numbers of enrolled utterances, and which draw of them.
        """
        own = self.streams[stream]
        members = self.members[point][draw]
        return [by_others(_of(own, [self.number[i]]), _of(own, members[i])) for i in tested.tolist()]


def _of(stream: Stream, numbers: Iterable[int]) -> NDArray[np.float32]:
    """Return the rows of some utterances, one after another, ``(n_rows, n_columns) float32``."""
    parts = [stream.flat[stream.offsets[i] : stream.offsets[i + 1]] for i in numbers]
    return np.concatenate(parts) if parts else stream.flat[:0]


def by_others(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows z-scored with other rows, and cut where z-scores of so many rows end.

    Parameters
    ----------
    rows, others
        As `normalised`. With one other row, or none, all columns become zero.
    """
    limit = np.sqrt(np.maximum(np.isfinite(others).sum(axis=0) - 1, 0)).astype(np.float32)
    return np.clip(normalised(rows, others), -limit, limit)


def normalised(rows: NDArray[np.float32], by: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows z-scored with the mean and the standard deviation of some rows, the same or others.

    A column that does not vary among these becomes zero.

    Parameters
    ----------
    rows, by : (n_rows, n_columns) float32
        NaN is a missing value, and stays one.
    """
    mean, deviation = statistics(by)
    flat = deviation == 0
    scaled = (rows - mean) / np.where(flat, 1.0, deviation)
    return np.where(flat & np.isfinite(rows), 0.0, scaled).astype(np.float32)


def statistics(rows: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the mean and the standard deviation of each column, ``(n_columns,) float64`` each, without missing values.

    The deviation is that of these rows (its square is divided by their number), and exactly 0 where a column does not
    vary.
    """
    values = rows.astype(np.float64)
    seen = np.isfinite(values)
    count = np.maximum(seen.sum(axis=0), 1)
    mean = np.where(seen, values, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.where(seen, (values - mean) ** 2, 0.0).sum(axis=0) / count)
    # A constant column's deviation is rounding noise, not exactly zero.
    return mean, np.where(deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30), 0.0, deviation)


def enrolled(
    streams: Sequence[Stream], utterances: Sequence[Utterance], number: Numbers, how: Enrolment, seed: int
) -> Enrolled:
    """Return who is enrolled for each utterance: others of the same speaker, drawn without their labels.

    The draws of an utterance depend on the seed, on its id and on who else there is of its speaker, so other speakers
    never change them. Fewer are the first of more. Only with `Enrolment.from_` do labels decide who may be enrolled.

    Parameters
    ----------
    streams
        The rows of all utterances, not normalised.
    utterances
        All utterances, those that do not count among them.
    number : (n_read,) int64
        The utterances that the task reads, by their numbers here.

    Raises
    ------
    UsageError
        If no utterance has the label that enrolled ones must have.
    """
    may = np.array([not how.from_ or utterance.label == how.from_ for utterance in utterances], dtype=bool)
    if not may.any():
        labels = sorted({utterance.label for utterance in utterances if utterance.label})
        raise unknown("label to enrol from", how.from_, labels)
    speakers = np.array([utterance.speaker for utterance in utterances])
    of_speaker = {name: np.flatnonzero((speakers == name) & may) for name in np.unique(speakers)}
    orders = [
        [_order(of_speaker[speakers[i]], int(i), utterances[i].id, seed, draw) for i in number.tolist()]
        for draw in range(how.draws)
    ]
    members = tuple(
        tuple(tuple(order[:n] for order in orders[draw]) for draw in range(draws)) for n, draws in how.points
    )
    return Enrolled(tuple(streams), number, members)


def _order(own: Numbers, tested: int, id_: str, seed: int, draw: int) -> Numbers:
    """Return the others of a speaker in the order in which they are drawn for an utterance."""
    digest = int.from_bytes(hashlib.sha256(id_.encode()).digest()[:8], "little")
    order: Numbers = np.random.default_rng((seed, draw, digest)).permutation(own[own != tested])
    return order
