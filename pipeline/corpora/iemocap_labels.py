"""The labels of IEMOCAP: the arrow from one file of ``EmoEvaluation`` to its turns, in the file's order.

Conventions: a block begins with its head line; blank lines have no meaning. Times are seconds of the dialog's
recording. Dimensions are as published, nominally 1 to 5 (`iemocap`); anything other than a number above 0 is missing
(None). Raters (``E2``) and actors (``F1``, ``M1``) are kept separate: the actors' opinions of their own turns are not
votes. A label has three letters, as in the head line, also where a rater's line has it as a word; an unknown word
stays, in lower case. Text in brackets is a rater's comment, even if it looks like a label.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.text.errors import CorpusError

#: The emotion of a turn that no majority of its raters agreed on.
NO_MAJORITY = "xxx"

#: The three letters of each word that raters could choose.
LETTERS = {
    "anger": "ang",
    "disgust": "dis",
    "excited": "exc",
    "fear": "fea",
    "frustration": "fru",
    "happiness": "hap",
    "neutral": "neu",
    "neutral state": "neu",
    "other": "oth",
    "sadness": "sad",
    "surprise": "sur",
}

HEAD = re.compile(r"\[\s*([\d.]+)\s*-\s*([\d.]+)\s*\]\s+(\S+)\s+(\S+)\s+\[([^]]*)\]")
LINE = re.compile(r"([CA])-(\w+):([^(]*)")
VALUE = re.compile(r"(val|act|dom)\s*([\d.]*)")


@dataclass(frozen=True, slots=True)
class Rating:
    """The three dimensions, nominally 1 to 5; None where a value is missing."""

    valence: float | None = None
    activation: float | None = None
    dominance: float | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """One person's labels and dimensions of a turn.

    Parameters
    ----------
    labels
        One or several; empty where none was given.
    rating
        The dimensions.
    """

    labels: tuple[str, ...] = ()
    rating: Rating = Rating()


@dataclass(frozen=True)
class Turn:
    """A turn of a dialog with its labels.

    Parameters
    ----------
    name
        For example ``"Ses01F_impro01_M003"``.
    start, end : float, s
        Its span of the dialog's recordings.
    emotion
        The majority's label, `NO_MAJORITY` where there is none.
    mean
        The dimensions as published: the raters' mean.
    raters, actors
        The judgement of each rater, and of each actor, by the name in the file.
    """

    name: str
    start: float
    end: float
    emotion: str
    mean: Rating
    raters: Mapping[str, Judgement] = field(default_factory=dict)
    actors: Mapping[str, Judgement] = field(default_factory=dict)


def read(path: Path) -> list[Turn]:
    """Return the turns of a file of ``EmoEvaluation``, in its order.

    Raises
    ------
    CorpusError
        If the file cannot be read, or a head line is not one.
    """
    return list(parsed(search.text(path), str(path)))


def parsed(text: str, file: str) -> Iterator[Turn]:
    """Yield the turns of a file's text.

    Parameters
    ----------
    file
        The name of the text in error messages.

    Raises
    ------
    CorpusError
        If a line begins like a head line but is not one.
    """
    turn: Turn | None = None
    judgements: dict[str, Judgement] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("["):
            if turn is not None:
                yield _with_judgements(turn, judgements)
            turn, judgements = _head(line, f"{file}, line {number}"), {}
        elif match := LINE.match(line):
            kind, who, what = match.groups()
            judgements[who] = _extended(judgements.get(who, Judgement()), kind, what)
    if turn is not None:
        yield _with_judgements(turn, judgements)


def _head(line: str, place: str) -> Turn:
    head = HEAD.match(line)
    try:
        start, end, name, emotion, mean = head.groups() if head else ()
        valence, activation, dominance = map(_number, mean.split(","))
        return Turn(name, float(start), float(end), emotion.lower(), Rating(valence, activation, dominance))
    except ValueError as error:
        raise CorpusError(
            f"{place}: '{line}' is not the head line of a turn. Expected, separated by tabs: [start - end] in seconds, "
            "turn, emotion, [valence, activation, dominance]."
        ) from error


def _extended(before: Judgement, kind: str, what: str) -> Judgement:
    """Return a person's judgement with a further line: labels (``C``) or dimensions (``A``)."""
    if kind == "C":
        words = filter(None, (word.strip().lower() for word in what.split(";")))
        return replace(before, labels=tuple(LETTERS.get(word, word) for word in words))
    values = {name: _number(value) for name, value in VALUE.findall(what)}
    return replace(before, rating=Rating(values.get("val"), values.get("act"), values.get("dom")))


def _with_judgements(turn: Turn, judgements: Mapping[str, Judgement]) -> Turn:
    raters = {who: judgement for who, judgement in judgements.items() if who.startswith("E")}
    actors = {who: judgement for who, judgement in judgements.items() if who not in raters}
    return replace(turn, raters=raters, actors=actors)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value > 0 else None
