"""Compatibility: which features a classifier can read, and what is said of those that it cannot."""

import dataclasses
from collections.abc import Sequence

from affex.classifiers.base import Classifier
from affex.pipeline.specs import column_groups, discovery, pooling
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.text.errors import UsageError


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
    fitting = [name for name, feature in discovery.feature_presets().items() if feature.framewise != framewise]
    readers = [name for name, other in discovery.classifier_presets().items() if (other.rows == "frame") == framewise]
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
            able = [name for name, other in discovery.feature_presets().items() if other.level and other.framewise]
            raise UsageError(
                f"CLASSIFIER={one.name} is to tell noise from speech by how loud a frame is, and {spec} does not begin "
                f"with that. Features that do: {', '.join(able)}; for others leave noise out."
            )
