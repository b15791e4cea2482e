"""Corpus ``csv``: the user's own table -> utterances.

What
    Any recordings, listed in a table: ``DATASET=csv DATA=mine.csv``. The cache folder has the table's name.
Licence, who
    Known to the table's owner.
Files
    Text in UTF-8 (with or without a byte order mark), cells separated by commas, semicolons or tabs. The first row
    names the columns, in any order. Required: ``file`` (relative to the table's folder, or absolute), ``speaker``
    (blank if unknown), ``label`` (blank for none: the utterance is then context only). Optional: ``id``; ``start`` and
    ``end`` in seconds of the file; ``channel`` of the sound, from 0; ``video``, a second file with the picture;
    ``session``, ``dialog``, ``turn``, ``split`` (train, validation or test), ``part``, ``text``, ``sentence`` (the code
    of what is said, where the words are not known), ``sex``; ``valence``, ``arousal``, ``dominance``; ``votes`` (one
    label per rater, separated by semicolons; several labels of one rater joined by slashes: ``anger;sadness/fear``),
    ``raters`` (who gave each vote, in the same order: ``anna;bob``). Other columns are ignored. Decimal commas are
    allowed where commas do not separate the cells.
Traps
    The content of a file decides what it is, not its name: a video is both sound and picture, and a photograph is a
    video of one picture. A file name that is not UTF-8 is written as `pipeline.text.filenames` spells it. Cells with
    usual marks of a missing value (`pipeline.text.names.MISSING`: ``nan``, ``N/A``, ``null``, ``None`` ...) are blank,
    and reported; ``NA`` and ``none`` are names, and reported as well. Without ``id``, the id of an utterance is its
    file without the suffix, with span and channel if a file has several utterances. The common folder of absolute paths
    is not part of ids, so that ids do not change when the corpus moves to another machine.
"""

import csv
import difflib
import errno
import io
import itertools
import math
import os
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.manifest.manifest import Utterances
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import contents, probe
from affex.pipeline.media.probe import Content
from affex.pipeline.storage.files import content, is_file, status
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import on_disk, spelled
from affex.pipeline.text.names import is_doubtful, is_missing, normal, quoted

NEEDED = ("file", "speaker", "label")
OPTIONAL = (
    *("id", "start", "end", "channel", "video", "session", "dialog", "turn", "split", "part", "text"),
    *("sentence", "sex"),
    *("valence", "arousal", "dominance", "votes", "raters"),
)
SPLITS = ("train", "validation", "test")
DELIMITERS = ",;\t"
#: The columns whose cells are names.
NAMES = ("speaker", "label", "id", "video", "session", "dialog", "split", "part", "sentence", "sex")
SHOWN = 5
#: The largest allowed number: 30 years in seconds.
LARGEST = 1e9


@dataclass(frozen=True)
class Row:
    """One row of the table: its number as in spreadsheets, and its cells by known column."""

    table: Path
    number: int
    cells: dict[str, str]
    delimiter: str

    def text(self, column: str) -> str | None:
        """Return a cell, None where it is blank or missing."""
        return self.cells.get(column) or None

    def name(self, column: str) -> str | None:
        """Return a cell that is a name, None where it is blank or a mark of a missing value."""
        text = self.text(column)
        return None if text is None or is_missing(text) else text

    def needed(self, column: str) -> str:
        """Return a cell that must not be blank."""
        if not self.cells.get(column):
            raise self.error(f"'{column}' is blank")
        return self.cells[column]

    def number_in(self, column: str) -> float | None:
        """Return a cell as a number, None where it is blank or missing."""
        text = self.text(column)
        if text is None:
            return None
        try:
            value = float(text if self.delimiter == "," else text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST:
            wanted = "a number" if math.isnan(value) else f"a number of {LARGEST:g} at the most"
            raise self.error(f"'{column}' is '{text}', expected {wanted}")
        return value

    def count_in(self, column: str) -> int | None:
        """Return a cell as a whole number from 0, None where it is blank or missing."""
        value = self.number_in(column)
        if value is None:
            return None
        if value < 0 or value != int(value):
            raise self.error(f"'{column}' is '{self.text(column)}', expected a whole number from 0")
        return int(value)

    def error(self, what: str) -> CorpusError:
        """Return an error about this row."""
        return CorpusError(f"{self.table}, row {self.number}: {what}.")


@dataclass(frozen=True)
class Rows:
    """The rows of a table, parsed again in each iteration, because a large table's cells need much memory."""

    table: Path
    content: str
    delimiter: str
    columns: tuple[str, ...]

    def __iter__(self) -> Iterator[Row]:
        records = _records(self.table, self.content, self.delimiter)
        for number, cells in itertools.islice(records, 1, None):
            yield _row(self.table, number, self.columns, cells, self.delimiter)


def find(table: Path, needed: Sequence[str] = NEEDED, memory: Path | None = None) -> Utterances:
    """Return the utterances of a table, in its order.

    Parameters
    ----------
    table
        The table.
    needed
        The required columns, ``file`` among them.
    memory
        The folder that stores the contents of files from earlier runs; None to open all files.

    Raises
    ------
    CorpusError
        If it is not such a table, a cell cannot be read, a file does not exist or two utterances have the same id.
    """
    rows = _rows(table, needed)
    found = _files(rows)
    ids = _ids(rows, found)
    _refuse_twins(rows, ids)
    held = _contents(rows, found, memory)
    utterances = (_utterance(row, id_, found, held) for row, id_ in zip(rows, ids, strict=True))
    return Utterances(utterances, _odd_names(rows))


def _rows(table: Path, needed: Sequence[str]) -> Rows:
    content = _text(table, needed)
    delimiter = max(DELIMITERS, key=content.lstrip().partition("\n")[0].count)
    records = _records(table, content, delimiter)
    _, names = next(records, (0, []))
    columns = tuple(cell.strip().lower() for cell in names)
    _check_columns(table, columns, needed)
    if next(records, None) is None:
        raise CorpusError(f"{table} lists no utterance: there are no rows below the columns' names.")
    return Rows(table, content, delimiter, columns)


def _text(table: Path, needed: Sequence[str]) -> str:
    if table.is_dir():
        raise CorpusError(
            f"{table} is a folder. Looked for a table, as in DATA={shlex.quote(str(table / 'mine.csv'))}."
        )
    try:
        text = content(table).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise CorpusError(f"{table} does not exist. Looked for a table with the columns {_listed(needed)}.") from error
    except OSError as error:
        raise CorpusError(f"{table} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise _not_a_table(table, "it is not UTF-8 text") from error
    if "\0" in text:
        raise _not_a_table(table, "it is not text")
    return text


def _not_a_table(table: Path, why: str) -> CorpusError:
    return CorpusError(f"{table} is not a table: {why}. A spreadsheet can save one as 'CSV UTF-8'.")


def _records(table: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each row that is not blank."""
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1):
            if any(cell.strip() for cell in cells):
                yield number, cells
    except csv.Error as error:
        raise _not_a_table(table, str(error)) from error


def _check_columns(table: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in columns:
            close = difflib.get_close_matches(column, columns, n=1)
            hint = f" Is '{close[0]}' it?" if close else ""
            raise CorpusError(
                f"{table} has no column '{column}'.{hint} Needed: {_listed(needed)}. Found: {_listed(columns)}."
            )
    for column in (*NEEDED, *OPTIONAL):
        if columns.count(column) > 1:
            raise CorpusError(f"{table} has {columns.count(column)} columns called '{column}'.")


def _row(table: Path, number: int, columns: Sequence[str], cells: Sequence[str], delimiter: str) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise CorpusError(
            f"{table}, row {number}: {len(cells)} cells, but {len(columns)} columns are named. "
            f'A cell that contains {delimiter!r} needs quotes: "...".'
        )
    known = {*NEEDED, *OPTIONAL}
    named = zip(columns, cells, strict=False)
    return Row(table, number, {column: cell.strip() for column, cell in named if column in known}, delimiter)


def _files(rows: Rows) -> dict[str, str]:
    """Return the path of each file that the rows name."""
    names = dict.fromkeys(row.needed("file") for row in rows)
    names |= dict.fromkeys(name for row in rows if (name := row.name("video")))
    folder = rows.table.parent
    found = {name: path for name in names if (path := _on_disk(folder, name))}
    missing = [f"{name}{_why_not(folder / name)}" for name in names if name not in found]
    if missing:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise CorpusError(
            f"{rows.table} names {len(missing)} of {len(names)} files that do not exist: "
            f"{_listed(missing[:SHOWN])}{more}. They were looked for in {folder.resolve()}."
        )
    return found


def _on_disk(folder: Path, name: str) -> str | None:
    """Return the spelling of a name on disk: tables and disks may differ in slashes and in the encoding of umlauts."""
    for spelling in dict.fromkeys((on_disk(name), name, name.replace("\\", "/"))):
        for form in (spelling, unicodedata.normalize("NFC", spelling), unicodedata.normalize("NFD", spelling)):
            if is_file(folder / form):
                return spelled(Path(form).as_posix())
    return None


def _why_not(path: Path) -> str:
    """Return why a path is not a file; an empty text where nothing exists."""
    try:
        status(path)
    except OSError as error:
        return "" if error.strerror == os.strerror(errno.ENOENT) else f" ({error.strerror})"
    return " (it is a folder)"


def _contents(rows: Rows, found: Mapping[str, str], memory: Path | None) -> dict[str, Content]:
    """Return the contents of each file. For one that cannot be opened they follow its name; it fails later."""
    paths = list(dict.fromkeys(found[row.needed("file")] for row in rows))
    opened = contents.of_files(rows.table.parent, paths, memory)
    return {path: held or probe.named(path, why) or Content(sound=True) for path, (held, why) in opened.items()}


def _odd_names(rows: Rows) -> Iterator[str]:
    """Yield a sentence for each name that is, or may be, a mark of a missing value."""
    cells = Counter((column, text) for row in rows for column in NAMES if (text := row.text(column)))
    for (column, text), n in sorted(cells.items()):
        cells_of = f"{n} cell{'' if n == 1 else 's'} of the column '{column}' of {rows.table.name}: {quoted([text])}"
        if is_missing(text):
            yield f"{cells_of} is taken as missing"
        elif is_doubtful(text):
            yield f"{cells_of} is taken as a name; leave a cell blank where the value is unknown"


def _ids(rows: Rows, found: Mapping[str, str]) -> list[str]:
    uses = Counter(row.needed("file") for row in rows)
    folder = _shared_folder(rows, uses)
    return [row.name("id") or _id_of_file(row, found, folder, several=uses[row.needed("file")] > 1) for row in rows]


def _shared_folder(rows: Rows, names: Iterable[str]) -> str:
    """Return the folder that is not part of ids if files have absolute paths, since it differs between machines.

    It is the table's folder if all such files are below it, or else their deepest common folder.
    """
    parents = [str(_path(name).parent) for name in names if _path(name).is_absolute()]
    own = rows.table.parent.absolute().as_posix()
    below_own = all(PurePosixPath(parent).is_relative_to(own) for parent in parents)
    return own if below_own else os.path.commonpath(parents)


def _path(name: str) -> PurePosixPath:
    """Return a path; two leading slashes, whose meaning POSIX leaves open, become one."""
    return PurePosixPath(f"/{name.lstrip('/')}" if name.startswith("/") else name)


def _id_of_file(row: Row, found: Mapping[str, str], folder: str, *, several: bool) -> str:
    name = row.needed("file")
    if found[name] != name:  # a backslash separates folders here, and does not spell a byte
        name = name.replace("\\", "/")
    path = _path(name)
    stem = (path.relative_to(folder) if path.is_absolute() else path).with_suffix("").as_posix()
    if not several:
        return stem
    start, end, channel = row.number_in("start"), row.number_in("end"), row.count_in("channel")
    span = f"-{start or 0.0}-{'end' if end is None else end}" if (start, end) != (None, None) else ""
    return f"{stem}{span}" + (f"-channel{channel}" if channel is not None else "")


def _refuse_twins(rows: Rows, ids: Sequence[str]) -> None:
    twins = [(id_, n) for id_, n in Counter(ids).items() if n > 1]
    if twins:
        id_ = twins[0][0]
        numbers = [str(row.number) for row, its in zip(rows, ids, strict=True) if its == id_]
        more = f" (and {len(twins) - 1} more such ids)" if len(twins) > 1 else ""
        raise CorpusError(
            f"{rows.table}: rows {', '.join(numbers)} all have the id '{id_}'{more}. "
            "Each utterance needs its own id, file or span."
        )


def _utterance(row: Row, id_: str, found: Mapping[str, str], held: Mapping[str, Content]) -> Utterance:
    of = held[found[row.needed("file")]]
    audio, video = _media(row, found, of)
    votes, raters = _votes(row)
    return Utterance(
        id=id_,
        corpus=spelled(row.table.stem),
        speaker=row.name("speaker") or "",
        label=row.name("label"),
        audio=audio,
        video=video,
        part=row.name("part"),
        session=row.name("session"),
        dialog=row.name("dialog"),
        turn=row.count_in("turn"),
        split=_split(row),
        text=row.text("text"),
        sentence=row.name("sentence"),
        sex=row.name("sex"),
        votes=votes,
        raters=raters,
        valence=row.number_in("valence"),
        arousal=row.number_in("arousal"),
        dominance=row.number_in("dominance"),
        absent=of.absent if audio is None else (),
    )


def _media(row: Row, found: Mapping[str, str], of: Content) -> tuple[Media | None, Media | None]:
    start, end = _span(row)
    path = found[row.needed("file")]
    second = row.name("video")
    picture = found[second] if second else path
    if of.still and not second and (start, end) != (None, None):
        raise row.error(f"'{path}' is a still picture, which has no length: leave 'start' and 'end' blank")
    audio = Media(path, start, end, row.count_in("channel")) if of.sound else None
    return audio, Media(picture, start, end) if second or of.pictures else None


def _span(row: Row) -> tuple[float | None, float | None]:
    start, end = row.number_in("start"), row.number_in("end")
    if start is not None and start < 0:
        raise row.error(f"'start' is {start:g} s, before the file begins")
    if end is not None and end <= (start or 0.0):
        raise row.error(f"'end' ({end:g} s) is not after 'start' ({start or 0.0:g} s)")
    return start, end


def _split(row: Row) -> str | None:
    split = row.name("split")
    if split is not None and normal(split) in SPLITS:
        return normal(split)
    if split is not None:
        raise row.error(f"'split' is '{split}', expected {_listed(SPLITS)} or nothing")
    return split


def _votes(row: Row) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return the votes that are not blank, and who gave each; no names where the row has none."""
    given = [vote.strip() for vote in (row.text("votes") or "").split(";")]
    named = [name.strip() for name in (row.text("raters") or "").split(";")]
    if any(named) and len(named) != len(given):
        raise row.error(
            f"'raters' has {len(named)} names and 'votes' {len(given)} votes, expected a name for each vote"
        )
    if any(named) and not all(named):
        raise row.error(f"'raters' is '{row.text('raters')}', expected the names of all raters of the row, or none")
    labels = ([label.strip() for label in vote.split("/")] if not is_missing(vote) else [] for vote in given)
    votes = [tuple(label for label in vote if not is_missing(label)) for vote in labels]
    raters = tuple(name for name, vote in zip(named, votes, strict=True) if vote) if any(named) else ()
    return tuple(filter(None, votes)), raters


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def example(root: Path) -> Path:
    """Lay out a table of two files, sound and video, and return the table."""
    lay(root, "Töne/erste Aufnahme.wav", "two.mp4")
    rows = ("file,speaker,label", "Töne/erste Aufnahme.wav,Jörg,anger", "two.mp4,b,")
    return lay_text(root, "meine Daten.csv", *rows) / "meine Daten.csv"


CORPUS = Corpus(
    name="csv",
    title="your own table: file, speaker, label, and optional columns",
    licence="its owner's",
    source="DATASET=csv DATA=mine.csv",
    find=find,
    example=example,
)
