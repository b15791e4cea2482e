"""Search: what lies below a corpus's folder, and which of it is the recording of which utterance.

Beside the arrow from files to utterances. The names of most corpora are unique, and people keep them in other folders
than their owners do: unpacked twice, one level deeper or higher, behind links, in lower case, converted. Readers look
for names at any depth and in any case, and take what lies there more than once for copies, which
`pipeline.caching.copies` compares.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.errors import CorpusError
from pipeline.manifest import Media, Utterance
from pipeline.media import pointers

#: Endings of sound and of films that clips of these corpora are found under; the first is read where there are several.
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
    """The files of one performance: its sound and its film, None where there is none."""

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
    """Return the paths of all files below a folder, relative to it, with slashes: the shallow first, then by name.

    Links to folders are entered, each folder once. Hidden files and folders are left alone.

    Raises
    ------
    CorpusError
        If a folder cannot be listed.
    """
    found: list[str] = []
    level, met = [""], {_identity(root)}
    while level:
        folders: list[tuple[bool, str]] = []
        for folder in level:
            for entry in _listed(root / folder):
                path = f"{folder}{entry.name}"
                if entry.is_dir():
                    folders.append((entry.is_symlink(), f"{path}/"))
                else:
                    found.append(path)
        # A real folder before a link to it.
        level = [path for _, path in sorted(folders) if _is_new(root / path, met)]
    return sorted(found, key=lambda path: (path.count("/"), path))


def _is_new(folder: Path, met: set[tuple[int, int]]) -> bool:
    """Return whether a folder was not met before under any name, and note that it was met now."""
    identity = _identity(folder)
    is_new = identity not in met
    met.add(identity)
    return is_new


def _identity(folder: Path) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, but for what is hidden and litter."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name not in LITTER]
    except OSError as error:
        raise CorpusError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def named(paths: Iterable[str], *names: str) -> list[str]:
    """Return the paths of files that have one of these names in any case, in the order of the names."""
    wanted = [name.lower() for name in names]
    found = [path for path in paths if path.rpartition("/")[2].lower() in wanted]
    return sorted(found, key=lambda path: wanted.index(path.rpartition("/")[2].lower()))


def require_fetched(path: Path) -> None:
    """Refuse a table that was never fetched.

    Raises
    ------
    CorpusError
        Saying how it is.
    """
    if why := pointers.unfetched(path):
        raise CorpusError(f"{path} {why}.")


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
