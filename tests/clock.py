"""One clock: how far the content of a span is from where it should be, in twelve containers and codecs.

Run by hand (the test suite runs a part of it)::

    python tests/clock.py --clips <folder with grid, mead and ravdess>

Each is made four times: with sound that begins half a second after the picture, with a second of sound left out, cut
after 60 % of its bytes, and copied from a key frame on. The table has the largest error of what spans hold, of sound
and of pictures, ms; at most one frame of the decoder is allowed, since that is as much as an encoder may put before the
sound without saying so. Spans that reach into a hole, before the sound, or behind the end must be refused. Exits with 1
where a span is wrong.
"""

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import av
import numpy as np
from films import number
from numpy.typing import NDArray
from sounds import (
    FPS,
    GROUP,
    RATE,
    Change,
    Floats,
    copied,
    from_,
    late,
    place,
    planted,
    recording,
    span,
    unchanged,
    without,
)

from affex.features.pictures.sampling import sampling
from affex.pipeline.media.video import Ended, Wanted, Window, windows
from affex.pipeline.text.errors import MediaError

#: Planted sound and picture last this long, s; spans are told for it, and scaled to the length of utterances.
SECONDS = 6.0

#: What the cases are called.
NAMES = ("late", "hole", "cut", "head")

#: Containers round times to a millisecond.
ROUNDED = 1.5e-3

Span = tuple[float | None, float | None]


@dataclass(frozen=True)
class Kind:
    """A container and what is in it: planted sound and numbered pictures, or a copy of an utterance.

    Parameters
    ----------
    is_counted
        Whether it holds no times, so that sound that is late or missing may be refused altogether.
    """

    suffix: str
    codec: str = ""
    pictures: str | None = None
    rate: int = 48000
    utterance: str = ""
    is_counted: bool = False


KINDS = (
    Kind("mp4", "aac", "libx264"),
    Kind("mov", "alac", "mpeg4"),
    Kind("mkv", "flac", "libx264"),
    Kind("webm", "libopus", "libvpx"),
    Kind("avi", "libmp3lame", "mpeg4", is_counted=True),
    Kind("ts", "ac3", "mpeg2video"),
    Kind("flv", "aac", "flv", rate=44100),
    Kind("wmv", "wmav2", "wmv2"),
    Kind("ogg", "libopus"),
    Kind("mp4", utterance="ravdess/01-01-01-01-01-01-01.mp4"),
    Kind("mkv", utterance="mead/M003_level_1_happy_024.mp4"),
    Kind("mpg", utterance="grid/bbaf2n.mpg"),
)


@dataclass(frozen=True)
class Material:
    """What is put into a container, and what is then looked for.

    Parameters
    ----------
    whole : (n_samples,) float32
        The sound at the rate that pieces are compared at.
    key : float, s, or None
        Where a picture inside is that can be decoded by itself.
    seen
        Tells the time of a picture, s; None where there are none.
    states_length
        Whether the container says how long it is, so that a cut one is not taken for whole.
    """

    write: Callable[[Path, Change], Path]
    whole: Floats
    seconds: float
    key: float | None
    seen: Callable[[NDArray[np.uint8]], float] | None
    states_length: bool = True


@dataclass(frozen=True)
class Case:
    """One way in which sound and picture are not what they seem.

    Parameters
    ----------
    shift : float, s
        How much earlier the sound was; `shift_seen` the pictures.
    cut
        The share of the bytes that is left.
    right, refused
        Spans that must hold what they should, and spans that must not be served.
    """

    name: str
    change: Change = unchanged
    shift: float = 0.0
    shift_seen: float = 0.0
    cut: float = 1.0
    right: tuple[tuple[float, float], ...] = ()
    refused: tuple[Span, ...] = ()


def cases(of: Material) -> tuple[Case, ...]:
    """Return the cases, for material of its length."""

    def spans(*those: Span) -> tuple[Span, ...]:
        scale = of.seconds / SECONDS
        return tuple((start and start * scale, end and end * scale) for start, end in those)

    [(begin, end)] = spans((2.0, 3.0))
    head = of.key or 0.5
    copied_from = from_(head) if of.key else from_(head, ("audio",))
    moved = 0.5 if of.seen else 0.0  # where there is nothing but sound, its beginning is the file's
    whole = (None, None)
    stated = (whole,) if of.states_length else ()
    return (
        Case(
            "late",
            late(0.5),
            moved,
            right=((0.7, 1.3), *spans((1.8, 3.0), (4.2, 5.0))),
            refused=((0.1, 1.0),) if of.seen else (),
        ),
        Case(
            "hole",
            without(begin, end),
            right=spans((0.2, 1.8), (3.4, 4.3), (4.5, 5.4)),
            refused=(*spans((1.5, 2.5)), whole),
        ),
        Case("cut", cut=0.6, right=spans((0.2, 2.0), (1.2, 2.6)), refused=(*spans((5.0, 5.9)), *stated)),
        Case("head", copied_from, -head, -head, right=spans((0.2, 0.9), (1.1, 2.0), (2.5, 3.3))),
    )


@dataclass
class Cell:
    """What came of a case: the largest errors of sound and of pictures, s, and what is wrong."""

    sound: float = 0.0
    pictures: float = 0.0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.wrong:
            return "WRONG"
        return "refused" if self.refused else f"{1000 * self.sound:.1f} / {1000 * self.pictures:.1f}"


def material(kind: Kind, utterances: Path | None) -> Material:
    """Return what a kind of recording is made of."""
    made = _of_utterance(utterances / kind.utterance) if utterances and kind.utterance else _of_planted(kind)
    return replace(made, states_length=kind.suffix not in ("ts", "mpg"))


def _of_planted(kind: Kind) -> Material:
    sound, whole = planted(SECONDS, kind.rate), planted(SECONDS, RATE)
    n_pictures = round(SECONDS * FPS) if kind.pictures else 0

    def write(path: Path, change: Change) -> Path:
        return recording(
            path, sound, kind.codec, rate=kind.rate, pictures=kind.pictures, n_pictures=n_pictures, change=change
        )

    key = 3 * GROUP / FPS
    return Material(write, whole, SECONDS, key, (lambda picture: number(picture) / FPS) if kind.pictures else None)


def _of_utterance(utterance: Path) -> Material:
    """Return an utterance as material; its own sound and pictures are what is looked for."""
    whole = span(utterance)
    with av.open(str(utterance)) as container:
        picture = container.streams.video[0]
        origin = (container.start_time or 0) / av.time_base
        keys = [float(p.pts * p.time_base) - origin for p in container.demux(picture) if p.is_keyframe and p.size]
    small, times = [], []
    for event in windows(utterance.parent, utterance.name, [Wanted("", sampling("all"))]):
        if isinstance(event, Window):
            small += [_small(picture) for picture in event.frames.pictures]
            times += event.frames.times.tolist()

    def seen(picture: NDArray[np.uint8]) -> float:
        return times[int(np.argmin([np.abs(_small(picture) - each).mean() for each in small]))]

    later = [key for key in keys if key > 0.3]
    return Material(
        lambda path, change: copied(utterance, path, change),
        whole.samples,
        whole.duration,
        later[0] if later else None,
        seen,
    )


def _small(picture: NDArray[np.uint8]) -> Floats:
    return picture[::8, ::8].astype(np.float32)


def measured(of: Material, case: Case, path: Path, is_counted: bool = False) -> Cell:
    """Make a recording and look at its spans."""
    content = of.write(path, case.change).read_bytes()
    most = frame_of(path) + ROUNDED
    path.write_bytes(content[: round(case.cut * len(content))])
    cell = Cell()
    for start, end in case.right:
        problem = _look(path, of, case, (start, end), cell)
        cell.refused += problem is not None
        if problem is not None and not is_counted:
            cell.wrong.append(problem)
    served = [each for each in case.refused if is_served(path, each)]
    cell.wrong += [f"{start} to {end} s was served" for start, end in served]
    if cell.sound > most:
        cell.wrong.append(f"the sound is {1000 * cell.sound:.1f} ms off")
    if cell.pictures > most:
        cell.wrong.append(f"the pictures are {1000 * cell.pictures:.1f} ms off")
    return cell


def _look(path: Path, of: Material, case: Case, of_span: tuple[float, float], cell: Cell) -> str | None:
    """Note how far the content of a span is from where it should be; return why it was refused, if it was."""
    start, end = of_span
    try:
        utterance = span(path, start, end)
    except MediaError as problem:
        return str(problem)
    thought = start - case.shift + utterance.begins
    cell.sound = max(cell.sound, abs(place(utterance, of.whole, thought) - thought))
    if of.seen is None or (case.name == "head" and of.key is None):
        return None
    for event in windows(path.parent, path.name, [Wanted("", sampling("all"), start, end)]):
        if isinstance(event, Ended):
            return event.problem
        for picture, at in zip(event.frames.pictures[1:], event.frames.times[1:], strict=True):
            cell.pictures = max(cell.pictures, abs(of.seen(picture) - (start + at - case.shift_seen)))
    return None


def is_served(path: Path, of_span: Span) -> bool:
    """Whether a span that is not whole is given out nevertheless."""
    try:
        span(path, *of_span)
    except MediaError:
        return False
    return True


def frame_of(path: Path) -> float:
    """Return how long a frame of the sound is, s."""
    with av.open(str(path)) as container:
        frames = itertools.islice(container.decode(audio=0), 4)
        return max(frame.samples / frame.sample_rate for frame in frames)


def rows(utterances: Path | None, folder: Path) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the name of each kind of recording, and what came of its cases."""
    for kind in KINDS:
        if kind.utterance and utterances is None:
            continue
        of = material(kind, utterances)
        cells = [measured(of, case, folder / f"{case.name}.{kind.suffix}", kind.is_counted) for case in cases(of)]
        name = f"{kind.suffix} {kind.codec or kind.clip.partition('/')[0]}"
        yield f"{name:16} {1000 * frame_of(folder / f'head.{kind.suffix}'):5.1f}", cells


def main() -> int:
    """Print the table; return 1 where a span is wrong."""
    parser = argparse.ArgumentParser(description="Compare the times of spans with what is planted there.")
    parser.add_argument("--clips", type=Path, help="real utterances: grid, mead, ravdess")
    utterances, wrong = parser.parse_args().clips, []
    print("largest error of sound / of pictures, ms")
    print(f"{'container, codec':16} frame" + "".join(f"{name:>15}" for name in NAMES))
    with tempfile.TemporaryDirectory() as folder:
        for name, cells in rows(utterances, Path(folder)):
            print(name + "".join(f"{cell!s:>15}" for cell in cells), flush=True)
            wrong += [
                f"{name.split()[0]} {case}: {why}"
                for case, cell in zip(NAMES, cells, strict=True)
                for why in cell.wrong
            ]
    print("\n".join(wrong) or "every span holds what it should, or is refused as it should be")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
