"""A corpus's cache folder: which file holds which feature, which of its rows are valid, and why the others are not.

::

    <feature>.h5            published: a preset at its current key, the name that other projects open
    <feature>-<key12>.h5    with other parameters, or an older key
    <feature>.parts/        segments of an unfinished run, pictures on their way to a segment (``*.crops.tmp``), and
                            rows of utterances that are no longer in the corpus
"""

import contextlib
import dataclasses
import errno
import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from affex.features.base import ADDED, Feature
from affex.features.external.imported import FILE, Imported
from affex.pipeline import media
from affex.pipeline.caching import store
from affex.pipeline.caching.entry import DEVICE, SPILLED, Entry, Place, Recipe, Shape, longest_bytes
from affex.pipeline.caching.store import Found
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.storage import atomic
from affex.pipeline.storage.provenance import versions
from affex.pipeline.text.errors import AffexError

#: Not part of a key, because they do not change the result, but recorded in every file.
RECORDED = ("affex", "h5py", "numpy")

#: Packages that read the input of features, by kind of input.
DECODERS = {"audio": media.PACKAGES, "video": ("av",), "mocap": (), "text": (), "rows": (), FILE: ()}

#: The folder for unfinished files, below a corpus's folder.
ROOMS = ("*.parts", "runs", "runs/*", "runs/*/.folds", "comparisons", "comparisons/*", "models", "sheets", "tuned")
#: The version of the decoding, by kind of input; a feature that reads another feature inherits it from that feature.
DECODED = {"audio": media.DECODER, "video": media.DECODER}

#: The prefix of an import's remarks among a file's versions.
OF_IMPORT = "import."


def recipe(feature: Feature) -> Recipe:
    """Return all dependencies of a feature's rows except the media; the recipe of an input feature is a part of it."""
    above: dict[str, Any] = {"upstream": json.loads(recipe(feature.upstream).spec)} if feature.upstream else {}
    if feature.beside:
        above["beside"] = {one.name: json.loads(recipe(one).spec) for one in feature.beside}
    decoder = {"decoder": DECODED[feature.reads]} if feature.reads in DECODED else {}
    spec = {
        "schema": store.SCHEMA,
        "feature": feature.name,
        "version": feature.version,
        "parameters": parameters(feature),
        "reads": feature.reads,
        "packages": versions(packages(feature)),
        **decoder,
        **above,
    }
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Recipe(text, versions((*RECORDED, *packages(feature))) | _remarks(feature))


def _remarks(feature: Feature) -> dict[str, str]:
    """Return the origin of imported rows, in the form of a file's versions."""
    origin = feature.record if isinstance(feature, Imported) else {}
    return {OF_IMPORT + name: value for name, value in origin.items()}


def packages(feature: Feature) -> tuple[str, ...]:
    """Return the packages whose version may change the rows of a feature."""
    return (*DECODERS[feature.reads], *feature.packages)


def parameters(feature: Feature) -> dict[str, Any]:
    """Return a feature's fields, without its input feature and without fields that do not count in comparisons.

    A field that was `ADDED` later counts if it does not have its default. Values that JSON cannot hold exactly must not
    be in a key and raise TypeError.
    """
    values = {field: getattr(feature, field.name) for field in dataclasses.fields(feature) if field.compare}
    return {
        field.name: value
        for field, value in values.items()
        if not isinstance(value, Feature) and (field.metadata != ADDED or value != field.default)
    }


@dataclass(frozen=True)
class FeatureFile:
    """A feature's file in a corpus's cache folder; its key is computed once, at the first use.

    Parameters
    ----------
    folder
        The corpus's cache folder.
    spec
        The feature; its pooling and column selection have no effect.
    """

    folder: Path
    spec: FeatureSpec

    @functools.cached_property
    def recipe(self) -> Recipe:
        """All dependencies of the rows except the media."""
        return recipe(self.spec.feature)

    @property
    def key(self) -> str:
        """The key of rows that are computed today."""
        return self.recipe.key

    @property
    def path(self) -> Path:
        """The path of the published file."""
        return self.folder / f"{self.spec.preset}.h5" if self.spec.is_preset else self.by_key

    @property
    def by_key(self) -> Path:
        """The path of a published file that is not the preset at its current key."""
        return self.folder / f"{self.spec.preset}-{self.key[:12]}.h5"

    @property
    def parts(self) -> Path:
        """The folder of its segments."""
        return self.folder / f"{self.spec.preset}.parts"

    @property
    def segments(self) -> list[Path]:
        """The segments that earlier runs with this key have left."""
        return sorted(self.parts.glob(f"{self.key[:12]}-*.h5"))


@dataclass
class Holdings:
    """The verified content of a cache folder for one feature.

    Parameters
    ----------
    places
        Utterance id to place, for the corpus's current sources.
    failures
        Utterance id to (source, message); an empty source means that the utterance is tried again.
    orphans
        Utterance id to (source, place), for utterances that are no longer in the corpus, or whose media cannot be
        read now.
    outdated
        Ids of utterances whose media have changed.
    damaged
        Utterances or files that failed verification, as sentences.
    hurt_ids
        The damaged utterances.
    files
        Every file that was checked.
    columns
        The columns' names, if a verified file has them.
    """

    places: dict[str, Place] = field(default_factory=dict)
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    orphans: dict[str, tuple[str, Place]] = field(default_factory=dict)
    outdated: set[str] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    damaged_ids: set[str] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    columns: tuple[str, ...] | None = None
    is_published: bool = False


def take_stock(file: FeatureFile, sources: Mapping[str, bytes], *, verify: bool = True) -> Holdings:
    """Return the valid rows of a feature, from the published file, from segments and from files with an older name.

    Parameters
    ----------
    sources
        The source of every utterance of the corpus, by id, in the corpus's order.
    verify
        Whether rows are read and verified. Otherwise only the data beside the rows are verified, and rows are
        verified when they are read later (see `pipeline.caching.feature_rows`).
    """
    held = Holdings()
    for path in dict.fromkeys([file.path, file.by_key, *file.segments]):
        if path.exists():
            _add(held, store.survey(path, file.key, rows=verify), path, file, sources)
    for id_ in held.places:
        held.failures.pop(id_, None)
    held.is_published = _is_published(held, file.path, sources)
    return held


def is_begun(file: FeatureFile) -> bool:
    """Return whether a file of a feature exists under its current key, published or not; its rows are not verified."""
    if file.by_key.exists() or file.segments:
        return True
    return file.path.exists() and not _is_of_another_key(file.path, file.key)


def _add(held: Holdings, found: Found, path: Path, file: FeatureFile, sources: Mapping[str, bytes]) -> None:
    if path == file.path and not found.places and not found.failures and _is_of_another_key(path, file.key):
        return
    held.files.append(path)
    held.damaged.extend(f"{path.name}: {sentence}" for sentence in found.damaged)
    held.damaged_ids |= found.damaged_ids
    held.columns = held.columns or found.columns
    for id_, (source, place) in found.places.items():
        if not sources.get(id_):
            held.orphans.setdefault(id_, (source, place))
        elif sources[id_].hex() == source:
            held.places.setdefault(id_, place)
        else:
            held.outdated.add(id_)
    for id_, (source, message) in found.failures.items():
        if id_ in sources and source in ("", sources[id_].hex()):
            held.failures.setdefault(id_, (source, message))
        elif id_ in sources:
            held.outdated.add(id_)


def _is_of_another_key(path: Path, key: str) -> bool:
    """Return whether a file is sealed under another key (so it is a sound file of affex)."""
    stated = store.described(path)
    return stated is not None and stated.key != key


def _is_published(held: Holdings, main: Path, sources: Mapping[str, bytes]) -> bool:
    """Return whether the published file is complete and current, in the corpus's order."""
    if held.damaged or held.columns is None or main not in held.files or held.outdated:
        return False
    if any(place.path != main for place in held.places.values()) or main in _kept_in(held.orphans):
        return False
    ids = [*held.places, *held.failures]
    return ids == [i for i in sources if i in held.places] + [i for i in sources if i in held.failures]


def publish(file: FeatureFile, held: Holdings, sources: Mapping[str, bytes]) -> None:
    """Join all valid rows into one published file, in the corpus's order."""
    columns = held.columns or file.spec.feature.columns
    failed = [Entry(i, held.failures[i][0], message=held.failures[i][1]) for i in sources if i in held.failures]
    _keep_orphans(file, columns, held)
    _set_aside(file)
    shape = _shape(file.spec.feature, held.places, failed)
    done = ((id_, source.hex(), held.places[id_]) for id_, source in sources.items() if id_ in held.places)
    recipe = _recipe_of(file, held.places)
    store.publish(file.path, recipe, columns, shape, itertools.chain(store.entries(done, file.key), failed))
    for number, id_ in enumerate(id_ for id_ in sources if id_ in held.places):
        held.places[id_] = replace(held.places[id_], path=file.path, number=number)
    held.is_published = True


def _recipe_of(file: FeatureFile, places: Mapping[str, Place]) -> Recipe:
    """Return the recipe of some rows; of a network's with the devices that computed them, as their files name them."""
    if not file.spec.feature.on_device:
        return file.recipe
    stated = map(store.described, {place.path for place in places.values()})
    return file.recipe.on(*(name for one in stated if one for name in one.versions.get(DEVICE, "").split(", ")))


def _shape(feature: Feature, done: Mapping[str, Place], failed: Sequence[Entry]) -> Shape:
    """Return the size of a file with these utterances and failures."""
    return Shape(
        n_utterances=len(done),
        n_rows=sum(place.n_rows for place in done.values()),
        n_failures=len(failed),
        id_bytes=longest_bytes(itertools.chain(done, (entry.id for entry in failed))),
        message_bytes=longest_bytes(entry.message for entry in failed),
        framewise=feature.framewise,
        crop_bytes=sum(place.crop_bytes for place in done.values()) if feature.with_crops and done else None,
    )


def leftovers(file: FeatureFile, held: Holdings) -> set[Path]:
    """Return the files that the published file replaces, except rows that are stored nowhere else."""
    return {*held.files} - {file.path} - _kept_in(held.orphans)


def clear(file: FeatureFile, held: Holdings) -> None:
    """Remove the files that a published file replaces; rows of utterances that left the corpus stay."""
    for path in leftovers(file, held):
        path.unlink()
    for leftover in spilled(file.parts):  # of dead workers
        leftover.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it may hold rows that stay, or segments of another key
        file.parts.rmdir()


def _kept_in(orphans: Mapping[str, tuple[str, Place]]) -> set[Path]:
    return {place.path for _, place in orphans.values()}


def _keep_orphans(file: FeatureFile, columns: Sequence[str], held: Holdings) -> None:
    """Save rows of utterances that left the corpus as segments, so that they are not lost if the utterances return."""
    orphans = [(i, *held.orphans[i]) for i in held.orphans if held.orphans[i][1].path == file.path]
    for at in range(0, len(orphans), 64):
        some = orphans[at : at + 64]
        shape = _shape(file.spec.feature, {id_: place for id_, _, place in some}, [])
        recipe = _recipe_of(file, {id_: place for id_, _, place in some})
        store.write_segment(file.parts, recipe, columns, store.entries(some, file.key), shape)


def _set_aside(file: FeatureFile) -> None:
    """Link a file of another key, which is about to be replaced, under its own key as well."""
    stated = store.described(file.path) if file.path.exists() else None
    if stated is not None and stated.key != file.key:
        atomic.name_also(file.path, file.path.with_name(f"{file.spec.preset}-{stated.key[:12]}.h5"))


def why(file: FeatureFile, held: Holdings, sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return the reason for each utterance that a run would compute."""
    changed = _what_changed(file)
    reasons = {}
    for id_ in sources:
        if id_ in held.places or held.failures.get(id_, ("",))[0]:
            continue
        if id_ in held.failures:
            reasons[id_] = f"tried again after: {held.failures[id_][1]}"
        elif id_ in held.outdated:
            above = file.spec.feature.upstream
            reasons[id_] = f"its {above.name} changed" if above else "its media bytes or its span changed"
        elif id_ in held.damaged_ids:
            reasons[id_] = "its rows in the cache are damaged"
        elif held.damaged:
            reasons[id_] = "not found in a cache file that is damaged"
        else:
            reasons[id_] = changed or "not computed yet"
    return reasons


def _what_changed(file: FeatureFile) -> str:
    """Return how the preset's key differs from the key of the file in its place."""
    stated = store.described(file.path) if file.path.exists() else None
    if stated is None or stated.key == file.key:
        return ""
    return "made otherwise before: " + differences(stated.spec, file.recipe.spec)


def differences(one: str, other: str) -> str:
    """Return in words how one recipe's spec differs from another's."""
    before, now = _flat(json.loads(one)), _flat(json.loads(other))
    return ", ".join(
        f"{name} {before.get(name, 'not stated')} -> {now.get(name, 'not stated')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    )


def _flat(spec: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested names joined by dots."""
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        flat |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return flat


class ReadOnlyError(AffexError):
    """A corpus's cache can be neither written nor locked, only read."""


@contextlib.contextmanager
def locked(folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Lock a corpus's cache for writing; a second run waits for the first and reports this.

    Raises
    ------
    ReadOnlyError
        If the folder is not writable, or its file system does not support locks.
    AffexError
        If the disk is full, or the folder cannot exist.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", fallback_to_soft=False)  # a soft lock would stay after a run is killed
    with atomic.writing(folder), _asking(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report(f"Another run is writing to {folder}; waiting for it to end (Ctrl-C to stop waiting).")
            lock.acquire()
    try:
        for place in (folder, *(path for room in ROOMS for path in folder.glob(room))):
            atomic.sweep(place)
        for leftover in itertools.chain.from_iterable(map(spilled, folder.glob("*.parts"))):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _asking(folder: Path) -> Iterator[None]:
    """Turn errors of a read-only folder, or of one that cannot be locked, into `ReadOnlyError`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # the error comes from locking, not from opening the lock file
            raise ReadOnlyError(
                f"{folder} cannot be locked: its file system refuses locks ({error.strerror or error}), and without "
                "them two runs could write at once. Keep caches on a disk of this machine, or mount this one with "
                "locks (NFS: without nolock, and with its lock daemon running)."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ReadOnlyError(
                f"{folder} cannot be written: {error.strerror or error}. Is it the right folder?"
            ) from error
        raise


def spilled(scratch: Path) -> list[Path]:
    """Return the files that workers left for the driver in a feature's ``.parts``; under the lock, they are stale."""
    return [path for path in scratch.glob("*.tmp") if SPILLED.fullmatch(path.name)]
