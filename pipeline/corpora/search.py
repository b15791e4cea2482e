"""Search: what lies below a corpus's folder, and which of it is the recording of which utterance.

Beside the arrow from files to utterances. The names of most corpora are unique, and people keep them in other folders
than their owners do: unpacked twice, one level deeper or higher, behind links, in lower case, converted. Readers look
for names at any depth and in any case, and take what lies there more than once for copies, which
`pipeline.caching.copies` compares.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from affex.pipeline.corpora.base import require_folder, unreadable
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import pointers
from affex.pipeline.storage import files
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

#: Endings of sound and of videos that utterances of these corpora are found under; the first is read where there are
#: several.
SOUNDS = ("wav", "flac", "aif", "aiff", "mp3", "m4a", "ogg", "opus")
FILMS = ("mp4", "avi", "flv", "mov", "mkv", "mpg", "mpeg", "webm", "wmv", "m4v")

#: What archives made on macOS hold beside the files themselves.
LITTER = ("__MACOSX",)

Key = TypeVar("Key", bound=Hashable)


class Found(list[Utterance]):
    """Utterances as a corpus finds them, with what is to be said of the files they were found in.

    Parameters
    ----------
    utterances
        In the corpus's order.
    copies
        For files that lie there more than once under one name: the one that is read, and the others.
    remarks
        What was left out, a sentence each, without a full stop.
    """

    def __init__(
        self,
        utterances: Iterable[Utterance],
        copies: Mapping[str, Sequence[str]] | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        super().__init__(utterances)
        self.copies = dict(copies or {})
        self.remarks = tuple(remarks)


@dataclass(frozen=True)
class Take:
    """The files of one performance: its sound and its video, None where there is none."""

    sound: str | None = None
    film: str | None = None

    @property
    def audio(self) -> Media | None:
        """What is heard: the sound, else that of the film."""
        path = self.sound or self.film
        return Media(path) if path else None

    @property
    def video(self) -> Media | None:
        """What is seen."""
        return Media(self.film) if self.film else None


@dataclass(frozen=True)
class Takes(Generic[Key]):
    """The performances whose files lie below a folder.

    Parameters
    ----------
    of
        The files of each, by what the corpus calls it.
    copies
        As in `Found`.
    converted
        How many files of another format lie beside the one that is read, by ending: pairs of both.
    """

    of: Mapping[Key, Take]
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    converted: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def found(self, corpus: str, utterances: Iterable[Utterance], remarks: Sequence[str] = ()) -> Found:
        """Return utterances with what is to be said of their files."""
        said = [
            f"{corpus}: {n} recordings lie there as .{taken} and as .{other}: the .{taken} are read"
            for (taken, other), n in self.converted.items()
        ]
        return Found(utterances, self.copies, (*remarks, *said))


def below(root: Path) -> list[str]:
    """Return the spelled names of all files below a folder, relative to it: the shallow first, then by name.

    Links to folders are entered, each folder once. Hidden files and folders are left alone.

    Raises
    ------
    CorpusError
        If a folder cannot be entered.
    """
    listing = files.below(root)
    if locked := [name for name in listing.locked if not _is_litter(name)]:
        raise CorpusError(f"{root / locked[0]} {listing.left_out[locked[0]]}.")
    found = [name for name in listing.names if not _is_litter(name)]
    return sorted(found, key=lambda name: (name.count("/"), name))


def _is_litter(name: str) -> bool:
    return any(part.startswith(".") or part in LITTER for part in PurePosixPath(name).parts)


def named(paths: Iterable[str], *names: str) -> list[str]:
    """Return the paths of files that have one of these names in any case, in the order of the names."""
    wanted = [name.lower() for name in names]
    found = [path for path in paths if path.rpartition("/")[2].lower() in wanted]
    return sorted(found, key=lambda path: wanted.index(path.rpartition("/")[2].lower()))


def first(root: Path, paths: Iterable[str], *names: str) -> Path | None:
    """Return where the first file with one of these names lies, None where there is none."""
    return next((path_of(root, path) for path in named(paths, *names)), None)


def require_fetched(path: Path) -> None:
    """Refuse a table that was never fetched.

    Raises
    ------
    CorpusError
        Saying how it is.
    """
    if why := pointers.unfetched(path):
        raise CorpusError(f"{path} {why}.")


def text(path: Path) -> str:
    """Return what a table or another text holds, without a byte order mark; what is no UTF-8 is replaced.

    Raises
    ------
    CorpusError
        If it was never fetched, or cannot be read.
    """
    require_fetched(path)
    try:
        return files.content(path).decode("utf-8-sig", "replace")
    except OSError as error:
        raise unreadable(path, error) from error


def rows(table: Path, delimiter: str = ",") -> "csv.DictReader[str]":
    """Return the rows of a table, by its columns; cells that are missing are blank.

    Raises
    ------
    CorpusError
        As `text`.
    """
    return csv.DictReader(io.StringIO(text(table), newline=""), restval="", delimiter=delimiter)


def recordings(
    root: Path,
    title: str,
    example: str,
    source: str,
    key: Callable[[str], Key | None],
    shipped: Sequence[str] = ("wav", "avi"),
) -> Takes[Key]:
    """Return which recordings below a folder are whose, of a corpus whose file names say all.

    Parameters
    ----------
    title, example, source
        What the corpus is called, a path as its owners ship it, and where it comes from: for the error.
    key, shipped
        As `takes` takes them.

    Raises
    ------
    CorpusError
        If there are none, or `root` is not a folder; it says what was looked for.
    """
    require_folder(root, f"{title}'s {example} and its like")
    found = takes(below(root), key, shipped)
    if not found.of:
        raise CorpusError(
            f"{root} does not hold {title}: looked for files such as {example} in it and all its folders, and found "
            f"none. Where it comes from: {source}"
        )
    return found


def takes(
    paths: Iterable[str], key: Callable[[str], Key | None], shipped: Sequence[str] = ("wav", "avi")
) -> Takes[Key]:
    """Return which recordings are whose, given the files below a folder.

    Parameters
    ----------
    paths
        As `below` returns them.
    key
        Says what a recording is of, by its path without the ending; None where it is none of the corpus's.
    shipped
        The endings that the corpus's owners give out, the preferred one first: they are read where a recording lies
        there in another format, too.
    """
    files: dict[Key, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        kind = _kind(path)
        if kind and (whose := key(path.rpartition(".")[0])) is not None:
            files[whose][kind].append(path)
    rank = {ending: place for place, ending in enumerate(dict.fromkeys((*shipped, *SOUNDS, *FILMS)))}
    chosen = {
        whose: {kind: min(some, key=lambda path: rank[_ending(path)]) for kind, some in kinds.items()}
        for whose, kinds in files.items()
    }
    pairs = [
        (taken, other)
        for whose, kinds in chosen.items()
        for kind, taken in kinds.items()
        for other in files[whose][kind]
        if other != taken
    ]
    return Takes({whose: Take(**kinds) for whose, kinds in chosen.items()}, _copies(pairs), _converted(pairs, shipped))


def _copies(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    copies: dict[str, list[str]] = defaultdict(list)
    for taken, other in pairs:
        if _ending(taken) == _ending(other):
            copies[taken].append(other)
    return dict(copies)


def _converted(pairs: Iterable[tuple[str, str]], shipped: Sequence[str]) -> Counter[tuple[str, str]]:
    """Return how often a file is read that lies there in another format, too, which the owners do not give out."""
    endings = ((_ending(taken), _ending(other)) for taken, other in pairs)
    return Counter((taken, other) for taken, other in endings if other not in {taken, *shipped})


def _kind(path: str) -> str | None:
    ending = _ending(path)
    return "sound" if ending in SOUNDS else "film" if ending in FILMS else None


def _ending(path: str) -> str:
    return path.rpartition(".")[2].lower()
