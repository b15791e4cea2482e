"""Verdicts: from the interval of a difference to what it allows to be said, in one place for all who say it.

An interval that holds 0 is no proof of equality: over few speakers it may reach from much worse to much better. So
there are four verdicts: clearly better, clearly worse, equal within a stated margin (all of the interval lies in it,
as in a test of equivalence: Schuirmann 1987, doi:10.1007/BF01068419), and that it cannot be told with so many speakers.
"""

from typing import Literal

from affex.pipeline.evaluation.intervals import Interval

Verdict = Literal["better", "worse", "equal", "unknown"]

#: What differs by less is equal, in figures of range 1 (UAR, WAR, F1) and of correlation (CCC, Pearson): more than the
#: .034 by which a seed moves XGBoost's UAR on EMO-DB. Errors in units of the target (RMSE, MAE) have no margin.
MARGIN = 0.05


#: Over fewer speakers nobody has measured how often such intervals hold the truth (``benchmarks/coverage.py``).
FEWEST = 4


def verdict(
    low: float | None, high: float | None, n: int, *, margin: float | None = MARGIN, rises: bool = True
) -> Verdict:
    """Return what the interval of a difference allows.

    Parameters
    ----------
    low, high
        The ends; None where there is no interval.
    n
        Over how many speakers (or other clusters) it is; with fewer than `FEWEST` nothing can be told.
    margin
        How far from 0 a difference may lie and be none; None where no difference is too small.
    rises
        Whether more is better.
    """
    if low is None or high is None or n < FEWEST:
        return "unknown"
    if low > 0 or high < 0:
        return "better" if (low > 0) == rises else "worse"
    return "equal" if margin is not None and -margin <= low and high <= margin else "unknown"


def of_test(difference: Interval, p: float, alpha: float, *, margin: float | None, rises: bool = True) -> Verdict:
    """Return the verdict of a test: better or worse where it is significant; else what the interval allows.

    An interval without 0 is not enough where the test (corrected for the number of pairs, say) is not significant.
    """
    if p <= alpha and difference.value != 0:
        return "better" if (difference.value > 0) == rises else "worse"
    ends = (difference.low, difference.high)
    small = margin is not None and all(end is not None and abs(end) <= margin for end in ends)
    return "equal" if small and difference.n_clusters >= FEWEST else "unknown"


def in_words(found: Verdict, n: int, unit: str = "speaker", *, margin: float | None = MARGIN) -> str:
    """Return a verdict in words, as in ``cannot be told with 4 speakers``."""
    words: dict[Verdict, str] = {
        "better": "clearly better",
        "worse": "clearly worse",
        "equal": f"equal within {margin:g}" if margin is not None else "equal",
        "unknown": f"cannot be told with {n} {unit}{'s' * (n != 1)}",
    }
    return words[found]


def margin_of(high: float) -> float | None:
    """Return the margin of a figure with this upper end of its range; None where it is in units of the target."""
    return MARGIN if high == 1 else None
