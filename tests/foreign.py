"""A small corpus whose features go out and come back, and what its cache says of them."""

from pathlib import Path

import numpy as np
from corpus import Listener, run, write_wav

from affex.pipeline.caching import cache, feature_rows, imports, store
from affex.pipeline.caching.feature_rows import FeatureRows
from affex.pipeline.exchange import importing
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs.features import FeatureSpec, feature_specs

#: Where each utterance begins and ends in its recording, s; None for a recording of its own, whole.
SPANS = {"a": None, "b": None, "c": (0.15, 0.55), "d": (0.6, 1.1), "dialog/e": (1.1, 1.4375)}


def corpus(folder: Path, name: str = "mine") -> Dataset:
    """Return a corpus of whole recordings, of parts of one, and of one that is too short for any feature."""
    write_wav(folder / "data" / "wav" / "long.wav", 1.5, seed=7)
    utterances = []
    for n, (id_, span) in enumerate(SPANS.items()):
        if span is None:
            write_wav(folder / "data" / "wav" / f"{id_}.wav", 0.3 + 0.1 * n, seed=n)
        media = Media("wav/long.wav", *span) if span else Media(f"wav/{id_}.wav")
        votes = (("joy",), ("joy", "anger")) if n else ()
        utterances.append(
            Utterance(id_, name, f"s{n % 2}", "joy" if n % 2 else "anger", audio=media, votes=votes, valence=n / 3)
        )
    write_wav(folder / "data" / "wav" / "short.wav", 0.001, seed=9)
    utterances.append(Utterance("short", name, "s0", None, audio=Media("wav/short.wav"), text="Äh"))
    return Dataset(name, folder / "data", folder / "cache" / name, tuple(utterances))


def extracted(dataset: Dataset, name: str) -> FeatureSpec:
    """Extract a feature, and return it."""
    (spec,) = feature_specs(name)
    run(dataset, spec)
    return spec


def cached(dataset: Dataset, spec: FeatureSpec) -> FeatureRows:
    """Return what is cached of a feature."""
    return feature_rows.load(cache.FeatureFile(dataset.folder, spec).path, cache.recipe(spec.feature).key)


def failures(dataset: Dataset, spec: FeatureSpec) -> dict[str, str]:
    """Return why utterances have no rows, by id."""
    found = store.survey(cache.FeatureFile(dataset.folder, spec).path, cache.recipe(spec.feature).key)
    return {id_: message for id_, (_, message) in found.failures.items()}


def known(dataset: Dataset, name: str) -> FeatureSpec:
    """Return a feature that was imported, as one asks for it."""
    (spec,) = feature_specs(name, imports.found(dataset.folder.parent, [dataset.name]))
    return spec


def imported(path: Path, dataset: Dataset, name: str = "theirs", **settings) -> tuple[FeatureSpec, list[str]]:
    """Import a file, and return the feature and what was said."""
    listener = Listener()
    importing.import_(path, dataset, name, listener, **settings)
    return known(dataset, name), listener.messages


def rows_of(dataset: Dataset, spec: FeatureSpec) -> dict[str, list]:
    """Return the values of each utterance, and their times where they are frames."""
    table = cached(dataset, spec)
    found = {}
    for n, id_ in enumerate(table.ids):
        rows = slice(table.offsets[n], table.offsets[n + 1])
        times = None if table.times is None else np.round(table.times[rows], 9).tolist()
        found[id_] = (table.values[rows].tolist(), times)
    return found
