"""From a corpus's name, and where it lies, to a corpus at hand.

The first arrow of the flow: files to utterances. Also remembers which corpus was used last, for who names none.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import registry
from pipeline.atomic import write_text
from pipeline.console import Console
from pipeline.corpora.base import Corpus, shortfalls
from pipeline.errors import CorpusError, UsageError
from pipeline.manifest import Dataset, Utterances

#: The corpus that is a table, cached under the table's own name.
TABLE = "csv"

#: Where a corpus is looked for when nobody says.
DATA = Path("data")

#: Where all caches are when nobody says.
CACHE = Path("cache")


def opened(name: str, data: Path | None, cache: Path, *, partial: bool, console: Console) -> Dataset:
    """Return a corpus at hand, made first where it is one that is made on the spot.

    Parameters
    ----------
    name
        What `registry.corpus` is asked for.
    data
        The corpus's folder (the table, for ``csv``); None for ``data/<name>``.
    cache
        The folder of all caches.
    partial
        Whether a corpus with fewer utterances than it should have will do.

    Raises
    ------
    UsageError
        If there is no such corpus, or no table was named.
    CorpusError
        If the folder is not that corpus, or not the whole of it.
    """
    corpus = registry.corpus(name)
    settings = {"DATASET": name, "DATA": data, "PARTIAL": partial, "CACHE": cache if cache != CACHE else None}
    unusual = [f"{corpus.name} is read as {name}"] if name != corpus.name else []
    name = corpus.name
    if name == TABLE:
        return _table(corpus, data, cache, settings)
    root = data or DATA / name
    if corpus.make is not None:
        if not root.exists():
            console.say(f"Making the corpus '{name}' in {root} ...")
        corpus.make(root)
    elif not root.exists():
        raise CorpusError(_how_to_get(corpus, root))
    utterances = corpus.find(root)
    for remark in corpus.remarks(utterances):
        console.say(f"{remark}.")
    missing = shortfalls(corpus, utterances)
    if missing and not partial:
        raise CorpusError(
            f"{root} does not hold the whole corpus. {'; '.join(missing)}.\n"
            "Figures on a part are not comparable; to go on with what is there, say PARTIAL=1."
        )
    for sentence in missing:
        console.say(f"Incomplete corpus: {sentence}.")
    return Dataset(name, root, cache / name, Utterances(utterances), (*missing, *unusual), settings)


def folder_name(name: str, data: Path | None) -> str:
    """Return what a corpus's cache folder is called."""
    return data.stem if name == TABLE and data is not None else name


def _table(corpus: Corpus, table: Path | None, cache: Path, settings: Mapping[str, object]) -> Dataset:
    if table is None:
        raise UsageError("DATASET=csv reads a table: say which, as in DATA=mine.csv.")
    if table.stem in registry.corpora():
        raise UsageError(
            f"{table.name} would be cached as '{table.stem}', and that is a corpus of its own. Rename the table."
        )
    return Dataset(table.stem, table.parent, cache / table.stem, corpus.find(table), settings=settings)


def _how_to_get(corpus: Corpus, root: Path) -> str:
    lines = [f"There is no folder {root}, where {corpus.name} ({corpus.title}) was looked for."]
    if corpus.download is not None:
        lines.append(
            f"Fetch it with `make download DATASET={corpus.name}` (licence: {corpus.licence}), "
            f"or say where it is with DATA=folder."
        )
    else:
        lines.append(f"Get it from {corpus.source} (licence: {corpus.licence}), and say where it is with DATA=folder.")
    return "\n".join(lines)


def remember(cache: Path, names: str, data: str | None, corpora: Sequence[Dataset] = ()) -> None:
    """Note which corpora were used last, as DATASET and DATA named them, and the folder that their runs lie in."""
    record = {"dataset": names, "data": data, "folder": "+".join(corpus.folder.name for corpus in corpora)}
    write_text(cache / "last.json", [json.dumps(record) + "\n"])


def last(cache: Path) -> tuple[str, str | None] | None:
    """Return the corpora used last and where they lay, or None where there are none."""
    record = _last(cache)
    return (record["dataset"], record["data"]) if record else None


def last_folder(cache: Path) -> str:
    """Return the name of the cache folder in which the runs on the corpora used last lie; empty where nobody knows."""
    record = _last(cache)
    return record["folder"] if record else ""


def _last(cache: Path) -> dict[str, Any] | None:
    """Return what `remember` noted; None where it is not there, or not whole."""
    try:
        record = json.loads((cache / "last.json").read_text(encoding="utf-8"))
        dataset, data, folder = str(record["dataset"]), record["data"], str(record.get("folder", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return {"dataset": dataset, "data": None if data is None else str(data), "folder": folder}
