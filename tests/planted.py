"""Rows in which only one mechanism finds the class: made streams of the kinds that a system reads, with utterances.

Each function plants a class, 0 or 1 (of four in `halves`), in the rows of some streams. All else is noise of standard
deviation 1. Of twelve speakers the last four are tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.stream import Stream, offsets_of
from affex.pipeline.streams.table import Table

#: Columns of a plain row, and rows and columns of a picture. The systems' own are larger, and no easier.
WIDTH, SIDE = 8, 8
#: Rows of an utterance where a stream has several, plain ones, pictures and cubes; turns of a dialog.
STEPS, PICTURES, CUBES, TURNS = 9, 6, 4, 12
#: How far a row that shows something stands out of the noise.
STRENGTH = 4.0
SPEAKERS, TESTED = 12, 4


@dataclass(frozen=True)
class Kind:
    """Kind of a stream.

    Its channels if rows are pictures, else 0; whether an utterance has several rows; the pictures of a row that is a
    cube.
    """

    channels: int = 0
    several: bool = True
    frames: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        picture = (SIDE, SIDE, self.channels) if self.channels else (WIDTH,)
        return (self.frames, *picture) if self.frames else picture

    @property
    def steps(self) -> int:
        if not self.several:
            return 1
        if self.frames:
            return CUBES
        return PICTURES if self.channels else STEPS


Rows = list[NDArray[Any]]
#: From random numbers, kinds, the number of the stream with the signal, and a number of utterances to rows and classes.
Plant = Callable[[np.random.Generator, Sequence[Kind], int, int], tuple[Rows, NDArray[np.int64]]]


def noise(rng: np.random.Generator, kinds: Sequence[Kind], n: int) -> Rows:
    """Return noise, of each stream ``(n, n_steps, *shape)``."""
    return [rng.standard_normal((n, kind.steps, *kind.shape)).astype(np.float32) for kind in kinds]


def mark(rows: NDArray[Any], step: Any, thing: Any, by: Any = STRENGTH) -> None:
    """Let one step of each utterance show a thing: a column, or two rows of a picture that are bright."""
    every = np.arange(len(rows))
    if rows.ndim == 6:
        for frame in range(rows.shape[2]):
            mark(rows[:, :, frame], step, thing, by)
        return
    if rows.ndim == 3:
        rows[every, step, thing] += by
        return
    for line in (0, 1):
        rows[every, step, 2 * np.asarray(thing) + line] += np.asarray(by)[..., None, None] if np.ndim(by) else by


def turns_before(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class of a turn in the turn before it, in all streams."""
    return _turns(rng, kinds, n, 1)


def turns_after(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class of a turn in the turn after it, in all streams."""
    return _turns(rng, kinds, n, -1)


def _turns(rng: np.random.Generator, kinds: Sequence[Kind], n: int, shift: int) -> tuple[Rows, NDArray[np.int64]]:
    rows, shown = noise(rng, kinds, n), rng.integers(0, 2, (n // TURNS, TURNS))
    for own in rows:
        for step in range(own.shape[1]):
            mark(own, step, shown.ravel())
    y = np.roll(shown, shift, axis=1)
    y[:, 0 if shift > 0 else -1] = -1
    return rows, np.where(y < 0, -1, 3 * y).ravel()


def some_rows(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in the marked third of the rows; as many others show the other class, without the mark."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    steps = kinds[where].steps
    third = steps // 3
    order = rng.permuted(np.tile(np.arange(steps), (n, 1)), axis=1)
    for k in range(third):
        mark(rows[where], order[:, k], y)
        for other in range(2, SIDE // 2 if kinds[where].channels else WIDTH):
            mark(rows[where], order[:, k], other)
        mark(rows[where], order[:, third + k], 1 - y)
    return rows, 3 * y


def order_of_rows(
    rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int
) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in which of two things is shown first; the other one follows in the next row."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    first = rng.integers(1, kinds[where].steps - 2, n)
    mark(rows[where], first, y, 1.5 * STRENGTH)
    mark(rows[where], first + 1, 1 - y, 1.5 * STRENGTH)
    return rows, 3 * y


def shapes(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in shapes at random places: lines across or down a picture; of plain rows, rising or falling."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    own, steps = rows[where], np.arange(4)
    for one, label in zip(own, y, strict=True):
        if kinds[where].channels:
            for picture in one:
                line, place = rng.integers(0, SIDE), (rng.integers(0, SIDE) + steps) % SIDE
                picture[(line, place) if label else (place, line)] += STRENGTH
            continue
        for begin in range(0, STEPS - 3, 4):
            column = (rng.integers(0, WIDTH) + (steps if label else -steps)) % WIDTH
            one[begin + steps, column] += STRENGTH
    return rows, 3 * y


def movement(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in whether a bright spot moves to the right or to the left."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    for one, label in zip(rows[where], y, strict=True):
        for film in one if kinds[where].frames else (one,):
            line, begin = rng.integers(0, SIDE, 2)
            steps = np.arange(len(film))
            film[steps, line, (begin + (steps if label else -steps)) % SIDE] += 2 * STRENGTH
    return rows, 3 * y


def product(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in whether two streams show the same of two things."""
    rows, shown = noise(rng, kinds, n), rng.integers(0, 2, (len(kinds), n))
    for own, things in zip(rows, shown, strict=True):
        for step in range(own.shape[1]):
            mark(own, step, things)
    return rows, 3 * (shown[0] == shown[1])


def corners(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in the sign of the product of two columns of one stream."""
    rows, signs = noise(rng, kinds, n), rng.choice([-1.0, 1.0], (2, n))
    for step in range(rows[where].shape[1]):
        for column, sign in enumerate(signs):
            mark(rows[where], step, column, 0.75 * STRENGTH * sign)
    return rows, 3 * (signs.prod(axis=0) > 0)


def halves(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant one bit of four classes in the first stream, the other in all others."""
    rows, bits = noise(rng, kinds, n), rng.integers(0, 2, (2, n))
    for number, own in enumerate(rows):
        for step in range(own.shape[1]):
            mark(own, step, bits[min(number, 1)])
    return rows, 2 * bits[0] + bits[1]


def witnesses(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class weakly in every stream."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    for own in rows:
        _faintly(rng, own, y)
    return rows, 3 * y


def uneven(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant one class of four utterances in five, and the other, weakly in one stream."""
    rows, y = noise(rng, kinds, n), (rng.random(n) < 0.8).astype(np.int64)
    _faintly(rng, rows[where], y)
    return rows, 3 * y


def doubtful(rng: np.random.Generator, kinds: Sequence[Kind], where: int, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Plant the class in one stream, and the other class in a fifth of the utterances."""
    rows, y = noise(rng, kinds, n), rng.integers(0, 2, n)
    shown = np.where(rng.random(n) < 0.2, 1 - y, y)
    for step in range(rows[where].shape[1]):
        mark(rows[where], step, shown)
    return rows, 3 * y


def _faintly(rng: np.random.Generator, rows: NDArray[Any], y: NDArray[np.int64]) -> None:
    """Let all rows of an utterance show a number of deviation 1 whose mean is 0.5 away from 0, up or down."""
    shown = y - 0.5 + rng.standard_normal(len(y))
    for step in range(rows.shape[1]):
        mark(rows, step, np.zeros(len(y), np.int64), STRENGTH * shown)


def table(plant: Plant, kinds: Sequence[Kind], seed: int, n: int = 432, where: int = 0) -> Table:
    """Return the rows of utterances with their labels, and values 3 apart with a deviation of 0.3.

    Every `TURNS` utterances are the turns of one speaker's dialog. Class -1 is no label.
    """
    rng = np.random.default_rng([seed, n])
    rows, y = plant(rng, kinds, where, n)
    utterances = tuple(_utterance(number, int(code), rng) for number, code in enumerate(y))
    streams = tuple(
        _stream(f"s{number}", own, kind) for number, (own, kind) in enumerate(zip(rows, kinds, strict=True))
    )
    return Table(streams, utterances, np.ones((n, len(kinds)), bool))


def _utterance(number: int, code: int, rng: np.random.Generator) -> Utterance:
    dialog, turn = divmod(number, TURNS)
    speaker = dialog % SPEAKERS
    value = 1.5 + (0, 1.5, 1.5, 3, 0)[code] + 0.3 * rng.standard_normal()
    return Utterance(
        f"{number:04d}", "made", f"p{speaker:02d}", None if code < 0 else "abcd"[code],
        valence=None if code < 0 else value, arousal=None if code < 0 else value,
        session=f"{speaker:02d}", dialog=f"d{dialog}", dialog_start=float(turn),
        split="test" if speaker >= SPEAKERS - TESTED else "train",
    )  # fmt: skip


def _stream(name: str, rows: NDArray[Any], kind: Kind) -> Stream:
    flat = rows.reshape(len(rows) * kind.steps, -1)
    columns = tuple(f"{name}_{number}" for number in range(flat.shape[1]))
    times = np.tile(np.arange(kind.steps) + 0.5, len(rows)) if kind.several else None
    shape = kind.shape if kind.channels else ()
    return Stream(name, columns, offsets_of(np.full(len(rows), kind.steps)), (flat, times), kind.several, shape)
