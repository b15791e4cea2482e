"""Prechecks: the arrow from labels and speakers to errors and warnings, before any utterance is decoded.

An impossible evaluation raises an error here. A limited one (with one training speaker, there is no hyperparameter
search) gives a warning. Extraction may fail for some utterances, which can only add problems, so all checks run again
when the rows are available.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import given_folds
from affex.pipeline.evaluation.folds import Clusters, Fold, all_but, clusters, folds, require_classes, require_variety
from affex.pipeline.evaluation.selection import in_parts, select
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import built, inner_groups
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import UsageError


def foreseen(utterances: Sequence[Utterance], plan: Plan, exclude: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return a sentence for each limitation that an evaluation will have.

    Parameters
    ----------
    utterances
        All utterances of a corpus.
    exclude
        The speakers that are left out of the training of a single model; None for an evaluation.

    Raises
    ------
    UsageError, AffexError
        If labels and speakers alone show that the evaluation is impossible; the message gives a remedy.
    """
    estimator = require_able(plan)
    counted, y, classes = _counted(utterances, plan)
    if plan.protocol.scheme == "folds":
        given_folds.require_known(plan.protocol.file, utterances, partial=plan.settings.partial)
    rounds, found = folds(plan.protocol, counted, utterances), clusters(counted)
    groups = inner_groups(plan.protocol, counted, rounds)
    if exclude is not None:
        rounds = (all_but(rounds, found, exclude),)
    for fold in rounds:
        require_variety(fold, y, found)
        require_classes(plan.protocol, fold, classes, y)
    alone = [fold for fold in rounds if is_alone(fold, groups)]
    if not alone:
        return ()
    _require_no_folds_needed(estimator, plan, len(alone), groups.unit)
    if not plan.classifier.tuned:
        return ()
    who = f"{len(alone)} of {len(rounds)} folds train" if exclude is None else "The model trains"
    return (_of_one(who, plan, groups.unit),)


def require_able(plan: Plan) -> Any:
    """Return the unfitted estimator of an evaluation, if it supports the settings.

    Raises
    ------
    UsageError
        If it cannot be built, takes no weights although labels are soft, or uses cross-validation although speakers are
        unknown.
    """
    from affex.classifiers.estimators import fitting

    estimator = built(plan)
    try:
        fitting.require_speaker_folds(estimator)
        if plan.settings.soft:
            fitting.require_weights(estimator)
    except ValueError as error:
        raise UsageError(f"CLASSIFIER={plan.classifier.name}: {error}.") from error
    return estimator


def _require_no_folds_needed(estimator: Any, plan: Plan, n_alone: int, unit: str) -> None:
    """Raise an error if the estimator needs inner cross-validation and some fold trains on one speaker.

    Raises
    ------
    UsageError
        The message names the parts that use cross-validation.
    """
    from affex.classifiers.estimators.inspection import cross_validations

    inside = [type(part).__name__ for part in cross_validations(estimator).values()]
    if inside:
        raise UsageError(
            f"CLASSIFIER={plan.classifier.name}: {' and '.join(inside)} cross-validates over training {unit}s, "
            f"and {n_alone} of the folds train on 1 {unit}: expected 2 or more in each. Use a protocol with fewer "
            "folds, or fixed settings instead of a search."
        )


def is_alone(fold: Fold, groups: Clusters) -> bool:
    """Return whether a fold trains on one speaker (or session, or text), so that it has no inner folds."""
    return fold.inner is None and len(np.unique(groups.of[fold.train])) == 1


def _counted(utterances: Sequence[Utterance], plan: Plan) -> tuple[list[Utterance], NDArray[Any], tuple[str, ...]]:
    """Return the utterances that count according to their labels, their targets, and the classes."""
    protocol: Protocol = plan.protocol
    own = [u for u, here in zip(utterances, in_parts(utterances, protocol.parts), strict=True) if here]
    if plan.settings.speaker_norm:
        clusters(own, "speaker")  # every utterance needs a speaker
    selection = select(own, protocol)
    return [own[i] for i in selection.chosen], selection.y, tuple(selection.classes)


def _of_one(who: str, plan: Plan, unit: str) -> str:
    return (
        f"{who} on 1 {unit}: a search needs another training {unit} to validate on. {plan.classifier.name} uses fixed "
        f"settings there instead, and reports that. With 2 training {unit}s or more, it searches."
    )
