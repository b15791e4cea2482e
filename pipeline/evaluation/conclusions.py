"""Verdicts: the arrow from a difference to the conclusion that it allows; all reports use this module.

An interval that contains 0 is no proof of equality: over few speakers it may reach from much worse to much better. So
there are four verdicts: better, worse, equal, and too few speakers to tell. Equal means practically equal: within a
region around 0 that is stated, `ROPE` unless another is. Two runs are equal if the probability of that region is high
enough (`pipeline.evaluation.equivalence`); a figure equals chance, and a leak is worth nothing, if the whole interval
of the difference lies in the region, as in a test of equivalence (Schuirmann 1987, doi:10.1007/BF01068419).
"""

from typing import Literal

from affex.pipeline.evaluation.equivalence import Probabilities

Verdict = Literal["better", "worse", "equal", "unknown"]

#: The region of practical equivalence, from minus to plus, in figures of range 1 (UAR, WAR, F1) and of correlation
#: (CCC, Pearson); .01 is what Benavoli et al. (2017) propose for accuracies. Errors in the target's unit have none.
ROPE = 0.01
#: Two runs are equal if the region has at least this probability.
SURE = 0.95


#: The coverage of these intervals was not measured with fewer speakers (``benchmarks/intervals.py``).
FEWEST = 4


def verdict(low: float | None, high: float | None, n: int, *, rope: float | None = ROPE, rises: bool = True) -> Verdict:
    """Return the verdict that the interval of a difference allows.

    Parameters
    ----------
    low, high
        The ends; None where there is no interval.
    n
        The number of speakers (or other clusters); with fewer than `FEWEST` the verdict is always undecided.
    rope
        The largest distance from 0 that counts as no difference; None if every difference counts.
    rises
        Whether a larger figure is better.
    """
    if low is None or high is None or n < FEWEST:
        return "unknown"
    if low > 0 or high < 0:
        return "better" if (low > 0) == rises else "worse"
    return "equal" if rope is not None and -rope <= low and high <= rope else "unknown"


def of_test(
    difference: float, p: float, alpha: float, n: int, likely: Probabilities | None, *, rises: bool = True
) -> Verdict:
    """Return the verdict of a test of two runs: better or worse if it is significant, else equal or unknown.

    Parameters
    ----------
    difference
        Of the figure.
    p, alpha
        Of the permutation test, after the correction for the number of pairs; and its level.
    n
        The number of speakers (or other clusters).
    likely
        Where the difference lies; None if that is open, or there is no region of practical equivalence.
    rises
        Whether a larger figure is better.
    """
    if p <= alpha and difference != 0:
        return "better" if (difference > 0) == rises else "worse"
    return "equal" if likely is not None and likely.within >= SURE and n >= FEWEST else "unknown"


def in_words(found: Verdict, n: int, unit: str = "speaker", *, rope: float | None = ROPE) -> str:
    """Return a verdict in words, as in ``too few speakers to tell (4)``."""
    words: dict[Verdict, str] = {
        "better": "clearly better",
        "worse": "clearly worse",
        "equal": f"equal within {rope:g}" if rope is not None else "equal",
        "unknown": f"too few {unit}s to tell ({n})",
    }
    return words[found]


def rope_of(high: float, wanted: float | None = None) -> float | None:
    """Return the region of practical equivalence of a figure with this upper end of its range.

    Parameters
    ----------
    wanted
        What a user says, in the figure's unit; without it, a figure in the target's unit has no region.
    """
    return wanted if wanted is not None else ROPE if high == 1 else None
