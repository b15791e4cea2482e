"""Discovery: the arrow from folders to the available features, classifiers and corpora; the folders are the registries.

A plugin module of `features` or `classifiers` holds ``PRESETS``, a dict from name to a frozen dataclass; a
module of `pipeline.corpora` holds ``CORPUS``.
"""

import functools
import importlib
import pkgutil
import types
from typing import Any

import affex.classifiers
import affex.features
import affex.pipeline.corpora
from affex.classifiers.base import Classifier
from affex.features.base import Feature
from affex.pipeline.corpora.base import Corpus


@functools.cache
def feature_presets() -> dict[str, Feature]:
    """Return every named feature."""
    return _presets(affex.features)


@functools.cache
def classifier_presets() -> dict[str, Classifier]:
    """Return every named classifier."""
    return _presets(affex.classifiers)


@functools.cache
def corpora() -> dict[str, Corpus]:
    """Return every corpus."""
    return {m.CORPUS.name: m.CORPUS for m in _modules(affex.pipeline.corpora) if hasattr(m, "CORPUS")}


def _presets(package: types.ModuleType) -> dict[str, Any]:
    return {k: v for module in _modules(package) for k, v in getattr(module, "PRESETS", {}).items()}


def _modules(package: types.ModuleType) -> list[types.ModuleType]:
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in found if name != "base"]
