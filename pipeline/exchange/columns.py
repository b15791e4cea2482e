"""Columns: which columns of a foreign file are its feature, and which rows say of themselves that they hold none.

Whoever saves a table also saves what keeps it in order: row numbers, frame numbers, how sure a detector was, labels in
numbers. A classifier would learn from them all. Such columns are known by their names, row numbers also by what they
hold (see `counts`); they are left out and named, and taken where they are asked for. A file of ours has none.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.exchange.record import Part, Source, Wish
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: Row numbers, as pandas, polars, R and DuckDB call them.
ROW_NUMBER = re.compile(r"unnamed: \d+|__index_level_\d+__|level_\d+|index|\.\.\.\d+|rownames?|row(_?(id|nr|number))?")
#: What detectors and annotation tools say of a row, and how it is numbered: OpenFace, py-feat, SMILExtract, audformat.
BOOKKEEPING = re.compile(
    r"frames?(_?(id|idx|index|n|nr|no|num|number))?|face(_?(id|score))?|(person|track)_id|(.*\.|detection_|face_)?"
    r"confidence|success|((file|utt|utterance|clip|segment|video|recording|sample)_?)?id|file|filename|segment|clip|utterance"
    r"|video|time|timestamp|frametime|approx_time|start|end|begin|start_?time|end_?time|onset|offset"
    r"|(time|start|end|onset|offset)_?(s|secs?|seconds|ms|msecs?)"
)
#: What is to be recognised, or who speaks, in numbers.
LABEL = re.compile(
    r"((true|gold)[_ .-]?)?(emotion|emo|label|class|category|gold|target|sentiment|speaker|spkr?|subject|actor"
    r"|participant|talker)s?([_ .-]?(id|code|idx|index|nr|no|num|number|label|class))?"
    r"|emo(class|act|val|dom)|y_?true|((cv|test)[_ .-]?)?(session|split|fold|set)([_ .-]?(id|idx|index|nr|no))?"
)
#: Why a column is left out, and the names that say so.
REASONS = {"row number": ROW_NUMBER, "bookkeeping": BOOKKEEPING, "label or speaker": LABEL}

#: What every remark on columns that were left out begins with.
LEFT_OUT = "left out ("

#: What says that a row holds a face; 0, false or nothing where none was found, and zeros stand for it.
FOUND = "success"

#: So many whole numbers in a row, each one more than the last, are no accident.
COUNTED = 10


def counts(keys: NDArray[np.str_], values: NDArray[np.int64]) -> bool:
    """Tell whether a column counts the rows of a table, or those of every key.

    Parameters
    ----------
    keys : (n_rows,) str
        Whose each row is.
    values : (n_rows,) int
        The column.
    """
    steps, within = np.diff(values), keys[1:] == keys[:-1]
    return any(len(some) >= COUNTED - 1 and bool((some == 1).all()) for some in (steps, steps[within]))


def chosen(where: str, source: Source, wish: Wish) -> Source:
    """Return a source with the columns that are its feature, and the rows that hold one.

    Raises
    ------
    UsageError
        If a column that is asked for is not there.
    AffexError
        If no column is left.
    """
    wanted = _matching(where, wish.only, source.columns)
    unwanted = _matching(where, wish.without, source.columns)
    reasons = {} if source.ours else _reasons(source)
    for name in wanted:
        reasons.pop(name, None)
    others = [name for name in source.columns if wanted and name not in wanted]
    left_out = {*reasons, *unwanted, *others}
    numbers = [number for number, name in enumerate(source.columns) if name not in left_out]
    if not numbers:
        raise AffexError(
            f"{where}: no column of a feature is left. Left out were {_some(source.columns)}: say what is meant, as in "
            f"ONLY='{source.columns[0]}'."
        )
    found = None if source.ours or FOUND in map(plain, wanted) else _place(source.columns, FOUND)

    def read(key: str) -> Part:
        part, n_columns = source.read(key), len(source.columns)
        if part.values.shape[1] != n_columns:
            raise AffexError(
                f"'{key}' has {part.values.shape[1]} columns, and what came before it has {n_columns}: expected as "
                "many for every key."
            )
        return _part(part, numbers, found)

    told = {f"{LEFT_OUT}{why})": _some([name for name in reasons if reasons[name] == why]) for why in REASONS}
    asked = {*unwanted, *others} - {*reasons}
    told |= {f"{LEFT_OUT}as asked)": _some([name for name in source.columns if name in asked])}
    return replace(
        source,
        columns=tuple(source.columns[number] for number in numbers),
        read=read,
        remarks={**source.remarks, **{why: names for why, names in told.items() if names}},
    )


def _reasons(source: Source) -> dict[str, str]:
    """Return why columns are no feature, by name; what only counts is one where there is nothing else."""
    named = {name: _why_not(name) for name in source.columns}
    counted = {name: "row number" for name in source.numbering if not named[name]}
    if all(named[name] or name in counted for name in source.columns):
        counted = {}
    return {name: why for name, why in {**named, **counted}.items() if why}


def _why_not(name: str) -> str:
    """Return why a column is no feature by its name; nothing for one that is."""
    return next((why for why, names in REASONS.items() if names.fullmatch(plain(name))), "")


def plain(name: str) -> str:
    """Return a column's name as it is compared: in small letters, without quotes and blanks around it."""
    return name.strip(" \"'").lower()


def _place(columns: Sequence[str], wanted: str) -> int | None:
    return next((number for number, name in enumerate(columns) if plain(name) == wanted), None)


def _matching(where: str, patterns: Iterable[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that are named, by themselves or as a shell names files."""
    found: list[str] = []
    for pattern in patterns:
        some = [name for name in columns if name == pattern] or [n for n in columns if fnmatchcase(n, pattern)]
        if not some:
            raise UsageError(f"{where}: {unknown('column of numbers', pattern, columns)}")
        found += some
    return found


def _part(part: Part, numbers: Sequence[int], found: int | None) -> Part:
    """Return the columns of these numbers, and the rows in which something was found."""
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
