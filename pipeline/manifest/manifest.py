"""The manifest: from the utterances of a corpus to a file with one JSON line each, and back."""

import dataclasses
import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from affex.pipeline.manifest.utterance import PLACES, Media, Utterance
from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content, opened
from affex.pipeline.text import wording


class Utterances(Sequence[Utterance]):
    """The utterances of a corpus, stored as lines of JSON, which takes a fifth of the memory.

    Parameters
    ----------
    utterances
        The utterances, in the corpus's order.
    notes
        Remarks to be printed with every figure on them, one sentence each.
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
    """A corpus on this machine: its utterances, the folder of its media and the folder of its cache.

    Parameters
    ----------
    name
        The name of the corpus or of the table.
    root
        The folder that media paths are relative to.
    folder
        Its cache folder, ``cache/<name>``.
    notes
        Remarks to be printed with every figure, one sentence each, such as an incomplete part or an unusual setting.
    left_out
        Why a file of the folder is not a recording, by its name: the rest of a sentence.
    settings
        The variables that name it on a command line: ``DATASET``, and if needed ``DATA``, ``CACHE`` ...
    """

    name: str
    root: Path
    folder: Path
    utterances: Sequence[Utterance]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict, compare=False)

    def command(self, verb: str, **settings: object) -> str:
        """Return a command line for this corpus; see `pipeline.text.wording.command`."""
        return wording.command(verb, **(self.settings or {"DATASET": self.name}), **settings)


def to_line(utterance: Utterance) -> str:
    """Return an utterance as one line of JSON, without empty fields."""
    return json.dumps(_without_blanks(utterance), ensure_ascii=False)


def from_line(line: str | bytes) -> Utterance:
    """Return the utterance of a line that `to_line` wrote."""
    record: dict[str, Any] = json.loads(line)
    for kind in PLACES:
        if kind in record:
            record[kind] = Media(**record[kind] | {"beside": tuple(record[kind].get("beside", ()))})
    for kind in ("votes", "self_reports", "aspects", "absent"):
        record[kind] = tuple(tuple(labels) for labels in record.get(kind, ()))
    record["raters"] = tuple(record.get("raters", ()))
    return Utterance(**record)


def read(path: Path) -> Iterator[Utterance]:
    """Yield the utterances of a manifest file."""
    with opened(path) as lines:
        yield from map(from_line, lines)


def lines(utterances: Iterable[Utterance]) -> Iterator[str]:
    """Yield a manifest's lines, each with its line end."""
    return (to_line(utterance) + "\n" for utterance in utterances)


def write(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write a manifest file, and its digest in the format of sha256sum into a second file.

    Raises
    ------
    AffexError
        If the disk is full or the folder cannot be written.
    """
    digest = _digest(line.encode() for line in lines(utterances))
    if is_sound(path) and _digests(path) == [digest]:
        return
    # If the run is killed in between, the old or the new manifest is there; the digests contain both.
    _write_sums(path, [*_digests(path)[-1:], digest])
    write_text(path, lines(utterances))
    _write_sums(path, [digest])


def is_sound(path: Path) -> bool:
    """Whether a manifest file is unchanged since it was written."""
    try:
        with opened(path) as written:
            return _digest(written) in _digests(path)
    except OSError:
        return False


def sums(path: Path) -> Path:
    """Return the path of the file with a manifest's digest."""
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


def _without_blanks(record: Utterance | Media) -> dict[str, Any]:
    values = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
    return {
        name: _without_blanks(value) if isinstance(value, Media) else value
        for name, value in values
        if value is not None and value != ()
    }
