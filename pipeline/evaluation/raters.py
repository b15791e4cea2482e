"""Raters: from the votes of an utterance to soft targets, rater agreement, the human ceiling, and scores against them.

An utterance's votes are one tuple of labels per rater, as in ``(("ang",), ("ang", "fru"), ("neu",))``: a rater may
choose several labels, or none. Here raters are anonymous: the same position in the tuple may be another person in the
next utterance. So this module returns no figure of a single rater, no result depends on the order of the votes, and the
ceiling is pooled over all raters and utterances. Where a corpus says who voted, `pipeline.evaluation.named_votes` and
`pipeline.statistics.raters` go on from there.

A map (`splits.class_map`) turns labels into classes. A label that the map lacks stays as it is, so it is outside the
classes unless a class has this name. A label that a rater names twice counts once; two labels of one class count as
one class.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.pipeline.evaluation import metrics

#: The votes of one utterance: the labels of each rater.
Votes = Sequence[Sequence[str]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ceiling:
    """How well single raters agree with the majority of the others (the human ceiling).

    Parameters
    ----------
    metric
        The figure's name.
    value
        The figure of the raters' judgements; None if no judgement is left.
    n_judgements
        The number of judgements that count.
    n_utterances
        The number of utterances with such judgements.
    n_classes
        The number of classes among the majorities; an average over classes is over these.
    n_ties
        The number of judgements left out because the others have no single majority.
    n_outside
        The number left out because the rater's labels, or the others' majority, are outside the classes.
    n_alone
        The number left out because no other rater voted.
    """

    metric: str
    value: float | None
    n_judgements: int
    n_utterances: int
    n_classes: int
    n_ties: int
    n_outside: int
    n_alone: int


@dataclass(frozen=True)
class AgainstShares:
    """How near a model's scores come to the raters' shares of the classes, as means over utterances.

    Parameters
    ----------
    n_utterances
        The tested utterances with a vote for a class.
    cross_entropy
        ``-sum_c q_c ln p_c`` of shares ``q`` and scores ``p``, in nats; scores below `metrics.EPSILON` count as that.
    divergence
        The Kullback-Leibler divergence ``sum_c q_c ln(q_c / p_c)``: the cross-entropy without the raters' own entropy,
        in nats; 0 if the scores are the shares.
    cosine
        The cosine of the angle between shares and scores: 1 if they are the same.
    chance
        The divergence of the mean shares of the tested utterances, given to all of them.
    """

    n_utterances: int
    cross_entropy: float
    divergence: float
    cosine: float
    chance: float


def against_shares(given: Floats, scores: Floats) -> AgainstShares | None:
    """Return how near scores come to the raters' shares; None if no utterance has votes for a class.

    Parameters
    ----------
    given : (n_utterances, n_classes) float64
        As `shares` returns them; rows of NaN do not count.
    scores : (n_utterances, n_classes) float64
        The scores of the classes; each row sums to 1.
    """
    rated = np.isfinite(given).all(axis=1)
    if not rated.any():
        return None
    q, p = given[rated], scores[rated]
    lengths = np.sqrt((q**2).sum(axis=1) * (p**2).sum(axis=1))
    return AgainstShares(
        n_utterances=int(rated.sum()),
        cross_entropy=_cross_entropy(q, p),
        divergence=_cross_entropy(q, p) - _cross_entropy(q, q),
        cosine=float(np.mean((q * p).sum(axis=1) / lengths)),
        chance=_cross_entropy(q, np.broadcast_to(q.mean(axis=0), q.shape)) - _cross_entropy(q, q),
    )


def _cross_entropy(given: Floats, scores: Floats) -> float:
    """Return the mean cross-entropy, nats; a share of 0 costs nothing."""
    return float(-(given * np.log(np.clip(scores, metrics.EPSILON, 1))).sum(axis=1).mean())


def shares(votes: Sequence[Votes], class_of: Mapping[str, str], classes: Sequence[str]) -> Floats:
    """Return soft targets: each class's proportion of the raters' votes.

    A rater has one vote and gives each of ``k`` labels ``1 / k`` of it. Votes outside the classes are dropped, and the
    rest is scaled to a sum of 1.

    Parameters
    ----------
    votes
        The votes of each utterance.
    class_of
        The class of each label.
    classes
        The order of the columns.

    Returns
    -------
    (n_utterances, n_classes) float64
        Rows sum to 1; a row is NaN where no vote falls on a class.

    Raises
    ------
    ValueError
        If the map names a class that is not among `classes`.
    """
    _check(class_of, classes)
    given = np.zeros((len(votes), len(classes)))
    for i, raters in enumerate(votes):
        for vote in raters:
            given[i] += judgement(vote, class_of, classes)
    whole = given.sum(axis=1, keepdims=True)
    return np.where(whole > 0, given / np.where(whole > 0, whole, 1), np.nan)


def agreement(votes: Votes, class_of: Mapping[str, str] | None = None) -> float:
    """Return the proportion of an utterance's raters that chose the most frequent label.

    A rater who names several labels chooses each of them. Raters without a label are ignored.

    Parameters
    ----------
    votes
        The votes of one utterance.
    class_of
        The class of each label, if different labels of one class count as agreement.

    Returns
    -------
    float
        In (0, 1]; NaN if there are no votes. Two of three is exactly ``2 / 3``.
    """
    choices = [_chosen(vote, class_of or {}) for vote in votes if vote]
    return max(_counts(choices).values()) / len(choices) if choices else float("nan")


def human_ceiling(
    votes: Sequence[Votes], class_of: Mapping[str, str], classes: Sequence[str], metric: str = "uar"
) -> Ceiling:
    """Score each rater against the majority of the others, pooled over raters and utterances.

    The majority is the label that most of the other raters chose, inside the classes or not; a rater chooses every
    label that they name. If two labels lead, there is no majority. A rater's judgement counts ``1 / k`` for each of the
    rater's ``k`` labels, as in `shares`.

    The ceiling needs careful interpretation: the majority of the others is a noisier reference than the corpus's label,
    since it has fewer raters (with two raters it is the other rater's opinion); most judgements that were left out are
    difficult ones; and a rater may have had more labels to choose from than the model.

    Parameters
    ----------
    votes
        The votes of each utterance.
    class_of
        The class of each label.
    classes
        The classes that count.
    metric
        One of `metrics.CLASS_HEADLINES`.

    Raises
    ------
    ValueError
        If the metric is none of them, or the map names a class that is not among `classes`.
    """
    if metric not in metrics.CLASS_HEADLINES:
        raise ValueError(f"'{metric}' is no headline figure of classes: {', '.join(metrics.CLASS_HEADLINES)}")
    _check(class_of, classes)
    confusion = np.zeros((len(classes), len(classes)))
    left_out: Counter[str] = Counter()
    judged: list[int] = []
    for i, raters in enumerate(votes):
        choices = [vote for vote in raters if vote]
        for j, vote in enumerate(choices):
            given = judgement(vote, class_of, classes)
            majority = majority_of(_chosen(other, class_of) for k, other in enumerate(choices) if k != j)
            reason = _reason(given, majority, classes)
            if reason:
                left_out[reason] += 1
            else:
                confusion[classes.index(majority[0])] += given
                judged.append(i)
    formula = metrics.CLASS_METRICS[metric].from_sums
    assert formula is not None
    return Ceiling(
        metric=metric,
        value=float(formula(confusion)) if judged else None,
        n_judgements=len(judged),
        n_utterances=len(set(judged)),
        n_classes=int((confusion.sum(axis=1) > 0).sum()),
        n_ties=left_out["tie"],
        n_outside=left_out["outside"],
        n_alone=left_out["alone"],
    )


def _chosen(vote: Iterable[str], class_of: Mapping[str, str]) -> tuple[str, ...]:
    """Return a rater's choices; labels of one class count as one choice."""
    return tuple(dict.fromkeys(class_of.get(label, label) for label in vote))


def judgement(vote: Sequence[str], class_of: Mapping[str, str], classes: Sequence[str]) -> Floats:
    """Return a rater's vote as shares of the classes, ``(n_classes,)``; their sum is the part inside the classes."""
    labels = tuple(dict.fromkeys(vote))
    given = Counter(class_of.get(label, label) for label in labels)
    return np.array([given[name] / len(labels) if labels else 0 for name in classes])


def _counts(choices: Iterable[Iterable[str]]) -> Counter[str]:
    return Counter(name for chosen in choices for name in chosen)


def majority_of(choices: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the most frequent choice, or several choices in a tie."""
    heads = _counts(choices)
    return tuple(name for name, n in heads.items() if n == max(heads.values()))


def _reason(judgement: Floats, majority: Sequence[str], classes: Sequence[str]) -> str:
    """Return why a judgement does not count; empty where it does."""
    if not majority:
        return "alone"
    if len(majority) > 1:
        return "tie"
    return "" if majority[0] in classes and judgement.any() else "outside"


def _check(class_of: Mapping[str, str], classes: Sequence[str]) -> None:
    unknown = sorted(set(class_of.values()) - set(classes))
    if unknown:
        raise ValueError(f"labels are mapped to what is no class: {', '.join(unknown)} (classes: {', '.join(classes)})")
