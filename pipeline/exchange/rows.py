"""Tables of rows in csv, Parquet and audformat: the arrow from a table with its columns' roles to a source.

The usual column names are recognised, in upper or lower case. A column of `KEYS` (or else the first column, if it is
text) identifies a row's utterance. A column of `TIMES` or a pair of `SPANS` has its time. All other columns of numbers
are the feature. Columns of text are left out and reported.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange.columns import FOUND, LEFT_OUT, ROW_NUMBER, counts, plain
from affex.pipeline.exchange.record import Floats, ImportOptions, Part, Source, numbers, remarks
from affex.pipeline.text.errors import AffexError

if TYPE_CHECKING:
    import pandas as pd

#: Names of the column that identifies a row's utterance; the first that exists is used.
KEYS = (
    *("id", "utterance", "file", "filename", "name", "video", "clip", "segment", "key", "input"),
    *("utt_id", "utterance_id", "file_id", "file_name", "filepath", "file_path", "path"),
    *("audio", "audio_path", "wav", "wav_path", "recording", "fname", "basename"),
)
#: Names of the column with a row's time, s: its middle ...
TIMES = ("time", "timestamp", "frametime", "time_s")
#: ... or its begin and end.
SPANS = (("start", "end"), ("begin", "end"), ("start_time", "end_time"), ("start_s", "end_s"), ("onset", "offset"))

#: A name in quotes.
QUOTED = r"^(['\"])(.+)\1$"

#: The remark on columns of text.
TEXT = f"{LEFT_OUT}text)"


@dataclass(frozen=True)
class Roles:
    """The roles of a table's columns; time and span may be missing."""

    key: str
    time: str | None
    span: tuple[str, str] | None
    features: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def index(self) -> list[str]:
        """The columns that are not the feature's, without those of text."""
        return [self.key, *filter(None, [self.time]), *(self.span or ())]


def roles(where: str, columns: Sequence[str], is_number: Callable[[str], bool]) -> Roles:
    """Return the roles of columns.

    Raises
    ------
    AffexError
        If two columns have the same name, no column identifies the utterances, or no column has numbers.
    """
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise AffexError(
            f"{where}: several columns are called {', '.join(twice[:5])}; expected a different name for each."
        )
    named = {name.lower(): name for name in reversed(columns)}
    key = _key(columns, [named[name] for name in KEYS if name in named], is_number)
    if key is None:
        raise AffexError(
            f"{where}: no column identifies the utterance of a row. Expected a column {', '.join(KEYS[:3])} ..., found "
            f"{', '.join(columns[:8])}{' ...' if len(columns) > 8 else ''}."
        )
    time = next((named[name] for name in TIMES if name in named), None)
    span = next(((named[a], named[b]) for a, b in SPANS if a in named and b in named), None)
    others = [name for name in columns if name not in (key, time, *(span or ()))]
    features = tuple(name for name in others if is_number(name))
    if not features:
        raise AffexError(f"{where}: there is no column of numbers besides {key}, so there is nothing to import.")
    are_numbers = {*features}  # a table may have a million columns
    texts = tuple(name for name in others if name not in are_numbers and name.lower() not in KEYS)
    return Roles(key, time, span, features, texts)


def _key(columns: Sequence[str], named: Sequence[str], is_number: Callable[[str], bool]) -> str | None:
    """Return the column that identifies the utterances: one of the `named` columns, text before numbers.

    Otherwise it is the first column, if it is text, or a data frame's former index, or the only column of text.
    """
    texts = [name for name in columns if not is_number(name)]
    if named:
        return next((name for name in named if name in texts), named[0])
    index = [name for name in texts if ROW_NUMBER.fullmatch(name.lower())]
    return next(iter(index or [name for name in texts if name == columns[0] or len(texts) == 1]), None)


def source(
    where: str,
    role: Roles,
    index: "pd.DataFrame",
    values: Callable[[NDArray[np.int64]], Any],
    record: Mapping[str, Any],
    options: ImportOptions,
    whole: Callable[[str], NDArray[np.int64] | None] = lambda name: None,  # noqa: ARG005 - nothing is known of any
    odd_texts: Mapping[str, str] | None = None,
) -> Source:
    """Return a table as a source.

    Parameters
    ----------
    index
        The columns that are not the feature's.
    values
        Returns the feature's values in rows, given the rows' numbers.
    record
        The metadata of the file, if affex wrote it.
    options
        The options, with the time between rows if there is no column of times.
    whole
        Returns a column of whole numbers; None for other columns, or if a number is missing.
    odd_texts
        A remark on each column that is text only because of some cells, by its name.

    Raises
    ------
    AffexError
        If a row has no key, a key has several rows without times, or a time is not valid.
    """
    rows_of = _rows_of(where, index[role.key])
    times = None if role.time is None else _seconds(where, index[role.time])
    intervals = None if role.span is None else np.stack([_seconds(where, index[name]) for name in role.span], axis=1)
    twice = [key for key, rows in rows_of.items() if len(rows) > 1]
    if twice and times is None and intervals is None:
        if options.hop is None:
            raise AffexError(
                f"{where}: {len(twice)} keys have several rows, and there is no column of times: "
                f"{', '.join(twice[:5])}. Expected one row each, or a column {' or '.join(TIMES)}, or start and end. "
                "Or give the time between rows in seconds, for example --hop 0.01."
            )
        times = np.empty(len(index))
        for rows in rows_of.values():
            times[rows] = (np.arange(len(rows)) + 0.5) * options.hop

    def read(key: str) -> Part:
        rows = rows_of[key]
        found = numbers(f"{where}: '{key}'", values(rows))
        return Part(found, None if intervals is None else intervals[rows], None if times is None else times[rows])

    stated = remarks(record) if record else {}
    if role.texts:
        stated[TEXT] = ", ".join(name + (odd_texts or {}).get(name, "") for name in role.texts[:20])
    keys = index[role.key].astype(str).to_numpy(np.str_)
    numbering = [name for name in role.features if (held := whole(name)) is not None and counts(keys, held)]
    return Source(
        role.features,
        list(rows_of),
        read,
        framewise=record.get("framewise"),
        remarks=stated,
        ours=bool(record),
        numbering=tuple(numbering),
    )


def _rows_of(where: str, keys: "pd.Series") -> dict[str, NDArray[np.int64]]:
    """Return the numbers of each key's rows; a key may be in quotes, as in SMILExtract's tables."""
    if keys.isna().any():
        raise AffexError(f"{where}: {int(keys.isna().sum())} rows have an empty cell in the column {keys.name}.")
    names = keys.astype(str).str.strip().str.replace(QUOTED, r"\2", regex=True).to_numpy()
    order = np.argsort(names, kind="stable")
    parts = np.split(order, np.flatnonzero(names[order][1:] != names[order][:-1]) + 1) if len(names) else []
    return {str(names[rows[0]]): rows for rows in sorted(parts, key=lambda rows: int(rows[0]))}


def _seconds(where: str, column: "pd.Series") -> Floats:
    """Return a column of times in seconds; text is read as durations of pandas, and missing times are NaN."""
    import pandas as pd

    try:
        if not pd.api.types.is_numeric_dtype(column):
            column = pd.to_timedelta(column).dt.total_seconds()
        seconds: Floats = column.to_numpy(np.float64, na_value=np.nan)
    except (ValueError, TypeError, OverflowError) as error:
        raise AffexError(
            f"{where}: the column {column.name} does not hold times: {error}. Expected seconds."
        ) from error
    return seconds


def is_number(kinds: Mapping[str, Any]) -> Callable[[str], bool]:
    """Return a function from a column's name to whether it holds numbers, given the types of a data frame."""
    import pandas as pd

    return lambda name: pd.api.types.is_numeric_dtype(kinds[name]) and not pd.api.types.is_bool_dtype(kinds[name])


def of_frame(where: str, frame: "pd.DataFrame", record: Mapping[str, Any], options: ImportOptions) -> Source:
    """Return a data frame as a source."""
    import pandas as pd

    frame.columns = [str(name) for name in frame.columns]
    truths = [name for name in frame.columns if plain(name) == FOUND and pd.api.types.is_bool_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(truths, "Int8"))
    role = roles(where, list(frame.columns), is_number(dict(frame.dtypes)))
    wanted = {*role.features}  # one by one: pandas needs minutes to select among very many columns
    values = [column.to_numpy(np.float64, na_value=np.nan) for name, column in frame.items() if name in wanted]
    index = pd.DataFrame({name: frame[name] for name in role.index})

    def whole(name: str) -> NDArray[np.int64] | None:
        if not pd.api.types.is_integer_dtype(frame[name]) or frame[name].isna().any():
            return None
        found: NDArray[np.int64] = frame[name].to_numpy(np.int64)
        return found

    return source(
        where, role, index, np.stack(values, axis=1).__getitem__, record, options, whole, _odd(frame[list(role.texts)])
    )


def _odd(texts: "pd.DataFrame") -> dict[str, str]:
    """Return a remark on each column that mostly holds numbers, but is text because of some cells."""
    import pandas as pd

    found = {}
    for name in texts.columns:
        cells = texts[name].dropna().astype(str)
        no_numbers = cells[pd.to_numeric(cells, errors="coerce").isna()]
        if 0 < 2 * len(no_numbers) < len(cells):
            found[name] = (
                f" ({len(no_numbers)} of {len(cells)} cells are not numbers, for example '{no_numbers.iloc[0][:20]}')"
            )
    return found
