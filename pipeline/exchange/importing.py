"""Import: the arrow from another project's file to rows in the cache.

Imported rows are published, sealed and verified like extracted ones. Their key depends on the imported bytes and on how
they were read (see `features.external.imported`). An import of other bytes under the same name replaces the feature;
the earlier one is kept under its key.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from affex.features.external.imported import Imported
from affex.pipeline import media
from affex.pipeline.caching import cache, imports, store
from affex.pipeline.caching.cache import FeatureFile, Holdings
from affex.pipeline.caching.entry import Entry
from affex.pipeline.caching.sources import require_unique
from affex.pipeline.exchange import columns, formats, matching
from affex.pipeline.exchange.matching import Match
from affex.pipeline.exchange.record import ImportOptions, Part, Source
from affex.pipeline.manifest import manifest
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media import pointers
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.filenames import spelled
from affex.pipeline.text.printable import printable

#: The greatest number of utterances, and of numbers, in a segment.
BATCH, BATCH_NUMBERS = 256, 2**22

#: The greatest length of a remark, and of all remarks, as JSON: they are stored in the seal, which has little room.
REMARK, REMARKS = 600, 4000

#: The number of columns that are shown from each end.
FEW = 6

#: The reason for an utterance that no key of the file matches.
ABSENT = "the imported file has no rows for it"

#: The version of the reading code: increase it by hand whenever the same bytes give other rows.
READING = 3


def import_(
    path: Path,
    dataset: Dataset,
    name: str,
    console: Console,
    *,
    format_: str = "",
    options: ImportOptions = ImportOptions(),  # noqa: B008 - it is frozen
    drop: bool = False,
    note: str = "",
) -> Path:
    """Store another project's rows in the cache under a name; return the cache file.

    Parameters
    ----------
    format_
        The format's name; empty to choose it by the path.
    drop
        Whether rows with NaN or an infinite number are left out; otherwise their utterance is a failure.
    note
        A note, for example who made the rows.

    Raises
    ------
    UsageError
        If the name is taken or not valid, or the format is unknown.
    AffexError
        If the file cannot be read, has no rows for this corpus, or has rows of different widths.
    """
    require_name(name)
    require_unique([utterance.id for utterance in dataset.utterances])
    _require_fetched(path)
    kind = formats.to_read(path, format_)
    digest = _digest(path, console)
    with formats.opened(kind, path, options) as source:
        match = matching.match(source, dataset.utterances)
        for sentence in matching.summary(match, len(dataset.utterances)):
            console.print(sentence)
        if not match.owners:
            raise AffexError(_matching_nothing(path, source, dataset))
        taken = _Rows(source, match, drop=drop)
        feature = Imported(
            title=name,
            digest=digest,
            how=json.dumps({"format": kind, "drop": drop, "reading": READING, **asdict(options)}, sort_keys=True),
            of_frames=_of_frames(source, taken, dataset),
            names=_unique(path, source.columns),
            record=_record(path, kind, note, source.remarks),
        )
        for sentence in _column_summary(source):
            console.print(sentence)
        made = _published(dataset, FeatureSpec(name, feature, feature), taken, console)
        if n_empty := sum(n for n, _ in taken.empty.values()):
            n_rows = sum(n for _, n in taken.empty.values())
            console.print(f"  {n_empty} of {n_rows} rows left out, in which no face was found ({columns.FOUND} = 0)")
        return made


def require_name(name: str) -> None:
    """Refuse a name that a feature of affex has, or that is not valid.

    Raises
    ------
    UsageError
        If so; the message says what a valid name is.
    """
    if name in discovery.feature_presets():
        raise UsageError(f"'{name}' is a feature of affex: import yours under another name.")
    if not re.fullmatch(r"[A-Za-z][\w.-]*", name) or re.search(r"-[0-9a-f]{12}$", name):
        raise UsageError(
            f"'{name}' is not a valid name of a feature: expected a letter, then letters, digits, dots, dashes or "
            "underscores, for example --called openface (and not the name of an older file in the cache)."
        )


def _require_fetched(path: Path) -> None:
    for file in formats.files(path):
        if why := pointers.unfetched(file):
            raise AffexError(f"{file} {why}.")


def _digest(path: Path, console: Console) -> str:
    """Return the sha256 of a file, or of the names and bytes of all files of a folder, or of a table's files."""
    sha = hashlib.sha256()
    try:
        files = list(formats.files(path))
        if files == [path]:
            return media.digest(path)
        root = path if path.is_dir() else path.parent
        with console.progress("hashing", len(files), "files") as tick:
            for file in files:
                sha.update(f"{spelled(file.relative_to(root).as_posix())}\0{media.digest(file)}\n".encode())
                tick(1)
    except OSError as error:
        raise AffexError(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error
    return sha.hexdigest()


def _matching_nothing(path: Path, source: Source, dataset: Dataset) -> str:
    """Return the error for a file of which no key matches."""
    keys = ", ".join(source.keys[: matching.SHOWN]) or "none at all"
    ids = ", ".join(utterance.id for utterance in islice(dataset.utterances, matching.SHOWN))
    return (
        f"{path} has no rows for {dataset.name}. Its keys: {keys}. The utterances: {ids}. Expected their ids, or the "
        "names of their recordings."
    )


def _unique(path: Path, columns: tuple[str, ...]) -> tuple[str, ...]:
    if len({*columns}) < len(columns):
        twice = sorted(name for name, count in Counter(columns).items() if count > 1)
        raise AffexError(f"{path}: {len(twice)} names belong to several columns: {', '.join(twice[:5])}.")
    for name in columns:
        if not name or name != printable(name):
            raise AffexError(f"{path}: the name of a column is '{printable(name)}'; expected printable characters.")
    return columns


def _record(path: Path, kind: str, note: str, remarks: Mapping[str, str]) -> dict[str, str]:
    """Return the origin of rows, cut to the length that a seal can store."""
    origin = {"file": path.resolve().name, "format": kind, **({"note": note} if note else {})}
    room, kept = REMARKS, {}
    for name, text in {**origin, **{f"source.{name}": text for name, text in remarks.items()}}.items():
        short = _cut(text)
        room -= len(json.dumps({name: short}))
        if room > 0:
            kept[name] = short
    return kept


def _cut(text: str) -> str:
    while len(json.dumps(text)) > REMARK:
        text = text[: len(text) * 3 // 4]
    return text


class _Rows:
    """The rows of each utterance, read on demand. The rows read last are kept for the next utterance."""

    def __init__(self, source: Source, match: Match, *, drop: bool) -> None:
        self._source = source
        self._match = match
        self._drop = drop
        #: The number of rows without a face, and of all rows, by key.
        self.empty: dict[str, tuple[int, int]] = {}
        self._read = lru_cache(maxsize=1)(lambda keys: [self._part(key) for key in keys])

    def of(self, utterance: Utterance) -> Part:
        """Return an utterance's rows.

        Raises
        ------
        LookupError
            If the utterance has none; the message says why.
        AffexError
            If the file is damaged, or has rows of different widths.
        """
        owner = self._match.owners.get(utterance.id)
        if owner is None:
            raise LookupError(_why_none(utterance))
        parts = self._read(owner.keys)
        n_empty = sum(part.n_empty for part in parts)
        if n_empty and not any(len(part.values) for part in parts):
            raise LookupError(f"no face was found in any of its {n_empty} rows ({columns.FOUND} = 0)")
        try:
            part = matching.rows_of(self._source, utterance, owner, parts)
        except AffexError as error:
            raise LookupError(str(error)) from error
        return self._finite(part)

    def _part(self, key: str) -> Part:
        part = self._source.read(key)
        self.empty[key] = (part.n_empty, len(part.values) + part.n_empty)
        return part

    def _finite(self, part: Part) -> Part:
        sound = np.asarray(np.isfinite(part.values).all(axis=1))
        if not len(sound):
            raise LookupError("the imported file has no row for it")
        if sound.all():
            return part
        if not self._drop or not sound.any():
            raise LookupError(f"{np.count_nonzero(~sound)} of its {len(sound)} rows have NaN or an infinite number")
        return Part(part.values[sound], times=None if part.times is None else part.times[sound])


def _column_summary(source: Source) -> Iterator[str]:
    """Yield sentences on the columns that are taken and left out."""
    names = source.columns
    shown = names if len(names) <= 2 * FEW else (*names[:FEW], "...", *names[-FEW:])
    yield f"  columns taken ({len(names)}): {', '.join(shown)}"
    left_out = {why: which for why, which in source.remarks.items() if why.startswith(columns.LEFT_OUT)}
    for why, which in left_out.items():
        yield f"  columns {why}: {which}"
    if left_out.keys() & {f"{columns.LEFT_OUT}{why})" for why in columns.REASONS}:
        yield "  (ONLY=NAMES selects columns, WITHOUT=NAMES leaves columns out)"


def _why_none(utterance: Utterance) -> str:
    """Return why an utterance has no rows; an utterance without a span cannot get rows of a recording."""
    if not utterance.parts() and utterance.absent:
        return f"the imported file has no rows under its id, and no recording contains it: {utterance.absent[0][1]}"
    return ABSENT


def _of_frames(source: Source, taken: _Rows, dataset: Dataset) -> bool:
    """Return whether rows are frames: as the file says, or else if any utterance has several rows."""
    if source.framewise is not None:
        return source.framewise
    for utterance in dataset.utterances:
        try:
            if len(taken.of(utterance).values) > 1:
                return True
        except LookupError:
            continue
    return False


def _published(dataset: Dataset, spec: FeatureSpec, taken: _Rows, console: Console) -> Path:
    """Write the rows as segments, and publish them as an extraction does; on an error, change nothing."""
    sources, file = imports.sources(dataset, spec.feature), cache.FeatureFile(dataset.folder, spec)
    with cache.locked(dataset.folder, console.print):
        _discard(file)  # segments of a killed import
        manifest.write(dataset.folder / "manifest.jsonl", dataset.utterances)
        try:
            held = _written(dataset, file, taken, sources, console)
            cache.publish(file, held, sources)
        finally:
            _discard(file)
        cache.clear(file, held)
    for sentence in _summary(held, spec, file.path):
        console.print(sentence)
    return file.path


def _written(
    dataset: Dataset, file: FeatureFile, taken: _Rows, sources: Mapping[str, bytes], console: Console
) -> Holdings:
    """Write the rows of all utterances as segments.

    Raises
    ------
    AffexError
        If no utterance has rows, or the file is damaged.
    """
    columns = file.spec.feature.columns
    held = Holdings(columns=columns)
    with console.progress("importing", len(dataset.utterances), "utterances") as tick:
        entries = (
            _entry(utterance, taken, sources[utterance.id].hex(), framewise=file.spec.framewise)
            for utterance in dataset.utterances
        )
        for batch in _batches(entries):
            path = store.write_segment(file.parts, file.recipe, columns, batch)
            held.places |= store.places(path, batch)
            held.failures |= {entry.id: (entry.source, entry.message) for entry in batch if entry.values is None}
            tick(len(batch))
    if not held.places:
        reasons = [message for _, message in held.failures.values()]
        why = next((reason for reason in reasons if reason != ABSENT), ABSENT)
        raise AffexError(f"No utterance of {dataset.name} has rows that can be imported: {why}.")
    return held


def _discard(file: FeatureFile) -> None:
    """Remove the segments of an import."""
    for segment in file.segments:
        segment.unlink()


def _entry(utterance: Utterance, taken: _Rows, source: str, *, framewise: bool) -> Entry:
    try:
        part = taken.of(utterance)
    except LookupError as error:
        return Entry(utterance.id, source, message=str(error.args[0]))
    if not framewise:
        if len(part.values) > 1:
            return Entry(
                utterance.id, source, message=f"{len(part.values)} rows, but the file declares one per utterance"
            )
        return Entry(utterance.id, source, part.values)
    times = part.middles
    if times is None:
        return Entry(utterance.id, source, message="its rows have no times, but other utterances have frames")
    if not np.isfinite(times).all():
        n_wrong = np.count_nonzero(~np.isfinite(times))
        return Entry(
            utterance.id, source, message=f"the times of {n_wrong} of its {len(times)} rows are not numbers of seconds"
        )
    return Entry(utterance.id, source, part.values, np.asarray(times, np.float64))


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    some: list[Entry] = []
    n_numbers = 0
    for entry in entries:
        some.append(entry)
        n_numbers += 0 if entry.values is None else entry.values.size
        if len(some) == BATCH or n_numbers > BATCH_NUMBERS:
            yield some
            some, n_numbers = [], 0
    if some:
        yield some


def _summary(held: Holdings, spec: FeatureSpec, path: Path) -> Iterator[str]:
    kind, n_columns = "frames" if spec.framewise else "one row an utterance", len(spec.feature.columns)
    yield (
        f"{spec}: {len(held.places)} utterances ({kind}, {n_columns} columns), {len(held.failures)} without rows "
        f"-> {path}"
    )
    for id_, (_, message) in list(held.failures.items())[: matching.SHOWN]:
        yield f"  without rows {id_}: {message}"
    if len(held.failures) > matching.SHOWN:
        yield f"  ... and {len(held.failures) - matching.SHOWN} more (failed/ in the file lists all)"
