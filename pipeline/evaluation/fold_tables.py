"""Tables of folds: the arrow from other people's files to folds of keys, with the role of each key.

A table says for each fold which keys are for training, validation and testing. A key is what the file calls an
utterance: an id, or the path of its recording. No corpus is needed; `given_folds` finds the utterances of the keys, and
`key_audit` reads speakers from the keys themselves. `fold_formats` holds the formats.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from affex.pipeline.corpora import search
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.names import normal

Role = Literal["train", "validation", "test"]

#: How files call the parts of a fold.
ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "development", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """The role of a key in a fold.

    Parameters
    ----------
    key
        The utterance, as the file names it.
    role
        The part of the fold.
    source, number
        Where it stands: the file and the unit, as in ``"folds.csv, line"``, and the number.
    file
        The path of the recording, with forward slashes; empty where the file names none.
    speaker
        The speaker; empty where the file names none.
    """

    key: str
    role: Role
    source: str
    number: int
    file: str = ""
    speaker: str = ""

    @property
    def where(self) -> str:
        """The file and the line."""
        return f"{self.source} {self.number}"


@dataclass(frozen=True)
class GivenFold:
    """A fold of a table: its name, and its rows in the order of the file."""

    name: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class FoldTable:
    """The folds of one corpus.

    Parameters
    ----------
    corpus
        What the files call the corpus, by a column or by their names; it may be the name of no corpus.
    path
        The file or the folder.
    folds
        The folds, numbers first, in their order.
    remarks
        A sentence on each thing that was not read, without a full stop.
    """

    corpus: str
    path: str
    folds: tuple[GivenFold, ...]
    remarks: tuple[str, ...] = ()


def bare(name: str) -> str:
    """Return a name without the suffix of a recording, if it has one; ``m3.n_nie_4`` has none."""
    stem, _, suffix = name.rpartition(".")
    return stem if stem and suffix.lower() in (*search.SOUNDS, *search.VIDEOS) else name


def role_of(name: str, where: str) -> Role | None:
    """Return the role that a cell names; None for a blank cell.

    Parameters
    ----------
    where
        Where the cell stands, for the error.

    Raises
    ------
    AffexError
        If it is none.
    """
    plain = normal(name)
    if plain and plain not in ROLES:
        raise AffexError(f"{where}: the part is '{name}', expected train, validation, test or nothing.")
    return ROLES.get(plain)


def table_of(corpus: str, path: str, rows: Mapping[str, Iterable[Row]], remarks: Iterable[str] = ()) -> FoldTable:
    """Return a table of folds, given the rows by the name of the fold."""
    names = _as_numbers(list(rows))
    folds = (GivenFold(names[name], tuple(rows[name])) for name in sorted(rows, key=_order))
    return FoldTable(corpus, path, tuple(folds), tuple(remarks))


def _as_numbers(names: list[str]) -> dict[str, str]:
    """Return each name as it is, without the ``.0`` that spreadsheets and pandas append to whole numbers."""
    whole = all(re.fullmatch(r"-?\d+\.0", name) for name in names)
    return {name: name.removesuffix(".0") if whole else name for name in names}


def _order(name: str) -> tuple[float, str]:
    number = re.search(r"\d+", name)
    return (float(number[0]) if number else float("inf")), name


def digest(tables: Iterable[FoldTable]) -> str:
    """Return the sha256 of which key has which role in which fold; paths, formats and order do not count."""
    content = [
        [[fold.name, sorted([row.key, row.file, row.role] for row in fold.rows)] for fold in table.folds]
        for table in tables
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
