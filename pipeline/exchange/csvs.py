"""Text tables of other projects, with commas, semicolons or tabs: the arrow to a source (`segments`: those of affex).

A single ``.csv`` has a column that identifies each row's utterance, and is read completely. A folder has one table per
utterance or recording, named by it (OpenFace writes one per video), and is read table by table.
"""

import csv
import re
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from affex.pipeline.exchange import rows, segments
from affex.pipeline.exchange.record import Format, ImportOptions, Part, Source
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.filenames import spelled

if TYPE_CHECKING:
    import pandas as pd

#: Marks of a missing number that pandas does not know: in tables of Praat, WEKA, SAS, MATLAB, C and Excel.
MISSING = (
    *("--undefined--", "undefined", "?", ".", "..", "-", "--", "*", "NaN ", "(null)", "n.a.", "missing"),
    *("-nan", "+nan", "nan(ind)", "-nan(ind)", "#DIV/0!", "#NUM!", "#VALUE!", "#REF!"),
)

#: A number that cannot be a column's name; 0, 1, 2 ... are names that pandas writes.
NUMBER = re.compile(r"[-+]?\d*\.\d+(e[-+]?\d+)?|[-+]?\d+(\.|e[-+]?\d+)|-\d+", re.IGNORECASE)

#: The greatest length of the line of the columns' names, characters.
LONGEST_HEAD = 2**24


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a table, or a folder of tables."""
    if path.is_dir():
        yield _folder(path, options)
    else:
        yield segments.ours(path) or rows.of_frame(str(path), _frame(path), {}, options)


def _folder(path: Path, options: ImportOptions) -> Source:
    found = sorted(file for file in path.rglob("*.csv") if file.is_file())
    files = {spelled(file.relative_to(path).with_suffix("").as_posix()): file for file in found}
    if not files:
        raise AffexError(f"{path} has no .csv files.")

    def table(key: str) -> Source:
        frame = _frame(files[key])
        frame = frame.drop(columns="id", errors="ignore")
        frame.insert(0, "id", key)
        return rows.of_frame(str(files[key]), frame, {}, options)

    first = table(next(iter(files)))

    def read(key: str) -> Part:
        found = table(key)
        if found.columns != first.columns:
            raise AffexError(f"{files[key]} does not have the same columns of numbers as {next(iter(files.values()))}.")
        return found.read(key)

    return replace(first, keys=list(files), read=read)


def _frame(path: Path) -> "pd.DataFrame":
    """Return a table whose rows are as long as its header."""
    import pandas as pd

    try:
        delimiter, names = _head(path)
        # "03" is a name and not a number, in any of these columns.
        texts = {name: str for name in names if name.strip().lower() in rows.KEYS}
        missing = {name: MISSING for name in names if name not in texts}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # about surplus cells
            frame = pd.read_csv(
                path, sep=delimiter, dtype=texts, encoding="utf-8-sig", compression=None, index_col=False,
                low_memory=False, na_values=missing, skipinitialspace=True,
            )  # fmt: skip
    except pd.errors.ParserWarning as error:
        raise AffexError(f"{path}: rows have more cells than the {len(names)} columns of its header.") from error
    except (OSError, ValueError, csv.Error) as error:
        raise AffexError(f"{path} cannot be read as a table: {error}.") from error
    _read_row_numbers(frame, texts)
    if delimiter != ",":
        _read_decimal_commas(frame, texts)
    empty = [name for name in frame.columns if name.startswith("Unnamed: ") and frame[name].isna().all()]
    return frame.drop(columns=empty).rename(columns=str.strip)  # a comma at the end of each line makes such a column


def _read_row_numbers(frame: "pd.DataFrame", texts: Collection[str]) -> None:
    """Convert columns of whole numbers without leading zeros to numbers, if another column has the keys."""
    import pandas as pd

    whole = [name for name in texts if frame[name].astype(str).str.fullmatch(r"0|[1-9]\d{0,17}").all()]
    for name in whole if len(whole) < len(texts) else ():
        frame[name] = pd.to_numeric(frame[name])


def _read_decimal_commas(frame: "pd.DataFrame", texts: Collection[str]) -> None:
    """Convert columns with decimal commas, as spreadsheets write them in many countries, to numbers."""
    import pandas as pd

    for name in frame.columns:
        if name not in texts and not pd.api.types.is_numeric_dtype(frame[name]):
            cells = frame[name].dropna().astype(str)
            if len(cells) and cells.str.fullmatch(r"\s*[-+]?\d+(,\d+)?([eE][-+]?\d+)?\s*").all():
                frame[name] = pd.to_numeric(cells.str.replace(",", "."))


def _head(path: Path) -> tuple[str, list[str]]:
    """Return the delimiter of a table, and the names in its first line.

    Raises
    ------
    AffexError
        If it is not text, its first line is too long, or two columns have the same name.
    """
    with path.open("rb") as file:
        if any(b"\0" in block for block in iter(lambda: file.read(2**20), b"")):
            raise AffexError(f"{path} is not a UTF-8 text table: it has zero bytes.")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        head = lines.readline(LONGEST_HEAD)
    if len(head) == LONGEST_HEAD:
        raise AffexError(
            f"{path}: its first line has more than {LONGEST_HEAD} characters. Expected the columns' names."
        )
    delimiter = max(",;\t|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    if number := next((name for name in names if NUMBER.fullmatch(name.strip())), None):
        raise AffexError(f"{path}: its first line has the number {number}; expected the columns' names there.")
    twice = sorted(name for name, count in Counter(name.strip() for name in names).items() if name and count > 1)
    if twice:
        raise AffexError(
            f"{path}: several columns are called {', '.join(twice[:5])}; expected a different name for each."
        )
    return delimiter, names


FORMATS = {"csv": Format((".csv", ".tsv"), reading, segments.write)}
