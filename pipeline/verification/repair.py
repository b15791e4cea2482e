"""Mending: the lines to copy that make again what a cache holds, as far as the cache alone tells.

A file of rows says which feature it holds, and a cache folder of which corpus or table it is; where a corpus lies is
known of the one used last.
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
    """Return how a damaged file of rows is mended."""
    stated = store.described(path)
    folder = inventory.folder(path)
    if path.parent.suffix != ".parts" and imports.is_import(path):
        called = path.stem if stated is None else json.loads(stated.spec)["parameters"]["title"]
        file = "FILE" if stated is None else imports.remarks(stated).get("file", "FILE")
        return f"Import it again: `{wording.command('import', FILE=file, **dataset.named(folder), CALLED=called)}`."
    return f"`{_extraction(folder, feature(path, stated))}` computes again what is damaged, and nothing else."


def of_manifest(path: Path) -> str:
    """Return how a damaged manifest is mended: by the extraction of what is there already."""
    stated = ((file, store.described(file)) for file in sorted(path.parent.glob("*.h5")))
    found = [feature(file, seal) for file, seal in stated if seal and json.loads(seal.spec)["reads"] != FILE]
    return f"`{_extraction(path.parent, found[0] if found else None)}` writes it anew."


def _extraction(folder: Path, asked: str | None) -> str:
    if folder.name.startswith(new_recordings.PREFIX):
        return "make predict"
    return wording.command("features", **dataset.named(folder), FEATURES=asked)


def feature(path: Path, stated: Seal | None) -> str:
    """Return what a file of rows holds, as one asks for it; its parameters as far as its seal tells."""
    presets = discovery.feature_presets()
    of_parts = path.parent.suffix == ".parts"
    name = path.parent.stem if of_parts else path.stem if path.stem in presets else path.stem.rpartition("-")[0]
    if stated is None or name not in presets or path.stem in presets:
        return name
    with contextlib.suppress(TypeError, ValueError, KeyError):  # of another version, with other parameters
        return str(FeatureSpec(name, presets[name], _made(presets[name], json.loads(stated.spec))))
    return name


def _made(like: Feature, spec: Mapping[str, Any]) -> Feature:
    """Return the feature that a recipe tells of, by one of its kind."""
    told = {k: tuple(v) if isinstance(v, list) else v for k, v in spec["parameters"].items()}
    above = {k: _made(v, spec["upstream"]) for k, v in vars(like).items() if isinstance(v, Feature)}
    return dataclasses.replace(like, **told, **above)
