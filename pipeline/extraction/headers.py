"""Headers of a corpus: the arrow from its media files to how each is stored, on workers, kept by the files' digests."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affex.pipeline.caching import sources
from affex.pipeline.caching.sources import File
from affex.pipeline.execution.runner import Runner, carry_out
from affex.pipeline.execution.work import Died, Piece, Stage, Work
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.media.header import Header, header
from affex.pipeline.storage.atomic import write_text
from affex.pipeline.storage.files import content
from affex.pipeline.storage.records import plain, restored
from affex.pipeline.storage.sealed import opened, sealed
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError

#: The file of a cache folder that keeps the headers, one sealed line a file.
MEMORY = "headers.jsonl"
#: How many files a worker opens at a time.
BATCH = 64
#: The kinds of media whose files have a header.
KINDS = ("audio", "video")


@dataclass(frozen=True)
class _Files(Piece):
    """Names of files that are opened together, and the folder that they are relative to."""

    jobs: tuple[str, ...]
    root: Path


def of_corpus(dataset: Dataset, runner: Callable[[], Runner], console: Console) -> dict[str, Header]:
    """Return the header of each media file, by its name; files that cannot be read are left out.

    Parameters
    ----------
    runner
        Opens the runner; not called if all headers are known.
    """
    files = sources.of_corpus(dataset, KINDS, console)
    digests = {name: file.digest.hex() for name, file in files.items() if isinstance(file, File)}
    known = _kept(dataset.folder / MEMORY)
    missing = list(dict.fromkeys(name for name, digest in digests.items() if digest not in known))
    if missing:
        known |= _read(dataset, missing, digests, known, runner(), console)
    return {name: known[digest] for name, digest in digests.items() if digest in known}


def _read(
    dataset: Dataset,
    names: list[str],
    digests: Mapping[str, str],
    known: Mapping[str, Header],
    runner: Runner,
    console: Console,
) -> dict[str, Header]:
    """Return the headers of files by their digests; what is read is kept, also if the run is interrupted."""
    found: dict[str, Header] = {}

    def keep(piece: _Files, result: Any) -> None:
        headers = [Header(wrong="kills the process that opens it")] if isinstance(result, Died) else result
        found.update(zip((digests[name] for name in piece.jobs), headers, strict=True))

    pieces = (_Files(tuple(names[at : at + BATCH]), dataset.root) for at in range(0, len(names), BATCH))
    try:
        with console.progress("reading headers", len(names), "files") as tick:
            carry_out(runner, Work((Stage(_headers),)), pieces, keep, tick)
    finally:
        _keep(dataset.folder / MEMORY, {**known, **found})
    return found


def _headers(piece: _Files) -> list[Header]:
    return [header(piece.root, name) for name in piece.jobs]


def _kept(path: Path) -> dict[str, Header]:
    """Return the headers that earlier runs kept, by digest; damaged lines are left out, and read again."""
    try:
        lines = content(path).splitlines()
    except OSError:
        return {}
    return dict(_verified(lines))


def _verified(lines: Iterable[bytes]) -> Iterator[tuple[str, Header]]:
    for line in lines:
        try:
            record = opened(line)
            yield str(record["digest"]), restored(Header, record["header"])
        except (ValueError, KeyError):
            continue


def _keep(path: Path, headers: Mapping[str, Header]) -> None:
    lines = (json.dumps(sealed({"digest": digest, "header": plain(one)})) + "\n" for digest, one in headers.items())
    try:
        write_text(path, lines)
    except AffexError:  # it only saves time: a read-only cache does without it
        return
