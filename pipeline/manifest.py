"""What exists: the utterances of a corpus, and the file that lists them (one JSON line each).

Paths are relative to the corpus's root (absolute ones stay as they are), spans are in seconds of the
media file, dimensions are in the corpus's own units.
"""

import dataclasses
import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from pipeline import front
from pipeline.atomic import write_text
from pipeline.files import content, opened

#: The fields of an utterance that hold media.
MEDIA = ("audio", "video", "mocap")
#: The fields of an utterance that are a place in a recording.
PLACES = (*MEDIA, "origin")


@dataclass(frozen=True, slots=True)
class Media:
    """Where a recording, or a part of one, lies.

    Parameters
    ----------
    path
        The file, relative to the corpus's root, with forward slashes.
    start, end : float, s, or None
        The span that is the utterance; None for the file's own beginning and end.
    channel
        The audio channel, from 0; None for the mean of all.
    region
        The part of the picture, as in ``"left"``; None for the whole.
    beside
        Files that belong to it, as motion capture of the head and the hands does to that of the face.
    """

    path: str
    start: float | None = None
    end: float | None = None
    channel: int | None = None
    region: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All its files, its own first."""
        return (self.path, *self.beside)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance: who said what, where it lies, and what raters heard.

    Parameters
    ----------
    id
        Unique within its corpus; also the key in every cache file.
    label
        The categorical emotion; None where there is none (it then only gives context).
    part
        The part of the corpus, as in ``"speech"`` and ``"song"``.
    dialog, turn
        The conversation and the utterance's place in it.
    dialog_start, dialog_end : float, s, or None
        When it is said, in the time of the conversation, which all its turns share; of whatever its media are cut.
    split
        ``"train"``, ``"validation"`` or ``"test"`` where the corpus fixes it.
    votes
        What each rater chose, one tuple of labels a rater.
    self_reports
        What those who acted chose for it, likewise; never votes.
    valence, arousal, dominance
        Dimensions, in the corpus's own units.
    aspects
        What else it is labelled for, each a name and a class, as in ``("happy", "present")``: a corpus of several
        labels at a time.
    origin
        Which part of which recording it is, as its labels say, whether or not that recording is at hand; the path is
        then the recording's name. None where its media say it.
    absent
        Why it has no media of a kind, where the corpus knows: pairs of the kind and a reason.
    """

    id: str
    corpus: str
    speaker: str
    label: str | None = None
    audio: Media | None = None
    video: Media | None = None
    mocap: Media | None = None
    part: str | None = None
    session: str | None = None
    dialog: str | None = None
    turn: int | None = None
    split: str | None = None
    text: str | None = None
    sex: str | None = None
    votes: tuple[tuple[str, ...], ...] = field(default=())
    self_reports: tuple[tuple[str, ...], ...] = field(default=())
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    aspects: tuple[tuple[str, str], ...] = field(default=())
    absent: tuple[tuple[str, str], ...] = field(default=())
    dialog_start: float | None = None
    dialog_end: float | None = None
    origin: Media | None = None

    def media(self, first: str = "") -> tuple[Media, ...]:
        """Return the media that there are of it, those of one kind before the others."""
        kinds = sorted(MEDIA, key=lambda kind: kind != first)
        return tuple(item for kind in kinds if (item := getattr(self, kind)) is not None)

    def parts(self, first: str = "") -> tuple[Media, ...]:
        """Return the parts of recordings that it is: that which its labels name, else its media as `media` does."""
        return self.media(first) if self.origin is None else (self.origin,)


class Utterances(Sequence[Utterance]):
    """The utterances of a corpus, kept as lines of JSON: a large corpus fits in a fifth of the memory.

    Parameters
    ----------
    utterances
        The utterances, in the corpus's order.
    notes
        What must be said beside every figure on them, a sentence each.
    """

    def __init__(self, utterances: Iterable[Utterance], notes: Iterable[str] = ()) -> None:
        self.notes = tuple(notes)
        buffer, ends = bytearray(), [0]
        for utterance in utterances:
            buffer += to_line(utterance).encode()
            ends.append(len(buffer))
        self._text = bytes(buffer)
        self._ends = array("q", ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, index: int) -> Utterance: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Utterance]: ...
    def __getitem__(self, index: int | slice) -> Utterance | Sequence[Utterance]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        return from_line(self._text[self._ends[number] : self._ends[number + 1]])


@dataclass(frozen=True)
class Dataset:
    """A corpus at hand: its utterances, where its media lie, and where its cache lies.

    Parameters
    ----------
    name
        The corpus's name, or a table's.
    root
        The folder that media paths are relative to.
    folder
        Its cache folder, ``cache/<name>``.
    notes
        What must be said beside every figure, a sentence each: a part that is not whole, a setting that is not usual.
    left_out
        Why a file of the folder is none of the recordings, by its name: the rest of a sentence.
    settings
        What names it on a command line, by variable: ``DATASET``, and where they are needed ``DATA``, ``CACHE`` ...
    """

    name: str
    root: Path
    folder: Path
    utterances: Sequence[Utterance]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict, compare=False)

    def command(self, verb: str, **settings: object) -> str:
        """Return a command line about this corpus, as `pipeline.front.command`."""
        return front.command(verb, **(self.settings or {"DATASET": self.name}), **settings)


def to_line(utterance: Utterance) -> str:
    """Return an utterance as one line of JSON, fields without a value left out."""
    return json.dumps(_without_blanks(dataclasses.asdict(utterance)), ensure_ascii=False)


def from_line(line: str | bytes) -> Utterance:
    """Return the utterance that `to_line` wrote."""
    record: dict[str, Any] = json.loads(line)
    for kind in PLACES:
        if kind in record:
            record[kind] = Media(**record[kind] | {"beside": tuple(record[kind].get("beside", ()))})
    for kind in ("votes", "self_reports", "aspects", "absent"):
        record[kind] = tuple(tuple(labels) for labels in record.get(kind, ()))
    return Utterance(**record)


def read(path: Path) -> Iterator[Utterance]:
    """Yield the utterances of a manifest file."""
    with opened(path) as lines:
        yield from map(from_line, lines)


def lines(utterances: Iterable[Utterance]) -> Iterator[str]:
    """Yield a manifest's lines, each with its line end."""
    return (to_line(utterance) + "\n" for utterance in utterances)


def write(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest file and, as sha256sum does, its digest beside it.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    digest = _digest(line.encode() for line in lines(utterances))
    if is_sound(path) and _digests(path) == [digest]:
        return
    # A kill in between leaves what is there or what comes: each is among the digests.
    _write_sums(path, [*_digests(path)[-1:], digest])
    write_text(path, lines(utterances))
    _write_sums(path, [digest])


def is_sound(path: Path) -> bool:
    """Whether a manifest file is what was written."""
    try:
        with opened(path) as written:
            return _digest(written) in _digests(path)
    except OSError:
        return False


def sums(path: Path) -> Path:
    """Return the file that holds a manifest's digest."""
    return path.with_suffix(".sha256")


def _digests(path: Path) -> list[str]:
    try:
        return [line.partition(" ")[0] for line in content(sums(path)).decode().splitlines()]
    except (OSError, ValueError):
        return []


def _write_sums(path: Path, digests: Sequence[str]) -> None:
    if digests != _digests(path):
        write_text(sums(path), [f"{digest}  {path.name}\n" for digest in dict.fromkeys(digests)])


def _digest(parts: Iterable[bytes]) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.hexdigest()


def _without_blanks(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_blanks(value) if isinstance(value, dict) else value
        for key, value in record.items()
        if value is not None and value != ()
    }
