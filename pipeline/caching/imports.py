"""Imports: features that another project made, as the cache holds them; known by name, corpus by corpus.

What is imported is never computed and never stale by itself: its rows rest on the bytes they were read from, and not on
the media here, which affex has never shown to whoever made them. What can change is whose rows they are: an utterance
whose file or span is another than at the time of the import has lost its rows until the file is imported again.
"""

import hashlib
import json
import re
from collections.abc import Collection
from pathlib import Path

from affex.features.base import Feature
from affex.features.external.imported import FILE, Imported
from affex.pipeline.caching import cache, dataset, store
from affex.pipeline.caching.cache import OF_IMPORT, Holdings
from affex.pipeline.caching.seal import Seal
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text import wording
from affex.pipeline.text.errors import AffexError


def found(folder: Path, corpora: Collection[str]) -> dict[str, Imported]:
    """Return the imported features of some corpora by name, and after them those that only other corpora have.

    Parameters
    ----------
    folder
        The folder of all caches.
    corpora
        The names of their folders.
    """
    paths = sorted(folder.glob("*/*.h5"), key=lambda path: path.parent.name not in corpora)
    features: dict[str, Imported] = {}
    for path in paths:
        feature = _imported(path) if path.stem not in features else None
        if feature is not None and feature.title == path.stem:
            features[path.stem] = feature
    return features


def is_import(path: Path) -> bool:
    """Tell whether a file of rows is an import's: by its seal, else by its name, which no feature of affex has."""
    stated = store.described(path)
    if stated is not None:
        return bool(json.loads(stated.spec)["reads"] == FILE)
    return path.stem not in discovery.feature_presets() and not re.search(r"-[0-9a-f]{12}$", path.stem)


def _imported(path: Path) -> Imported | None:
    """Return the imported feature whose file this is; None for another's. A damaged one says so later."""
    if not is_import(path):
        return None
    stated, names = store.described(path), store.columns(path)
    damage = "" if names is not None else _damage(path, stated)
    if stated is None:
        return Imported(title=path.stem, digest="", how="", of_frames=False, names=(), damage=damage)
    return Imported(
        **json.loads(stated.spec)["parameters"], names=names or (), record=remarks(stated), damage=damage
    )  # fmt: skip


def _damage(path: Path, stated: Seal | None) -> str:
    """Return what is said of a damaged import: what it came from, and how to import it again."""
    told = {} if stated is None else remarks(stated)
    came = f" It came from {told['file']} ({told['format']})." if {"file", "format"} <= told.keys() else ""
    line = wording.command("import", FILE=told.get("file", "FILE"), **dataset.named(path.parent), CALLED=path.stem)
    return (
        f"'{path.stem}' is damaged: {path} is not as affex wrote it. Another program may have written to it.{came} "
        f"Import it again: `{line}`."
    )


def remarks(stated: Seal) -> dict[str, str]:
    """Return what a file's seal says of where its rows were imported from, by name."""
    return {
        name.removeprefix(OF_IMPORT): value for name, value in stated.versions.items() if name.startswith(OF_IMPORT)
    }


def is_imported(spec: FeatureSpec) -> bool:
    """Whether a feature's rows were made by another project."""
    return isinstance(spec.feature, Imported)


def sources(dataset: Dataset, feature: Feature) -> dict[str, bytes]:
    """Return the source of every utterance by id: the bytes that were imported, and what says whose rows they are."""
    assert isinstance(feature, Imported)
    return {
        u.id: hashlib.sha256(json.dumps([feature.digest, *_identity(u)]).encode()).digest() for u in dataset.utterances
    }


def _identity(utterance: Utterance) -> list[object]:
    return [utterance.id, *([item.path, item.start, item.end] for item in utterance.parts())]


def stock(dataset: Dataset, spec: FeatureSpec) -> Holdings:
    """Return what the cache holds of an imported feature, all of it true.

    Raises
    ------
    AffexError
        If the corpus has no such import, its file is damaged, or utterances have changed or come since.
    """
    path = cache.published(dataset.folder, spec)
    stated = store.described(path) if path.exists() else None
    again = f"`{dataset.command('import', FILE='file', CALLED=spec.preset)}`"
    if stated is None or stated.key != cache.recipe(spec.feature).key:
        why = "has rows of another import under that name" if stated else "has no such feature"
        raise AffexError(
            f"'{spec.preset}' was imported for another corpus, and {dataset.name} {why}: import it first, {again}. "
            "Corpora that are evaluated together need it of one file, read alike."
        )
    of_clip = sources(dataset, spec.feature)
    held = cache.take_stock(dataset.folder, spec, of_clip)
    if held.damaged:
        raise AffexError(f"{held.damaged[0]}. An imported feature cannot be computed again: import it again, {again}.")
    lost = [id_ for id_ in of_clip if id_ not in held.places and id_ not in held.failures]
    if lost:
        raise AffexError(
            f"{len(lost)} utterances of {dataset.name} are not as they were when {spec.preset} was imported (new, or "
            f"of another file or span): {', '.join(lost[:5])}. Import it again, {again}."
        )
    return held
