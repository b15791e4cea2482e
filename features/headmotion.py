"""Head motion: from motion capture to the angles and position of the head, and their derivatives.

Conventions: deg and mm, as in the files (IEMOCAP estimates them from the markers of the whole face; Busso et al. 2008,
doi:10.1007/s10579-008-9076-6). The position contains the place of the actor;
SPEAKER_NORM=mean subtracts the mean of the speaker over all turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ExtractionError, Motion
from affex.features.capture.captured import Captured

#: The columns of a file of the head, in the order of the file.
ANGLES, AXES = ("pitch", "roll", "yaw"), ("x", "y", "z")


@dataclass(frozen=True, kw_only=True)
class HeadMotion(Captured):
    """Angles and position of the head in motion capture, with derivatives; see `Captured` for the parameters."""

    cites: ClassVar[tuple[str, ...]] = ("busso2008",)

    @property
    def static(self) -> Sequence[tuple[str, Sequence[str]]]:
        """``angle_pitch``, ``angle_roll``, ``angle_yaw``, ``place_x``, ``place_y``, ``place_z``."""
        return [("angle", ANGLES), ("place", AXES)]

    def measured(self, motion: Motion) -> tuple[NDArray[np.float64], Sequence[str]]:
        """Return angles, deg, and position, mm.

        Raises
        ------
        ExtractionError
            If the turn has no file of the head.
        """
        return head_of(motion), (*ANGLES, *AXES)


def head_of(motion: Motion) -> NDArray[np.float64]:
    """Return angles, deg, and position, mm, of the head, (n_frames, 6).

    Raises
    ------
    ExtractionError
        If the turn has no file of the head.
    """
    if motion.head is None:
        raise ExtractionError("this turn has no motion capture file of the head (IEMOCAP: MOCAP_head)")
    return motion.head


PRESETS: dict[str, HeadMotion] = {"headmotion": HeadMotion()}
"""``headmotion``: with first and second derivatives."""
