"""IEMOCAP's tree as `dialogs` writes it, played: one hears and sees who speaks, and how.

Both actors stand side by side before grey, the one who wears markers on the left, and sway; who speaks moves the mouth
and the face with it, who listens looks neutral. The markers are captured in every turn, the partner's too, as the
release has it; each emotion but the neutral one moves two regions of the face. Voices and faces are those of the corpus
``demo``. Every third turn begins before the partner's has ended, so that both are heard at once.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import dialogs
import numpy as np
import soundfile
from dialogs import Spoken
from films import film
from numpy.typing import NDArray

from affex.features.capture.markers import MARKERS, REGIONS
from affex.pipeline.corpora import demo

#: How an emotion of IEMOCAP is played.
PLAYED = {
    **{"ang": "anger", "exc": "happiness", "fru": "anger", "hap": "happiness", "neu": "neutral", "sad": "sadness"},
    "xxx": "neutral",
}

#: The film's size, height and width, px, and its rate, as shipped.
SIZE, FILM_RATE = (480, 720), Fraction(30000, 1001)

#: Which regions of the face an emotion moves downwards (upwards, if less than 0), mm.
MOVES = {
    "anger": {"eyebrow": 4.0, "upperbrow": 4.0},
    "happiness": {"cheek": -4.0, "mouth": -4.0},
    "neutral": {},
    "sadness": {"forehead": -4.0, "chin": 4.0},
}
#: How many times a second markers are seen, Hz, and how far the mouth opens, mm.
SHUTTER, OPENING = 120, 6.0

#: Between two turns, s: a pause, or how long both speak.
PAUSE, TOGETHER = 0.25, 0.8

GREY = 110

Samples = NDArray[np.float64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Turn:
    """A turn that is played: who says it when, as which utterances of the corpus ``demo``."""

    lines: Spoken
    start: float
    utterances: tuple[demo.Performance, ...]
    samples: Samples

    @property
    def seconds(self) -> float:
        return len(self.samples) / demo.RATE


def iemocap(
    root: Path,
    sessions: Iterable[int] = (1, 2, 3, 4, 5),
    names: Sequence[str] = ("F_impro01", "M_impro02", "F_script01_1", "M_script02_1"),
    emotions: Sequence[str] = tuple(PLAYED),
    *,
    filmed: bool = True,
) -> Path:
    """Return a tree of some sessions, the same dialogs in each; both actors say something under each emotion."""
    lines = [Spoken(who, n, emotion) for n, emotion in enumerate(emotions) for who in "FM"]
    for session, (number, name) in itertools.product(sessions, enumerate(names)):
        play(root, f"Ses0{session}{name}", lines, number, filmed=filmed)
    return root


def play(root: Path, name: str, lines: Sequence[Spoken], number: int = 0, *, filmed: bool = True) -> None:
    """Write a dialog's files, media among them (no video, if it is not filmed); each number has its own sentences."""
    turns = _turns(name, lines, number)
    dialogs.dialog(root, name, lines, [(turn.start, turn.seconds) for turn in turns])
    session = root / f"Session{name[4]}"
    heard = _heard(turns)
    soundfile.write(session / f"dialog/wav/{name}.wav", np.stack([heard, heard], axis=1), demo.RATE, subtype="PCM_16")
    for turn in turns:
        start = round(turn.start * demo.RATE)
        path = session / f"sentences/wav/{name}/{dialogs.name_of(name, turn.lines)}.wav"
        soundfile.write(path, heard[start : start + len(turn.samples)], demo.RATE, subtype="PCM_16")
        _capture(session, name, turn)
    path = session / f"dialog/avi/DivX/{name}.avi"
    if filmed:
        film(path, _seen(turns, len(heard), name[5]), rate=FILM_RATE, options={})
    else:
        path.unlink()


def _turns(name: str, lines: Sequence[Spoken], number: int) -> list[Turn]:
    """Return a dialog's turns, one after another; every third begins before the last has ended."""
    turns: list[Turn] = []
    for place, one in enumerate(lines):
        utterances = _utterances(name, one, number)
        last = turns[-1] if turns else None
        gap = -TOGETHER if place % 3 == 2 else PAUSE
        start = round(last.start + last.seconds + gap, 4) if last else PAUSE
        turns.append(Turn(one, start, utterances, np.concatenate([_speech(utterance) for utterance in utterances])))
    return turns


def _utterances(name: str, lines: Spoken, number: int) -> tuple[demo.Performance, ...]:
    """Return two sentences of an actor; what a turn of a dialog says is the same in each session."""
    speaker = 2 * int(name[4]) + "MF".index(lines.speaker)
    first = 2 * (len(PLAYED) * number + lines.number)
    return tuple(demo.Performance(speaker, PLAYED[lines.emotion], take) for take in (first, first + 1))


def _speech(utterance: demo.Performance) -> Samples:
    """Return an utterance's sound, as long as its pictures."""
    samples = demo.speech(utterance)
    return np.pad(samples, (0, -len(samples) % (demo.RATE // demo.FRAME_RATE)))


def _heard(turns: Sequence[Turn]) -> Samples:
    """Return the sound of a dialog, ``(n_samples,)``."""
    heard = np.zeros(round((turns[-1].start + turns[-1].seconds + PAUSE) * demo.RATE))
    for turn in turns:
        start = round(turn.start * demo.RATE)
        heard[start : start + len(turn.samples)] += turn.samples
    return np.clip(heard, -1, 1)


def _capture(session: Path, name: str, turn: Turn) -> None:
    """Write what is captured of the actor who wears markers, during a turn of either; the voice is the speaker's."""
    n_frames = int(turn.seconds * SHUTTER)
    rng = np.random.default_rng([*name.encode(), *dialogs.name_of("", turn.lines).encode()])
    for folder, n_columns in zip(dialogs.FOLDERS, (165, 6, 18), strict=True):
        values = dialogs.captured(n_frames, n_columns, seed=int(rng.integers(2**31)), start=turn.start)
        if n_columns == len(MARKERS) * 3:
            values[:, 2:] += _moved(turn, int(name[4]), name[5], n_frames, rng).reshape(n_frames, -1)
        path = session / f"sentences/{folder}/{name}/{dialogs.name_of(name, turn.lines)}.txt"
        path.write_text(dialogs.as_file(values), encoding="utf-8")


def _moved(turn: Turn, number: int, marked: str, n_frames: int, rng: np.random.Generator) -> Samples:
    """Return by how much each marker of an actor is moved, ``(n_frames, n_markers, 3)``, mm."""
    own = np.random.default_rng([number, "MF".index(marked)]).normal(scale=2.0, size=(len(MARKERS), 3))
    moved = np.tile(own, (n_frames, 1, 1))
    if turn.lines.speaker != marked:
        return moved
    for region, down in MOVES[PLAYED[turn.lines.emotion]].items():
        moved[:, _places(region), 1] -= down * rng.uniform(0.5, 1.5)
    spoken = demo.loudness(turn.samples)
    at = np.linspace(0, len(spoken) - 1, n_frames)
    moved[:, _places("chin"), 1] -= OPENING * np.interp(at, np.arange(len(spoken)), spoken)[:, None]
    return moved


def _places(region: str) -> list[int]:
    return [MARKERS.index(name) for name in REGIONS[region]]


def _seen(turns: Sequence[Turn], n_samples: int, marked: str) -> Iterator[Picture]:
    """Yield the pictures of a dialog."""
    n_drawn = -(-n_samples * demo.FRAME_RATE // demo.RATE)
    faces = {who: _faces([turn for turn in turns if turn.lines.speaker == who], n_drawn) for who in "FM"}
    halves = zip(*(faces[who] for who in sorted("FM", key=lambda who: who != marked)), strict=True)
    drawn = (np.concatenate([_half(face) for face in both], axis=1) for both in halves)
    n_frames = int(n_samples * FILM_RATE / demo.RATE)
    picture, at = next(drawn), 0
    for frame in range(n_frames):
        while at < int(frame * demo.FRAME_RATE / FILM_RATE):
            picture, at = next(drawn), at + 1
        yield picture


def _faces(turns: Sequence[Turn], n_drawn: int) -> Iterator[Picture]:
    """Yield an actor's faces, speaking in the turns given, all of one actor, and listening between them."""
    idle = demo.Performance(turns[0].utterances[0].speaker, "neutral", 0)
    at = 0
    for turn in turns:
        first = round(turn.start * demo.FRAME_RATE)
        yield from demo.face(idle, np.zeros(max(0, first - at)))
        spoken = demo.loudness(turn.samples)
        halves = np.array_split(spoken, len(turn.utterances))
        faces = itertools.chain.from_iterable(map(demo.face, turn.utterances, halves))
        yield from itertools.islice(faces, max(0, at - first), None)
        at = max(at, first + len(spoken))
    yield from demo.face(idle, np.zeros(max(0, n_drawn - at)))


def _half(face: Picture) -> Picture:
    """Return a face before grey."""
    height, width = SIZE[0], SIZE[1] // 2
    half = np.full((height, width, 3), GREY, np.uint8)
    top, left = (height - demo.SIDE) // 2, (width - demo.SIDE) // 2
    half[top : top + demo.SIDE, left : left + demo.SIDE] = face
    return half
