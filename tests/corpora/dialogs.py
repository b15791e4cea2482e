"""IEMOCAP's files as the release ships them, with invented labels: whole trees, and the lines they are made of."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affex.features.capture.markers import MARKERS

TITLE = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]"
WORDS = {
    "ang": "Anger",
    "exc": "Excited",
    "fru": "Frustration",
    "hap": "Happiness",
    "neu": "Neutral",
    "sad": "Sadness",
    "xxx": "Other",
}
FOLDERS = ("MOCAP_rotated", "MOCAP_head", "MOCAP_hand")

#: What a file of motion capture has above its columns, by how many these are: names, and axes.
HEADERS = {
    165: (" ".join(MARKERS), " ".join(["X Y Z"] * 55)),
    6: ("pitch roll yaw tra_x tra_y tra_z", "deg deg deg mm mm mm"),
    18: ("LH1 LH2 LH3 RH1 RH2 RH3", " ".join(["X Y Z"] * 6)),
}
#: When the cameras lose the markers that are lost, frames.
LOST = slice(3, 5)


class Spoken(NamedTuple):
    """One turn of a dialog: who speaks, which of that actor's turns it is, and what most raters heard."""

    speaker: str
    number: int
    emotion: str


#: Both actors say something under each of these, in turn.
TURNS = tuple(Spoken(who, n, emotion) for n, emotion in enumerate(("ang", "hap", "exc", "neu", "sad")) for who in "FM")
SECONDS = 1.0


def name_of(dialog: str, turns_of_dialog: Spoken) -> str:
    return f"{dialog}_{turns_of_dialog.speaker}{turns_of_dialog.number:03d}"


def raters(emotion: str) -> tuple[str, ...]:
    """Return the lines below a head line: three raters, two dimensions of them, the actor's own opinion."""
    return (
        f"C-E2:\t{WORDS[emotion]};\t()",
        f"C-E3:\t{WORDS[emotion]}; Other;\t(tense; or so)",
        "C-E4:\tNeutral;\t()",
        "C-F1:\tSurprise;\t()",
        "A-E3:\tval 3; act 2; dom  3;\t()",
        "A-E4:\tval 2; act ; dom  4;\t(a low voice)",
        "A-F1:\tval 1; act 1; dom  1;\t()",
    )


def means(number: int) -> str:
    return f"{2.5 + 0.4 * number:.4f}, {2.0 + 0.3 * number:.4f}, 3.5000"


MEANS = means(0)


def block(
    name: str, start: float, emotion: str, lines: Iterable[str], mean: str = MEANS, seconds: float = SECONDS
) -> str:
    head = f"[{start:.4f} - {start + seconds:.4f}]\t{name}\t{emotion}\t[{mean}]"
    return "\n".join((head, *lines)) + "\n"


def labels(blocks: Iterable[str]) -> str:
    return "\n".join((TITLE, "", *blocks))


def captured(n_frames: int = 12, n_columns: int = 165, *, seed: int = 0, start: float = 0.0) -> np.ndarray:
    """Return what a file of motion capture says: frame, time, then columns, some of them lost in `LOST`."""
    values = 30 * np.random.default_rng(n_columns).normal(size=n_columns)
    values = values + np.random.default_rng([seed, n_columns]).normal(size=(n_frames, n_columns))
    values[LOST, :3] = np.nan
    numbers = np.arange(1, n_frames + 1)
    return np.column_stack([numbers, start + numbers / 120, values])


def motion(n_frames: int = 12, n_columns: int = 165, *, seed: int = 0, start: float = 0.0) -> str:
    """Return a file of motion capture: two header rows, then frame, time and columns, with gaps."""
    return as_file(captured(n_frames, n_columns, seed=seed, start=start))


def as_file(values: np.ndarray) -> str:
    """Return a file of what `captured` says, or the like."""
    names, axes = HEADERS[values.shape[1] - 2]
    rows = values.tolist()
    lines = (f"{n:.0f} {time:.5f} " + " ".join(f"{value:.5f}" for value in row) for n, time, *row in rows)
    return "\n".join((f"Frame# Time {names}", f"           {axes}", *lines)) + "\n"


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def dialog(
    root: Path,
    name: str,
    turns_of_dialog: Sequence[Spoken] = TURNS,
    spans: Sequence[tuple[float, float]] | None = None,
) -> None:
    """Write a dialog's files, those that are media empty; each actor's turns have motion capture, as shipped.

    Spans are each turn's start and length, s; turns follow each other without any.
    The n-th turn of every dialog moves as the n-th of the others does, so faces tell what turns are.
    """
    session = root / f"Session{name[4]}"
    turns = [name_of(name, turn) for turn in turns_of_dialog]
    spans = spans or [(n * SECONDS, SECONDS) for n in range(len(turns_of_dialog))]
    text = labels(
        block(turn, start, one.emotion, raters(one.emotion), means(one.number), seconds)
        for turn, one, (start, seconds) in zip(turns, turns_of_dialog, spans, strict=True)
    )
    write(session / f"dialog/EmoEvaluation/{name}.txt", text)
    write(session / f"dialog/EmoEvaluation/Categorical/{name}_e2_cat.txt", f"{turns[0]} :Anger; ()\n")
    write(session / f"dialog/EmoEvaluation/._{name}.txt", "[\0 litter")
    spoken = "".join(
        f"{turn} [{start:08.4f}-{start + seconds:08.4f}]: What {turn} says.\n"
        for turn, (start, seconds) in zip(turns, spans, strict=True)
    )
    write(session / f"dialog/transcriptions/{name}.txt", spoken + f"{name}_MXX0 [001.0-002.0]: Hm.\nM: What?\n")
    write(session / f"dialog/avi/DivX/{name}.avi")
    write(session / f"dialog/wav/{name}.wav")
    for seed, turn in enumerate(turns):
        write(session / f"sentences/wav/{name}/{turn}.wav")
        write(session / f"sentences/wav/{name}/._{turn}.wav", "litter")
        for folder, n_columns in zip(FOLDERS, (165, 6, 18), strict=True):
            text = motion(n_columns=n_columns, seed=seed, start=seed * SECONDS)
            write(session / f"sentences/{folder}/{name}/{turn}.txt", text)


def iemocap(root: Path, sessions: Iterable[int] = (1, 2, 3)) -> Path:
    """Return a tree with an improvised and a scripted dialog a session; the woman, then the man wears the markers."""
    for session in sessions:
        dialog(root, f"Ses0{session}F_impro01")
        dialog(root, f"Ses0{session}M_script01_1b")
    return root
