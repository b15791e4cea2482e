"""The format ``.csv``: a table of rows that another project wrote, parted by comma, semicolon or tab; read only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import AffexError
from pipeline.exchange import rows
from pipeline.exchange.record import Source, Wish


@contextmanager
def reading(path: Path, wish: Wish) -> Iterator[Source]:  # noqa: ARG001 - all formats are opened alike
    """Open a table; it is read whole."""
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as lines:
            head = lines.readline()
        parting = max(",;\t", key=head.count)
        names = [str(name) for name in pd.read_csv(path, sep=parting, nrows=0, encoding="utf-8-sig").columns]
        # "03" is a name and no number, whichever column it stands in.
        texts = {name: str for name in names if name.strip().lower() in rows.KEYS}
        frame = pd.read_csv(path, sep=parting, dtype=texts, encoding="utf-8-sig")
    except (OSError, ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise AffexError(f"{path} cannot be read as a table: {error}.") from error
    yield rows.of_frame(str(path), frame.rename(columns=str.strip), {})
