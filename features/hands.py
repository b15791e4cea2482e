"""Hands: where the markers on the hands of an actor are, and how they move.

Conventions: mm, axes as in the files. The origin is the middle of the six markers over the frames of the turn in which
all six are seen, so where somebody sits is gone; how the hands lie to each other, and every movement, stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Motion
from affex.features.capture.captured import Captured

#: The markers on the hands, in the order of the file; IEMOCAP has three on each.
HANDS = tuple(f"hand{number}" for number in range(1, 7))


@dataclass(frozen=True, kw_only=True)
class Hands(Captured):
    """Markers on the hands in motion capture, with derivatives; see `Captured` for the parameters."""

    @property
    def static(self) -> Sequence[tuple[str, Sequence[str]]]:
        """``hand1_x``, ``hand1_y``, ..., ``hand6_z``."""
        return [(name, "xyz") for name in HANDS]

    def measured(self, motion: Motion) -> tuple[NDArray[np.float64], Sequence[str]]:
        """Return where the markers are, from their middle over the turn.

        Raises
        ------
        ExtractionError
            If there is no file of the hands.
        """
        hands = hands_of(motion)
        seen = hands[~np.isnan(hands).any(axis=(1, 2))]
        middle = seen.mean(axis=(0, 1)) if len(seen) else np.full(3, np.nan)
        return np.reshape(hands - middle, (len(hands), -1)), HANDS


def hands_of(motion: Motion) -> NDArray[np.float64]:
    """Return where the markers on the hands are, (n_frames, 6, 3).

    Raises
    ------
    ExtractionError
        If there is no file of them.
    """
    if motion.hands is None:
        raise ExtractionError("no file of the hands belongs to this turn's motion capture (IEMOCAP: MOCAP_hand)")
    return motion.hands


PRESETS: dict[str, Hands] = {"hands": Hands()}
"""``hands``: with first and second derivatives."""
