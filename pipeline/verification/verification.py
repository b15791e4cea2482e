"""Verification: the arrow from a folder of caches to a report on damaged files, each with its repair."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.caching import cache, dataset, inventory, owner, sources, tuned
from affex.pipeline.evaluation import finished_folds, runs
from affex.pipeline.manifest import manifest
from affex.pipeline.media import contents
from affex.pipeline.models import model_file
from affex.pipeline.reporting import comparison
from affex.pipeline.storage import atomic, bundle
from affex.pipeline.storage.files import status
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError
from affex.pipeline.verification import repair

#: The folders in which a killed run may have left temporary files.
ROOMS = ("*", *(f"*/{room}" for room in cache.ROOMS))


@dataclass(frozen=True)
class Kind:
    """A kind of stored files.

    Parameters
    ----------
    where
        The pattern of its files or folders below the folder of all caches.
    wrong
        Yields a sentence for each thing that is wrong with one of them.
    mend
        How to repair it, where the sentences do not say so.
    """

    where: str
    wrong: Callable[[Path], Iterator[str]]
    mend: str


@dataclass(frozen=True)
class Remark:
    """A finding about a file or a folder."""

    path: str
    words: str


@dataclass(frozen=True)
class Verified:
    """The result of a check: the number of files and results, what is damaged, and what killed runs left."""

    n_checked: int
    damaged: tuple[Remark, ...]
    left: tuple[Remark, ...]


def verify(console: Console, folder: Path) -> Verified:
    """Check all files in a folder of caches; report and return what is wrong."""
    stored = [(kind, path) for kind in KINDS for path in sorted(folder.glob(kind.where))]
    damaged = []
    with console.progress("verifying", len(stored), "files") as tick:
        for kind, path in stored:
            for sentence in _wrong(kind, path):
                damaged.append(_reported(console, path, f"{sentence.removesuffix('.')}. {kind.mend}".rstrip()))
            tick(1)
    places = (folder, *(place for room in ROOMS for place in folder.glob(room)))
    left = [_reported(console, path, _left(path)) for place in places for path in atomic.leftovers(place)]
    console.print(f"{len(stored)} files and results verified, {len(damaged)} things damaged.")
    return Verified(len(stored), tuple(damaged), tuple(left))


def _reported(console: Console, path: Path, words: str) -> Remark:
    console.print(f"{path}: {words}")
    return Remark(str(path), words)


def _wrong(kind: Kind, path: Path) -> Iterator[str]:
    """Yield what is wrong with a stored file. A FIFO or the like is not opened, because reading it would block."""
    try:
        status(path)
    except OSError as error:
        yield f"{error.strerror or error}: remove it"
        return
    yield from kind.wrong(path)


def _rows(path: Path) -> Iterator[str]:
    mend = repair.of_rows(path)
    yield from (f"{sentence}. {mend}" for sentence in inventory.damaged(path))


def _manifest(path: Path) -> Iterator[str]:
    if not manifest.sums(path).exists():
        yield f"{manifest.sums(path).name} is missing, so the manifest cannot be verified. {repair.of_manifest(path)}"
    elif not manifest.is_sound(path):
        yield f"its content does not match {manifest.sums(path).name}. {repair.of_manifest(path)}"


def _media(path: Path) -> Iterator[str]:
    numbers = sources.damaged(path.parent)
    if numbers:
        yield f"{len(numbers)} of its lines have no seal, or do not match it; the first is line {numbers[0]}"


def _contents(path: Path) -> Iterator[str]:
    if problem := contents.damaged(path):
        yield problem


def _table(path: Path) -> Iterator[str]:
    try:
        owner.read(path.parent)
    except DamagedError as error:
        yield str(error)


def _last(path: Path) -> Iterator[str]:
    try:
        dataset.last(path.parent)
    except AffexError as error:
        yield f"it {str(error).removeprefix(f'{path} ').removesuffix('.')}"


def _run(folder: Path) -> Iterator[str]:
    if not runs.exists(folder):
        if (folder / runs.PREDICTIONS).exists():
            yield f"{runs.RECORD} is missing, so its other files cannot be verified. {runs.AGAIN}"
        return
    try:
        runs.read(folder)
    except AffexError as error:
        yield str(error).removeprefix(f"{folder}: ").removesuffix(".")


def _fold(path: Path) -> Iterator[str]:
    if problem := finished_folds.damage(path):
        yield problem


def _comparison(folder: Path) -> Iterator[str]:
    if not bundle.exists(folder, comparison.RECORD):
        return
    try:
        bundle.read(folder, comparison.RECORD)
    except (OSError, DamagedError) as error:
        yield str(error)


def _model(path: Path) -> Iterator[str]:
    try:
        model_file.read(path)
    except AffexError as error:
        yield str(error).removesuffix(".")


def _tuning(path: Path) -> Iterator[str]:
    try:
        tuned.opened(path)
    except (OSError, ValueError) as error:
        yield str(error)


def _left(path: Path) -> str:
    """Return a sentence on a temporary file."""
    try:
        with atomic.dead(path) as is_dead:
            if is_dead:
                return "left by a killed run: the next run that writes here removes it"
    except OSError:
        return "no longer there"
    return "a run is writing it, or a run on another machine has left it: remove it if no run is active"


KINDS = (
    Kind("*/*.h5", _rows, ""),
    Kind("*/*.parts/*.h5", _rows, ""),
    Kind("*/manifest.jsonl", _manifest, ""),
    Kind("*/media.jsonl", _media, "The next run hashes those files again. There is nothing else to do."),
    Kind("*/copies/media.jsonl", _media, "The next run hashes those files again. There is nothing else to do."),
    Kind(f"*/{contents.RECORD}", _contents, "The next run opens those files again and rewrites this file."),
    Kind("*/table.json", _table, "The next run on the table rewrites this file."),
    Kind("last.json", _last, ""),
    Kind("*/runs/*", _run, ""),
    Kind(f"*/runs/*/{finished_folds.FOLDER}/fold-*.json", _fold, "It is computed again when the evaluation continues."),
    Kind("*/comparisons/*", _comparison, "Make it again with `make compare RUNS='...'`."),
    Kind("*/models/*.affex", _model, ""),
    Kind(f"*/{tuned.FOLDER}/*.json", _tuning, "Remove it and extract the feature again with weights=file."),
)
