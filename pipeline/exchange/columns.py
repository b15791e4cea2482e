"""Columns: the arrow from a source to the columns and rows of its feature.

Foreign tables often have further columns of numbers: row numbers, frame numbers, a detector's confidence, numeric
labels. A classifier would learn from them. Such columns are recognised by their names, and row numbers also by their
values (see `counts`). They are left out and reported, unless the user selects them. Files that affex wrote have none.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange.record import ImportOptions, Part, Source
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: Names of row numbers in pandas, polars, R and DuckDB.
ROW_NUMBER = re.compile(r"unnamed: \d+|__index_level_\d+__|level_\d+|index|\.\.\.\d+|rownames?|row(_?(id|nr|number))?")
#: Names of bookkeeping columns in OpenFace, py-feat, SMILExtract and audformat.
BOOKKEEPING = re.compile(
    r"frames?(_?(id|idx|index|n|nr|no|num|number))?|face(_?(id|score))?|(person|track)_id|(.*\.|detection_|face_)?"
    r"confidence|success|((file|utt|utterance|clip|segment|video|recording|sample)_?)?id|file|filename|segment|clip|utterance"
    r"|video|time|timestamp|frametime|approx_time|start|end|begin|start_?time|end_?time|onset|offset"
    r"|(time|start|end|onset|offset)_?(s|secs?|seconds|ms|msecs?)"
)
#: Names of numeric labels and speakers.
LABEL = re.compile(
    r"((true|gold)[_ .-]?)?(emotion|emo|label|class|category|gold|target|sentiment|speaker|spkr?|subject|actor"
    r"|participant|talker)s?([_ .-]?(id|code|idx|index|nr|no|num|number|label|class))?"
    r"|emo(class|act|val|dom)|y_?true|((cv|test)[_ .-]?)?(session|split|fold|set)([_ .-]?(id|idx|index|nr|no))?"
)
#: The reasons for leaving out a column, and the names of such columns.
REASONS = {"row number": ROW_NUMBER, "bookkeeping": BOOKKEEPING, "label or speaker": LABEL}

#: The beginning of every remark on columns that were left out.
LEFT_OUT = "left out ("

#: The column that says whether a row has a face. Where it is 0, false or missing, the row has only zeros.
FOUND = "success"

#: From this many consecutive whole numbers on, a column counts as row numbers.
COUNTED = 10


def counts(keys: NDArray[np.str_], values: NDArray[np.int64]) -> bool:
    """Return whether a column counts the rows of a table, or those of each key.

    Parameters
    ----------
    keys : (n_rows,) str
        The key of each row.
    values : (n_rows,) int
        The column.
    """
    steps, within = np.diff(values), keys[1:] == keys[:-1]
    return any(len(some) >= COUNTED - 1 and bool((some == 1).all()) for some in (steps, steps[within]))


def chosen(where: str, source: Source, options: ImportOptions) -> Source:
    """Return a source with only the columns of its feature, and only the rows that have one.

    Raises
    ------
    UsageError
        If a selected column does not exist.
    AffexError
        If no column is left.
    """
    wanted = _matching(where, options.only, source.columns)
    unwanted = _matching(where, options.without, source.columns)
    reasons = {} if source.ours else _reasons(source)
    for name in wanted:
        reasons.pop(name, None)
    others = [name for name in source.columns if wanted and name not in wanted]
    left_out = {*reasons, *unwanted, *others}
    numbers = [number for number, name in enumerate(source.columns) if name not in left_out]
    if not numbers:
        raise AffexError(
            f"{where}: no column of a feature is left. Left out were {_some(source.columns)}. Select columns, for "
            f"example with ONLY='{source.columns[0]}'."
        )
    found = None if source.ours or FOUND in map(plain, wanted) else _place(source.columns, FOUND)

    def read(key: str) -> Part:
        part, n_columns = source.read(key), len(source.columns)
        if part.values.shape[1] != n_columns:
            raise AffexError(
                f"'{key}' has {part.values.shape[1]} columns, but earlier keys have {n_columns}. Expected the same "
                "number of columns for every key."
            )
        return _part(part, numbers, found)

    remarks = {f"{LEFT_OUT}{why})": _some([name for name in reasons if reasons[name] == why]) for why in REASONS}
    selected = {*unwanted, *others} - {*reasons}
    remarks |= {f"{LEFT_OUT}as asked)": _some([name for name in source.columns if name in selected])}
    return replace(
        source,
        columns=tuple(source.columns[number] for number in numbers),
        read=read,
        remarks={**source.remarks, **{why: names for why, names in remarks.items() if names}},
    )


def _reasons(source: Source) -> dict[str, str]:
    """Return why columns are not part of the feature, by name. Row numbers are, if there are no other columns."""
    named = {name: _why_not(name) for name in source.columns}
    counted = {name: "row number" for name in source.numbering if not named[name]}
    if all(named[name] or name in counted for name in source.columns):
        counted = {}
    return {name: why for name, why in {**named, **counted}.items() if why}


def _why_not(name: str) -> str:
    """Return why a column is not part of the feature, by its name; an empty text if it is."""
    return next((why for why, names in REASONS.items() if names.fullmatch(plain(name))), "")


def plain(name: str) -> str:
    """Return a column's name for comparisons: in lower case, without surrounding quotes and blanks."""
    return name.strip(" \"'").lower()


def _place(columns: Sequence[str], wanted: str) -> int | None:
    return next((number for number, name in enumerate(columns) if plain(name) == wanted), None)


def _matching(where: str, patterns: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that match any of the names or shell patterns."""
    found: list[str] = []
    for pattern in patterns:
        some = [name for name in columns if name == pattern] or [n for n in columns if fnmatchcase(n, pattern)]
        if not some:
            raise UsageError(f"{where}: {unknown('column of numbers', pattern, columns)}")
        found += some
    return found


def _part(part: Part, numbers: Sequence[int], found: int | None) -> Part:
    """Return a part with these columns only, and only the rows in which a face was found."""
    values = part.values[:, numbers] if len(numbers) < part.values.shape[1] else part.values
    if found is None or (there := part.values[:, found] > 0).all():
        return replace(part, values=values)
    return Part(
        values[there],
        None if part.intervals is None else part.intervals[there],
        None if part.times is None else part.times[there],
        n_empty=int(np.count_nonzero(~there)),
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
