"""Motion capture: from positions with gaps to evenly spaced frames and their derivatives; base of several features.

Frames are taken at a constant rate and short gaps are interpolated. Frames that are still incomplete are left out, and
no derivative is estimated across them (see `features.capture.markers`, `features.capture.motion`).
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Motion, MotionFeature, Rows
from affex.features.capture.markers import ROUNDING, bridged, require_whole
from affex.features.capture.motion import runs, with_derivatives
from affex.features.sound.frames import check_derivatives

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Captured(MotionFeature):
    """Frames of motion capture, with derivatives.

    Parameters
    ----------
    rate
        The most frames per second that are kept, Hz: the first of each 1/rate s. The default is the frame rate of the
        voice in Metallinou, Lee and Narayanan 2008, one frame every 25 ms.
    derivatives
        0: none, 1: first, 2: first and second derivatives, per second; see `features.capture.motion`.
    span
        The time over which a derivative is estimated, s; at least three frames. The default is about half a syllable,
        five frames at 40 Hz: faces move no faster than speech.
    gap
        The longest gap that is interpolated linearly, s. The default is a syllable: in a longer gap a mouth may open
        and close.
    least
        The share of a turn's frames that must be complete; otherwise the turn is a recorded failure.
    """

    framewise = True

    rate: float = 40.0
    derivatives: int = 2
    span: float = 0.12
    gap: float = 0.2
    least: float = 0.1

    def __post_init__(self) -> None:
        check_derivatives(self.derivatives)
        if not 1 <= self.rate <= 1000:
            raise ValueError(f"rate={self.rate}: expected 1 to 1000 Hz")
        if not 0 <= self.span <= 10:
            raise ValueError(f"span={self.span}: expected 0 to 10 s")
        check_gap(self.gap)
        if not 0 <= self.least <= 1:
            raise ValueError(f"least={self.least}: expected 0 to 1, a share of the frames")

    @property
    @abstractmethod
    def static(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Each part of the face or body with the names of its columns."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The prefixes of its column names."""
        return tuple(part for part, _ in self.static)

    @property
    def columns(self) -> tuple[str, ...]:
        """``<part>_<name>``, then ``<part>_d1_<name>``, then ``<part>_d2_<name>``."""
        return tuple(
            f"{part}{order}_{name}"
            for order in ("", "_d1", "_d2")[: self.derivatives + 1]
            for part, names in self.static
            for name in names
        )

    @abstractmethod
    def measured(self, motion: Motion) -> tuple[Floats, Sequence[str]]:
        """Return the measurements of each frame, NaN where missing, and the names that the columns belong to.

        Returns
        -------
        values : (n_frames, n) float64
            Columns as in `static`.
        names
            Each name has the same number of columns, for example three per marker.
        """

    def extract(self, motion: Motion) -> Rows:
        """Compute the rows of one utterance.

        Raises
        ------
        ExtractionError
            If the file has other markers, or too few frames are complete.
        """
        values, names = self.measured(motion)
        numbers, first = np.unique(np.floor((motion.times + ROUNDING) * self.rate), return_index=True)
        kept, times = bridged(values, motion.times, self.gap)[first], motion.times[first]
        whole = require_whole(kept, times, names, self.least, self.gap)
        return Rows(
            with_derivatives(
                kept[whole].astype(np.float32),
                times[whole],
                runs(numbers[whole].astype(np.int64)),
                self.derivatives,
                self.span,
            ),
            times[whole],
        )


def check_gap(gap: float) -> None:
    """Raise if a gap is too long to be interpolated.

    Raises
    ------
    ValueError
        The message gives the allowed range.
    """
    if not 0 <= gap <= 1:
        raise ValueError(f"gap={gap}: expected 0 to 1 s")
