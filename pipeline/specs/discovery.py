"""The folders are the registries: what is in them, found by name, with parameters.

A plugin module of `features` or `classifiers` holds ``PRESETS``, a dict from name to a frozen dataclass; a
module of `pipeline.corpora` holds ``CORPUS``. Specs are spelt as `pipeline.specs.grammar` says. That of a feature of
frames may also say how they are pooled over the utterance, which is no parameter of the feature itself:
``mfcc:n=20,pool=mean+std``. That of any feature may name the columns that are looked at, by what they begin with:
``landmarks:columns=mouth+chin``. Neither is part of the cache key.
"""

import dataclasses
import functools
import importlib
import pkgutil
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import affex.pipeline.corpora
from affex import classifiers, features
from affex.classifiers.base import Classifier
from affex.features.base import Feature
from affex.features.external.imported import Imported
from affex.pipeline.corpora import misspelt
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.specs import column_groups, grammar, pooling
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: What a feature's spec may say beside the feature's own parameters.
BESIDE = ("pool", "columns")
#: What stands for every part of a feature, one model a part.
EACH = "each"

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
        The statistics that its frames are pooled by over the utterance; empty for rows as they are cached.
    only
        What the names of the columns that are looked at begin with (see `pipeline.specs.column_groups`); empty for all
        of them.
    """

    preset: str
    default: Feature
    feature: Feature
    pool: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def framewise(self) -> bool:
        """Whether an utterance has one row a frame, not one row."""
        return self.feature.framewise and not self.pool

    @property
    def unpooled(self) -> "FeatureSpec":
        """The same feature as it is cached: its frames, all columns."""
        return dataclasses.replace(self, pool=(), only=())

    @property
    def is_preset(self) -> bool:
        """Whether the parameters are the preset's own."""
        return self.feature == self.default

    def __str__(self) -> str:
        beside = {"pool": "+".join(self.pool), "columns": "+".join(self.only)}
        changed = grammar.differences(self.default, self.feature) | {k: v for k, v in beside.items() if v}
        return grammar.spec(self.preset, changed)


def _modules(package: types.ModuleType) -> list[types.ModuleType]:
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in found if name != "base"]


def _presets(package: types.ModuleType) -> dict[str, Any]:
    return {k: v for module in _modules(package) for k, v in getattr(module, "PRESETS", {}).items()}


@functools.cache
def feature_presets() -> dict[str, Feature]:
    """Return every named feature."""
    return _presets(features)


@functools.cache
def classifier_presets() -> dict[str, Classifier]:
    """Return every named classifier."""
    return _presets(classifiers)


@functools.cache
def corpora() -> dict[str, Corpus]:
    """Return every corpus."""
    return {m.CORPUS.name: m.CORPUS for m in _modules(affex.pipeline.corpora) if hasattr(m, "CORPUS")}


def corpus(spec: str) -> Corpus:
    """Return a corpus by its name, or read as its settings say, as in ``"iemocap:marked=right"``.

    Raises
    ------
    UsageError
        If there is no such corpus or setting.
    """
    name, _, settings = spec.partition(":")
    if name not in corpora():
        raise misspelt.unknown(name, corpora())
    found = corpora()[name]
    chosen = dict(part.partition("=")[::2] for part in filter(None, settings.split(",")))
    for key, value in chosen.items():
        if key not in found.settings:
            raise unknown(f"setting of {name}", key, found.settings)
        if value not in found.settings[key]:
            raise unknown(f"value of {name}:{key}", value, found.settings[key])
    return dataclasses.replace(found, find=functools.partial(found.find, **chosen)) if chosen else found


def feature_specs(text: str, imported: Mapping[str, Imported] | None = None) -> tuple[FeatureSpec, ...]:
    """Return the features of a list of specs parted by blanks, as in ``"compare mfcc:n=20"``.

    Parameters
    ----------
    imported
        Those that other projects made and the cache holds, by name (see `pipeline.caching.imports`).

    Raises
    ------
    UsageError
        If a name is unknown, a parameter does not exist or has no sensible value, a feature comes twice, or one that
        has no frames is to be pooled.
    AffexError
        If the file of an imported one is damaged.
    """
    specs = tuple(_feature_spec(spec, imported or {}) for spec in text.split())
    if not specs:
        raise UsageError("No feature was named. Known: " + ", ".join(sorted(feature_presets())))
    if len({spec.unpooled for spec in specs}) < len(specs):
        raise UsageError(f"A feature was named twice in '{text}'.")
    return specs


def _feature_spec(text: str, imported: Mapping[str, Imported]) -> FeatureSpec:
    preset, _, parameters = text.partition(":")
    known: dict[str, Feature] = {**imported, **feature_presets()}
    beside: list[str] = []
    own: list[str] = []
    for part in parameters.split(","):
        (beside if part.partition("=")[:2] in [(name, "=") for name in BESIDE] else own).append(part)
    if any(own) and isinstance(known.get(preset), Imported):
        raise UsageError(f"'{text}': {preset} was imported as it is, and has no parameters but {' and '.join(BESIDE)}.")
    if isinstance(named := known.get(preset), Imported) and named.damage:
        raise AffexError(named.damage)
    feature = grammar.parsed("feature", f"{preset}:{','.join(own)}", known, beside=BESIDE)
    asked = dict(part.split("=", 1) for part in beside)
    spec = FeatureSpec(preset, known[preset], feature)
    if "pool" in asked:
        spec = dataclasses.replace(spec, pool=_pool(text, spec, asked["pool"]))
    if "columns" in asked:
        spec = dataclasses.replace(spec, only=_only(text, feature, asked["columns"]))
    return spec


def _pool(text: str, spec: FeatureSpec, statistics: str) -> tuple[str, ...]:
    """Return the statistics that are asked for, if the feature has what they need."""
    if not spec.feature.framewise:
        raise UsageError(f"'{text}': {spec.preset} has one row an utterance, and pool= is for features of frames.")
    pool = pooling.statistics(statistics)
    if pooling.is_weighted(pool) and pooling.judge(spec.feature) is None:
        able = [name for name, preset in feature_presets().items() if preset.framewise and pooling.judge(preset)]
        raise UsageError(
            f"'{text}': nothing says how good a frame of {spec.preset} is, as {' and '.join(pooling.WEIGHTED)} ask. Of "
            f"the features of frames these have that: {', '.join(able) or 'none'}."
        )
    return pool


def _only(text: str, feature: Feature, beginnings: str) -> tuple[str, ...]:
    """Return what the names of the columns asked for begin with."""
    if beginnings == EACH:
        raise UsageError(
            f"'{text}': columns={EACH} makes a model of each part of {feature.name}, and their scores are fused: say "
            "FUSION=late[:rule]."
        )
    return column_groups.named(beginnings, feature)


def pooled_for(one: Classifier, specs: Sequence[FeatureSpec]) -> tuple[FeatureSpec, ...]:
    """Return the features as a classifier can read them: for one that reads one row an utterance, frames are pooled.

    What says itself how it is pooled stays as it is, and so do the frames for a classifier of frames.
    """
    if one.rows == "frame":
        return tuple(specs)
    return tuple(dataclasses.replace(spec, pool=pooling.DEFAULT) if spec.framewise else spec for spec in specs)


def require_alone(specs: Sequence[FeatureSpec]) -> None:
    """Refuse frames that are not pooled and are to stand side by side with other rows.

    Raises
    ------
    UsageError
        Naming the features of frames.
    """
    framewise = [spec for spec in specs if spec.framewise]
    if framewise and len(specs) > 1:
        raise UsageError(
            f"The frames of {' and '.join(map(str, framewise))} cannot stand side by side with other rows: name one "
            f"feature, pool frames (as in {framewise[0].preset}:pool=mean+std), or fuse scores (FUSION=late)."
        )


def require_rows(one: Classifier, specs: Sequence[FeatureSpec]) -> None:
    """Refuse features whose rows a classifier cannot read, as `pooled_for` returns them.

    Raises
    ------
    UsageError
        Naming features and classifiers that fit.
    """
    require_alone(specs)
    framewise = any(spec.framewise for spec in specs)
    if framewise != (one.rows == "frame"):
        raise UsageError(misfit(one, " ".join(map(str, specs)), framewise=framewise))


def misfit(one: Classifier, named: str, *, framewise: bool) -> str:
    """Return what is wrong with features, as they were named, that a classifier cannot read, and what would fit."""
    reads, gives = ("an utterance", "a frame") if framewise else ("a frame", "an utterance")
    fitting = [name for name, feature in feature_presets().items() if feature.framewise != framewise]
    readers = [name for name, other in classifier_presets().items() if (other.rows == "frame") == framewise]
    return (
        f"CLASSIFIER={one.name} reads one row {reads}, but FEATURES='{named}' gives one {gives}.\n"
        f"Features that fit {one.name}: {', '.join(fitting) or 'none'}.\n"
        f"Classifiers that fit {named}: {', '.join(readers) or 'none'}."
    )


def require_level(one: Classifier, specs: Sequence[FeatureSpec]) -> None:
    """Refuse rows that do not begin with how loud a frame is, for a classifier that goes by it.

    Raises
    ------
    UsageError
        Naming the features that have it.
    """
    if not one.needs_level:
        return
    for spec in specs:
        columns = column_groups.chosen(spec.feature.columns, spec.only)
        if spec.feature.level is None or spec.feature.level not in columns[:1]:
            able = [name for name, other in feature_presets().items() if other.level and other.framewise]
            raise UsageError(
                f"CLASSIFIER={one.name} is to tell noise from speech by how loud a frame is, and {spec} does not begin "
                f"with that. Features that do: {', '.join(able)}; for others leave noise out."
            )


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
    parsed: Classifier = grammar.parsed("classifier", text, classifier_presets())
    return parsed


def classifier_spec(one: Classifier) -> str:
    """Return the spec of a classifier; of one that is no preset's kind, its name."""
    alike = {name: preset for name, preset in classifier_presets().items() if type(preset) is type(one)}
    name = one.name if one.name in alike else next(iter(alike), one.name)
    return grammar.spec(name, grammar.differences(alike[name], one) if alike else {})


def members(
    features: str | None, classifiers: str, fusion: str, imported: Mapping[str, Imported] | None = None
) -> list[Member]:
    """Return the models that are meant, each with its features.

    Early fusion, and what is not fused, is one model on all features. Late fusion is one model a feature: a single
    classifier serves all features, several are paired with them in order; a single feature serves all classifiers.
    A feature with ``columns=each`` is then as many models as it has parts.

    Parameters
    ----------
    features
        Specs parted by blanks; None for what each classifier prefers.
    classifiers
        Specs parted by blanks.
    fusion
        ``"early"``, or what begins with ``"late"``.
    imported
        As in `feature_specs`.

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
    pairs = zip(names, built, strict=False)
    found: list[Member] = [((part,), one) for name, one in pairs for part in _each(name, imported or {})]
    twice = [f"{' '.join(specs)} with {one.name}" for n, (specs, one) in enumerate(found) if (specs, one) in found[:n]]
    if twice:
        raise UsageError(f"FUSION={fusion} names {twice[0]} twice: a model is not fused with itself.")
    if len(names) != len(built) or len(found) < 2:
        raise UsageError(
            f"FUSION={fusion} pairs each feature with a classifier, and there are {len(names)} of the first and "
            f"{len(built)} of the second: expected two features at least, and one classifier or as many."
        )
    return found


def _each(text: str, imported: Mapping[str, Imported]) -> list[str]:
    """Return a feature's spec as it is; where it asks for ``columns=each``, one a part of the feature."""
    wanted = f"columns={EACH}"
    preset, _, parameters = text.partition(":")
    asked = parameters.split(",")
    if wanted not in asked:
        return [text]
    feature = _feature_spec(f"{preset}:{','.join(part for part in asked if part != wanted)}", imported).feature
    if not feature.parts:
        able = [name for name, other in feature_presets().items() if other.parts]
        raise UsageError(f"'{text}': {preset} has no parts. Features that have: {', '.join(able)}.")
    named = [[f"columns={name}" if part == wanted else part for part in asked] for name in feature.parts]
    return [f"{preset}:{','.join(parameters)}" for parameters in named]
