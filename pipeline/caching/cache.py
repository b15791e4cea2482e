"""A corpus's cache folder: which file holds which feature, what of it is still true, and why the rest is not.

::

    <feature>.h5            published: a preset at its current key, the name that other projects open
    <feature>-<key12>.h5    other parameters, or an older key
    <feature>.parts/        segments of a run that has not ended, pictures on their way to one (``*.crops.tmp``), and
                            rows of utterances that have left the corpus
"""

import contextlib
import dataclasses
import errno
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from affex.features.base import Feature
from affex.features.external.imported import FILE, Imported
from affex.pipeline import media
from affex.pipeline.caching import store
from affex.pipeline.caching.entry import SPILLED, Entry, Place, Recipe, Shape, longest_bytes
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.storage import atomic
from affex.pipeline.storage.provenance import versions
from affex.pipeline.text.errors import AffexError

#: Not part of a key, since they do not decide what comes out, but recorded in every file.
RECORDED = ("affex", "h5py", "numpy")

#: Distributions that bring what features read to hand, by what they read.
DECODERS = {"audio": media.PACKAGES, "video": ("av",), "mocap": (), "rows": (), FILE: ()}

#: Where, below a corpus's folder, files are on their way.
ROOMS = ("*.parts", "runs", "runs/*", "runs/*/.folds", "comparisons", "comparisons/*", "models", "sheets")
#: The version of how media are decoded, by what a feature reads; what reads another feature inherits it from there.
DECODED = {"audio": media.DECODER, "video": media.DECODER}

#: What the names of an import's remarks begin with, where they stand among a file's versions.
OF_IMPORT = "import."


def recipe(feature: Feature) -> Recipe:
    """Return all that a feature's rows depend on except the media; that of the feature it reads is a part of it."""
    above: dict[str, Any] = {"upstream": json.loads(recipe(feature.upstream).spec)} if feature.upstream else {}
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
    """Return where imported rows came from, as it stands among a file's versions."""
    told = feature.record if isinstance(feature, Imported) else {}
    return {OF_IMPORT + name: value for name, value in told.items()}


def packages(feature: Feature) -> tuple[str, ...]:
    """Return the distributions whose version decides what a feature makes of what it reads."""
    return (*DECODERS[feature.reads], *feature.packages)


def parameters(feature: Feature) -> dict[str, Any]:
    """Return a feature's fields but the feature it reads, and but what does not count when features are compared.

    What JSON cannot hold exactly has no place in a key and raises TypeError.
    """
    fields = {field.name: getattr(feature, field.name) for field in dataclasses.fields(feature) if field.compare}
    return {name: value for name, value in fields.items() if not isinstance(value, Feature)}


def published(folder: Path, spec: FeatureSpec) -> Path:
    """Return where a feature's file stands."""
    name = spec.preset if spec.is_preset else f"{spec.preset}-{recipe(spec.feature).key[:12]}"
    return folder / f"{name}.h5"


def parts(folder: Path, spec: FeatureSpec) -> Path:
    """Return the folder of a feature's segments."""
    return folder / f"{spec.preset}.parts"


@dataclass
class Holdings:
    """What a cache folder truly holds of one feature.

    Parameters
    ----------
    places
        Utterance id to place, for the sources that the corpus has now.
    failures
        Utterance id to (source, message); an empty source is to be tried again.
    orphans
        Utterance id to (source, place), for utterances that are no longer in the corpus, or whose media cannot be read
        now.
    outdated
        Ids whose media have changed since.
    damaged
        Utterances or files that did not verify, as sentences.
    hurt_ids
        The utterances among them.
    files
        Every file that was looked at.
    columns
        The columns' names where a file vouches for them.
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


def take_stock(folder: Path, spec: FeatureSpec, sources: Mapping[str, bytes]) -> Holdings:
    """Find what is true of a feature, in the published file, in segments and under an older name.

    Parameters
    ----------
    sources
        The source of every utterance of the corpus, by id, in the corpus's order.
    """
    key = recipe(spec.feature).key
    main = published(folder, spec)
    by_key = folder / f"{spec.preset}-{key[:12]}.h5"
    segments = sorted(parts(folder, spec).glob(f"{key[:12]}-*.h5"))
    held = Holdings()
    for path in dict.fromkeys([main, by_key, *segments]):
        if path.exists():
            _add(held, path, key, sources, is_main=path == main)
    for id_ in held.places:
        held.failures.pop(id_, None)
    held.is_published = _is_published(held, main, sources)
    return held


def is_begun(folder: Path, spec: FeatureSpec) -> bool:
    """Whether there is a file of a feature under its key of today, published or not; nothing in it is verified."""
    key, main = recipe(spec.feature).key, published(folder, spec)
    if (folder / f"{spec.preset}-{key[:12]}.h5").exists() or any(parts(folder, spec).glob(f"{key[:12]}-*.h5")):
        return True
    return main.exists() and not _is_of_another_key(main, key)


def _add(held: Holdings, path: Path, key: str, sources: Mapping[str, bytes], *, is_main: bool) -> None:
    found = store.survey(path, key)
    if is_main and not found.places and not found.failures and _is_of_another_key(path, key):
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
    """Whether a file vouches for being made under another key (so it is not a damaged file of ours)."""
    stated = store.described(path)
    return stated is not None and stated.key != key


def _is_published(held: Holdings, main: Path, sources: Mapping[str, bytes]) -> bool:
    """Whether the published file already says just what there is to say, in the corpus's order."""
    if held.damaged or held.columns is None or main not in held.files or held.outdated:
        return False
    if any(place.path != main for place in held.places.values()) or main in _kept_in(held.orphans):
        return False
    ids = [*held.places, *held.failures]
    return ids == [i for i in sources if i in held.places] + [i for i in sources if i in held.failures]


def publish(folder: Path, spec: FeatureSpec, held: Holdings, sources: Mapping[str, bytes]) -> None:
    """Join what there is into one published file in the corpus's order."""
    made = recipe(spec.feature)
    main = published(folder, spec)
    columns = held.columns or spec.feature.columns
    failed = [Entry(i, held.failures[i][0], message=held.failures[i][1]) for i in sources if i in held.failures]
    _keep_orphans(folder, spec, made, columns, held)
    _set_aside(main, spec, made.key)
    shape = _shape(spec.feature, held.places, failed)
    done = ((id_, source.hex(), held.places[id_]) for id_, source in sources.items() if id_ in held.places)
    store.publish(main, made, columns, shape, itertools.chain(store.entries(done, made.key), failed))
    for number, id_ in enumerate(id_ for id_ in sources if id_ in held.places):
        held.places[id_] = replace(held.places[id_], path=main, number=number)
    held.is_published = True


def _shape(feature: Feature, done: Mapping[str, Place], failed: Sequence[Entry]) -> Shape:
    """Return how much a file of these utterances and failures will hold."""
    return Shape(
        n_utterances=len(done),
        n_rows=sum(place.n_rows for place in done.values()),
        n_failures=len(failed),
        id_bytes=longest_bytes(itertools.chain(done, (entry.id for entry in failed))),
        message_bytes=longest_bytes(entry.message for entry in failed),
        framewise=feature.framewise,
        crop_bytes=sum(place.crop_bytes for place in done.values()) if feature.with_crops and done else None,
    )


def clear(folder: Path, spec: FeatureSpec, held: Holdings) -> None:
    """Remove what a published file was joined from; rows of utterances that have left the corpus stay."""
    for path in {*held.files} - {published(folder, spec)} - _kept_in(held.orphans):
        path.unlink()
    for leftover in spilled(parts(folder, spec)):  # of workers that died
        leftover.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it may hold rows that stay, and what another key's run has left
        parts(folder, spec).rmdir()


def _kept_in(orphans: Mapping[str, tuple[str, Place]]) -> set[Path]:
    return {place.path for _, place in orphans.values()}


def _keep_orphans(folder: Path, spec: FeatureSpec, made: Recipe, columns: Sequence[str], held: Holdings) -> None:
    """Save rows of utterances that have left the corpus as segments: should they come back, nothing is lost."""
    main = published(folder, spec)
    orphans = [(i, *held.orphans[i]) for i in held.orphans if held.orphans[i][1].path == main]
    for at in range(0, len(orphans), 64):
        some = orphans[at : at + 64]
        shape = _shape(spec.feature, {id_: place for id_, _, place in some}, [])
        store.write_segment(parts(folder, spec), made, columns, store.entries(some, made.key), shape)


def _set_aside(main: Path, spec: FeatureSpec, key: str) -> None:
    """Let a file of another key, which is about to be replaced, be found by its own key, too."""
    stated = store.described(main) if main.exists() else None
    if stated is not None and stated.key != key:
        atomic.name_also(main, main.with_name(f"{spec.preset}-{stated.key[:12]}.h5"))


def why(folder: Path, spec: FeatureSpec, held: Holdings, sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return, for each utterance that a run would compute, the reason."""
    changed = _what_changed(folder, spec)
    reasons = {}
    for id_ in sources:
        if id_ in held.places or held.failures.get(id_, ("",))[0]:
            continue
        if id_ in held.failures:
            reasons[id_] = f"tried again after: {held.failures[id_][1]}"
        elif id_ in held.outdated:
            above = spec.feature.upstream
            reasons[id_] = f"its {above.name} changed" if above else "its media bytes or its span changed"
        elif id_ in held.damaged_ids:
            reasons[id_] = "its rows in the cache are damaged"
        elif held.damaged:
            reasons[id_] = "not found in a cache file that is damaged"
        else:
            reasons[id_] = changed or "not computed yet"
    return reasons


def _what_changed(folder: Path, spec: FeatureSpec) -> str:
    """Return how the preset's key differs from that of the file that stands in its place."""
    path = published(folder, spec)
    stated = store.described(path) if path.exists() else None
    made = recipe(spec.feature)
    if stated is None or stated.key == made.key:
        return ""
    return "made otherwise before: " + differences(stated.spec, made.spec)


def differences(one: str, other: str) -> str:
    """Return what changed from one recipe's spec to another's, in words."""
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
    """A corpus's cache can neither be written nor locked: it can be read, no more."""


@contextlib.contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a corpus's cache for writing; a second run waits for the first and says so.

    Raises
    ------
    ReadOnlyError
        If the folder may not be written, or its file system refuses locks.
    AffexError
        If the disk is full, or there can be no such folder.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", fallback_to_soft=False)  # such a one stays when a run is killed
    with atomic.writing(folder), _asking(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"Another run is writing to {folder}; waiting for it to end (Ctrl-C to stop waiting).")
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
    """Tell a folder that may only be read, and one that cannot be locked, from what is wrong otherwise."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # it comes from locking, not from opening what is locked
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
    """Return what workers left for the driver in a feature's ``.parts``; who holds the lock knows that it is dead."""
    return [path for path in scratch.glob("*.tmp") if SPILLED.fullmatch(path.name)]
