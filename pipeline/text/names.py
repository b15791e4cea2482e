"""Names: speakers, labels and the like, as people spell them: which may be one, and which stand for nothing.

Two names may be one where they are alike in their normal form: Unicode's NFKC (so that an umlaut is one however its
letters are encoded), without case, blanks and invisible characters, without zeros before a number. They stay two,
since only their owner knows; what may be wrong is said.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from affex.pipeline.text.printable import printable

#: Zeros before a number, but not those behind a decimal point: 1.05 is not 1.5.
_LEADING_ZEROS = re.compile(r"(?<!\d)(?<!\d[.,])0+(?=\d)")

#: What is not seen though Unicode counts it among the letters or marks (DerivedCoreProperties, Default_Ignorable).
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")

#: What programs write for a missing value: pandas, numpy, R's and spreadsheets' tables, SQL, Python.
MISSING = frozenset(("nan", "NaN", "NAN", "NaT", "<NA>", "<na>", "N/A", "n/a", "#N/A", "null", "NULL", "None"))

#: What may stand for a missing value, and may be a name: R's NA are somebody's initials, Nan is a woman's name, none a
#: label.
DOUBTFUL = frozenset(("na", "nan", "nil", "none", "null", "unknown", "undefined", "?", "-"))


def normal(name: str) -> str:
    """Return the form in which names are compared; empty where nothing of it is seen."""
    text = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(c for c in text if not _is_unseen(c))
    return _LEADING_ZEROS.sub("", unicodedata.normalize("NFC", seen))


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the names that may be one, in groups, in the order of their first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        groups[normal(name)].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def meant(name: str, known: Iterable[str]) -> str:
    """Return which known name is meant: this one, else the only one that may be it; else the name as it is."""
    known = set(known)
    near = [other for other in known if normal(other) == normal(name)]
    return near[0] if name not in known and len(near) == 1 else name


def is_missing(name: str) -> bool:
    """Tell whether a cell says that nothing is known: it is blank, or is what a program writes there."""
    return name in MISSING or not normal(name)


def is_doubtful(name: str) -> bool:
    """Tell whether a name may stand for a missing value."""
    return not is_missing(name) and name.casefold() in DOUBTFUL


def quoted(names: Iterable[str]) -> str:
    """Return names in quotes, joined by ``and``, with what cannot be seen in them written out."""
    return " and ".join(f"'{printable(name, keep=' ', hidden=_is_unseen)}'" for name in names)


def _is_unseen(c: str) -> bool:
    return unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp") or bool(_UNSEEN.match(c))
