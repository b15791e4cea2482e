"""Tables of text that another project wrote, parted by comma, semicolon or tab; read only.

One ``.csv`` says in a column whose a row is, and is read whole. A folder of them, as OpenFace writes one a film, has a
table an utterance or recording, called by its name, and is read table by table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import AffexError
from pipeline.exchange import rows
from pipeline.exchange.record import Part, Source, Wish
from pipeline.files import spelled

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def reading(path: Path, wish: Wish) -> Iterator[Source]:  # noqa: ARG001 - all formats are opened alike
    """Open a table, or a folder of tables."""
    yield _folder(path) if path.is_dir() else rows.of_frame(str(path), _frame(path), {})


def _folder(path: Path) -> Source:
    files = {spelled(file.relative_to(path).with_suffix("").as_posix()): file for file in sorted(path.rglob("*.csv"))}
    if not files:
        raise AffexError(f"{path} holds no .csv file.")

    def table(key: str) -> Source:
        frame = _frame(files[key])
        frame = frame.drop(columns="id", errors="ignore")
        frame.insert(0, "id", key)
        return rows.of_frame(str(files[key]), frame, {})

    first = table(next(iter(files)))

    def read(key: str) -> Part:
        found = table(key)
        if found.columns != first.columns:
            raise AffexError(f"{files[key]} has other columns of numbers than {next(iter(files.values()))}.")
        return found.read(key)

    return Source(first.columns, list(files), read, remarks=first.remarks)


def _frame(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as lines:
            head = lines.readline()
        parting = max(",;\t", key=head.count)
        names = [str(name) for name in pd.read_csv(path, sep=parting, nrows=0, encoding="utf-8-sig").columns]
        # "03" is a name and no number, whichever column it stands in.
        texts = {name: str for name in names if name.strip().lower() in rows.KEYS}
        frame = pd.read_csv(path, sep=parting, dtype=texts, encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise AffexError(f"{path} cannot be read as a table: {error}.") from error
    return frame.rename(columns=str.strip)
