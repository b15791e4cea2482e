"""Sources: the arrow from media files to the digests that stand for the bytes of an utterance.

The digests are stored between runs. A file is hashed again only when its size, modification time, change time or inode
has changed; unlike the modification time, the change time cannot be set back. Each stored line is sealed. A line that
does not match its seal is ignored.
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
        The file's size, times and inode at that time, packed to save memory: see `STAMP`.
    """

    digest: bytes
    stamp: bytes


#: The packed form of a stamp (`pipeline.storage.files.stamp`).
STAMP = struct.Struct("<4Q")
STAMPED = ("size", "modified_ns", "changed_ns", "inode")

#: The file of a cache folder that stores the digests.
MEMORY = "media.jsonl"

#: The number of files given to the threads at a time; each needs memory until it is done.
HASHED_TOGETHER = 256

#: The words for kinds of media whose field has another name.
NAMES = {"audio": "sound", "mocap": "motion capture", "text": "transcript"}

#: What is read from the manifest, not from a file.
TEXT = "text"

#: Each media path's hashed file, or the reason why it cannot be read.
Files = dict[str, File | str]


def of_corpus(dataset: Dataset, kinds: Iterable[str], console: Console) -> Files:
    """Return the files of these kinds of media (``"audio"``) in a corpus, hashed now or in an earlier run."""
    wanted = sorted(set(kinds) - {TEXT})
    items = (getattr(utterance, kind) for utterance in dataset.utterances for kind in wanted)
    paths = list(dict.fromkeys(path for item in items if item is not None for path in item.files))
    with console.progress("hashing", len(paths), "files") as tick:
        return files(dataset.folder, dataset.root, paths, tick)


def of_utterances(dataset: Dataset, kind: str, files: Files) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance by id (empty where there is none), and the reasons for missing ones."""
    if kind == TEXT:
        return _of_texts(dataset)
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


def _of_texts(dataset: Dataset) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the digest of every utterance's transcript (empty where there is none), and reasons for missing ones."""
    texts = {utterance.id: utterance.text or "" for utterance in dataset.utterances}
    found = {id_: hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for id_, text in texts.items() if text}
    missing = {utterance.id: _absent(utterance, TEXT) for utterance in dataset.utterances if not utterance.text}
    return dict.fromkeys(texts, b"") | found, missing


def _absent(utterance: Utterance, kind: str) -> str:
    """Return a sentence that an utterance has no media of a kind, with the reason if its corpus gives one."""
    why = dict(utterance.absent).get(kind)
    return f"it has no {NAMES.get(kind, kind)}" + (f": {why}" if why else "")


def of_rows(
    dataset: Dataset, name: str, digests: Mapping[str, bytes], failures: Mapping[str, str]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance for a feature that reads another feature, and reasons for missing ones.

    Parameters
    ----------
    name
        The name of the feature whose rows are read.
    digests
        The digest of that feature's rows, which is the source, by utterance.
    failures
        The reason why that feature has no rows, by utterance.
    """
    found, missing = {}, {}
    for utterance in dataset.utterances:
        found[utterance.id] = digests.get(utterance.id, b"")
        if utterance.id not in digests:
            missing[utterance.id] = f"{name}: {failures.get(utterance.id, 'not computed yet')}"
    return found, missing


def together(
    inputs: Sequence[tuple[dict[str, bytes], dict[str, str]]],
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance for a feature that reads several others, and reasons for missing ones.

    Parameters
    ----------
    inputs
        As `of_rows` returns them, one for each of the features that it reads. A single one is returned as it is.
    """
    (first, missing), *more = inputs
    for others, reasons in more:
        missing = {**reasons, **missing}
        first = {id_: _joined(digest, others[id_]) for id_, digest in first.items()}
    return first, missing


def _joined(one: bytes, other: bytes) -> bytes:
    return hashlib.sha256(one + other).digest() if one and other else b""


def files(folder: Path, root: Path, paths: Sequence[str], tick: Callable[[int], None]) -> dict[str, File | str]:
    """Return each path's file, hashed now or in an earlier run, or the reason why it cannot be read.

    Parameters
    ----------
    folder
        The corpus's cache folder, whose ``media.jsonl`` stores the digests.
    root
        The folder that the paths are relative to.
    tick
        Called with the number of files done since the last call.
    """
    known = _stored(folder / MEMORY)
    result: Files = {}
    with ThreadPoolExecutor(max_workers=4) as pool:
        for at in range(0, len(paths), HASHED_TOGETHER):
            some = paths[at : at + HASHED_TOGETHER]
            result.update(zip(some, pool.map(lambda p: _file(path_of(root, p), known.get(p)), some), strict=True))
            tick(len(some))
    sure = {p: f for p, f in result.items() if isinstance(f, File) and is_settled(STAMP.unpack(f.stamp))}
    if sure != known:
        with contextlib.suppress(AffexError):  # it only saves time: a read-only cache does without it
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


def _stored(path: Path) -> dict[str, File]:
    """Return the files that the last run stored; those of damaged lines are left out, and hashed again."""
    known: dict[str, File] = {}
    for line in _written(path):
        with contextlib.suppress(ValueError):
            name, file = _opened(line)
            known[name] = file
    return known


def damaged(folder: Path) -> list[int]:
    """Return the numbers of the damaged lines of a corpus's ``media.jsonl``."""
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
    """Return the name of a file, and its hashed state.

    Raises
    ------
    ValueError
        If the line is damaged, or an earlier version wrote it.
    """
    record = opened(line)
    try:
        stamp = STAMP.pack(*(record[name] for name in STAMPED))
        return str(record["file"]), File(bytes.fromhex(record["digest"]), stamp)
    except (KeyError, TypeError, struct.error) as error:
        raise DamagedError("it is not a line about a hashed file") from error


def _lines(known: Mapping[str, File]) -> Iterator[str]:
    for name, file in known.items():
        stamp = dict(zip(STAMPED, STAMP.unpack(file.stamp), strict=True))
        with contextlib.suppress(UnicodeEncodeError):  # a name that is not text cannot be written
            yield json.dumps(sealed({"file": name, "digest": file.digest.hex(), **stamp}), ensure_ascii=False) + "\n"


def source(file: File, of: Media, beside: Sequence[File] = ()) -> bytes:
    """Return the sha256 that stands for the bytes of an utterance's media files, and for its span of them."""
    parts = [file.digest.hex(), of.start, of.end, of.channel, of.region, *(other.digest.hex() for other in beside)]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def require_unique(ids: Sequence[str]) -> None:
    """Refuse a corpus in which two utterances have one id.

    Raises
    ------
    AffexError
        If so; the message names the first ids.
    """
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = sorted({i for i in ids if i in seen or seen.add(i)})  # type: ignore[func-returns-value]
        raise AffexError(f"{len(twice)} utterance ids stand for more than one utterance: {', '.join(twice[:5])}")
