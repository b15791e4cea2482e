"""Foresight: what labels and speakers alone show of an evaluation, before a single utterance is decoded.

Whatever cannot be evaluated is refused here, and what can be evaluated only with less (one training speaker: nothing to
search for settings with) is said. Extraction may fail for some utterances, which can only make it worse, so everything
is looked at again when rows are there.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation.folds import Clusters, Fold, all_but, clusters, folds, require_variety
from affex.pipeline.evaluation.selection import in_parts, select
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.task import inner_groups
from affex.pipeline.manifest.utterance import Utterance


def foreseen(utterances: Sequence[Utterance], plan: Plan, exclude: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return a sentence for each thing that an evaluation will have to do without.

    Parameters
    ----------
    utterances
        All of a corpus.
    exclude
        The speakers a single model does not learn from; None for an evaluation.

    Raises
    ------
    UsageError, AffexError
        If labels and speakers alone show that it cannot be done, with the way out.
    """
    counted, y = _counted(utterances, plan)
    rounds, found = folds(plan.protocol, counted), clusters(counted)
    groups = inner_groups(plan.protocol, counted, rounds)
    if exclude is not None:
        rounds = (all_but(rounds, found, exclude),)
    for fold in rounds:
        require_variety(fold, y, found)
    alone = [fold for fold in rounds if is_alone(fold, groups)]
    if not alone or not plan.classifier.tuned:
        return ()
    who = f"{len(alone)} of {len(rounds)} folds learn" if exclude is None else "The model learns"
    return (_of_one(who, plan, groups.unit),)


def is_alone(fold: Fold, groups: Clusters) -> bool:
    """Tell whether a fold learns from one speaker (or session), so that it has no inner folds."""
    return fold.inner is None and len(np.unique(groups.of[fold.train])) == 1


def _counted(utterances: Sequence[Utterance], plan: Plan) -> tuple[list[Utterance], NDArray[Any]]:
    """Return the utterances that count, as far as labels say, and what is to be predicted of them."""
    protocol: Protocol = plan.protocol
    own = [u for u, here in zip(utterances, in_parts(utterances, protocol.parts), strict=True) if here]
    if plan.settings.speaker_norm:
        clusters(own, "speaker")  # it takes a name for everyone
    selection = select(own, protocol)
    return [own[i] for i in selection.chosen], selection.y


def _of_one(who: str, plan: Plan, unit: str) -> str:
    return (
        f"{who} from 1 {unit}: settings are searched for on {unit}s left out among those learned from, and there is no "
        f"other. {plan.classifier.name} takes fixed settings there for what is left open, and says so. Where it "
        f"learns from 2 {unit}s or more, it searches."
    )
