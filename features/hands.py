"""Hands: from motion capture to the positions of the markers on the hands, and their derivatives.

Conventions: mm, axes as in the files. The origin is the mean of the six markers over the frames of the turn in
which all six are present. This removes the place of the actor; the relative position of the hands and every movement
remain.
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
        """Return the positions of the markers, relative to their mean over the turn.

        Raises
        ------
        ExtractionError
            If the turn has no file of the hands.
        """
        hands = hands_of(motion)
        complete = hands[~np.isnan(hands).any(axis=(1, 2))]
        middle = complete.mean(axis=(0, 1)) if len(complete) else np.full(3, np.nan)
        return np.reshape(hands - middle, (len(hands), -1)), HANDS


def hands_of(motion: Motion) -> NDArray[np.float64]:
    """Return the positions of the markers on the hands, (n_frames, 6, 3), mm.

    Raises
    ------
    ExtractionError
        If the turn has no file of the hands.
    """
    if motion.hands is None:
        raise ExtractionError("this turn has no motion capture file of the hands (IEMOCAP: MOCAP_hand)")
    return motion.hands


PRESETS: dict[str, Hands] = {"hands": Hands()}
"""``hands``: with first and second derivatives."""
