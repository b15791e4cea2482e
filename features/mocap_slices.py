"""Mocap slices: from a turn of motion capture of any length to a fixed number of equal slices, each averaged.

As in Tripathi, Tripathi and Beigi, "Multi-modal emotion recognition on IEMOCAP dataset using deep learning" (2018,
arXiv:1804.05788): 200 slices of 189 columns, the face's 55 markers, then the head, then the hands, each in the order
of its file. Frames are divided as by `numpy.array_split`: slices differ by one frame at most, the longer ones come
first. A turn with fewer frames than slices is interpolated linearly at the middles of the slices.

Conventions: mm and deg as in the files, nothing subtracted; times are the means of the frames in a slice.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Motion, MotionFeature, Rows
from affex.features.capture.captured import check_gap
from affex.features.capture.markers import MARKERS, bridged, placed, require_whole
from affex.features.hands import HANDS, hands_of
from affex.features.headmotion import ANGLES, AXES, head_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MocapSlices(MotionFeature):
    """Face, head and hands in motion capture, in equal slices of a turn.

    Parameters
    ----------
    slices
        The number of slices.
    gap
        The longest gap that is interpolated linearly, s; at the ends the nearest frame is repeated for up to that time.
        It is longer than for frames (`features.capture.captured`), because no slice can be left out: each must have
        every marker, or the whole turn is a recorded failure.
    without
        Markers of the face that are left out, as in ``LLID+RLID``, for turns that lack them; none by default.
    """

    cites: ClassVar[tuple[str, ...]] = ("tripathi2018",)

    framewise = True

    slices: int = 200
    gap: float = 0.5
    without: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.slices <= 10_000:
            raise ValueError(f"slices={self.slices}: expected 1 to 10000")
        check_gap(self.gap)
        if unknown := [name for name in self._left_out if name not in MARKERS]:
            raise ValueError(
                f"without={self.without}: {unknown[0]} is not a marker; expected some of {', '.join(MARKERS)}"
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """The prefixes of the column names."""
        return ("face", "head", "hands")

    @property
    def columns(self) -> tuple[str, ...]:
        """``face_CH1_x``, ..., ``face_RHD_z``, ``head_pitch``, ..., ``head_z``, ``hands_1_x``, ..., ``hands_6_z``."""
        return (
            *(f"face_{name}_{axis}" for name in self._face for axis in AXES),
            *(f"head_{name}" for name in (*ANGLES, *AXES)),
            *(f"hands_{number}_{axis}" for number in range(1, len(HANDS) + 1) for axis in AXES),
        )

    @property
    def _left_out(self) -> tuple[str, ...]:
        return tuple(filter(None, self.without.split("+")))

    @property
    def _face(self) -> tuple[str, ...]:
        return tuple(name for name in MARKERS if name not in self._left_out)

    def extract(self, motion: Motion) -> Rows:
        """Compute the slices of one utterance.

        Raises
        ------
        ExtractionError
            If markers, head or hands are missing throughout, or for longer than `gap`.
        """
        n_frames = len(motion.times)
        parts = (placed(motion, self._face), head_of(motion), hands_of(motion))
        values = np.concatenate([part.reshape(n_frames, -1) for part in parts], axis=1)
        values = bridged(values, motion.times, self.gap, ends=True)
        head = [f"head_{which}" for which in ("angles", "place")]  # three columns each, as every marker has
        require_whole(values, motion.times, (*self._face, *head, *HANDS), 1.0, self.gap)
        means, times = sliced(values, motion.times, self.slices)
        return Rows(means.astype(np.float32), times)


def sliced(values: Floats, times: Floats, n_slices: int) -> tuple[Floats, Floats]:
    """Return the mean of each slice, ``(n_slices, n)``, and its time, ``(n_slices,)``.

    Parameters
    ----------
    values : (n_frames, n) float64
        Without NaN.
    times : (n_frames,) float64, s
    """
    n_frames = len(times)
    if n_frames < n_slices:
        # The middles of the slices if all frames have the same length.
        middles = (np.arange(n_slices) + 0.5) * n_frames / n_slices - 0.5
        at = np.interp(middles, np.arange(n_frames), times)
        return np.column_stack([np.interp(at, times, column) for column in values.T]), at
    begins = np.array([part[0] for part in np.array_split(np.arange(n_frames), n_slices)])
    lengths = np.diff([*begins, n_frames])
    sums = np.add.reduceat(np.column_stack([values, times]), begins, axis=0) / lengths[:, None]
    return sums[:, :-1], sums[:, -1]


PRESETS: dict[str, MocapSlices] = {"mocap-slices": MocapSlices()}
