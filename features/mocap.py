"""Mocap: from the markers on a face to their positions relative to the nose, and their derivatives.

Two systems of the literature use different numbers of derivatives and columns. Metallinou, Lee and Narayanan,
"Audio-visual emotion recognition using Gaussian mixture models for face and voice" (ISM 2008, doi:10.1109/ISM.2008.40):
six regions of the face, coordinates with first and second derivatives (the preset ``mocap``). Metallinou et al.,
"Context-sensitive learning for enhanced audiovisual emotion classification" (IEEE Transactions on Affective Computing
3(2), 2012): the same 46 markers with first derivatives, reduced by principal feature analysis, as statistics of an
utterance (``markers``, pooled).

Conventions: mm, axes as in the files, from which IEMOCAP has removed the rotation of the head. Both systems subtract
the shape of the speaker's face, which needs other turns of the speaker: SPEAKER_NORM=mean does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from affex.features.base import Motion
from affex.features.capture.captured import Captured
from affex.features.capture.markers import MARKERS, REGIONS, bridged, placed, require_whole
from affex.features.sound.frames import in_words

#: The 46 markers that are in a region, region by region.
FACE = tuple(name for names in REGIONS.values() for name in names)


@dataclass(frozen=True, kw_only=True)
class Mocap(Captured):
    """Markers of six regions of the face in motion capture, relative to the nose; see also `Captured`.

    Parameters
    ----------
    nose
        The marker that is the origin. The publications do not name theirs; the default is the tip of the nose, which is
        in the middle of the face and hardly moved by muscles.
    """

    cites: ClassVar[tuple[str, ...]] = ("metallinou2008", "metallinou2012")

    nose: str = "TNOSE"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nose not in MARKERS or self.nose in FACE:
            others = ", ".join(name for name in MARKERS if name not in FACE)
            raise ValueError(f"nose={self.nose}: expected a marker that is in no region: {others}")

    @property
    def about(self) -> str:
        """A description with the markers and the derivatives."""
        return super().about + in_words(self.derivatives)

    @property
    def static(self) -> Sequence[tuple[str, Sequence[str]]]:
        """``chin``: ``CH1_x``, ``CH1_y``, ..., to ``mouth``: ``MOU8_z``."""
        return [(part, [f"{name}_{axis}" for name in names for axis in "xyz"]) for part, names in REGIONS.items()]

    def measured(self, motion: Motion) -> tuple[Any, Sequence[str]]:
        """Return the markers relative to the nose; NaN in frames without the nose.

        Raises
        ------
        ExtractionError
            If too few frames have the nose, or the file has other markers.
        """
        nose = placed(motion, [self.nose])
        # The nose is checked first: without it the message would list all other markers as missing.
        origin = bridged(nose[:, 0], motion.times, self.gap)
        require_whole(origin, motion.times, [self.nose], self.least, self.gap)
        relative = placed(motion, FACE) - nose
        return np.reshape(relative, (len(relative), -1)), FACE


PRESETS: dict[str, Mocap] = {"mocap": Mocap(), "markers": Mocap(derivatives=1)}
