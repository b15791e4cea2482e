"""Tables of folds as csv: the arrow from comma- or tab-separated files to folds of keys.

Four kinds are told apart by their header. ``id, fold[, role]``: without roles, an utterance is tested in its fold and
trained on in all others, and fold -1 is trained on in all (as in scikit-learn's ``PredefinedSplit``). ``id, fold_1,
fold_2, ...``: the role in each fold. ``id, split``: one file a fold, which the file or its folder numbers; EMO-SUPERB's
``labels_consensus_<k>.csv`` are such (``FileName``, ``Split_Set``, ``SpkrID``). Keys alone: the file's name says the
role, too, as in ``fold_1/train.csv``.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from affex.pipeline.evaluation import fold_texts
from affex.pipeline.evaluation.fold_tables import ROLES, FoldTable, Role, Row, role_of, table_of
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.filenames import path_of

#: Columns by what they hold, in lower case; the first that a table has counts.
IDS, FILES = ("id", "utterance", "key"), ("filename", "file", "wav", "audio", "path")
FOLDS, PARTS = ("fold",), ("role", "split", "split_set", "set", "part", "partition")
SPEAKERS = ("speaker", "spkrid", "speaker_id", "spkid")
#: A column with the roles of one fold, and the number of a fold in a path.
WIDE = re.compile(r"(?:fold|split|cv)[ _-]?(\d+)")
NUMBERED = re.compile(r"(?:^|[^a-z])(?:fold|split|cv)[ _-]?(\d+)(?!\d)", re.IGNORECASE)
NUMBER = re.compile(r"(?<!\d)(\d+)(?!\d)")
#: The role in the name of a file.
NAMED_ROLE = re.compile(rf"(?:^|[^a-z])({'|'.join(ROLES)})(?![a-z])", re.IGNORECASE)
#: The most roles in a table; they take 8 bytes each, and an evaluation of so many folds would take days.
MOST = 20_000_000
#: The fold of utterances that are always trained on.
ALWAYS = ("-1", "-1.0")


@dataclass(frozen=True)
class _Line:
    """A line of a csv file, with its cells by the column's name in lower case."""

    source: str
    number: int
    cells: Mapping[str, str]

    @property
    def where(self) -> str:
        return f"{self.source} {self.number}"

    def of(self, columns: Sequence[str]) -> str:
        """Return the cell of the first of these columns that the table has."""
        return next((self.cells[name] for name in columns if name in self.cells), "")

    def row(self, role: Role) -> Row:
        """Return the key of the line in a role."""
        file = self.of(FILES)
        key = fold_texts.require_key(self.of(IDS) or file, self.where)
        return Row(key, role, self.source, self.number, file.replace("\\", "/"), self.of(SPEAKERS))


def read(root: Path, names: Sequence[str]) -> list[FoldTable]:
    """Return the tables of folds among the csv files of a folder; none if it has no csv.

    Raises
    ------
    AffexError
        If a file is not such a table.
    """
    found, parts = [], defaultdict[str, dict[str, list[Row]]](lambda: defaultdict(list))
    for name in names:
        if PurePosixPath(name).suffix.lower() not in (".csv", ".tsv"):
            continue
        path = path_of(root, name)
        header, lines = _lines(path)
        if set(header) & set(FOLDS):
            found.append(_by_fold(path, header, lines))
        elif wide := {column: match[1] for column in header if (match := WIDE.fullmatch(column))}:
            found.append(_by_column(path, wide, lines))
        else:
            corpus, fold, role = _named(root, name)
            parts[corpus][fold] += _of_fold(path, header, lines, role)
    return [*found, *(table_of(corpus, str(root), folds) for corpus, folds in sorted(parts.items()))]


def _by_fold(path: Path, header: Sequence[str], lines: Sequence[_Line]) -> FoldTable:
    """Return the table of a file that names the fold of each key, with or without a role."""
    blank = [line for line in lines if not line.of(FOLDS)]
    lines = [line for line in lines if line.of(FOLDS)]
    remarks = [f"{len(blank)} rows name no fold (the first: line {blank[0].number})"] if blank else []
    names = dict.fromkeys(fold for line in lines if (fold := line.of(FOLDS)) not in ALWAYS)
    if names and all(name.casefold() in ROLES for name in names):
        raise AffexError(
            f"{path}: the column fold holds {', '.join(names)}, which are parts of one fold. Call the column split."
        )
    if parts := set(header) & set(PARTS):
        rows: dict[str, list[Row]] = {name: [] for name in dict.fromkeys(line.of(FOLDS) for line in lines)}
        for line in lines:
            if (role := role_of(line.of(PARTS), line.where)) is None:
                raise AffexError(f"{line.where}: '{min(parts)}' is blank, expected train, validation or test.")
            rows[line.of(FOLDS)].append(line.row(role))
        return table_of(path.stem, str(path), rows, remarks)
    if len(lines) * len(names) > MOST:
        raise AffexError(
            f"{path}: {len(names)} folds of {len(lines)} rows are {len(lines) * len(names)} roles, expected {MOST} at "
            "the most. Leave out more than one utterance at a time."
        )
    train, test = ([line.row(role) for line in lines] for role in ("train", "test"))
    own = [line.of(FOLDS) for line in lines]
    dealt = {name: [b if fold == name else a for a, b, fold in zip(train, test, own, strict=True)] for name in names}
    return table_of(path.stem, str(path), dealt, remarks)


def _by_column(path: Path, columns: Mapping[str, str], lines: Sequence[_Line]) -> FoldTable:
    """Return the table of a file with a column of roles for each fold."""
    rows = {
        fold: [line.row(role) for line in lines if (role := role_of(line.cells[column], f"{line.where}, {column}"))]
        for column, fold in columns.items()
    }
    return table_of(path.stem, str(path), rows)


def _of_fold(path: Path, header: Sequence[str], lines: Sequence[_Line], named: Role | None) -> Iterator[Row]:
    """Yield the rows of a file that is one fold, or one part of it."""
    if not named and not set(header) & set(PARTS):
        raise AffexError(
            f"{path} is no table of folds: its columns are {', '.join(header)}. Expected id and fold (and role), id "
            "and split, a column for each fold, or a file for each part whose name says which (fold_1/train.csv)."
        )
    for line in lines:
        role = role_of(line.of(PARTS), line.where) if set(header) & set(PARTS) else named
        if role:
            yield line.row(role)


def _named(root: Path, name: str) -> tuple[str, str, Role | None]:
    """Return what a file's path says: the corpus, the fold (1 without a number), and the role if any."""
    path = PurePosixPath(name)
    role = NAMED_ROLE.search(path.stem)
    numbered = [place for place, part in enumerate(path.parent.parts) if NUMBERED.search(part)]
    above = path.parent.parts[: numbered[-1]] if numbered else path.parent.parts
    where = path.parent.parts[numbered[-1]] if numbered else path.stem
    number = NUMBERED.search(where) or NUMBER.search(where)
    corpus = (above[-1] if above else root.name) if number or role else path.stem
    return corpus, number[1] if number else "1", ROLES[role[1].lower()] if role else None


def _lines(path: Path) -> tuple[list[str], list[_Line]]:
    """Return a csv file's columns in lower case, and its lines that are not blank.

    Raises
    ------
    AffexError
        If there is none, a column is missing or there twice, or a line has more or fewer cells.
    """
    content, source = fold_texts.text(path), f"{path}, line"
    delimiter = max(",;\t|", key=content.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        table = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise AffexError(f"{source} {reader.line_num}: {error}.") from error
    table = [(number, cells) for number, cells in table if any(cells)]
    header = [name.casefold() for name in table[0][1]] if table else []
    if len(table) < 2:
        raise AffexError(f"{path} has no rows: expected a table of folds, with a header.")
    if not set(header) & {*IDS, *FILES}:
        raise AffexError(f"{path} has no column that names utterances: expected id or file, found {', '.join(header)}.")
    if twice := sorted(name for name in set(header) if name and header.count(name) > 1):
        raise AffexError(f"{path}: two columns are called {twice[0]}.")
    for number, cells in table[1:]:
        if len(cells) != len(header):
            raise AffexError(f"{source} {number}: {len(cells)} cells, expected {len(header)} as in the header.")
    return header, [_Line(source, number, dict(zip(header, cells, strict=True))) for number, cells in table[1:]]
