"""Repair: the arrow from a damaged file to the command that makes it again, as far as the cache alone shows it.

A file of rows says which feature it holds, and a cache folder says to which corpus or table it belongs. The path of a
corpus is known only for the corpus used last.
"""

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affex.features.base import Feature
from affex.features.external.imported import FILE
from affex.pipeline.caching import dataset, imports, inventory, store
from affex.pipeline.caching.seal import Seal
from affex.pipeline.models import new_recordings
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text import wording


def of_rows(path: Path) -> str:
    """Return the sentence that says how to repair a damaged file of rows."""
    seal = store.described(path)
    folder = inventory.folder(path)
    if path.parent.suffix != ".parts" and imports.is_import(path):
        called = path.stem if seal is None else json.loads(seal.spec)["parameters"]["title"]
        file = "FILE" if seal is None else imports.remarks(seal).get("file", "FILE")
        return f"Import it again: `{wording.command('import', FILE=file, **dataset.named(folder), CALLED=called)}`."
    return f"`{_extraction(folder, feature(path, seal))}` computes again what is damaged, and nothing else."


def of_manifest(path: Path) -> str:
    """Return the sentence that says how to repair a damaged manifest: by extracting a feature that is there already."""
    seals = ((file, store.described(file)) for file in sorted(path.parent.glob("*.h5")))
    found = [feature(file, seal) for file, seal in seals if seal and json.loads(seal.spec)["reads"] != FILE]
    return f"`{_extraction(path.parent, found[0] if found else None)}` writes it anew."


def _extraction(folder: Path, spec: str | None) -> str:
    if folder.name.startswith(new_recordings.PREFIX):
        return "make predict"
    return wording.command("features", **dataset.named(folder), FEATURES=spec)


def feature(path: Path, seal: Seal | None) -> str:
    """Return the spec of the feature that a file of rows holds, with its parameters where the seal has them."""
    presets = discovery.feature_presets()
    of_parts = path.parent.suffix == ".parts"
    name = path.parent.stem if of_parts else path.stem if path.stem in presets else path.stem.rpartition("-")[0]
    if seal is None or name not in presets or path.stem in presets:
        return name
    with contextlib.suppress(TypeError, ValueError, KeyError):  # another version had other parameters
        return str(FeatureSpec(name, presets[name], _made(presets[name], json.loads(seal.spec))))
    return name


def _made(like: Feature, spec: Mapping[str, Any]) -> Feature:
    """Return the feature that a recipe describes, as a variant of a feature of the same class."""
    own = {k: tuple(v) if isinstance(v, list) else v for k, v in spec["parameters"].items()}
    upstream = {k: _made(v, spec["upstream"]) for k, v in vars(like).items() if isinstance(v, Feature)}
    return dataclasses.replace(like, **own, **upstream)
