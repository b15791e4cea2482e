"""Tables of folds as JSON: the arrow from EmoBox's JSON lines, and from dumped splits, to folds of keys.

EmoBox (Ma et al., Interspeech 2024, doi:10.21437/Interspeech.2024-788) has a file for each part of a fold,
``data/<corpus>/fold_<k>/<corpus>_{train,valid,test}_fold_<k>.jsonl``, with a row for each utterance: ``key``, ``wav``
and more. Some folds are there twice, as ``..._fold1`` and ``..._fold_1``: they are read once, and must agree.

Splits as people dump them from scikit-learn are a list of ``{"train": [ids], "test": [ids]}``, or of pairs of lists, or
an object of such by the name of the fold.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from affex.pipeline.evaluation import fold_texts
from affex.pipeline.evaluation.fold_tables import ROLES, FoldTable, Role, Row, table_of
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.filenames import path_of

#: A file of EmoBox.
EMOBOX = re.compile(rf"(?:.*/)?(?P<corpus>[^/]+)_(?P<role>{'|'.join(ROLES)})_fold_?(?P<fold>\d+)\.jsonl", re.IGNORECASE)
#: The folder of a fold.
FOLDER = re.compile(r"(?:.*/)?fold_?(\d+)/[^/]*", re.IGNORECASE)
#: The members of a row of EmoBox with the path of the recording: today's, and that of its first files.
RECORDINGS = ("wav", "audio")


def emobox(root: Path, names: Sequence[str]) -> list[FoldTable]:
    """Return the tables of folds of EmoBox's files, one a corpus; none if there is no such file.

    Raises
    ------
    AffexError
        If a row is none, or two files of one part differ.
    """
    files: dict[tuple[str, str], dict[Role, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        if match := EMOBOX.fullmatch(name):
            _require_same_number(root, name, match["fold"])
            files[match["corpus"], match["fold"]][ROLES[match["role"].lower()]].append(name)
    folds: dict[str, dict[str, list[Row]]] = defaultdict(dict)
    for (corpus, fold), parts in files.items():
        folds[corpus][fold] = [row for role, same in parts.items() for row in _of_part(root, same, role)]
    return [table_of(corpus, str(root), folds[corpus]) for corpus in sorted(folds)]


def _require_same_number(root: Path, name: str, fold: str) -> None:
    folder = FOLDER.fullmatch(name)
    if folder and int(folder[1]) != int(fold):
        raise AffexError(f"{path_of(root, name)}: the folder is of fold {folder[1]}, the name of fold {fold}.")


def _of_part(root: Path, names: Sequence[str], role: Role) -> list[Row]:
    """Return the rows of a part of a fold, from the last of files that say the same.

    The last is the one whose rows have more members (``_fold_1`` stands behind ``_fold1``).
    """
    read = {name: list(_json_lines(path_of(root, name), role)) for name in sorted(names)}
    *others, last = read
    for other in others:
        one, two = ({row.key: row for row in read[name]} for name in (other, last))
        if differing := sorted(one.keys() ^ two.keys()):
            row = one.get(differing[0]) or two[differing[0]]
            raise AffexError(
                f"{path_of(root, other)} and {path_of(root, last)} are one part of one fold, and differ in "
                f"{len(differing)} keys (the first: {row.key}, {row.where}). Remove the one that does not hold."
            )
    return read[last]


def _json_lines(path: Path, role: Role) -> Iterator[Row]:
    """Yield the rows of a file with one JSON object a line."""
    source, empty = f"{path}, line", True
    for number, line in enumerate(fold_texts.text(path).split("\n"), 1):
        if not line.strip():
            continue
        empty = False
        row = _parsed(line, f"{source} {number}")
        file = next((row[name] for name in RECORDINGS if row.get(name)), "") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(row.get("key"), str) or not isinstance(file, str):
            raise AffexError(f"{source} {number}: expected an object with the texts key and wav.")
        key = fold_texts.require_key(row["key"], f"{source} {number}")
        yield Row(key, role, source, number, file.replace("\\", "/"))
    if empty:
        raise AffexError(f"{path} has no rows: expected one JSON object a line.")


def splits(root: Path, names: Sequence[str]) -> list[FoldTable]:
    """Return the tables of folds of JSON files, one a file; none if there is no such file.

    Raises
    ------
    AffexError
        If a file holds something else, or positions in place of ids.
    """
    paths = [path_of(root, name) for name in names if PurePosixPath(name).suffix.lower() == ".json"]
    return [_of_file(path) for path in paths]


def _of_file(path: Path) -> FoldTable:
    found = _parsed(fold_texts.text(path), str(path))
    if isinstance(found, dict) and len(found) == 1 and next(iter(found)) in ("folds", "splits"):
        found = next(iter(found.values()))
    folds = found if isinstance(found, dict) else dict(enumerate(found, 1)) if isinstance(found, list) else {}
    if not folds:
        raise AffexError(f"{path} holds no folds: expected {EXPECTED}.")
    if folds.keys() <= ROLES.keys():
        folds = {"1": folds}
    return table_of(path.stem, str(path), {str(name): _rows(path, str(name), fold) for name, fold in folds.items()})


#: What a JSON file of splits holds.
EXPECTED = 'a list of {"train": [ids], "test": [ids]}'


def _rows(path: Path, name: str, fold: Any) -> list[Row]:
    """Return the rows of one split."""
    parts = dict(zip(("train", "test"), fold, strict=True)) if isinstance(fold, list) and len(fold) == 2 else fold
    if not isinstance(parts, dict) or not parts.keys() <= ROLES.keys():
        raise AffexError(f"{path}, fold {name}: expected {EXPECTED}.")
    rows = []
    for part, keys in parts.items():
        source = f"{path}, fold {name}, {part}, entry"
        if not isinstance(keys, list):
            raise AffexError(f"{path}, fold {name}: {part} is no list of ids.")
        for number, key in enumerate(keys, 1):
            if not isinstance(key, str):
                raise AffexError(_no_id(f"{source} {number}", key))
            rows.append(Row(fold_texts.require_key(key, f"{source} {number}"), ROLES[part], source, number))
    return rows


def _no_id(where: str, key: Any) -> str:
    if isinstance(key, bool) or not isinstance(key, int | float):
        return f"{where}: expected the id of an utterance, a text."
    return (
        f"{where} is the position {key}. Positions are of the rows of somebody's table, in an order that the file does "
        "not hold, so they name no utterance.\nWrite ids instead: {'train': ids[train].tolist(), 'test': "
        "ids[test].tolist()}."
    )


def _parsed(text: str, where: str) -> Any:
    """Return what JSON text holds.

    Raises
    ------
    AffexError
        If it is not JSON, or an object has a member twice, of which one would be lost.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise AffexError(f"{where} is not valid JSON: {error or 'it is nested too deeply'}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has the member '{next(name for name in names if names.count(name) > 1)}' twice")
    return found
