"""The folders are the registries: what is in them, found by name, with parameters.

A plugin module of `features` or `classifiers` holds ``PRESETS``, a dict from name to a frozen dataclass; a
module of `pipeline.corpora` holds ``CORPUS``. Specs are spelt as `pipeline.spelling` says. That of a feature of frames
may also say how they are pooled over the clip, which is no parameter of the feature itself:
``mfcc:n=20,pool=mean+std``.
"""

import dataclasses
import importlib
import pkgutil
import types
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import classifiers
import features
import pipeline.corpora
from classifiers.base import Classifier
from features.base import Feature
from pipeline import pooling, spelling
from pipeline.corpora.base import Corpus
from pipeline.errors import UsageError, unknown

#: Named in the sources and on their way; asking for one gets an error that says so.
PLANNED_CORPORA = ("mosei",)

#: A model of a study: the specs of its features, and its classifier.
Member = tuple[tuple[str, ...], Classifier]


@dataclass(frozen=True)
class FeatureSpec:
    """A feature as it was asked for.

    Parameters
    ----------
    preset
        The preset's name.
    default
        The preset itself.
    feature
        The preset with the parameters that were asked for.
    pool
        The statistics that its frames are pooled by over the clip; empty for rows as they are cached.
    """

    preset: str
    default: Feature
    feature: Feature
    pool: tuple[str, ...] = ()

    @property
    def framewise(self) -> bool:
        """Whether a clip has one row a frame, not one row."""
        return self.feature.framewise and not self.pool

    @property
    def unpooled(self) -> "FeatureSpec":
        """The same feature as it is cached."""
        return dataclasses.replace(self, pool=())

    @property
    def is_preset(self) -> bool:
        """Whether the parameters are the preset's own."""
        return self.feature == self.default

    def __str__(self) -> str:
        pooled = {"pool": "+".join(self.pool)} if self.pool else {}
        changed = spelling.differences(self.default, self.feature) | pooled
        return self.preset + (":" + ",".join(f"{k}={v}" for k, v in changed.items()) if changed else "")


def _modules(package: types.ModuleType) -> list[types.ModuleType]:
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in found if name != "base"]


def _presets(package: types.ModuleType) -> dict[str, Any]:
    return {k: v for module in _modules(package) for k, v in getattr(module, "PRESETS", {}).items()}


@cache
def feature_presets() -> dict[str, Feature]:
    """Return every named feature."""
    return _presets(features)


@cache
def classifier_presets() -> dict[str, Classifier]:
    """Return every named classifier."""
    return _presets(classifiers)


@cache
def corpora() -> dict[str, Corpus]:
    """Return every corpus."""
    return {m.CORPUS.name: m.CORPUS for m in _modules(pipeline.corpora) if hasattr(m, "CORPUS")}


def corpus(name: str) -> Corpus:
    """Return the corpus called `name`.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name in PLANNED_CORPORA:
        raise UsageError(
            f"The corpus '{name}' is not built yet: this version reads {', '.join(corpora())}.\n"
            f"Until it is, any corpus can be read from a table: DATASET=csv DATA=mine.csv (see the README)."
        )
    if name not in corpora():
        raise unknown("corpus", name, corpora())
    return corpora()[name]


def feature_specs(text: str) -> tuple[FeatureSpec, ...]:
    """Return the features of a list of specs parted by blanks, as in ``"compare mfcc:n=20"``.

    Raises
    ------
    UsageError
        If a name is unknown, a parameter does not exist or has no sensible value, a feature comes twice, or one that
        has no frames is to be pooled.
    """
    specs = tuple(_feature_spec(spec) for spec in text.split())
    if not specs:
        raise UsageError("No feature was named. Known: " + ", ".join(sorted(feature_presets())))
    if len({spec.unpooled for spec in specs}) < len(specs):
        raise UsageError(f"A feature was named twice in '{text}'.")
    return specs


def _feature_spec(text: str) -> FeatureSpec:
    preset, _, parameters = text.partition(":")
    parts = parameters.split(",")
    own = ",".join(part for part in parts if not part.startswith("pool="))
    feature = spelling.parsed("feature", f"{preset}:{own}", feature_presets(), beside=("pool",))
    spec = FeatureSpec(preset, feature_presets()[preset], feature)
    for part in (part for part in parts if part.startswith("pool=")):
        if not feature.framewise:
            raise UsageError(f"'{text}': {preset} has one row a clip, and pool= is for features of frames.")
        spec = dataclasses.replace(spec, pool=pooling.statistics(part.removeprefix("pool=")))
    if pooling.is_weighted(spec.pool) and pooling.judge(feature) is None:
        able = [name for name, preset in feature_presets().items() if preset.framewise and pooling.judge(preset)]
        raise UsageError(
            f"'{text}': nothing says how good a frame of {preset} is, as {' and '.join(pooling.WEIGHTED)} ask. Of the "
            f"features of frames these have that: {', '.join(able) or 'none'}."
        )
    return spec


def pooled_for(one: Classifier, specs: Sequence[FeatureSpec]) -> tuple[FeatureSpec, ...]:
    """Return the features as a classifier can read them: for one that reads one row a clip, frames are pooled.

    What says itself how it is pooled stays as it is, and so do the frames for a classifier of frames.
    """
    if one.rows == "frame":
        return tuple(specs)
    return tuple(dataclasses.replace(spec, pool=pooling.DEFAULT) if spec.framewise else spec for spec in specs)


def spec_of(feature: Feature) -> FeatureSpec:
    """Return a feature as one would ask for it: the preset that it is, or one of its kind with other parameters."""
    alike = {name: preset for name, preset in feature_presets().items() if type(preset) is type(feature)}
    if not alike:
        raise LookupError(f"{feature} is of a kind that has no preset")
    equal = [name for name, preset in alike.items() if preset == feature]
    name = next(name for name in (*equal, feature.name, *alike) if name in alike)
    return FeatureSpec(name, alike[name], feature)


def classifier(text: str) -> Classifier:
    """Return the classifier of a spec, as in ``"gmm:components=32"``.

    Raises
    ------
    UsageError
        If the name is unknown, or a parameter does not exist or has no sensible value.
    """
    parsed: Classifier = spelling.parsed("classifier", text, classifier_presets())
    return parsed


def members(features: str | None, classifiers: str, fusion: str) -> list[Member]:
    """Return the models that are meant, each with its features.

    Early fusion, and what is not fused, is one model on all features. Late fusion is one model a feature: a single
    classifier serves all features, several are paired with them in order; a single feature serves all classifiers.

    Parameters
    ----------
    features
        Specs parted by blanks; None for what each classifier prefers.
    classifiers
        Specs parted by blanks.
    fusion
        ``"early"``, or what begins with ``"late"``.

    Raises
    ------
    UsageError
        If they do not fit together, or name something that does not exist.
    """
    built = [classifier(spec) for spec in classifiers.split()]
    if not built:
        raise UsageError("No classifier was named. Known: " + ", ".join(sorted(classifier_presets())))
    if fusion.partition(":")[0] not in ("early", "late"):
        raise unknown("fusion", fusion, ("early", "late"))
    if not fusion.startswith("late"):
        if len(built) > 1:
            raise UsageError(f"CLASSIFIER='{classifiers}' are several: fuse their scores with FUSION=late.")
        return [(tuple((features or built[0].prefers).split()), built[0])]
    names = features.split() if features else [one.prefers for one in built]
    if len(names) == 1 or len(built) == 1:
        names, built = names * len(built), built * len(names)
    if len(names) != len(built) or len(names) < 2:
        raise UsageError(
            f"FUSION={fusion} pairs each feature with a classifier, and FEATURES names {len(names)} and CLASSIFIER "
            f"{len(built)}: expected two features at least, and one classifier or as many."
        )
    return [((name,), one) for name, one in zip(names, built, strict=True)]
