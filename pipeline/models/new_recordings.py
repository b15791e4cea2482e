"""Recordings: the arrow from files without labels to utterances at hand.

A folder means every recording in it and its subfolders, in the order of their names. The content of a file decides
whether it is a recording, not its name. Files that are left out are kept with the reason. A table is read like the
corpus ``csv``, but needs no labels, and needs speakers only if the model uses them. Rows have a cache folder of their
own, so the next model need not decode the same recordings again.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePosixPath

from affex.pipeline.corpora import csv
from affex.pipeline.manifest.manifest import Dataset, Utterances
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import contents, probe
from affex.pipeline.media.probe import Content
from affex.pipeline.storage.files import Listing, below
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import spelled

TABLES = (".csv", ".tsv")

#: The prefix of their cache folders' names.
PREFIX = "predict-"

#: How many of the left-out files an error names.
SHOWN = 5

HIDDEN = "is hidden (its name, or that of a folder it lies in, begins with a dot)"


def at_hand(data: Path, cache: Path, *, with_speakers: bool = False, console: Console | None = None) -> Dataset:
    """Return recordings as a corpus without labels, cached in ``<cache>/predict-<name>-<hash of the path>``.

    Parameters
    ----------
    data
        A folder, one sound or video file, or a table.
    cache
        The folder of all caches.
    with_speakers
        Whether a table must have the column ``speaker``.
    console
        Where the number of inspected files is shown.

    Raises
    ------
    CorpusError
        If there is no recording, or the input cannot be read.
    """
    try:
        data.stat()
    except OSError as error:
        raise CorpusError(
            f"There is no {data} ({error.strerror}). Expected a folder of wavs or videos, one such file, or a table."
        ) from error
    name = _name(data)
    if data.suffix.lower() in TABLES and not data.is_dir():
        needed = ("file", "speaker") if with_speakers else ("file",)
        utterances = csv.find(data, needed, cache / name)
        return Dataset(name, data.parent, cache / name, utterances, utterances.notes)
    if not data.is_dir():
        return Dataset(name, data.parent, cache / name, Utterances(_utterances(name, _one(data))))
    listing = below(data)
    with _progress(console, len(listing.names)) as tick:
        held, left_out = _looked_through(data, listing, cache / name, tick)
    return Dataset(name, data, cache / name, Utterances(_utterances(name, held)), left_out=left_out)


def _name(data: Path) -> str:
    where = data.resolve()
    readable = re.sub(r"[^\w.-]+", "-", spelled(where.stem))[:40]
    return f"{PREFIX}{readable}-{hashlib.sha256(os.fsencode(where)).hexdigest()[:8]}"


def _one(file: Path) -> dict[str, Content]:
    """Return the content of the only file that was given, whatever its type."""
    name = spelled(file.name)
    held, why = contents.of_files(file.parent, [name])[name]
    return {name: held or probe.named(name, why) or Content(sound=True)}


def _progress(console: Console | None, n_files: int) -> AbstractContextManager[Callable[[int], None]]:
    return console.progress("looking at", n_files, "files") if console else nullcontext(lambda _: None)


def _looked_through(
    folder: Path, listing: Listing, memory: Path, tick: Callable[[int], None]
) -> tuple[dict[str, Content], dict[str, str]]:
    """Return the content of each recording of a folder, and why other files and folders are left out.

    A file with the name of a recording counts as one even if it cannot be opened: it gets a reason and no label.
    """
    is_hidden = {name: any(part.startswith(".") for part in name.split("/")) for name in listing.names}
    visible = [name for name in listing.names if not is_hidden[name]]
    held: dict[str, Content] = {}
    left_out = dict(listing.left_out)
    for name, (found, why) in contents.of_files(folder, visible, memory, tick).items():
        content = found or probe.named(name, why)
        if content is None:
            left_out[name] = why
        else:
            held[name] = content
    if not held:
        raise CorpusError(_nothing(folder, left_out))
    return held, left_out | {name: HIDDEN for name in listing.names if is_hidden[name]}


def _nothing(folder: Path, left_out: Mapping[str, str]) -> str:
    reasons = [f"{name} {why}" for name, why in list(left_out.items())[:SHOWN]]
    more = f" and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
    there = f"\nWhat is there: {'; '.join(reasons)}{more}." if reasons else ""
    return f"{folder} holds no sound or video file, nor do the folders in it.{there}"


def _utterances(corpus: str, held: Mapping[str, Content]) -> list[Utterance]:
    """Return one utterance per file; its id is the path, without the suffix if that is unique."""
    stems = {name: PurePosixPath(name).with_suffix("").as_posix() for name in held}
    n_called = Counter(stems.values())
    return [
        Utterance(
            id=stems[name] if n_called[stems[name]] == 1 else name,
            corpus=corpus,
            speaker="",
            audio=Media(name) if content.sound else None,
            video=Media(name) if content.pictures else None,
            absent=content.absent,
        )
        for name, content in held.items()
    ]
