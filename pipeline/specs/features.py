"""Features: the arrow from the setting ``FEATURES`` to features, and back.

The spec of a frame feature may also define the pooling of frames over the utterance: ``mfcc:n=20,pool=mean+std``. The
spec of any feature may select columns by the beginning of their names: ``landmarks:columns=mouth+chin``, and may turn
each row into its spectrum: ``fer:fft=True``. The spec of a feature with a row for each person may ask for the rows of
all of them, not of one: ``faces:people=all``. None of these is a parameter of the feature itself, or part of the cache
key.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from affex.features.base import Feature
from affex.features.external.imported import Imported
from affex.pipeline.specs import column_groups, discovery, grammar, matrices, pooling, spectra
from affex.pipeline.text.errors import AffexError, UsageError, unknown

#: The parameters that a feature's spec may have in addition to the feature's own.
BESIDE = ("pool", "dims", "columns", "people", "fft")
#: The value that selects every part of a feature, with one model per part.
EACH = "each"
#: Whose rows: those of one person, one per frame, or of all people.
PEOPLE = ("one", "all")


@dataclass(frozen=True)
class FeatureSpec:
    """A feature with its requested parameters, pooling and columns.

    Parameters
    ----------
    preset
        The preset's name.
    default
        The preset itself.
    feature
        The preset with the requested parameters.
    pool
        The statistics that pool its frames over the utterance; empty for rows as they are cached.
    only
        The beginnings of the selected columns' names (see `pipeline.specs.column_groups`); empty for all columns.
    people
        One of `PEOPLE`.
    dims
        To how many columns a fixed projection reduces those that the pooling makes a matrix of; 0 for none.
    fft
        Whether each row becomes its spectrum (see `pipeline.specs.spectra`), of the selected columns, before pooling.
    """

    preset: str
    default: Feature
    feature: Feature
    pool: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    people: str = "one"
    dims: int = 0
    fft: bool = False

    @property
    def framewise(self) -> bool:
        """Whether an utterance has one row a frame, not one row."""
        return self.feature.framewise and not self.pool

    @property
    def unpooled(self) -> "FeatureSpec":
        """The same feature as it is cached: its frames, all columns, not yet of one person."""
        return dataclasses.replace(self, pool=(), only=(), people="one", dims=0, fft=False)

    @property
    def is_preset(self) -> bool:
        """Whether the parameters are the preset's own."""
        return self.feature == self.default

    def __str__(self) -> str:
        people = "" if self.people == "one" else self.people
        beside = {
            "pool": "+".join(self.pool),
            "dims": self.dims,
            "columns": "+".join(self.only),
            "people": people,
            "fft": self.fft,
        }
        changed = grammar.differences(self.default, self.feature) | {k: v for k, v in beside.items() if v}
        return grammar.spec(self.preset, changed)


def feature_specs(text: str, imported: Mapping[str, Imported] | None = None) -> tuple[FeatureSpec, ...]:
    """Return the features of a list of specs separated by blanks, as in ``"compare mfcc:n=20"``.

    Parameters
    ----------
    imported
        The features in the cache that were imported from other projects, by name (see `pipeline.caching.imports`).

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
    """Return the spec of a feature: its preset, or a preset of the same type with other parameters."""
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
    given = grammar.parameters(text)
    pool = _pool(text, feature, given["pool"]) if "pool" in given else ()
    only = _only(text, feature, given["columns"]) if "columns" in given else ()
    people = _people(text, feature, given["people"]) if "people" in given else "one"
    fft = _fft(text, feature, given["fft"]) if "fft" in given else False
    found_spec = FeatureSpec(name, known[name], feature, pool, only, people, fft=fft)
    return dataclasses.replace(found_spec, dims=_dims(text, found_spec, given.get("dims")))


def _require_readable(text: str, imported: Imported) -> None:
    """Raise an error for parameters of an imported feature, and for an imported feature with a damaged file."""
    if set(grammar.parameters(text)) - {*BESIDE}:
        name = grammar.name_of(text)
        raise UsageError(f"'{text}': {name} was imported as it is, and has no parameters but {' and '.join(BESIDE)}.")
    if imported.damage:
        raise AffexError(imported.damage)


def _pool(text: str, feature: Feature, statistics: str) -> tuple[str, ...]:
    """Return the requested statistics, if the feature has the columns that they need."""
    name = grammar.name_of(text)
    if not feature.framewise:
        raise UsageError(f"'{text}': {name} has one row an utterance, and pool= is for features of frames.")
    pool = pooling.statistics(statistics)
    if pooling.is_weighted(pool) and pooling.quality_feature(feature) is None:
        presets = discovery.feature_presets().items()
        able = [other for other, preset in presets if preset.framewise and pooling.quality_feature(preset)]
        raise UsageError(
            f"'{text}': nothing says how good a frame of {name} is, as {' and '.join(pooling.WEIGHTED)} ask. Of "
            f"the features of frames these have that: {', '.join(able) or 'none'}."
        )
    return pool


def _fft(text: str, feature: Feature, value: str) -> bool:
    """Return whether rows become their spectra, if every column of the feature is a part of one thing."""
    if value.lower() not in ("1", "0", "true", "false"):
        raise UsageError(f"fft={value} in '{text}': expected True or False.")
    if pooling.FOUND in feature.columns:
        raise UsageError(f"'{text}': some columns of {feature.name} say where a face is; they have no spectrum.")
    return value.lower() in ("1", "true")


def _dims(text: str, asked: FeatureSpec, value: str | None) -> int:
    """Return to how many columns those of a matrix are reduced, 0 for none; raise an error for too large a matrix."""
    if not pooling.is_of_matrices(asked.pool):
        if value is not None:
            raise UsageError(f"'{text}': dims= is for pool={', pool='.join(matrices.MATRICES)}.")
        return 0
    names = asked.feature.columns
    n_columns = len(spectra.columns(names, asked.only) if asked.fft else pooling.mixed(names, asked.only))
    if value is not None:
        if not value.isdigit() or not 2 <= int(value) <= matrices.MOST or int(value) >= n_columns:
            most = min(matrices.MOST, n_columns - 1)
            raise UsageError(f"dims={value} in '{text}': expected 2 to {most}, less than the {n_columns} columns.")
        return int(value)
    if n_columns > matrices.MOST:
        raise UsageError(
            f"'{text}': a matrix of {n_columns} columns would make {matrices.size(n_columns, 'cov')} numbers of each "
            f"utterance; expected {matrices.MOST} columns at most. Choose some by columns=, or say dims=64 for a fixed "
            "projection to 64, which learns nothing."
        )
    return 0


def _people(text: str, feature: Feature, people: str) -> str:
    """Return whose rows are requested, if the feature has rows of several people."""
    if people not in PEOPLE:
        raise unknown("value of people", people, PEOPLE)
    if not feature.several:
        able = [name for name, preset in discovery.feature_presets().items() if preset.several]
        raise UsageError(
            f"'{text}': {feature.name} has rows of one person. Features with a row for each person: {', '.join(able)}."
        )
    return people


def _only(text: str, feature: Feature, beginnings: str) -> tuple[str, ...]:
    """Return the beginnings of the requested columns' names."""
    if beginnings == EACH:
        raise UsageError(
            f"'{text}': columns={EACH} makes a model of each part of {feature.name}, and their scores are fused: say "
            "FUSION=late[:rule]."
        )
    return column_groups.named(beginnings, feature)
