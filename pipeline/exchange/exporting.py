"""Export: the arrow from the cache to a file in another project's format."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from affex.pipeline.caching import cache, store
from affex.pipeline.caching.entry import Entry
from affex.pipeline.caching.store import Found
from affex.pipeline.exchange import formats
from affex.pipeline.exchange.record import Export, ExportedUtterance, Floats
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.media import length
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.storage.atomic import writing
from affex.pipeline.text.console import Console
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.text.filenames import path_of
from affex.version import __version__

#: The number of failures that are shown, and the greatest number of files that are shown by name.
SHOWN, FEW = 8, 4


def export(
    dataset: Dataset, spec: FeatureSpec, out: Path, format_: str, console: Console, *, by_recording: bool = False
) -> list[Path]:
    """Write the cached rows of a feature, and the corpus's labels, in another project's format.

    Parameters
    ----------
    format_
        The format's name; empty to choose it by the suffix of `out`.
    by_recording
        Whether the rows of all utterances of a recording form one entry, in its time: for formats that allow it.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    UsageError
        If the format is unknown or has no recordings, or the spec pools frames or selects columns.
    AffexError
        If the feature is not in the cache or does not verify, or the format cannot represent it.
    """
    name = formats.to_write(out, format_)
    if spec != spec.unpooled:
        raise UsageError(f"'{spec}': an export has rows as they are cached. Leave out pool=, columns= and people=.")
    if by_recording:
        _require_recordings(name)
    made = opened(dataset, spec, by_recording=by_recording)
    write = formats.written()[name].write
    assert write is not None  # `to_write` returns only formats that can be written
    with console.progress("exporting", made.n_utterances, "utterances") as tick, writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        files = write(out, replace(made, exported_utterances=lambda: _counted(made.exported_utterances, tick)))
    for sentence in _summary(made, spec, name, files):
        console.print(sentence)
    return files


def _require_recordings(name: str) -> None:
    """Refuse a format whose entries cannot be recordings."""
    able = [known for known, one in formats.written().items() if one.by_recording]
    if name not in able:
        raise UsageError(
            f"BY=recording is for the formats {' and '.join(able)}. With {name}, the table of utterances has the file "
            "and span of each utterance."
        )


def opened(dataset: Dataset, spec: FeatureSpec, *, by_recording: bool = False) -> Export:
    """Return the export of a feature; its rows are read from the cache on demand."""
    file = cache.FeatureFile(dataset.folder, spec)
    found, again = _found(dataset, file)
    media = spec.feature.media
    recordings = _recordings(dataset.utterances, media) if by_recording else {}
    order = {
        name: number for number, (name, _) in enumerate(recordings.values())
    }  # any order that keeps a recording's utterances together
    listed_as = sorted(dataset.utterances, key=lambda u: order[recordings[u.id][0]]) if order else dataset.utterances
    utterances = {utterance.id: utterance for utterance in listed_as}
    places = {id_: found.places[id_] for id_ in utterances if id_ in found.places}
    absent = f"not in the cache: {again}"
    failures = {i: found.failures.get(i, ("", absent))[1] for i in utterances if i not in places}
    seal = store.described(file.path)
    hop = getattr(spec.feature, "hop", None)

    def exported_utterances() -> Iterator[ExportedUtterance]:
        listed = ((id_, source, place) for id_, (source, place) in places.items())
        for entry in store.entries(listed, file.key):
            yield _utterance(dataset, utterances[entry.id], entry, media, hop)

    return Export(
        corpus=dataset.name,
        feature=str(spec),
        media=media,
        columns=found.columns or (),
        framewise=spec.feature.framewise,
        n_utterances=len(places),
        n_rows=sum(place.n_rows for _, place in places.values()),
        utterances=listed_as,
        failures=failures,
        provenance={
            "corpus": dataset.name,
            "feature": str(spec),
            "key": file.key,
            "spec": json.loads(file.recipe.spec),
            "versions": dict(seal.versions) if seal else {},
            "exported by": f"affex {__version__}",
        },
        exported_utterances=exported_utterances,
        recordings=recordings,
        span=lambda utterance: _span(dataset, utterance, media, known=utterance.id in places),
    )


def _recordings(utterances: Iterable[Utterance], kind: str) -> dict[str, tuple[str, float]]:
    """Return the recording of each utterance, and the utterance's beginning in it, s, by id.

    A recording's name is its file's name without the suffix, or the whole path where several files share that name.
    """
    items = {utterance.id: next(iter(utterance.parts(kind)), None) for utterance in utterances}
    paths = {PurePosixPath(item.path).with_suffix("") for item in items.values() if item}
    shared = {stem for stem, count in Counter(path.name for path in paths).items() if count > 1}

    def name(path: PurePosixPath) -> str:
        return path.as_posix() if path.name in shared else path.name

    return {
        id_: (name(PurePosixPath(item.path).with_suffix("")), item.start or 0.0) if item else (id_, 0.0)
        for id_, item in items.items()
    }


def _found(dataset: Dataset, file: cache.FeatureFile) -> tuple[Found, str]:
    """Return the verified rows of a feature's file, and the command that extracts the feature."""
    again = f"run `{dataset.command('features', FEATURES=file.spec)}`"
    if not file.path.exists():
        raise AffexError(f"{file.spec} of {dataset.name} is not in the cache: {again}.")
    found = store.survey(file.path, file.key)
    if found.damaged:
        raise AffexError(f"{file.path}: {found.damaged[0]}: {again} to repair it.")
    if found.columns is None:
        raise AffexError(f"{file.path} was made by another version or with other settings: {again}.")
    return found, again


def _utterance(
    dataset: Dataset, utterance: Utterance, entry: Entry, media: str, hop: float | None
) -> ExportedUtterance:
    assert entry.values is not None  # only utterances with rows have a place
    if entry.times is None:
        intervals = np.array([[0.0, _length(dataset, utterance, media)]])
    else:
        intervals = around(entry.times, hop)
    return ExportedUtterance(utterance, entry.values, intervals, entry.times)


def _length(dataset: Dataset, utterance: Utterance, kind: str) -> float:
    """Return the length of an utterance, s; NaN where it is unknown."""
    for item in utterance.parts(kind):
        end = item.end if item.end is not None else length.seconds(path_of(dataset.root, item.path))
        if end is not None:
            return float(end - (item.start or 0.0))
    return float("nan")


def _span(dataset: Dataset, utterance: Utterance, kind: str, *, known: bool) -> tuple[float, float]:
    """Return the span of an utterance in its file, s. The file is opened only where it is `known` to be readable."""
    item = next(iter(utterance.parts(kind)), None)
    begin = item.start or 0.0 if item else 0.0
    if item and item.end is not None:
        return begin, item.end
    return begin, begin + _length(dataset, utterance, kind) if known else float("nan")


def around(times: Floats, hop: float | None) -> Floats:
    """Return the interval of each frame: from half a step before its time to half a step after it.

    The step is the median step of the utterance; for a single frame it is `hop`, or 0. The middle of an interval is
    exactly the frame's time again, unless the interval begins further before 0 than its frame lies after 0.

    Parameters
    ----------
    times : (n_rows,) float64, s

    Returns
    -------
    (n_rows, 2) float64, s
    """
    step = float(np.median(np.diff(times))) if len(times) > 1 else (hop or 0.0)
    ends = times + step / 2
    return np.stack(
        [2 * times - ends, ends], axis=1
    )  # the difference is exact where an end is 3 times its time at most


def _counted(
    exported_utterances: Callable[[], Iterator[ExportedUtterance]], tick: Callable[[int], None]
) -> Iterator[ExportedUtterance]:
    for exported in exported_utterances():
        yield exported
        tick(1)


def _summary(export: Export, spec: FeatureSpec, name: str, files: list[Path]) -> Iterator[str]:
    counts = f"{export.n_utterances} utterances, {export.n_rows} rows, {len(export.columns)} columns"
    where = ", ".join(map(str, files)) if len(files) <= FEW else f"{files[0].parent} ({len(files)} files)"
    yield f"{export.feature} of {export.corpus} as {name}: {counts} -> {where}"
    if spec.feature.with_crops:
        yield "Its pictures (crops) are not exported, because no format can hold them. They stay in the cache."
    for id_, message in list(export.failures.items())[:SHOWN]:
        yield f"  without rows {id_}: {message}"
    if len(export.failures) > SHOWN:
        yield f"  ... and {len(export.failures) - SHOWN} more (the table of utterances lists all)"
