"""What a corpus is: its data sheet, its usual protocols, and how its files become utterances."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.storage import files
from affex.pipeline.text.errors import CorpusError


@dataclass(frozen=True)
class Protocol:
    """A named way to evaluate a corpus: who is tested when, on which utterances, under which classes.

    Parameters
    ----------
    name
        What ``PROTOCOL`` calls it.
    scheme
        Who is left out together, one of `pipeline.evaluation.folds.SCHEMES`.
    parts
        The parts of the corpus that count; empty for all.
    target
        What is predicted: a field of an utterance, of classes (``"label"``) or of values (``"valence"``), or one of
        its aspects.
    classes
        The classes that count, as `pipeline.evaluation.selection.class_map` reads them; empty for all.
    counts
        How many utterances each class has when all is there, asserted; empty for no assertion.
    total
        How many utterances all classes have together then, asserted where nothing says how many each has.
    agreement
        The least share of the raters who chose the most frequent label; 0 takes all.
    k
        How many folds, for ``group-k`` and ``random-k``.
    train, test
        The corpora learned from and tested, joined with a plus, for ``cross``; an empty one is all the others.
    file
        A table with the columns ``id`` and ``split``, for ``split``; empty for the corpus's own split.
    """

    name: str
    scheme: str = "loso"
    parts: tuple[str, ...] = ()
    target: str = "label"
    classes: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    total: int | None = None
    agreement: float = 0.0
    k: int = 10
    train: str = ""
    test: str = ""
    file: str = ""

    def __str__(self) -> str:
        own = {"group-k": f"-{self.k}", "random-k": f"-{self.k}", "cross": f"-{self.train}-{self.test}"}
        return self.name.removesuffix("-k") + own.get(self.scheme, "")


LOSO = Protocol("loso")


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
    example
        ``example(root)`` writes a tiny corpus in the layout that its owners ship, labels invented and recordings
        empty, below a folder that is empty or not there yet, and returns what ``DATA`` is to name (see
        `pipeline.corpora.example`).
    protocols
        Its usual protocols, the default first.
    counts
        How many utterances each part has when whole (``None`` as the part where there are no parts). A part
        that is not there at all is nobody's mistake; a part with any other count is.
    download
        Where it may be fetched from, if it may.
    make
        ``make(root)`` makes it on the spot, if it is made.
    remarks
        ``remarks(utterances)`` returns a sentence for each thing that a release may lack and still be of use, as
        pictures where only sound was asked for: said, never refused.
    settings
        What `find` may be told by keyword of things that the files do not say, and the values that each may have,
        the default first; ``DATASET=iemocap:marked=right`` tells it.
    also
        What else it is called: whoever asks for that is told its name here.
    """

    name: str
    title: str
    licence: str
    source: str
    find: Callable[..., Sequence[Utterance]]
    example: Callable[[Path], Path]
    protocols: tuple[Protocol, ...] = (LOSO,)
    counts: Mapping[str | None, int] = field(default_factory=dict)
    download: Download | None = None
    make: Callable[[Path], None] | None = None
    remarks: Callable[[Sequence[Utterance]], Sequence[str]] = lambda _: ()
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def shortfalls(corpus: Corpus, utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each part of the corpus that is there but not whole."""
    found = Counter(utterance.part for utterance in utterances)
    return [
        f"{corpus.name}{f' ({part})' if part else ''}: {found[part]} utterances found, {expected} expected"
        for part, expected in corpus.counts.items()
        if found[part] not in (0, expected)
    ]


def counted_otherwise(corpus: str, published: Mapping[str, int]) -> Callable[[Sequence[Utterance]], list[str]]:
    """Return the remarks of a corpus whose published counts differ, so that none can be asserted.

    Parameters
    ----------
    published
        How many utterances there are, by who says so.
    """

    def remarks(utterances: Sequence[Utterance]) -> list[str]:
        if len(utterances) in published.values():
            return []
        counts = ", ".join(f"{n} in {who}" for who, n in published.items())
        return [f"{corpus}: {len(utterances)} utterances found, which is none of the published counts: {counts}"]

    return remarks


def is_there(table: Path) -> bool:
    """Tell whether a table that a corpus may lack is there.

    Raises
    ------
    CorpusError
        If there is something else in its place, as a FIFO or a link that leads nowhere.
    """
    try:
        return files.is_there(table)
    except OSError as error:
        raise unreadable(table, error) from error


def unreadable(path: Path, error: OSError) -> CorpusError:
    """Return the error for a file of a corpus that cannot be read."""
    return CorpusError(f"{path} cannot be read: {error.strerror or error}.")


def require_folder(root: Path, looked_for: str) -> None:
    """Refuse a root that is not a folder, saying what was looked for in it.

    Raises
    ------
    CorpusError
        If `root` is not a folder.
    """
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder. Looked for {looked_for} in it.")
