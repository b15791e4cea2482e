"""From a corpus's name, and where it lies, to a corpus at hand.

The first arrow of the flow: files to utterances. Also remembers the corpus used last, for commands that name none.
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

#: The corpus that is a table, cached under the table's own name.
TABLE = "csv"

#: The file among the caches that says which corpora were used last.
LAST = "last.json"

#: Where a corpus is looked for without DATA.
DATA = Path("data")

#: Where all caches are without CACHE.
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
        If there is no such corpus, no table was named, or its name is another's or can be no folder's.
    CorpusError
        If the folder is not that corpus, or not the whole of it.
    """
    corpus = corpus_of(name)
    settings = {"DATASET": name, "DATA": data, "PARTIAL": partial, "CACHE": cache if cache != CACHE else None}
    if corpus.name == TABLE:
        return replace(_table(corpus, data, cache, partial=partial, console=console), settings=settings)
    root = data or DATA / corpus.name
    if corpus.make is not None:
        if not root.exists():
            console.say(f"Making the corpus '{corpus.name}' in {root} ...")
        corpus.make(root)
    elif not root.exists():
        raise CorpusError(_how_to_get(corpus, root))
    unusual = [f"{corpus.name} is read as {name}"] if name != corpus.name else []
    utterances, missing = _found(corpus, root, cache / corpus.name, partial=partial, console=console)
    return Dataset(
        corpus.name, root, cache / corpus.name, Utterances(utterances), (*missing, *unusual), settings=settings
    )


def require_no_table(name: str, cache: Path) -> None:
    """Refuse the name of a table, or of what is cached of one, in the place of a corpus's.

    Raises
    ------
    UsageError
        Saying how the table is named.
    """
    of_cache = name not in discovery.corpora() and Path(name).name == name and _owner(cache / name)
    table = of_cache or (name if Path(name).is_file() else None)
    if table:
        raise UsageError(
            f"There is no corpus '{name}', but a table: name it as DATASET=csv DATA={shlex.quote(str(table))}."
        )


def _found(
    corpus: Corpus, root: Path, folder: Path, *, partial: bool, console: Console
) -> tuple[Sequence[Utterance], list[str]]:
    """Return the utterances of a corpus's folder and a sentence for each thing that it lacks; say what was found."""
    utterances = corpus.find(root)
    found = utterances if isinstance(utterances, Found) else Found(utterances)
    for remark in (*found.remarks, *corpus.remarks(utterances)):
        console.say(f"{remark}.")
    missing = [*shortfalls(corpus, utterances), *unfetched(corpus.name, root, utterances)]
    if missing and not partial:
        raise CorpusError(
            f"{root} does not hold the whole corpus. {'; '.join(missing)}.\n"
            "Figures on a part are not comparable; to go on with what is there, say PARTIAL=1."
        )
    for sentence in missing:
        console.say(f"Incomplete corpus: {sentence}.")
    copies.require_same(root, folder, found.copies, console)
    return utterances, missing


def unfetched(name: str, root: Path, utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence on the media that were never fetched, without a full stop; none where all were."""
    paths = list(dict.fromkeys(path for utterance in utterances for item in utterance.media() for path in item.files))
    whys = {path: why for path in paths if (why := pointers.unfetched(path_of(root, path)))}
    if not whys:
        return []
    first, why = next(iter(whys.items()))
    return [f"{name}: {len(whys)} of {len(paths)} files are no recordings: {first} {why}"]


def folder_name(name: str, data: Path | None) -> str:
    """Return what a corpus's cache folder is called."""
    return spelled(data.stem) if name == TABLE and data is not None else name


def named(folder: Path) -> dict[str, object]:
    """Return what names the corpus of a cache folder on a command line, by variable, as far as the cache tells."""
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
    """Return the table that a cache folder is of; None where nothing says, or what says is damaged."""
    with contextlib.suppress(DamagedError):
        return owner.read(folder)
    return None


def _table(corpus: Corpus, table: Path | None, cache: Path, *, partial: bool, console: Console) -> Dataset:
    if table is None:
        raise UsageError("DATASET=csv reads a table: say which, as in DATA=mine.csv.")
    if table.stem.lower() in discovery.corpora():  # not every file system tells them apart
        raise UsageError(
            f"{table.name} would be cached as '{table.stem}', and that is a corpus of its own. Rename the table."
        )
    name = spelled(table.stem)
    owner.require_name(name, table.name)
    search.require_fetched(table)
    found = corpus.find(table, memory=cache / name)
    missing = unfetched(name, table.parent, found)
    if missing and not partial:
        raise CorpusError(f"{missing[0]}, or go on with what is there: PARTIAL=1.")
    owner.claim(cache / name, table, console.say)
    notes = (*missing, *(found.notes if isinstance(found, Utterances) else ()))
    for note in notes:
        console.say(f"{note}.")
    return Dataset(name, table.parent, cache / name, found, notes)


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
    """Note which corpora were used last, as DATASET and DATA named them, and the folder that their runs lie in.

    Nothing is noted in a cache that is only read.
    """
    record = {"dataset": names, "data": data, "folder": "+".join(corpus.folder.name for corpus in corpora)}
    with contextlib.suppress(AffexError):
        write_text(cache / LAST, [json.dumps(sealed(record)) + "\n"])


def last(cache: Path) -> tuple[str, str | None] | None:
    """Return the corpora used last and where they lay, or None where there are none.

    Raises
    ------
    UsageError
        If what was noted is damaged: another corpus would be taken for the one that is meant.
    """
    try:
        record = _last(cache)
        return str(record["dataset"]), None if record["data"] is None else str(record["data"])
    except FileNotFoundError:
        return None
    except (OSError, DamagedError, KeyError) as error:
        raise UsageError(
            f"{cache / LAST} does not say any more which corpus was used last ({error}): say which is meant, as in "
            "DATASET=emodb DATA=folder. That writes it anew."
        ) from error


def last_folder(cache: Path) -> str:
    """Return the name of the cache folder in which the runs on the corpora used last lie; empty where it is unknown."""
    try:
        return str(_last(cache).get("folder", ""))
    except (OSError, DamagedError):
        return ""


def _last(cache: Path) -> dict[str, Any]:
    """Return what `remember` noted, verified."""
    return sealing.opened(content(cache / LAST))
