"""Sources: which bytes an utterance is made of. The digest of every media file, remembered between runs.

A file is hashed again only when its size, modification time, change time or inode has changed: the change
time cannot be put back as the modification time can. What is remembered is sealed line by line: a line that is not
what was written is forgotten.
"""

import contextlib
import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline import media
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import pointers
from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content, is_settled, stamp
from affex.pipeline.storage.sealed import DamagedError, opened, sealed
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError
from affex.pipeline.text.filenames import path_of, shown


@dataclass(frozen=True, slots=True)
class File:
    """A media file as it was when it was hashed.

    Parameters
    ----------
    digest
        The sha256 of its bytes.
    stamp
        What vouches for it, packed, since a corpus has very many: see `STAMP`.
    """

    digest: bytes
    stamp: bytes


#: How a stamp (`pipeline.storage.files.stamp`) is packed.
STAMP = struct.Struct("<4Q")
STAMPED = ("size", "modified_ns", "changed_ns", "inode")

#: The file of a cache folder that remembers.
MEMORY = "media.jsonl"

#: Files given to the threads at a time: each costs memory until it is done.
HASHED_TOGETHER = 256

#: What kinds of media are called that are not called as their field is.
NAMES = {"audio": "sound", "mocap": "motion capture"}

#: Each media path's file, hashed, or why it cannot be read.
Files = dict[str, File | str]


def of_corpus(dataset: Dataset, kinds: Iterable[str], console: Console) -> Files:
    """Return the files of these kinds of media (``"audio"``) in a corpus, hashed or remembered."""
    wanted = sorted(set(kinds))
    items = (getattr(utterance, kind) for utterance in dataset.utterances for kind in wanted)
    paths = list(dict.fromkeys(path for item in items if item is not None for path in item.files))
    with console.progress("hashing", len(paths), "files") as tick:
        return files(dataset.folder, dataset.root, paths, tick)


def of_utterances(dataset: Dataset, kind: str, files: Files) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance by id (empty where there is none), and why those have none."""
    found: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    for utterance in dataset.utterances:
        item = getattr(utterance, kind)
        own = [files[path] for path in item.files] if item is not None else [_absent(utterance, kind)]
        read = [file for file in own if isinstance(file, File)]
        found[utterance.id] = source(read[0], item, read[1:]) if len(read) == len(own) else b""
        for unread in own:
            if isinstance(unread, str):
                missing.setdefault(utterance.id, unread)
    return found, missing


def _absent(utterance: Utterance, kind: str) -> str:
    """Return that an utterance has no media of a kind, and why, where its corpus knows."""
    why = dict(utterance.absent).get(kind)
    return f"it has no {NAMES.get(kind, kind)}" + (f": {why}" if why else "")


def of_rows(
    dataset: Dataset, name: str, digests: Mapping[str, bytes], failures: Mapping[str, str]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance of a feature of another's rows, and why some have none.

    Parameters
    ----------
    name
        The name of the feature whose rows are read.
    digests
        The digest of its rows, which is the source, by utterance.
    failures
        Why it has no rows, by utterance.
    """
    found, missing = {}, {}
    for utterance in dataset.utterances:
        found[utterance.id] = digests.get(utterance.id, b"")
        if utterance.id not in digests:
            missing[utterance.id] = f"{name}: {failures.get(utterance.id, 'not computed yet')}"
    return found, missing


def files(folder: Path, root: Path, paths: Sequence[str], tick: Callable[[int], None]) -> dict[str, File | str]:
    """Return each path's file, hashed or remembered, or why it cannot be read.

    Parameters
    ----------
    folder
        The corpus's cache folder, where ``media.jsonl`` remembers.
    root
        The folder that the paths are relative to.
    tick
        Called with the number of files done since the last call.
    """
    known = _remembered(folder / MEMORY)
    result: Files = {}
    with ThreadPoolExecutor(max_workers=4) as pool:
        for at in range(0, len(paths), HASHED_TOGETHER):
            some = paths[at : at + HASHED_TOGETHER]
            result.update(zip(some, pool.map(lambda p: _file(path_of(root, p), known.get(p)), some), strict=True))
            tick(len(some))
    sure = {p: f for p, f in result.items() if isinstance(f, File) and is_settled(STAMP.unpack(f.stamp))}
    if sure != known:
        with contextlib.suppress(AffexError):  # it saves time, no more: a cache that is only read does without
            write_text(folder / MEMORY, _lines(sure))
    return result


def _file(path: Path, known: File | None) -> File | str:
    try:
        before = STAMP.pack(*stamp(path))
        if known is not None and known.stamp == before:
            return known
        if why := pointers.unfetched(path):
            return shown(f"{path} {why}")
        return File(bytes.fromhex(media.digest(path)), before)
    except OSError as error:
        return shown(f"{path} {pointers.unfetched(path) or f'cannot be read: {error.strerror or error}'}")


def _remembered(path: Path) -> dict[str, File]:
    """Return what the last run wrote; what is not proved is hashed again."""
    known: dict[str, File] = {}
    for line in _written(path):
        with contextlib.suppress(ValueError):
            name, file = _opened(line)
            known[name] = file
    return known


def damaged(folder: Path) -> list[int]:
    """Return the numbers of the lines of a corpus's ``media.jsonl`` that are not what was written."""
    numbers = []
    for number, line in enumerate(_written(folder / MEMORY), 1):
        try:
            _opened(line)
        except ValueError:
            numbers.append(number)
    return numbers


def _written(path: Path) -> list[bytes]:
    try:
        written = content(path)
    except OSError:
        return []
    return written.removesuffix(b"\n").split(b"\n") if written else []


def _opened(line: bytes) -> tuple[str, File]:
    """Return the name of a file, and what it was.

    Raises
    ------
    ValueError
        If the line is not what was written, or an earlier version wrote it.
    """
    record = opened(line)
    try:
        stamp = STAMP.pack(*(record[name] for name in STAMPED))
        return str(record["file"]), File(bytes.fromhex(record["digest"]), stamp)
    except (KeyError, TypeError, struct.error) as error:
        raise DamagedError("it is no file that was hashed") from error


def _lines(known: Mapping[str, File]) -> Iterator[str]:
    for name, file in known.items():
        stamp = dict(zip(STAMPED, STAMP.unpack(file.stamp), strict=True))
        with contextlib.suppress(UnicodeEncodeError):  # a name that is no text cannot be written down
            yield json.dumps(sealed({"file": name, "digest": file.digest.hex(), **stamp}), ensure_ascii=False) + "\n"


def source(file: File, of: Media, beside: Sequence[File] = ()) -> bytes:
    """Return the sha256 that stands for an utterance's media bytes, those of all its files, and the part that it is."""
    parts = [file.digest.hex(), of.start, of.end, of.channel, of.region, *(other.digest.hex() for other in beside)]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def require_unique(ids: Sequence[str]) -> None:
    """Refuse a corpus in which two utterances have one id.

    Raises
    ------
    AffexError
        Naming the first ones.
    """
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = sorted({i for i in ids if i in seen or seen.add(i)})  # type: ignore[func-returns-value]
        raise AffexError(f"{len(twice)} utterance ids stand for more than one utterance: {', '.join(twice[:5])}")
