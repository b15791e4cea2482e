"""Limits: the arrow from steps with too few training rows to warnings.

Estimators report the steps that they could not do (`classifiers.base.LIMITS`); a fold adds those of its inner models
(`INNER`), and a fusion adds that it fell back to votes (`FUSION`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: No training data for a fusion: there are no inner folds, or the inner models' scores are not calibrated.
INNER = "inner"
#: A fusion whose members' scores could not be trusted.
FUSION = "fusion"

#: With any of these limits, a member's scores cannot be compared with another member's.
NO_SCORES = ("calibration", INNER)

#: The separator between several reasons for one limit.
AND = "; "

#: The consequence of each limit.
SENTENCES = {
    "search": "settings were fixed, not searched for",
    "sigmoids": "one slope, not a sigmoid a class, makes probabilities of decision values",
    "calibration": "scores are not calibrated: only their order counts, which is that of the decision",
    INNER: "inner scores are not there to be learned from, or not calibrated",
    FUSION: "members' scores could not be held against each other, so their decisions were fused (of equally many "
    "votes, those of the member that was named first count)",
}

#: The chosen hyperparameters and the limits, of each fold or of one model.
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
    """Return the limits of a fold's inner models as a limit of the fold."""
    reasons = dict.fromkeys(one["calibration"] for one in limits if "calibration" in one)
    return {INNER: each_of("inside", AND.join(reasons))} if reasons else {}


def each_of(whose: str, reasons: str) -> str:
    """Return the reasons, each with the name of its owner."""
    return AND.join(f"{whose}: {one}" for one in reasons.split(AND))


def without_scores(limits: Mapping[str, str]) -> str:
    """Return why a member's scores of a fold cannot be compared with another member's; empty if they can."""
    return next((limits[name] for name in NO_SCORES if name in limits), "")


def _settings(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in params.items()
    )
