"""Features: from what ``FEATURES`` says to features, and back.

The spec of a feature of frames may also say how they are pooled over the utterance, which is no parameter of the
feature itself: ``mfcc:n=20,pool=mean+std``. That of any feature may name the columns that are looked at, by what they
begin with: ``landmarks:columns=mouth+chin``. Neither is part of the cache key.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from affex.features.base import Feature
from affex.features.external.imported import Imported
from affex.pipeline.specs import column_groups, discovery, grammar, pooling
from affex.pipeline.text.errors import AffexError, UsageError

#: What a feature's spec may say beside the feature's own parameters.
BESIDE = ("pool", "columns")
#: What stands for every part of a feature, one model a part.
EACH = "each"


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
        raise UsageError("No feature was named. Known: " + ", ".join(sorted(discovery.feature_presets())))
    if len({spec.unpooled for spec in specs}) < len(specs):
        raise UsageError(f"A feature was named twice in '{text}'.")
    return specs


def spec_of(feature: Feature) -> FeatureSpec:
    """Return a feature as one would ask for it: the preset that it is, or one of its kind with other parameters."""
    alike = {name: preset for name, preset in discovery.feature_presets().items() if type(preset) is type(feature)}
    if not alike:
        raise LookupError(f"{feature} is of a kind that has no preset")
    equal = [name for name, preset in alike.items() if preset == feature]
    name = next(name for name in (*equal, feature.name, *alike) if name in alike)
    return FeatureSpec(name, alike[name], feature)


def _feature_spec(text: str, imported: Mapping[str, Imported]) -> FeatureSpec:
    known: dict[str, Feature] = {**imported, **discovery.feature_presets()}
    name = grammar.name_of(text)
    if isinstance(found := known.get(name), Imported):
        _require_readable(text, found)
    feature = grammar.parsed("feature", text, known, beside=BESIDE)
    asked = grammar.parameters(text)
    pool = _pool(text, feature, asked["pool"]) if "pool" in asked else ()
    only = _only(text, feature, asked["columns"]) if "columns" in asked else ()
    return FeatureSpec(name, known[name], feature, pool, only)


def _require_readable(text: str, imported: Imported) -> None:
    """Refuse parameters of a feature that was imported, and one whose file is damaged."""
    if set(grammar.parameters(text)) - {*BESIDE}:
        name = grammar.name_of(text)
        raise UsageError(f"'{text}': {name} was imported as it is, and has no parameters but {' and '.join(BESIDE)}.")
    if imported.damage:
        raise AffexError(imported.damage)


def _pool(text: str, feature: Feature, statistics: str) -> tuple[str, ...]:
    """Return the statistics that are asked for, if the feature has what they need."""
    name = grammar.name_of(text)
    if not feature.framewise:
        raise UsageError(f"'{text}': {name} has one row an utterance, and pool= is for features of frames.")
    pool = pooling.statistics(statistics)
    if pooling.is_weighted(pool) and pooling.judge(feature) is None:
        presets = discovery.feature_presets().items()
        able = [other for other, preset in presets if preset.framewise and pooling.judge(preset)]
        raise UsageError(
            f"'{text}': nothing says how good a frame of {name} is, as {' and '.join(pooling.WEIGHTED)} ask. Of "
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
