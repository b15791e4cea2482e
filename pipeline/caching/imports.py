"""Imported features in the cache: found by name, per corpus.

Beside the arrow from utterances to rows. affex never computes an imported feature, and it does not become stale by
itself: its rows depend on the imported file, not on the media here. But the assignment of rows to utterances can
change. When the file or span of an utterance has changed since the import, the utterance has no rows until the feature
is imported again.
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
    """Return the imported features by name: first those of some corpora, then those that only other corpora have.

    Parameters
    ----------
    folder
        The folder of all caches.
    corpora
        The names of these corpora's cache folders.
    """
    paths = sorted(folder.glob("*/*.h5"), key=lambda path: path.parent.name not in corpora)
    features: dict[str, Imported] = {}
    for path in paths:
        feature = _imported(path) if path.stem not in features else None
        if feature is not None and feature.title == path.stem:
            features[path.stem] = feature
    return features


def is_import(path: Path) -> bool:
    """Return whether a file holds imported rows: by its seal, or else by a name that no feature of affex has."""
    seal = store.described(path)
    if seal is not None:
        return bool(json.loads(seal.spec)["reads"] == FILE)
    return path.stem not in discovery.feature_presets() and not re.search(r"-[0-9a-f]{12}$", path.stem)


def _imported(path: Path) -> Imported | None:
    """Return the imported feature of a file; None for other files. A damaged one raises its error when read."""
    if not is_import(path):
        return None
    seal, names = store.described(path), store.columns(path)
    damage = "" if names is not None else _damage(path, seal)
    if seal is None:
        return Imported(title=path.stem, digest="", how="", of_frames=False, names=(), damage=damage)
    return Imported(
        **json.loads(seal.spec)["parameters"], names=names or (), record=remarks(seal), damage=damage
    )  # fmt: skip


def _damage(path: Path, seal: Seal | None) -> str:
    """Return the error for a damaged import, with its origin and the command that imports it again."""
    origin = {} if seal is None else remarks(seal)
    came = f" It comes from {origin['file']} ({origin['format']})." if {"file", "format"} <= origin.keys() else ""
    line = wording.command("import", FILE=origin.get("file", "FILE"), **dataset.named(path.parent), CALLED=path.stem)
    return (
        f"'{path.stem}' is damaged: {path} is not as affex wrote it. Another program may have changed it.{came} "
        f"Import it again: `{line}`."
    )


def remarks(seal: Seal) -> dict[str, str]:
    """Return the origin of imported rows that a file's seal records, by name."""
    return {name.removeprefix(OF_IMPORT): value for name, value in seal.versions.items() if name.startswith(OF_IMPORT)}


def is_imported(spec: FeatureSpec) -> bool:
    """Return whether a feature's rows were made by another project."""
    return isinstance(spec.feature, Imported)


def sources(dataset: Dataset, feature: Feature) -> dict[str, bytes]:
    """Return the source of every utterance by id: a digest of the imported bytes and the utterance's spans."""
    assert isinstance(feature, Imported)
    return {
        u.id: hashlib.sha256(json.dumps([feature.digest, *_identity(u)]).encode()).digest() for u in dataset.utterances
    }


def _identity(utterance: Utterance) -> list[object]:
    return [utterance.id, *([item.path, item.start, item.end] for item in utterance.parts())]


def stock(dataset: Dataset, spec: FeatureSpec, *, verify: bool = True) -> Holdings:
    """Return the rows of an imported feature in the cache, verified.

    Parameters
    ----------
    verify
        As `pipeline.caching.cache.take_stock` has it.

    Raises
    ------
    AffexError
        If the corpus has no such import, its file is damaged, or utterances were changed or added since.
    """
    file = cache.FeatureFile(dataset.folder, spec)
    seal = store.described(file.path) if file.path.exists() else None
    again = f"`{dataset.command('import', FILE='file', CALLED=spec.preset)}`"
    if seal is None or seal.key != file.key:
        why = "has rows of another import under that name" if seal else "has no such feature"
        raise AffexError(
            f"'{spec.preset}' was imported for another corpus, and {dataset.name} {why}: import it first, {again}. "
            "Corpora that are evaluated together need rows from one file, imported with the same options."
        )
    expected = sources(dataset, spec.feature)
    held = cache.take_stock(file, expected, verify=verify)
    if held.damaged:
        raise AffexError(f"{held.damaged[0]}. An imported feature cannot be computed again: import it again, {again}.")
    lost = [id_ for id_ in expected if id_ not in held.places and id_ not in held.failures]
    if lost:
        raise AffexError(
            f"{len(lost)} utterances of {dataset.name} are new or have another file or span since {spec.preset} was "
            f"imported: {', '.join(lost[:5])}. Import it again, {again}."
        )
    return held
