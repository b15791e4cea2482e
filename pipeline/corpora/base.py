"""The description of a corpus: its data sheet, its protocols, and the arrow from its files to utterances."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.storage import files
from affex.pipeline.text.errors import CorpusError


@dataclass(frozen=True)
class Protocol:
    """A named way to evaluate a corpus: which speakers are tested together, on which utterances, with which classes.

    Parameters
    ----------
    name
        Its name in ``PROTOCOL``.
    scheme
        Which utterances are left out together, one of `pipeline.evaluation.folds.SCHEMES`.
    parts
        The parts of the corpus that count; empty for all.
    target
        What is predicted: a field of an utterance, of classes (``"label"``) or of values (``"valence"``), or one of
        its aspects.
    classes
        The classes that count, as `pipeline.evaluation.selection.class_map` reads them; empty for all.
    counts
        The number of utterances of each class in the complete corpus, asserted; empty for no assertion.
    total
        The number of utterances of all classes together, asserted where the numbers of single classes are not known.
    agreement
        The smallest share of raters who chose the most frequent label; 0 takes all utterances.
    k
        The number of folds, for ``group-k`` and ``random-k``.
    train, test
        The corpora for training and for testing, joined with a plus, for ``cross``; empty for all others.
    file
        A table with the columns ``id`` and ``split``, for ``split``; empty for the corpus's own split. A table of folds
        (or a folder of its files), for ``folds``.
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
    """Zip archives of a freely available corpus, which are unpacked into its folder.

    Parameters
    ----------
    base_url
        The address before each archive's name; it ends in a slash.
    files
        Archive name to checksum, as pooch writes it (``"sha256:..."`` or ``"md5:..."``); None for the checksum
        that the repository of `doi` publishes.
    extra
        Further, large archives, which are downloaded only on request.
    doi
        The DOI of the repository entry with the checksums that are None here.
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
        Its name in ``DATASET``: the name of its module.
    title, licence, source
        One line each: a description, the terms, and the origin (DOI or address).
    find
        ``find(root)`` returns the utterances of a folder (or of a table, for the one corpus that is a
        table) in a fixed order, and raises a `CorpusError` that says what it looked for.
    example
        ``example(root)`` writes a tiny corpus in its owners' layout, with invented labels and empty recordings,
        below a folder that is empty or does not exist yet, and returns the path for ``DATA`` (see
        `pipeline.corpora.example_tree`).
    protocols
        Its protocols, the default first.
    counts
        The number of utterances of each complete part (with ``None`` as the part if there are no parts). A part may be
        missing entirely, but not partly.
    download
        Its download, if it is freely available.
    make
        ``make(root)`` makes the corpus, if it is synthetic.
    remarks
        ``remarks(utterances)`` returns a sentence for each thing that a release may lack and still be usable, for
        example pictures. They are reported and never an error.
    settings
        The keyword arguments of `find` for things that the files do not show, and the allowed values of each, the
        default first, as in ``DATASET=iemocap:marked=right``.
    also
        Other names of the corpus, for the error message that gives its name here.
    excerpts
        Whether its licence allows passing on short excerpts, with its name and the licence beside them.
    cites
        What a paper that uses it cites: keys of ``pipeline/publishing/references.toml``, or whole BibTeX entries.
    language
        What is spoken; empty where it is not known.
    speaker_key, text_key
        Regular expressions that find the speaker, and the text, in an utterance's key of a public table of folds, as in
        ``emodb-03a02Wb``, or in its id; what their groups match is joined. Empty where names do not say it.
    human
        Figures of people who judged the corpus, a sentence each, with no full stop; from the paper of `cites`.
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
    excerpts: bool = False
    cites: tuple[str, ...] = ()
    language: str = ""
    human: tuple[str, ...] = ()
    speaker_key: str = ""
    text_key: str = ""


def shortfalls(corpus: Corpus, utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each part of the corpus that is incomplete."""
    found = Counter(utterance.part for utterance in utterances)
    return [
        f"{corpus.name}{f' ({part})' if part else ''}: {found[part]} utterances found, {expected} expected"
        for part, expected in corpus.counts.items()
        if found[part] not in (0, expected)
    ]


def counted_otherwise(corpus: str, published: Mapping[str, int]) -> Callable[[Sequence[Utterance]], list[str]]:
    """Return a function for the remarks of a corpus whose published counts differ, so that none can be asserted.

    Parameters
    ----------
    published
        The published numbers of utterances, by source.
    """

    def remarks(utterances: Sequence[Utterance]) -> list[str]:
        if len(utterances) in published.values():
            return []
        counts = ", ".join(f"{n} in {who}" for who, n in published.items())
        return [f"{corpus}: {len(utterances)} utterances found, which differs from all published counts: {counts}"]

    return remarks


def is_there(table: Path) -> bool:
    """Return whether an optional table of a corpus exists.

    Raises
    ------
    CorpusError
        If its path is not a file, for example a FIFO or a broken link.
    """
    try:
        return files.is_there(table)
    except OSError as error:
        raise unreadable(table, error) from error


def unreadable(path: Path, error: OSError) -> CorpusError:
    """Return the error for a file of a corpus that cannot be read."""
    return CorpusError(f"{path} cannot be read: {error.strerror or error}.")


def require_folder(root: Path, looked_for: str) -> None:
    """Refuse a root that is not a folder; the message says what was looked for in it.

    Raises
    ------
    CorpusError
        If `root` is not a folder.
    """
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder. Looked for {looked_for} in it.")
