"""What there is: corpora, features, classifiers, and what the cache holds of them, for people to look at."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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

#: Of more utterances than these the first are named, and the others counted.
SHOWN = 20


def show_plugins(console: "Console") -> None:
    """Print the corpora, features and classifiers that can be named."""
    from rich.table import Table

    corpora = Table("corpus", "what it is", "protocols", "licence", title="Corpora", title_justify="left")
    for name, corpus in sorted(discovery.corpora().items()):
        corpora.add_row(name, corpus.title, _listed(corpus.protocols), corpus.licence)
    features = Table("feature", "what it is", "rows", "parameters", title="Features", title_justify="left")
    for name, feature in sorted(discovery.feature_presets().items()):
        rows = "frames" if feature.framewise else "utterance"
        features.add_row(name, feature.about, rows, ", ".join(f"{k}={v}" for k, v in cache.parameters(feature).items()))
    models = Table("classifier", "rows", "prefers", "parameters", title="Classifiers", title_justify="left")
    for name, model in sorted(discovery.classifier_presets().items()):
        models.add_row(name, model.rows, model.prefers, ", ".join(f"{k}={v}" for k, v in vars(model).items()))
    for table in (corpora, features, models):
        console.print(table)


def _listed(protocols: Sequence[Protocol]) -> str:
    """Return the names of protocols; one that only has another protocol stands beside it: ``iemocap4[-session]``."""
    names = [protocol.name for protocol in protocols]
    beside: dict[str, str] = {}
    for protocol in protocols:
        base = protocol.name.removesuffix(f"-{protocol.scheme}")
        if base in names and base != protocol.name:
            beside[base] = beside.get(base, "") + f"[-{protocol.scheme}]"
        else:
            beside.setdefault(protocol.name, "")
    return ", ".join(name + more for name, more in beside.items())


def show_cache(console: "Console", folder: Path) -> None:
    """Print every file of every cache folder: its size, utterances, failures, and whether it is still asked for."""
    from rich.table import Table

    table = Table(
        "file", "clips", "rows", "failed", "MB", "key", "state", title=f"Cache in {folder}", title_justify="left"
    )
    for path in files(folder):
        stated = store.described(path)
        counts = [str(stated.arrays[n].shape[0]) if stated else "?" for n in ("ids", "values", "failed/ids")]
        key = stated.key[:12] if stated else "?"
        size = f"{path.stat().st_size / 1e6:.1f}"
        name = path.relative_to(folder).as_posix()
        table.add_row(name, *counts, size, key, _state(path, stated))
    if table.row_count:
        console.print(table)
    else:
        console.print(f"Nothing is cached in {folder} yet.", markup=False)


def files(folder: Path) -> list[Path]:
    """Return every file of rows in a cache, published ones and segments."""
    return sorted([*folder.glob("*/*.h5"), *folder.glob("*/*.parts/*.h5")])


def folder(path: Path) -> Path:
    """Return the cache folder that a file of rows, or a segment, is of."""
    return path.parents[1] if path.parent.suffix == ".parts" else path.parent


def _state(path: Path, stated: Seal | None) -> str:
    """Return whether a file is what affex would write today, an older one, or a part of a run."""
    if path.parent.suffix == ".parts":
        return "segment (joined by the next run)"
    if stated is None:
        return "not readable: `affex cache verify`"
    preset = discovery.feature_presets().get(path.stem)
    if preset is not None:
        return "current" if cache.recipe(preset).key == stated.key else "stale: made otherwise than today"
    spec = json.loads(stated.spec)
    if spec["reads"] == FILE:
        told = imports.remarks(stated)
        older = "" if spec["parameters"]["title"] == path.stem else "an older import: "
        return f"{older}imported from {told.get('file', '?')} (sha256 {spec['parameters']['digest'][:12]})"
    changed = ",".join(f"{k}={v}" for k, v in spec["parameters"].items())
    return f"other parameters or an older key ({spec['feature']}: {changed})"


def damaged(path: Path) -> tuple[str, ...]:
    """Return what does not verify in a file of rows, a sentence each."""
    stated = store.described(path)
    return store.survey(path, stated.key if stated else "").damaged


def show_why(console: Terminal, dataset: Dataset, specs: tuple[FeatureSpec, ...]) -> None:
    """Say, utterance by utterance, why the next run would compute it, and why a failed one will stay as it is."""
    for spec in specs:
        if imports.is_imported(spec):
            held = imports.stock(dataset, spec)
            console.say(
                f"{spec}: {len(held.places)} utterances imported, {len(held.failures)} without rows; none is computed"
            )
            continue
        held, reasons = stock(console, dataset, spec)
        console.say(f"{spec}: {len(held.places)} utterances cached, {len(reasons)} would be computed")
        for reason, count in Counter(reasons.values()).most_common():
            console.say(f"  {count}: {reason}")
        stay = "failed, and stays so until its bytes or the key change"
        _say_some(console, [f"{id_}: {reason}" for id_, reason in reasons.items()])
        _say_some(console, [f"{id_}: {stay}: {message}" for id_, (source, message) in held.failures.items() if source])


def _say_some(console: Terminal, lines: Sequence[str]) -> None:
    """Print a line an utterance, and how many more there are."""
    for line in lines[:SHOWN]:
        console.say(f"    {line}")
    if len(lines) > SHOWN:
        console.say(f"    ... and {len(lines) - SHOWN} more")


def stock(console: Terminal, dataset: Dataset, spec: FeatureSpec) -> tuple[cache.Holdings, dict[str, str]]:
    """Return what the cache holds of one feature, and why the rest would be computed."""
    of_clip, missing = _sources(console, dataset, spec.feature)
    held = cache.take_stock(dataset.folder, spec, of_clip)
    return held, {**cache.why(dataset.folder, spec, held, of_clip), **missing}


def _sources(console: Terminal, dataset: Dataset, feature: Feature) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the source of every utterance, and why some have none: they wait for the feature that they are made of."""
    if feature.upstream is None:
        files = sources.of_corpus(dataset, [feature.reads], console)
        return sources.of_utterances(dataset, feature.reads, files)
    above, reasons = stock(console, dataset, spec_of(feature.upstream))
    failures = {id_: message for id_, (_, message) in above.failures.items()}
    return sources.of_rows(dataset, feature.upstream.name, store.digests(above.places), {**failures, **reasons})
