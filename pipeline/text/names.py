"""Names of speakers, labels and the like: finds different spellings of one name, and missing values.

Two names are possibly the same if their normal forms are equal: Unicode's NFKC (so that all encodings of an umlaut are
equal), without case, blanks, invisible characters and zeros before a number. They are not merged, since only the user
knows; a warning is given.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from affex.pipeline.text.printable import printable

#: Zeros before a number, but not after a decimal point: 1.05 is not 1.5.
_LEADING_ZEROS = re.compile(r"(?<!\d)(?<!\d[.,])0+(?=\d)")

#: Invisible characters among Unicode's letters and marks (DerivedCoreProperties, Default_Ignorable).
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

#: Texts that programs write for a missing value: pandas, numpy, R's and spreadsheets' tables, SQL, Python.
MISSING = frozenset(("nan", "NaN", "NAN", "NaT", "<NA>", "<na>", "N/A", "n/a", "#N/A", "null", "NULL", "None"))

#: Texts that are either a missing value or a name: NA may be initials, Nan is a given name, none may be a label.
DOUBTFUL = frozenset(("na", "nan", "nil", "none", "null", "unknown", "undefined", "?", "-"))


def normal(name: str) -> str:
    """Return the normal form of a name, for comparisons; empty if nothing in it is visible."""
    text = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(c for c in text if not _is_invisible(c))
    return _LEADING_ZEROS.sub("", unicodedata.normalize("NFC", visible))


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return groups of possibly equal names, in the order of their first names."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[normal(name)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def resolved(name: str, known: Iterable[str]) -> str:
    """Return the known name for a name: the same one, else the only possibly equal one, else the name itself."""
    known = set(known)
    near = [other for other in known if normal(other) == normal(name)]
    return near[0] if name not in known and len(near) == 1 else name


def is_missing(name: str) -> bool:
    """Return whether a cell is a missing value: blank, or a text that programs write for it."""
    return name in MISSING or not normal(name)


def is_doubtful(name: str) -> bool:
    """Return whether a name may be a missing value."""
    return not is_missing(name) and name.casefold() in DOUBTFUL


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, joined by ``and``, with invisible characters written as escapes."""
    return " and ".join(f"'{printable(name, keep=' ', hidden=_is_invisible)}'" for name in names)


def _is_invisible(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp") or bool(_INVISIBLE.match(c))
