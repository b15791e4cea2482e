"""Markers of the face: their names and regions, and the interpolation of values that the cameras lost.

The markers are those of IEMOCAP in the order of its files (Busso et al. 2008, doi:10.1007/s10579-008-9076-6), the
regions those of Metallinou, Lee and Narayanan 2008 (doi:10.1109/ISM.2008.40): 46 markers in six of them. Eyelids, nose
and the band around the head are in none.

A gap lasts from the last frame that has a marker to the next frame that has it. Short gaps are interpolated linearly;
a marker that was never captured stays missing.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Motion

Floats = NDArray[np.float64]


def _numbered(stem: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{stem}{number}" for number in range(first, last + 1))


#: The markers of a file, in the order of the file.
MARKERS = (
    *_numbered("CH", 1, 3),
    *_numbered("FH", 1, 3),
    *_numbered("LC", 1, 8),
    *_numbered("RC", 1, 8),
    *("LLID", "RLID", "MH", "MNOSE", "LNSTRL", "TNOSE", "RNSTRL"),
    *_numbered("LBM", 0, 3),
    *_numbered("RBM", 0, 3),
    *_numbered("LBRO", 1, 4),
    *_numbered("RBRO", 1, 4),
    *_numbered("MOU", 1, 8),
    *("LHD", "RHD"),
)

#: The prefixes of the names of a region's markers, by region.
STEMS: Mapping[str, tuple[str, ...]] = {
    "chin": ("CH",),
    "forehead": ("FH",),
    "cheek": ("LC", "RC"),
    "upperbrow": ("LBM", "RBM"),
    "eyebrow": ("LBRO", "RBRO"),
    "mouth": ("MOU",),
}

#: The markers of each region.
REGIONS: Mapping[str, tuple[str, ...]] = {
    region: tuple(name for name in MARKERS if name.rstrip("0123456789") in stems) for region, stems in STEMS.items()
}

#: Tolerance for times that are written with few digits, s.
ROUNDING = 1e-4

#: How many markers an error names.
SHOWN = 3


def placed(motion: Motion, names: Sequence[str]) -> Floats:
    """Return the positions of some markers, ``(n_frames, n_names, 3)``, mm.

    Raises
    ------
    ExtractionError
        If the file lacks one of them.
    """
    lacking = [name for name in names if name not in motion.names]
    if lacking:
        unknown = [name for name in motion.names if name not in MARKERS]
        raise ExtractionError(
            f"the file lacks {_listed(lacking)} among its {len(motion.names)} markers; expected IEMOCAP's marker names"
            + (f", and it has {_listed(unknown)}" if unknown else "")
        )
    return motion.positions[:, [motion.names.index(name) for name in names]]


def bridged(values: Floats, times: Floats, longest: float, *, ends: bool = False) -> Floats:
    """Interpolate short gaps linearly.

    Parameters
    ----------
    values : (n_frames, n)
        NaN where something is missing.
    times : (n_frames,), s
        Increasing.
    longest
        The longest gap that is interpolated, s.
    ends
        Whether a gap of up to that length at the beginning or the end takes the value of the nearest frame.

    Returns
    -------
    values : (n_frames, n) float64
        NaN in longer gaps.
    """
    whole, frames = values.copy(), np.arange(len(times))
    first, last = (times[0], times[-1]) if ends else (-np.inf, np.inf)
    for column in np.flatnonzero(np.isnan(values).any(axis=0)):
        seen = np.flatnonzero(~np.isnan(values[:, column]))
        if not len(seen):
            continue
        before = np.append(times[seen], first)[np.searchsorted(seen, frames, "right") - 1]
        after = np.append(times[seen], last)[np.searchsorted(seen, frames)]
        short = after - before <= longest + ROUNDING
        whole[short, column] = np.interp(times[short], times[seen], values[seen, column])
    return whole


def require_whole(values: Floats, times: Floats, names: Sequence[str], least: float, gap: float) -> NDArray[np.bool_]:
    """Return which frames are complete; raise if they are too few.

    Parameters
    ----------
    values : (n_frames, n_names * k)
        NaN where something is missing; short gaps are interpolated already.
    times : (n_frames,), s
    names
        The names that the columns belong to, k columns each.
    least
        The share of the frames that must be complete.
    gap
        The longest gap that was interpolated, s; for the message.

    Returns
    -------
    whole : (n_frames,) bool

    Raises
    ------
    ExtractionError
        If fewer are complete. The message lists the markers that are missing longest, and for how long.
    """
    lost: NDArray[np.bool_] = np.asarray(np.isnan(values).reshape(len(values), len(names), -1).any(axis=2))
    whole: NDArray[np.bool_] = np.asarray(~lost.any(axis=1))
    if whole.any() and whole.mean() >= least:
        return whole
    frame = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    worst = [number for number in np.argsort(-lost.mean(axis=0), kind="stable") if lost[:, number].any()]
    longest = [f"{names[n]} for {lost[:, n].sum() * frame:.2f} s" for n in worst[:SHOWN]]
    more = f" and {len(worst) - SHOWN} more" if len(worst) > SHOWN else ""
    raise ExtractionError(
        f"{int(whole.sum())} of {len(whole)} frames are complete, at least {least:.0%} are needed: of "
        f"{len(whole) * frame:.2f} s are missing {', '.join(longest)}{more} (gaps of up to {gap:g} s are interpolated)"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
