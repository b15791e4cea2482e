"""Formats of tables of folds: the arrow from a path to the tables in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.evaluation import fold_csvs, fold_jsons, fold_texts
from affex.pipeline.evaluation.fold_tables import FoldTable
from affex.pipeline.text.errors import UsageError
from affex.pipeline.text.filenames import path_of, spelled

#: The readers of formats, in the order in which they are asked. A reader takes a folder and the names of files below
#: it, and returns the tables of its own files; none if there are no such files.
FORMATS: Mapping[str, Callable[[Path, Sequence[str]], list[FoldTable]]] = {
    "EmoBox's <corpus>_{train,test}_fold_<k>.jsonl": fold_jsons.emobox,
    "csv or tsv with id and fold, id and split, or EMO-SUPERB's FileName and Split_Set": fold_csvs.read,
    "JSON with a list of {train: [ids], test: [ids]}": fold_jsons.splits,
}
#: Endings of files that may be tables of folds.
ENDINGS = (".csv", ".tsv", ".json", ".jsonl", *fold_texts.PICKLES)


def read(path: Path) -> tuple[FoldTable, ...]:
    """Return the tables of folds in a file, or in all files of one format below a folder, one table a corpus.

    Raises
    ------
    UsageError
        If the path holds no format that is read, or a pickle.
    AffexError
        If a file cannot be read, or is no table of folds.
    """
    root, names = (path, search.below(path)) if path.is_dir() else (path.parent, [spelled(path.name)])
    if not path.is_dir() and path.suffix.lower() not in ENDINGS:
        fold_texts.text(path)  # says if it is missing, or a pickle of another name
    for reader in FORMATS.values():
        if found := reader(root, names):
            return tuple(found)
    for name in names:
        fold_texts.require_no_pickle(path_of(root, name))
    raise UsageError(f"{path} holds no table of folds that affex reads: expected {'; '.join(FORMATS)}.")


def one(path: Path) -> FoldTable:
    """Return the only table of folds in a file or folder.

    Raises
    ------
    UsageError
        If there are tables of several corpora.
    AffexError
        As `read`.
    """
    found = read(path)
    if len(found) > 1:
        names = ", ".join(table.corpus for table in found)
        raise UsageError(f"{path} has folds of {len(found)} corpora ({names}): name the file or folder of one.")
    return found[0]


def unread(path: Path, tables: Sequence[FoldTable]) -> Iterator[str]:
    """Yield a sentence on files of a folder that might be tables of folds, too, and were not read."""
    root, names = (path, search.below(path)) if path.is_dir() else (path.parent, [])
    sources = {row.source for table in tables for fold in table.folds for row in fold.rows}
    read_from = {source.rpartition(", line")[0] or source.partition(", fold ")[0] for source in sources}
    left = [
        name
        for name in names
        if name.lower().endswith(ENDINGS)
        and not fold_jsons.EMOBOX.fullmatch(name)
        and str(path_of(root, name)) not in read_from
    ]
    if left:
        yield f"{len(left)} other files of the folder are of no fold, and are not read (the first: {left[0]})"
