"""Limits: from what the training rows of folds were too few for to what is to be said of it.

Estimators say what they could not do (`classifiers.base.LIMITS`); a fold adds what its inner models could not
(`INNER`), and a fusion that it fell back to votes (`FUSION`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: Nothing that a fusion could learn from: no inner folds, or inner models whose scores are not calibrated.
INNER = "inner"
#: A fusion whose members' scores could not be trusted.
FUSION = "fusion"

#: Under any of these a member's scores cannot be held against another's.
NO_SCORES = ("calibration", INNER)

#: What stands between several reasons for one limit.
AND = "; "

#: What follows from each.
SENTENCES = {
    "search": "settings were fixed, not searched for",
    "sigmoids": "one slope, not a sigmoid a class, makes probabilities of decision values",
    "calibration": "scores are not calibrated: only their order counts, which is that of the decision",
    INNER: "inner scores are not there to be learned from, or not calibrated",
    FUSION: "members' scores could not be held against each other, so their decisions were fused (of equally many "
    "votes, those of the member that was named first count)",
}

#: What was chosen, and for what the rows were too few, of each fold or of one model.
Chosen = tuple[Mapping[str, Any], Mapping[str, str]]


def sentences(of: Sequence[Chosen], *, folds: bool = True) -> Iterator[str]:
    """Yield a sentence for each limit that was met, with its reasons and in how many folds.

    Parameters
    ----------
    folds
        Whether these are folds of an evaluation, rather than one model.
    """
    for name, sentence in SENTENCES.items():
        met = [(params, limits[name]) for params, limits in of if name in limits]
        if met:
            taken = dict.fromkeys(_settings(params) for params, _ in met) if name == "search" else {}
            where = f" in {len(met)} of {len(of)} folds" if folds else ""
            reasons = dict.fromkeys(one for _, reason in met for one in reason.split(AND))
            yield f"{sentence}{where} ({AND.join(reasons)})" + (f": {' or '.join(taken)}" if taken else "")


def of_inner(limits: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what a fold's inner models were too few for, as a limit of the fold."""
    reasons = dict.fromkeys(one["calibration"] for one in limits if "calibration" in one)
    return {INNER: each_of("inside", AND.join(reasons))} if reasons else {}


def each_of(whose: str, reasons: str) -> str:
    """Return reasons with a word on whose each of them is."""
    return AND.join(f"{whose}: {one}" for one in reasons.split(AND))


def without_scores(limits: Mapping[str, str]) -> str:
    """Return why a member's scores of a fold cannot be held against another's; empty where they can."""
    return next((limits[name] for name in NO_SCORES if name in limits), "")


def _settings(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )
