"""Verification: everything that affex keeps, looked at; what is not as it was written, and how to mend it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.caching import cache, dataset, inventory, owner, sources
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

#: Where affex may have left what was on its way.
ROOMS = ("*", *(f"*/{room}" for room in cache.ROOMS))


@dataclass(frozen=True)
class Kind:
    """One kind of what is kept.

    Parameters
    ----------
    where
        The pattern of its files or folders below the folder of all caches.
    wrong
        Says what is wrong with one, a sentence each.
    mend
        What to do about it, where the sentence does not say.
    """

    where: str
    wrong: Callable[[Path], Iterator[str]]
    mend: str


@dataclass(frozen=True)
class Remark:
    """What is to be known of a file or a folder, a sentence or two."""

    path: str
    words: str


@dataclass(frozen=True)
class Verified:
    """What was checked: how many files and results, what is damaged, and what runs have left that were killed."""

    n_checked: int
    damaged: tuple[Remark, ...]
    left: tuple[Remark, ...]


def verify(console: Console, folder: Path) -> Verified:
    """Check everything that is kept in a folder of caches; say, and return, what is wrong."""
    kept = [(kind, path) for kind in KINDS for path in sorted(folder.glob(kind.where))]
    damaged = []
    with console.progress("verifying", len(kept), "files") as tick:
        for kind, path in kept:
            for sentence in _wrong(kind, path):
                damaged.append(_said(console, path, f"{sentence.removesuffix('.')}. {kind.mend}".rstrip()))
            tick(1)
    places = (folder, *(place for room in ROOMS for place in folder.glob(room)))
    left = [_said(console, path, _left(path)) for place in places for path in atomic.leftovers(place)]
    console.say(f"{len(kept)} files and results verified, {len(damaged)} things damaged.")
    return Verified(len(kept), tuple(damaged), tuple(left))


def _said(console: Console, path: Path, words: str) -> Remark:
    console.say(f"{path}: {words}")
    return Remark(str(path), words)


def _wrong(kind: Kind, path: Path) -> Iterator[str]:
    """Yield what is wrong with what is kept, first of all that it is no file, which nobody may wait for."""
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
        yield f"{manifest.sums(path).name} is missing, so that nothing proves it. {repair.of_manifest(path)}"
    elif not manifest.is_sound(path):
        yield f"it is not what {manifest.sums(path).name} says that it was. {repair.of_manifest(path)}"


def _media(path: Path) -> Iterator[str]:
    numbers = sources.damaged(path.parent)
    if numbers:
        yield f"{len(numbers)} of its lines have no seal, or not what was sealed; the first is line {numbers[0]}"


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
            yield f"{runs.RECORD} is missing, so that nothing proves its other files. {runs.AGAIN}"
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


def _left(path: Path) -> str:
    """Return what a file is that was on its way."""
    try:
        with atomic.dead(path) as is_dead:
            if is_dead:
                return "left by a run that was killed: the next run that writes here removes it"
    except OSError:
        return "gone by now"
    return "a run is writing it, or one of another machine has left it: remove it if none is running"


KINDS = (
    Kind("*/*.h5", _rows, ""),
    Kind("*/*.parts/*.h5", _rows, ""),
    Kind("*/manifest.jsonl", _manifest, ""),
    Kind("*/media.jsonl", _media, "The next run hashes those files again: nothing else is to be done."),
    Kind("*/copies/media.jsonl", _media, "The next run hashes those files again: nothing else is to be done."),
    Kind(f"*/{contents.RECORD}", _contents, "The next run opens those files again, and writes it anew."),
    Kind("*/table.json", _table, "The next run on the table writes it anew."),
    Kind("last.json", _last, ""),
    Kind("*/runs/*", _run, ""),
    Kind(f"*/runs/*/{finished_folds.FOLDER}/fold-*.json", _fold, "It is computed again when its evaluation goes on."),
    Kind("*/comparisons/*", _comparison, "Make it again with `make compare RUNS='...'`."),
    Kind("*/models/*.affex", _model, ""),
)
