"""The text of a table of folds: the arrow from a file that anybody may have made to its characters.

Pickles are refused: to open one is to run the program that is in it, and what scikit-learn's splitters return are
positions in another program's table, which name no utterance.
"""

import codecs
import re
from pathlib import Path

from affex.pipeline.storage import files
from affex.pipeline.text.errors import AffexError, UsageError

#: Endings of pickles.
PICKLES = (".pkl", ".pickle", ".p", ".pk", ".joblib")
#: How pickles begin: protocols 2 to 5 with a byte and their number; 0 and 1 with a list, a dict, a class.
#: (https://docs.python.org/3/library/pickletools.html)
PICKLED = re.compile(rb"\x80[\x02-\x05][\x00-\xff]|\((?:l|d|t|lp\d+\n|dp\d+\n)|[\]}]q[\x00-\xff]|c[\w.]+\n\w+\n")

#: The longest key: more is no name of an utterance, and would slow patterns down.
LONGEST_KEY = 1000


def require_no_pickle(path: Path, begin: bytes = b"") -> None:
    """Refuse a pickle, by its ending or its first bytes.

    Raises
    ------
    UsageError
        The message says why, and how to write the folds instead.
    """
    if path.suffix.lower() in PICKLES or PICKLED.match(begin):
        raise UsageError(
            f"{path} is a pickle, and is not opened: that would run the program in it, and the splits of scikit-learn "
            "are positions in a table, which name no utterance.\nWrite the ids instead, as in: json.dump([{'train': "
            "ids[train].tolist(), 'test': ids[test].tolist()} for train, test in splits], file), or a csv with the "
            "columns id and fold."
        )


def text(path: Path) -> str:
    """Return the content of a file, in UTF-8 or UTF-16, with or without a byte order mark.

    Raises
    ------
    UsageError
        If it is a pickle.
    AffexError
        If it cannot be read, or is not such text.
    """
    require_no_pickle(path)
    try:
        raw = files.content(path)
    except OSError as error:
        raise AffexError(f"The table of folds {path} cannot be read: {error.strerror or error}.") from error
    require_no_pickle(path, raw[:64])
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        found = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise AffexError(
            f"{path}, line {line}: byte {raw[error.start]:#04x} is not {encoding.removesuffix('-sig').upper()}. A name "
            "in another encoding would match no utterance: save the file as UTF-8."
        ) from error
    if "\0" in found:
        raise AffexError(f"{path} is no text: it has zero bytes. Expected a table of folds: csv, JSON or JSON lines.")
    return found


def require_key(key: str, where: str) -> str:
    """Return a key without blanks around it.

    Raises
    ------
    AffexError
        If it is blank, or too long for a name.
    """
    name = key.strip()
    if not name or len(name) > LONGEST_KEY:
        found = f"a name of {len(name)} characters" if name else "no name"
        raise AffexError(f"{where}: {found}, expected the id of an utterance, of 1 to {LONGEST_KEY} characters.")
    return name
