"""Recordings: the arrow from files that somebody wants labelled to utterances at hand, without labels.

A folder stands for every sound and video file in it and below, in the order of their names; a table is read as the
corpus ``csv`` is, but that it needs no labels, and speakers only where they matter. Rows are kept in a cache folder of
their own, so that the same recordings need not be decoded again for the next model.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.corpora import csv
from pipeline.errors import CorpusError
from pipeline.manifest import Dataset, Media, Utterance, Utterances

TABLES = (".csv", ".tsv")
SOUNDS = {".wav", ".flac", ".aif", ".aiff", ".au", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".wma"}


def at_hand(data: Path, cache: Path, *, with_speakers: bool = False) -> Dataset:
    """Return recordings as a corpus without labels, cached in ``<cache>/predict-<name>-<hash of the path>``.

    Parameters
    ----------
    data
        A folder, one sound or video file, or a table.
    cache
        The folder of all caches.
    with_speakers
        Whether a table must have the column ``speaker``.

    Raises
    ------
    CorpusError
        If there is nothing, or what is there cannot be read.
    """
    if not data.exists():
        raise CorpusError(f"There is no {data}. Expected a folder of wavs or videos, one such file, or a table.")
    name = _name(data)
    if data.suffix.lower() in TABLES and data.is_file():
        utterances = csv.find(data, ("file", "speaker") if with_speakers else ("file",))
        return Dataset(name, data.parent, cache / name, utterances)
    root = data if data.is_dir() else data.parent
    return Dataset(name, root, cache / name, Utterances(_utterances(name, _files(data))))


def _name(data: Path) -> str:
    where = data.resolve()
    readable = re.sub(r"[^\w.-]+", "-", where.stem)[:40]
    return f"predict-{readable}-{hashlib.sha256(where.as_posix().encode()).hexdigest()[:8]}"


def _files(data: Path) -> list[str]:
    """Return the paths of the recordings, relative to their folder; hidden files are other programs' notes."""
    if not data.is_dir():
        return [data.name]
    known = SOUNDS | csv.VIDEO_SUFFIXES
    found = (path.relative_to(data) for path in data.rglob("*") if path.suffix.lower() in known and path.is_file())
    names = sorted(path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts))
    if not names:
        wanted = ", ".join(sorted(known))
        raise CorpusError(f"{data} holds no sound or video file, nor do the folders in it. Looked for {wanted}.")
    return names


def _utterances(corpus: str, names: Sequence[str]) -> list[Utterance]:
    """Return an utterance a file, called by its path without the suffix where that is its alone."""
    stems = [Path(name).with_suffix("").as_posix() for name in names]
    n_called = Counter(stems)
    return [
        Utterance(
            id=stem if n_called[stem] == 1 else name,
            corpus=corpus,
            speaker="",
            audio=Media(name),
            video=Media(name) if Path(name).suffix.lower() in csv.VIDEO_SUFFIXES else None,
        )
        for name, stem in zip(names, stems, strict=True)
    ]
