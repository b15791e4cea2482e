"""What a corpus is: its data sheet, its usual protocols, and how its files become utterances."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import CorpusError
from pipeline.manifest import Utterance


@dataclass(frozen=True)
class Card:
    """A named way to evaluate a corpus: who is tested when, on which utterances, under which classes.

    Parameters
    ----------
    name
        What ``PROTOCOL`` calls it.
    protocol
        Who is left out together: ``"loso"`` is one speaker.
    parts
        The parts of the corpus that count; empty for all.
    """

    name: str
    protocol: str = "loso"
    parts: tuple[str, ...] = ()


LOSO = Card("loso")


@dataclass(frozen=True)
class Download:
    """Zip archives that make up a corpus, free to fetch and unpacked into its folder.

    Parameters
    ----------
    base_url
        What each archive's name is appended to; it ends in a slash.
    files
        Archive name to checksum, as pooch writes it (``"sha256:..."`` or ``"md5:..."``); None for the one that
        the repository behind `doi` publishes.
    extra
        Further archives, large and fetched only when asked for.
    doi
        The DOI of the repository entry that publishes the checksums that are None here.
    """

    base_url: str
    files: Mapping[str, str | None]
    extra: Mapping[str, str | None] = field(default_factory=dict)
    doi: str | None = None


@dataclass(frozen=True)
class Corpus:
    """A corpus and how to read it.

    Parameters
    ----------
    name
        What ``DATASET`` calls it: the name of its file.
    title, licence, source
        One line each: what it is, on which terms, and where it comes from (DOI or address).
    find
        ``find(root)`` returns the utterances of a folder (or of a table, for the one corpus that is a
        table) in a fixed order, and raises `CorpusError` saying what it looked for.
    cards
        Its usual protocols, the default first.
    counts
        How many utterances each part has when whole (``None`` as the part where there are no parts). A part
        that is not there at all is nobody's mistake; a part with any other count is.
    download
        Where it may be fetched from, if it may.
    make
        ``make(root)`` makes it on the spot, if it is made.
    """

    name: str
    title: str
    licence: str
    source: str
    find: Callable[[Path], Sequence[Utterance]]
    cards: tuple[Card, ...] = (LOSO,)
    counts: Mapping[str | None, int] = field(default_factory=dict)
    download: Download | None = None
    make: Callable[[Path], None] | None = None


def shortfalls(corpus: Corpus, utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each part of the corpus that is there but not whole."""
    found = Counter(utterance.part for utterance in utterances)
    return [
        f"{corpus.name}{f' ({part})' if part else ''}: {found[part]} utterances found, {expected} expected"
        for part, expected in corpus.counts.items()
        if found[part] not in (0, expected)
    ]


def require_folder(root: Path, looked_for: str) -> None:
    """Refuse a root that is not a folder, saying what was looked for in it.

    Raises
    ------
    CorpusError
        If `root` is not a folder.
    """
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder. Looked for {looked_for} in it.")
