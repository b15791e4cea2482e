"""Verdicts: the arrow from the interval of a difference to the conclusion that it allows; all reports use this module.

An interval that contains 0 is no proof of equality: over few speakers it may reach from much worse to much better. So
there are four verdicts: clearly better, clearly worse, equal within a stated margin (the whole interval lies within
it, as in a test of equivalence: Schuirmann 1987, doi:10.1007/BF01068419), and undecided with so many speakers.
"""

from typing import Literal

from affex.pipeline.evaluation.intervals import Interval

Verdict = Literal["better", "worse", "equal", "unknown"]

#: A smaller difference counts as equal, in figures of range 1 (UAR, WAR, F1) and of correlation (CCC, Pearson).
#: It exceeds .034, the effect of a seed on XGBoost's UAR on EMO-DB. Errors in the target's unit (RMSE, MAE) have none.
MARGIN = 0.05


#: The coverage of these intervals was not measured with fewer speakers (``benchmarks/intervals.py``).
FEWEST = 4


def verdict(
    low: float | None, high: float | None, n: int, *, margin: float | None = MARGIN, rises: bool = True
) -> Verdict:
    """Return the verdict that the interval of a difference allows.

    Parameters
    ----------
    low, high
        The ends; None where there is no interval.
    n
        The number of speakers (or other clusters); with fewer than `FEWEST` the verdict is always undecided.
    margin
        The largest distance from 0 that counts as no difference; None if every difference counts.
    rises
        Whether a larger figure is better.
    """
    if low is None or high is None or n < FEWEST:
        return "unknown"
    if low > 0 or high < 0:
        return "better" if (low > 0) == rises else "worse"
    return "equal" if margin is not None and -margin <= low and high <= margin else "unknown"


def of_test(difference: Interval, p: float, alpha: float, *, margin: float | None, rises: bool = True) -> Verdict:
    """Return the verdict of a test: better or worse if it is significant, else what the interval allows.

    If the test (for example after correction for the number of pairs) is not significant, an interval without 0 is not
    enough.
    """
    if p <= alpha and difference.value != 0:
        return "better" if (difference.value > 0) == rises else "worse"
    ends = (difference.low, difference.high)
    small = margin is not None and all(end is not None and abs(end) <= margin for end in ends)
    return "equal" if small and difference.n_clusters >= FEWEST else "unknown"


def in_words(found: Verdict, n: int, unit: str = "speaker", *, margin: float | None = MARGIN) -> str:
    """Return a verdict in words, as in ``undecided with 4 speakers``."""
    words: dict[Verdict, str] = {
        "better": "clearly better",
        "worse": "clearly worse",
        "equal": f"equal within {margin:g}" if margin is not None else "equal",
        "unknown": f"undecided with {n} {unit}{'s' * (n != 1)}",
    }
    return words[found]


def margin_of(high: float) -> float | None:
    """Return the margin of a figure with this upper end of its range; None if its unit is the target's."""
    return MARGIN if high == 1 else None
