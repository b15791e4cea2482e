"""The arrow from a corpus's name and folder to its utterances: the first arrow of the flow.

The module also stores which corpus was used last, for commands without DATASET.
"""

import contextlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from affex.pipeline.caching import copies, owner
from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus, shortfalls
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.manifest import Dataset, Utterances
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media import pointers
from affex.pipeline.specs import discovery, grammar
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.storage import sealed as sealing
from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content
from affex.pipeline.storage.sealed import DamagedError, sealed
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError, CorpusError, UsageError
from affex.pipeline.text.filenames import path_of, spelled

#: The corpus that is a table; its cache folder has the table's name.
TABLE = "csv"

#: The file beside the cache folders that says which corpora were used last.
LAST = "last.json"

#: The default folder of corpora (without DATA).
DATA = Path("data")

#: The default folder of caches (without CACHE).
CACHE = Path("cache")


def opened(name: str, data: Path | None, cache: Path, *, partial: bool, console: Console) -> Dataset:
    """Return a corpus that is ready to use; a synthetic corpus is made first.

    Parameters
    ----------
    name
        The name, as `pipeline.specs.discovery.corpus` takes it.
    data
        The corpus's folder (the table, for ``csv``); None for ``data/<name>``.
    cache
        The folder of all caches.
    partial
        Whether an incomplete corpus is accepted.

    Raises
    ------
    UsageError
        If there is no such corpus, no table was named, or the table's name is taken or not valid for a folder.
    CorpusError
        If the folder does not hold that corpus, or only a part of it.
    """
    corpus = corpus_of(name)
    settings = {"DATASET": name, "DATA": data, "PARTIAL": partial, "CACHE": cache if cache != CACHE else None}
    if corpus.name == TABLE:
        return replace(_table(corpus, data, cache, partial=partial, console=console), settings=settings)
    root = data or DATA / corpus.name
    if corpus.make is not None:
        if not root.exists():
            console.print(f"Making the corpus '{corpus.name}' in {root} ...")
        corpus.make(root)
    elif not root.exists():
        raise CorpusError(_how_to_get(corpus, root))
    unusual = [f"{corpus.name} is read as {name}"] if name != corpus.name else []
    utterances, missing = _found(corpus, root, cache / corpus.name, partial=partial, console=console)
    return Dataset(
        corpus.name, root, cache / corpus.name, Utterances(utterances), (*missing, *unusual), settings=settings
    )


def require_no_table(name: str, cache: Path) -> None:
    """Refuse the name of a table, or of its cache folder, in place of a corpus's name.

    Raises
    ------
    UsageError
        If so; the message says how to name the table.
    """
    of_cache = name not in discovery.corpora() and Path(name).name == name and _owner(cache / name)
    table = of_cache or (name if Path(name).is_file() else None)
    if table:
        raise UsageError(f"'{name}' is not a corpus but a table: use DATASET=csv DATA={shlex.quote(str(table))}.")


def _found(
    corpus: Corpus, root: Path, folder: Path, *, partial: bool, console: Console
) -> tuple[Sequence[Utterance], list[str]]:
    """Return the utterances of a corpus's folder, and a sentence for each missing part; report remarks."""
    utterances = corpus.find(root)
    found = utterances if isinstance(utterances, Found) else Found(utterances)
    for remark in (*found.remarks, *corpus.remarks(utterances)):
        console.print(f"{remark}.")
    missing = [*shortfalls(corpus, utterances), *unfetched(corpus.name, root, utterances)]
    if missing and not partial:
        raise CorpusError(
            f"{root} does not hold the whole corpus. {'; '.join(missing)}.\n"
            "Figures on a part of a corpus are not comparable. To continue with this part, use PARTIAL=1."
        )
    for sentence in missing:
        console.print(f"Incomplete corpus: {sentence}.")
    copies.require_same(root, folder, found.copies, console)
    return utterances, missing


def unfetched(name: str, root: Path, utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence on media files that were never downloaded, without a full stop, if there are any."""
    paths = list(dict.fromkeys(path for utterance in utterances for item in utterance.media() for path in item.files))
    whys = {path: why for path in paths if (why := pointers.unfetched(path_of(root, path)))}
    if not whys:
        return []
    first, why = next(iter(whys.items()))
    return [f"{name}: {len(whys)} of {len(paths)} files are not recordings: {first} {why}"]


def folder_name(name: str, data: Path | None) -> str:
    """Return the name of a corpus's cache folder."""
    return spelled(data.stem) if name == TABLE and data is not None else name


def named(folder: Path) -> dict[str, object]:
    """Return the variables of a command that name the corpus of a cache folder, as far as the cache shows them."""
    cache, name = folder.parent, folder.name
    elsewhere = {"CACHE": cache if cache != CACHE else None}
    if name not in discovery.corpora():
        return {"DATASET": TABLE, "DATA": _owner(folder) or f"{name}.csv", **elsewhere}
    with contextlib.suppress(UsageError):
        used_last, data = last(cache) or ("", None)
        if grammar.name_of(used_last) == name:
            return {"DATASET": used_last, "DATA": data, **elsewhere}
    return {"DATASET": name, **elsewhere}


def _owner(folder: Path) -> Path | None:
    """Return the table that a cache folder belongs to; None where the record is missing or damaged."""
    with contextlib.suppress(DamagedError):
        return owner.read(folder)
    return None


def _table(corpus: Corpus, table: Path | None, cache: Path, *, partial: bool, console: Console) -> Dataset:
    if table is None:
        raise UsageError("DATASET=csv reads a table: name it, for example DATA=mine.csv.")
    if table.stem.lower() in discovery.corpora():  # some file systems ignore case
        raise UsageError(
            f"The cache folder of {table.name} would be '{table.stem}', which is a corpus. Rename the table."
        )
    name = spelled(table.stem)
    owner.require_name(name, table.name)
    search.require_fetched(table)
    found = corpus.find(table, memory=cache / name)
    missing = unfetched(name, table.parent, found)
    if missing and not partial:
        raise CorpusError(f"{missing[0]}. To continue without them, use PARTIAL=1.")
    owner.claim(cache / name, table, console.print)
    notes = (*missing, *(found.notes if isinstance(found, Utterances) else ()))
    for note in notes:
        console.print(f"{note}.")
    return Dataset(name, table.parent, cache / name, found, notes)


def _how_to_get(corpus: Corpus, root: Path) -> str:
    lines = [f"{corpus.name} ({corpus.title}) was not found: there is no folder {root}."]
    if corpus.download is not None:
        lines.append(
            f"Download it with `make download DATASET={corpus.name}` (licence: {corpus.licence}), "
            f"or name its folder with DATA=folder."
        )
    else:
        lines.append(f"Get it from {corpus.source} (licence: {corpus.licence}), and name its folder with DATA=folder.")
    return "\n".join(lines)


def remember(cache: Path, names: str, data: str | None, corpora: Sequence[Dataset] = ()) -> None:
    """Store which corpora were used last, as DATASET and DATA named them, and the folder of their runs.

    A read-only cache stores nothing.
    """
    record = {"dataset": names, "data": data, "folder": "+".join(corpus.folder.name for corpus in corpora)}
    with contextlib.suppress(AffexError):
        write_text(cache / LAST, [json.dumps(sealed(record)) + "\n"])


def last(cache: Path) -> tuple[str, str | None] | None:
    """Return the corpora used last and their folder, or None where nothing is stored.

    Raises
    ------
    UsageError
        If the record is damaged: a wrong corpus could be used otherwise.
    """
    try:
        record = _last(cache)
        return str(record["dataset"]), None if record["data"] is None else str(record["data"])
    except FileNotFoundError:
        return None
    except (OSError, DamagedError, KeyError) as error:
        raise UsageError(
            f"{cache / LAST} no longer says which corpus was used last ({error}). Name the corpus, for example "
            "DATASET=emodb DATA=folder. That rewrites the file."
        ) from error


def last_folder(cache: Path) -> str:
    """Return the name of the cache folder with the runs on the corpora used last; empty where it is unknown."""
    try:
        return str(_last(cache).get("folder", ""))
    except (OSError, DamagedError):
        return ""


def _last(cache: Path) -> dict[str, Any]:
    """Return the record that `remember` stored, verified."""
    return sealing.opened(content(cache / LAST))
