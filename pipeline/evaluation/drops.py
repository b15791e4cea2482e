"""Drops: the arrow from decisions with columns permuted to what each group of columns is worth, with its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import intervals, metrics
from affex.pipeline.evaluation.figures import number
from affex.pipeline.evaluation.importance import ColumnGroup, Decisions, Importance
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.specs.column_families import families
from affex.pipeline.streams.examples import Examples
from affex.pipeline.streams.readers import UtteranceReader, reader_of

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


def groups_of(examples: Examples, plan: Plan) -> dict[str, Numbers]:
    """Return the columns of each group that is permuted, by name; empty if none is, whatever the model."""
    return {} if why_none(examples, plan) else families(plan.features, examples.streams[0].columns)


def why_none(examples: Examples, plan: Plan) -> str:
    """Return why no columns are permuted, whatever the model; empty if they are."""
    if type(reader_of(plan.classifier)) is not UtteranceReader or examples.distances is not None:
        return "columns are permuted only for models that read one row an utterance"
    if len(families(plan.features, examples.streams[0].columns)) < 2:
        return "there is one group of columns only"
    return ""


def importance_of(
    examples: Examples, plan: Plan, scores: Scores, decisions: Sequence[Decisions | None], order: Numbers, unit: str
) -> Importance:
    """Return the importance of each group of columns, or why it is not known.

    Parameters
    ----------
    decisions
        Those of each fold, as `importance.permuted` returns them; None of a model that was not asked.
    order : (n_tested,) int64
        Where each tested utterance of the scores stands in the folds, one after another.
    unit
        The kind of cluster.
    """
    if reason := why_none(examples, plan):
        return Importance(reason=reason)
    known = [one for one in decisions if one is not None]
    if len(known) < len(decisions):
        return Importance(reason=f"{plan.classifier.name} is neither linear nor made of trees")
    return of_decisions(scores, groups_of(examples, plan), np.concatenate(known, axis=-1)[..., order], unit)


def of_decisions(scores: Scores, groups: Mapping[str, Numbers], decisions: Decisions, unit: str) -> Importance:
    """Return the importance of each group of columns.

    Parameters
    ----------
    groups
        The columns of each group, by name.
    decisions : (n_groups, n_repeats, n_tested)
        Of all folds, in the order of the scores.
    unit
        The kind of cluster.
    """
    figure, metric = next(iter(metrics.headlines(scores.classes).items()))
    names, member = np.unique(scores.clusters, return_inverse=True)
    with_all = figures(metric, places_of(scores.predicted, scores), scores, member)
    found = []
    for (name, columns), repeats in zip(groups.items(), decisions, strict=True):
        after = np.mean([figures(metric, own, scores, member) for own in repeats], axis=0)
        reach = metric.high - metric.low
        drop = intervals.of_replicates(with_all - after, names, bounds=(-reach, reach), unit=unit)
        found.append(ColumnGroup(name, len(columns), number(after[0]), drop))
    found.sort(key=lambda group: -np.nan_to_num(group.drop.value, nan=-np.inf))
    return Importance(figure, number(with_all[0]), decisions.shape[1], tuple(found))


def places_of(decided: NDArray[Any], scores: Scores) -> Decisions:
    """Return decisions as the places of their classes; values as they are."""
    return metrics.places(decided, scores.classes) if scores.classes else decided


def figures(metric: "metrics.Metric[Any]", decided: Decisions, scores: Scores, member: Numbers) -> Floats:
    """Return the pooled figure of all utterances, then those without each cluster, ``(1 + n_clusters,)``."""
    sums = _sums(decided, scores, member)
    whole = sums.sum(axis=0)
    parts = np.concatenate([whole[None], whole - sums])
    assert metric.from_sums is not None  # headlines have it
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = np.asarray(metric.from_sums(parts), dtype=np.float64)
    if metric.each_class:  # without one of the classes, an average over classes has another meaning
        lacking = ((parts.sum(axis=-1) == 0) & (whole.sum(axis=-1) > 0)).any(axis=-1)
        figures = np.where(lacking, np.nan, figures)
    return figures


def _sums(decided: Decisions, scores: Scores, member: Numbers) -> NDArray[Any]:
    """Return what the figure is computed from, summed over each cluster: confusions, or moments."""
    n_clusters = int(member.max()) + 1
    if not scores.classes:
        moments = metrics.moments(scores.true, decided)
        return np.stack([np.bincount(member, weights=column, minlength=n_clusters) for column in moments.T], axis=1)
    n = len(scores.classes)
    cells = (member * n + metrics.places(scores.true, scores.classes)) * n + decided.astype(np.int64)
    return np.bincount(cells, minlength=n_clusters * n * n).reshape(n_clusters, n, n)
