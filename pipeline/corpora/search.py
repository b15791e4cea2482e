"""Search: the arrow from the files below a corpus's folder to the recordings of each utterance.

The file names of most corpora are unique, and users keep them in other folders than the owners: unpacked twice, at
another depth, behind links, in lower case, converted. So readers look for names at any depth and in any case. Files
that exist more than once count as copies, which `pipeline.caching.copies` compares.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from affex.pipeline.corpora.base import Corpus, require_folder, unreadable
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import pointers
from affex.pipeline.storage import files
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

#: Suffixes of sound files and of videos; where an utterance has several, the first one is read.
SOUNDS = ("wav", "flac", "aif", "aiff", "mp3", "m4a", "ogg", "opus")
VIDEOS = ("mp4", "avi", "flv", "mov", "mkv", "mpg", "mpeg", "webm", "wmv", "m4v")

#: Folders that macOS adds to archives.
LITTER = ("__MACOSX",)

Key = TypeVar("Key", bound=Hashable)


class Found(list[Utterance]):
    """Utterances as a corpus finds them, with remarks on their files.

    Parameters
    ----------
    utterances
        In the corpus's order.
    copies
        For files that exist more than once under one name: the file that is read, and the others.
    remarks
        Sentences on what was left out, without full stops.
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
    """The files of one performance: its sound file and its video file, None where there is none."""

    sound: str | None = None
    film: str | None = None

    @property
    def audio(self) -> Media | None:
        """The sound: of the sound file, or else of the video file."""
        path = self.sound or self.film
        return Media(path) if path else None

    @property
    def video(self) -> Media | None:
        """The pictures of the video file."""
        return Media(self.film) if self.film else None


@dataclass(frozen=True)
class Takes(Generic[Key]):
    """The performances whose files lie below a folder.

    Parameters
    ----------
    of
        The files of each performance, by the key of the corpus.
    copies
        As in `Found`.
    converted
        The number of files that also exist in another format, by the suffixes of the file that is read and the other.
    paths
        All files below the folder, as `below` returns them.
    """

    of: Mapping[Key, Take]
    copies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    converted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    paths: Sequence[str] = ()

    def found(self, corpus: str, utterances: Iterable[Utterance], remarks: Sequence[str] = ()) -> Found:
        """Return utterances with remarks on their files."""
        formats = [
            f"{corpus}: {n} recordings exist as .{taken} and as .{other}: the .{taken} are read"
            for (taken, other), n in self.converted.items()
        ]
        return Found(utterances, self.copies, (*remarks, *formats))


def below(root: Path) -> list[str]:
    """Return the spelled names of all files below a folder, relative to it, by depth and name.

    Links to folders are followed, each folder once. Hidden files and folders are ignored.

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
    """Return the path of the first file with one of these names, None where there is none."""
    return next((path_of(root, path) for path in named(paths, *names)), None)


def require_fetched(path: Path) -> None:
    """Refuse a table that was never downloaded.

    Raises
    ------
    CorpusError
        If so; the message says how to download it.
    """
    if why := pointers.unfetched(path):
        raise CorpusError(f"{path} {why}.")


def text(path: Path) -> str:
    """Return the content of a table or another text, without a byte order mark; invalid UTF-8 is replaced.

    Raises
    ------
    CorpusError
        If it was never downloaded, or cannot be read.
    """
    require_fetched(path)
    try:
        return files.content(path).decode("utf-8-sig", "replace")
    except OSError as error:
        raise unreadable(path, error) from error


def rows(table: Path, delimiter: str = ",") -> "csv.DictReader[str]":
    """Return the rows of a table by column; missing cells are blank.

    Raises
    ------
    CorpusError
        As `text`.
    """
    return csv.DictReader(io.StringIO(text(table), newline=""), restval="", delimiter=delimiter)


def by_name(
    root: Path,
    corpus: Corpus,
    example: str,
    pattern: re.Pattern[str],
    utterance: Callable[[re.Match[str]], Utterance],
    shipped: Sequence[str] = ("wav", "avi"),
    order: Callable[[Utterance], Any] = attrgetter("id"),
) -> Found:
    """Return the utterances of a corpus whose file names give everything.

    Parameters
    ----------
    example
        A path in its owners' layout.
    pattern
        Matches the path of a recording without its suffix.
    utterance
        Returns the utterance of a match, without media. Files of equal utterances are those of one performance.
    shipped
        As `takes` takes them.
    order
        Returns what the utterances are sorted by.

    Raises
    ------
    CorpusError
        As `recordings`.
    """

    def key(path: str) -> Utterance | None:
        match = pattern.fullmatch(path)
        return utterance(match) if match else None

    takes = recordings(root, corpus, example, key, shipped)
    found = (replace(its, audio=take.audio, video=take.video) for its, take in takes.of.items())
    return takes.found(corpus.name, sorted(found, key=order))


def recordings(
    root: Path,
    corpus: Corpus,
    example: str,
    key: Callable[[str], Key | None],
    shipped: Sequence[str] = ("wav", "avi"),
) -> Takes[Key]:
    """Return the recordings below a folder by utterance, for a corpus whose file names identify the utterance.

    Parameters
    ----------
    example
        A path in its owners' layout, for the error.
    key, shipped
        As `takes` takes them.

    Raises
    ------
    CorpusError
        If there are none, or `root` is not a folder; the message says what was looked for.
    """
    title = corpus.title.partition(":")[0]
    require_folder(root, f"{title}'s {example} and its like")
    paths = below(root)
    found = takes(paths, key, shipped)
    if not found.of:
        number = f"{sum(corpus.counts.values())} " if corpus.counts else ""
        raise CorpusError(
            f"{root} does not hold {title}: looked for {number}files such as {example} in it and all its folders, and "
            f"found none. It comes from {corpus.source}"
        )
    return replace(found, paths=paths)


def takes(
    paths: Iterable[str], key: Callable[[str], Key | None], shipped: Sequence[str] = ("wav", "avi")
) -> Takes[Key]:
    """Return the recordings by utterance, given the files below a folder.

    Parameters
    ----------
    paths
        As `below` returns them.
    key
        Returns the key of a recording from its path without the suffix; None for other files.
    shipped
        The suffixes of the original files, the preferred one first: they are read where a recording also exists in
        another format.
    """
    files: dict[Key, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in paths:
        kind = _kind(path)
        if kind and (whose := key(path.rpartition(".")[0])) is not None:
            files[whose][kind].append(path)
    rank = {ending: place for place, ending in enumerate(dict.fromkeys((*shipped, *SOUNDS, *VIDEOS)))}
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
    """Return the number of files that also exist in a format other than the owners', by both suffixes."""
    endings = ((_ending(taken), _ending(other)) for taken, other in pairs)
    return Counter((taken, other) for taken, other in endings if other not in {taken, *shipped})


def _kind(path: str) -> str | None:
    ending = _ending(path)
    return "sound" if ending in SOUNDS else "film" if ending in VIDEOS else None


def _ending(path: str) -> str:
    return path.rpartition(".")[2].lower()
