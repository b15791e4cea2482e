"""Order: from the features that are wanted to all that must be there, each after those that it reads."""

from collections.abc import Mapping, Sequence

from affex.features.base import Feature
from affex.pipeline.specs.features import FeatureSpec, spec_of

#: For each feature those whose cached rows it reads, its upstream feature first; none for a feature of media.
Order = Mapping[FeatureSpec, tuple[FeatureSpec, ...]]


def inputs(feature: Feature) -> tuple[Feature, ...]:
    """Return the features whose rows a feature reads, its upstream feature first."""
    return (feature.upstream, *feature.beside) if feature.upstream else ()


def ordered(specs: Sequence[FeatureSpec]) -> Order:
    """Return each feature with those whose rows it reads; these come first."""
    requested = {spec.feature: spec for spec in specs}
    found: dict[FeatureSpec, tuple[FeatureSpec, ...]] = {}

    def visit(spec: FeatureSpec) -> FeatureSpec:
        above = tuple(visit(requested.get(one) or spec_of(one)) for one in inputs(spec.feature))
        found.setdefault(spec, above)
        return spec

    for spec in specs:
        visit(spec)
    return found


def depth(feature: Feature) -> int:
    """Return how many features, one after another, must be computed before this one."""
    return max((1 + depth(one) for one in inputs(feature)), default=0)
