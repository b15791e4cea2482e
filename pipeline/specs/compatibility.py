"""Compatibility: which columns a classifier needs of its features."""

from collections.abc import Sequence

from affex.classifiers.base import Classifier
from affex.pipeline.specs import column_groups, discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.errors import UsageError


def require_level(one: Classifier, specs: Sequence[FeatureSpec]) -> None:
    """Raise an error if a classifier needs the loudness of a frame and the rows do not begin with it.

    Raises
    ------
    UsageError
        The message names the features that have it.
    """
    if not one.needs_level:
        return
    for spec in specs:
        columns = column_groups.chosen(spec.feature.columns, spec.only)
        if spec.feature.level is None or spec.feature.level not in columns[:1]:
            able = [name for name, other in discovery.feature_presets().items() if other.level and other.framewise]
            raise UsageError(
                f"CLASSIFIER={one.name} is to tell noise from speech by how loud a frame is, and {spec} does not begin "
                f"with that. Features that do: {', '.join(able)}; for others leave noise out."
            )
