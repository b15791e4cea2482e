"""The format ``.arff`` of WEKA and SMILExtract: the arrow from a table with typed columns to a source; read only.

Numbers are the feature, and ``?`` is a missing value. Columns of text and of classes are left out and reported. Sparse
rows (in braces) are refused. See WEKA, "Attribute-Relation File Format",
https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affex.pipeline.exchange import rows
from affex.pipeline.exchange.record import Format, ImportOptions, Source
from affex.pipeline.text.errors import AffexError

ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)
NUMERIC = ("numeric", "real", "integer")


@contextmanager
def reading(path: Path, options: ImportOptions) -> Iterator[Source]:
    """Open a table; it is read completely into memory."""
    import pandas as pd

    names, numeric, lines = _parts(path)
    cells = list(csv.reader(lines, quotechar="'", escapechar="\\", skipinitialspace=True))
    wrong = [number for number, row in enumerate(cells, 1) if len(row) != len(names)]
    if wrong:
        raise AffexError(f"{path}: row {wrong[0]} has {len(cells[wrong[0] - 1])} cells; expected {len(names)}.")
    frame = pd.DataFrame([[None if cell.strip() == "?" else cell.strip() for cell in row] for row in cells])
    frame = frame.reindex(columns=range(len(names)))
    for number in numeric:
        frame[number] = pd.to_numeric(frame[number])
    frame.columns = pd.Index(names)
    yield rows.of_frame(str(path), frame, {}, options)


def _parts(path: Path) -> tuple[list[str], list[int], list[str]]:
    """Return the columns' names, which of them hold numbers, and the lines of the rows."""
    found = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    lines = [line for line in found if line and not line.startswith("%")]
    at = next((number for number, line in enumerate(lines) if line.lower().startswith("@data")), None)
    if at is None:
        raise AffexError(f"{path} is not an ARFF file: it has no line @data.")
    attributes = [match for line in lines[:at] if (match := ATTRIBUTE.fullmatch(line))]
    if any(line.startswith("{") for line in lines[at + 1 :]):
        raise AffexError(f"{path} has sparse rows (in braces). Expected one value per column: save it as .csv.")
    numeric = [number for number, match in enumerate(attributes) if match[2].strip().lower() in NUMERIC]
    return [match[1].strip("'\"") for match in attributes], numeric, lines[at + 1 :]


FORMATS = {"arff": Format((".arff",), reading)}
