"""Audit of keys: the arrow from tables of folds to what stands on both sides of them; no recording is needed.

The speaker is what the table says, or what a pattern finds in the key. A recording on both sides is one key, or one
path, in training (or validation) and in test. A text on both sides is no error: most corpora have every speaker say the
same sentences.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affex.pipeline.evaluation import fold_formats
from affex.pipeline.evaluation.fold_tables import FoldTable, GivenFold, Row, bare
from affex.pipeline.specs import key_patterns
from affex.pipeline.text import names

#: What a table of folds is found to be; unknown: nothing leaks as far as its keys are understood, and some are not.
Verdict = Literal["leaks", "clean", "unknown"]

#: How many groups of similar names a remark shows.
SHOWN = 3


@dataclass(frozen=True)
class Shared:
    """What both sides of a fold have.

    Parameters
    ----------
    n, of
        How many different ones of the test side training has, too, and how many the test side has.
    n_rows
        How many test rows have one of them.
    names
        Those that are shared, sorted.
    """

    n: int
    of: int
    n_rows: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class FoldAudit:
    """A fold: the number of rows of its parts, and what both sides have; None where no key says it."""

    fold: str
    n_train: int
    n_validation: int
    n_test: int
    speakers: Shared | None
    texts: Shared | None
    recordings: Shared


@dataclass(frozen=True)
class TableAudit:
    """The folds of a corpus.

    Parameters
    ----------
    corpus, path
        What the files call the corpus, and where they are.
    verdict
        Whether a speaker or a recording is on both sides of a fold.
    speakers_from
        Where the speakers come from, in words.
    n_keys
        The number of different keys.
    unmatched
        The keys whose speaker is not known, sorted.
    remarks
        Sentences on what else is to be known.
    """

    corpus: str
    path: str
    verdict: Verdict
    speakers_from: str
    n_keys: int
    folds: tuple[FoldAudit, ...]
    unmatched: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class FoldsAudit:
    """All tables of folds of a file or folder, sorted by corpus, and sentences on what was not read."""

    tables: tuple[TableAudit, ...]
    remarks: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether no table leaks, and every speaker is known."""
        return all(table.verdict == "clean" for table in self.tables)


def audit(path: Path, *, speaker: str = "", corpus: str = "") -> FoldsAudit:
    """Return what is on both sides of each fold of a file or folder.

    Parameters
    ----------
    path
        A table of folds, or a folder of tables.
    speaker
        A regular expression with a group that finds the speaker in a key; it goes before what tables and corpora say.
    corpus
        The corpus whose keys these are; empty for what the files call it.

    Raises
    ------
    UsageError
        If the expression is none or has no group, or there is no such corpus; or as `fold_formats.read`.
    AffexError
        As `fold_formats.read`.
    """
    typed = key_patterns.of_user(speaker) if speaker else None
    named = key_patterns.require_corpus(corpus) if corpus else ""
    tables = fold_formats.read(path)
    audited = (_table(table, typed, key_patterns.of_corpus(named or table.corpus)) for table in tables)
    return FoldsAudit(tuple(audited), tuple(fold_formats.unread(path, tables)))


def _table(table: FoldTable, typed: re.Pattern[str] | None, own: key_patterns.KeyPatterns) -> TableAudit:
    rows = [row for fold in table.folds for row in fold.rows]
    named = not typed and any(row.speaker for row in rows)
    pattern = typed or (None if named else own.speaker)
    source = "a column of the table" if named else f"the pattern {pattern.pattern}" if pattern else ""
    speaker_of = _reader(rows, (lambda row: _stated(row.speaker)) if named else _matcher(pattern))
    text_of = _reader(rows, _matcher(own.text))
    folds = tuple(_fold(fold, speaker_of, text_of) for fold in table.folds)
    unmatched = tuple(sorted({row.key for row in rows if not speaker_of(row)}))
    leaks = any((fold.speakers and fold.speakers.n) or fold.recordings.n for fold in folds)
    sided = all(fold.n_test and fold.n_train + fold.n_validation for fold in folds)
    return TableAudit(
        table.corpus,
        table.path,
        "leaks" if leaks else "clean" if sided and not unmatched else "unknown",
        source,
        len({row.key for row in rows}),
        folds,
        unmatched,
        (*table.remarks, *_remarks(table, {name for row in rows if (name := speaker_of(row))}, known=bool(source))),
    )


#: Returns the speaker or the text of a row; empty where it is not known.
Reader = Callable[[Row], str]


def _reader(rows: Sequence[Row], read: Reader) -> Reader:
    """Return a function that reads each key once; most stand in several folds."""
    known = {(row.key, row.file, row.speaker): row for row in rows}
    found = {key: read(row) for key, row in known.items()}
    return lambda row: found[row.key, row.file, row.speaker]


def _matcher(pattern: re.Pattern[str] | None) -> Reader:
    def read(row: Row) -> str:
        matches = (pattern.search(bare(name)) for name in (row.key, row.file) if name) if pattern else ()
        match = next(filter(None, matches), None)
        return "".join(filter(None, match.groups())) if match else ""

    return read


def _stated(speaker: str) -> str:
    """Return the speaker that a cell names; empty for a missing or doubtful one."""
    return "" if names.is_missing(speaker) or names.is_doubtful(speaker) else speaker


def _fold(fold: GivenFold, speaker_of: Reader, text_of: Reader) -> FoldAudit:
    count = Counter(row.role for row in fold.rows)
    test = [row for row in fold.rows if row.role == "test"]
    others = [row for row in fold.rows if row.role != "test"]
    speakers, texts = (_shared(map(of, others), [of(row) for row in test]) for of in (speaker_of, text_of))
    return FoldAudit(
        fold.name,
        count["train"],
        count["validation"],
        count["test"],
        speakers if speakers.of else None,
        texts if texts.of else None,
        _recordings(others, test),
    )


def _shared(learned: Iterable[str], tested: Sequence[str]) -> Shared:
    """Return the names that are on both sides; empty names count for nothing."""
    both = (set(learned) & set(tested)) - {""}
    return Shared(len(both), len(set(tested) - {""}), sum(name in both for name in tested), tuple(sorted(both)))


def _recordings(learned: Sequence[Row], tested: Sequence[Row]) -> Shared:
    """Return the recordings on both sides: by key, or by path where the table names paths."""
    keys, files = {row.key for row in learned}, {row.file for row in learned} - {""}
    both = [row for row in tested if row.key in keys or row.file in files]
    found = sorted({row.key for row in both})
    return Shared(len(found), len({row.key for row in tested}), len(both), tuple(found))


def _remarks(table: FoldTable, speakers: set[str], *, known: bool) -> Iterator[str]:
    if not known:
        yield (
            f"no pattern of the speakers in the keys of '{table.corpus}' is known: name the corpus (DATASET=emodb), or "
            "give one whose group is the speaker, as in SPEAKER='s(\\d+)_'"
        )
    for fold in table.folds:
        roles = Counter(row.role for row in fold.rows)
        if not roles["test"] or not roles["train"] + roles["validation"]:
            yield f"fold {fold.name} has nothing for {'training' if roles['test'] else 'testing'}: it has one side only"
        twice = [key for key, n in Counter((row.key, row.role) for row in fold.rows).items() if n > 1]
        if twice:
            yield f"fold {fold.name}: {len(twice)} keys stand twice in one part (the first: {twice[0][0]})"
    groups = names.alike(sorted(speakers))
    for group in groups[:SHOWN]:
        yield f"the speakers {names.quoted(group)} may be one person: they count as {len(group)}"
    if len(groups) > SHOWN:
        yield f"{len(groups) - SHOWN} more such groups of speakers"
