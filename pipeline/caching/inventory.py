"""Inventory: lists of corpora, features and classifiers, and of the cache's content for them, for display."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affex.features.base import Feature
from affex.features.external.imported import FILE
from affex.pipeline.caching import cache, imports, sources, store
from affex.pipeline.caching.seal import Seal
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec, spec_of
from affex.pipeline.text.console import Terminal

if TYPE_CHECKING:
    from rich.console import Console

#: How many utterances are named; further ones are only counted.
SHOWN = 20


@dataclass(frozen=True)
class ListedProtocol:
    """A protocol of a corpus: its name, the unit that is left out together, and the target."""

    name: str
    scheme: str
    target: str


@dataclass(frozen=True)
class ListedCorpus:
    """An available corpus; the licence is a line of its data sheet."""

    name: str
    title: str
    protocols: tuple[ListedProtocol, ...]
    licence: str


@dataclass(frozen=True)
class ListedFeature:
    """An available feature: its name, the unit of a row (``frame`` or ``utterance``), its parameters."""

    name: str
    title: str
    rows: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class ListedClassifier:
    """An available classifier: the unit of a row, its default features, its parameters."""

    name: str
    rows: str
    prefers: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Plugins:
    """The available corpora, features and classifiers."""

    corpora: tuple[ListedCorpus, ...]
    features: tuple[ListedFeature, ...]
    classifiers: tuple[ListedClassifier, ...]


#: The names of the three parts.
PARTS = tuple(field.name for field in fields(Plugins))


@dataclass(frozen=True)
class CachedFile:
    """A file of rows.

    Parameters
    ----------
    file
        Its path below the folder of all caches.
    n_utterances, n_rows, n_failed
        How many utterances and rows it has, and how many utterances failed; None if it is unreadable.
    n_bytes
        Its size in bytes.
    key
        The cache key; empty if the file is unreadable.
    state
        Whether it is current, an older version, or a part of a run.
    """

    file: str
    n_utterances: int | None
    n_rows: int | None
    n_failed: int | None
    n_bytes: int
    key: str
    state: str


@dataclass(frozen=True)
class Cached:
    """All files of rows in a folder of caches."""

    folder: str
    files: tuple[CachedFile, ...]


@dataclass(frozen=True)
class Wanting:
    """What the next run would compute of a feature, and why.

    Parameters
    ----------
    corpus, feature
        The corpus and the feature.
    n_cached
        How many utterances the cache holds.
    is_imported
        Whether another project computed the feature, so that affex computes none of it.
    computed
        The reason why the next run would compute an utterance, by its id.
    failed
        The reason why an utterance stays without rows, by its id.
    """

    corpus: str
    feature: str
    n_cached: int
    is_imported: bool
    computed: Mapping[str, str]
    failed: Mapping[str, str]


def plugins() -> Plugins:
    """Return the available corpora, features and classifiers, by name."""
    return Plugins(
        corpora=tuple(
            ListedCorpus(name, corpus.title, tuple(map(_protocol, corpus.protocols)), corpus.licence)
            for name, corpus in sorted(discovery.corpora().items())
        ),
        features=tuple(
            ListedFeature(name, feature.about, "frame" if feature.framewise else "utterance", cache.parameters(feature))
            for name, feature in sorted(discovery.feature_presets().items())
        ),
        classifiers=tuple(
            ListedClassifier(name, model.reads, model.prefers, vars(model))
            for name, model in sorted(discovery.classifier_presets().items())
        ),
    )


def _protocol(protocol: Protocol) -> ListedProtocol:
    return ListedProtocol(protocol.name, protocol.scheme, protocol.target)


def show_plugins(console: "Console", found: Plugins, parts: Sequence[str] = PARTS) -> None:
    """Print the available corpora, features and classifiers, or only the named parts."""
    from rich.table import Table

    corpora = Table("corpus", "what it is", "protocols", "licence", title="Corpora", title_justify="left")
    for corpus in found.corpora:
        corpora.add_row(corpus.name, corpus.title, _listed(corpus.protocols), corpus.licence)
    features = Table("feature", "what it is", "rows", "parameters", title="Features", title_justify="left")
    for feature in found.features:
        features.add_row(feature.name, feature.title, feature.rows, _settings(feature.parameters))
    models = Table("classifier", "rows", "prefers", "parameters", title="Classifiers", title_justify="left")
    for model in found.classifiers:
        models.add_row(model.name, model.rows, model.prefers, _settings(model.parameters))
    tables = dict(zip(PARTS, (corpora, features, models), strict=True))
    for part in parts:
        console.print(tables[part])


def _settings(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _listed(protocols: Sequence[ListedProtocol]) -> str:
    """Return the names of protocols; a name that only adds its scheme becomes a suffix: ``iemocap4[-session]``."""
    names = [protocol.name for protocol in protocols]
    beside: dict[str, str] = {}
    for protocol in protocols:
        base = protocol.name.removesuffix(f"-{protocol.scheme}")
        if base in names and base != protocol.name:
            beside[base] = beside.get(base, "") + f"[-{protocol.scheme}]"
        else:
            beside.setdefault(protocol.name, "")
    return ", ".join(name + more for name, more in beside.items())


def cached(folder: Path) -> Cached:
    """Return every file of every cache folder: its size, utterances, failures, and whether it is current."""
    return Cached(str(folder), tuple(_cached(path, folder) for path in files(folder)))


def _cached(path: Path, folder: Path) -> CachedFile:
    stated = store.described(path)
    n_utterances, n_rows, n_failed = (
        stated.arrays[name].shape[0] if stated else None for name in ("ids", "values", "failed/ids")
    )
    return CachedFile(
        file=path.relative_to(folder).as_posix(),
        n_utterances=n_utterances,
        n_rows=n_rows,
        n_failed=n_failed,
        n_bytes=path.stat().st_size,
        key=stated.key if stated else "",
        state=_state(path, stated),
    )


def show_cache(console: "Console", found: Cached) -> None:
    """Print every file of every cache folder."""
    from rich.table import Table

    heads = ("file", "utterances", "rows", "failed", "MB", "key", "state")
    table = Table(*heads, title=f"Cache in {found.folder}", title_justify="left")
    for file in found.files:
        counts = ("?" if n is None else str(n) for n in (file.n_utterances, file.n_rows, file.n_failed))
        table.add_row(file.file, *counts, f"{file.n_bytes / 1e6:.1f}", file.key[:12] or "?", file.state)
    if table.row_count:
        console.print(table)
    else:
        console.print(f"Nothing is cached in {found.folder} yet.", markup=False)


def files(folder: Path) -> list[Path]:
    """Return every file of rows in a cache, published ones and segments."""
    return sorted([*folder.glob("*/*.h5"), *folder.glob("*/*.parts/*.h5")])


def folder(path: Path) -> Path:
    """Return the cache folder of a file of rows, or of a segment."""
    return path.parents[1] if path.parent.suffix == ".parts" else path.parent


def _state(path: Path, stated: Seal | None) -> str:
    """Return whether a file is current, an older version, or a part of a run."""
    if path.parent.suffix == ".parts":
        return "segment (joined by the next run)"
    if stated is None:
        return "not readable: `affex cache verify`"
    preset = discovery.feature_presets().get(path.stem)
    if preset is not None:
        return "current" if cache.recipe(preset).key == stated.key else "stale: made otherwise than today"
    spec = json.loads(stated.spec)
    if spec["reads"] == FILE:
        origin = imports.remarks(stated)
        older = "" if spec["parameters"]["title"] == path.stem else "an older import: "
        return f"{older}imported from {origin.get('file', '?')} (sha256 {spec['parameters']['digest'][:12]})"
    changed = ",".join(f"{k}={v}" for k, v in spec["parameters"].items())
    return f"other parameters or an older key ({spec['feature']}: {changed})"


def damaged(path: Path) -> tuple[str, ...]:
    """Return the damage in a file of rows, one sentence for each part that does not verify."""
    stated = store.described(path)
    return store.survey(path, stated.key if stated else "").damaged


def why(console: Terminal, dataset: Dataset, spec: FeatureSpec) -> Wanting:
    """Return what the next run would compute of a feature, and why, and why failed utterances stay without rows."""
    if imports.is_imported(spec):
        taken = imports.stock(dataset, spec)
        failed = {id_: message for id_, (_, message) in taken.failures.items()}
        return Wanting(dataset.name, str(spec), len(taken.places), True, {}, failed)
    held, reasons = stock(console, dataset, spec)
    failed = {id_: message for id_, (source, message) in held.failures.items() if source}
    return Wanting(dataset.name, str(spec), len(held.places), False, reasons, failed)


def show_why(console: Terminal, found: Wanting) -> None:
    """Print for each utterance why the next run would compute it, or why a failed one stays without rows."""
    if found.is_imported:
        n_imported, n_failed = found.n_cached, len(found.failed)
        console.print(f"{found.feature}: {n_imported} utterances imported, {n_failed} without rows; none is computed")
        return
    console.print(f"{found.feature}: {found.n_cached} utterances cached, {len(found.computed)} would be computed")
    for reason, count in Counter(found.computed.values()).most_common():
        console.print(f"  {count}: {reason}")
    stay = "failed, and stays so until its bytes or the key change"
    _print_some(console, [f"{id_}: {reason}" for id_, reason in found.computed.items()])
    _print_some(console, [f"{id_}: {stay}: {message}" for id_, message in found.failed.items()])


def _print_some(console: Terminal, lines: Sequence[str]) -> None:
    """Print a line an utterance, and how many more there are."""
    for line in lines[:SHOWN]:
        console.print(f"    {line}")
    if len(lines) > SHOWN:
        console.print(f"    ... and {len(lines) - SHOWN} more")


def stock(console: Terminal, dataset: Dataset, spec: FeatureSpec) -> tuple[cache.Holdings, dict[str, str]]:
    """Return the cache's content for one feature, and why a run would compute the other utterances."""
    of_clip, missing = _sources(console, dataset, spec.feature)
    file = cache.FeatureFile(dataset.folder, spec)
    held = cache.take_stock(file, of_clip)
    return held, {**cache.why(file, held, of_clip), **missing}


def _sources(console: Terminal, dataset: Dataset, feature: Feature) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return each utterance's source, and why some utterances have none: their input feature is not yet there."""
    if feature.upstream is None:
        files = sources.of_corpus(dataset, [feature.reads], console)
        return sources.of_utterances(dataset, feature.reads, files)
    return sources.together([_rows(console, dataset, one) for one in (feature.upstream, *feature.beside)])


def _rows(console: Terminal, dataset: Dataset, feature: Feature) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the digest of each utterance's rows of a feature, and why some utterances have none."""
    above, reasons = stock(console, dataset, spec_of(feature))
    failures = {id_: message for id_, (_, message) in above.failures.items()}
    return sources.of_rows(dataset, feature.name, store.digests(above.places), {**failures, **reasons})
