"""Search for faces with a detector: in whole frames at increasing scales, or around the last face.

Detectors find faces from a certain width. A whole frame is searched at a small size first (its longer side `SMALL`).
It is enlarged by 2 while nothing is found and smaller faces are wanted. So large faces cost little, and small faces are
found, though not beside a large one. Around a known face a square is searched. It is resized so that the face is
somewhat larger than the smallest face that the detector finds; its size in pixels does not depend on the frame.

The faces of a frame depend on that frame and the known box alone, not on the batches.
"""

from dataclasses import dataclass

import numpy as np

from affex.features.detectors.base import Detector, Faces
from affex.features.detectors.crops import Box, cutout, resized
from affex.features.networks.base import Pictures

#: The longer side of a frame in the first and in the last search, px.
SMALL, LARGE = 640, 2560
#: The side of the square that is searched around a known face, in widths of the face, and its size when searched, px.
REACH, AROUND = 2.5, 256
#: How many bytes of frames a detector gets at once.
AT_ONCE = 64 * 2**20

NONE = Faces(np.empty((0, 4), np.float32), np.empty(0, np.float32))


@dataclass(frozen=True)
class Search:
    """A detector and the smallest faces that it should find.

    Parameters
    ----------
    detector
        The face detector.
    window
        The width of the smallest faces that the detector finds, px.
    smallest
        The width of the smallest faces that are wanted, px of the frame.
    """

    detector: Detector
    window: float
    smallest: float

    def scales(self, height: int, width: int) -> tuple[float, ...]:
        """Return the scales at which a frame of this size is searched, in order."""
        scale = min(1.0, SMALL / max(height, width))
        scales = [scale]
        while self.window / scale > self.smallest and 2 * scale * max(height, width) <= LARGE:
            scale *= 2
            scales.append(scale)
        return tuple(scales)

    def whole(self, frames: Pictures) -> list[Faces]:
        """Return the faces of each frame at the first scale where any is found.

        Parameters
        ----------
        frames : (n, height, width, 3) uint8, RGB
        """
        found = [NONE] * len(frames)
        height, width = frames.shape[1:3]
        for scale in self.scales(height, width):
            size = max(1, round(width * scale)), max(1, round(height * scale))
            left = [number for number, faces in enumerate(found) if not len(faces)]
            at_once = max(1, AT_ONCE // (3 * size[0] * size[1]))
            for numbers in (left[i : i + at_once] for i in range(0, len(left), at_once)):
                shown = np.stack([frames[n] if scale == 1 else resized(frames[n], *size) for n in numbers])
                ratios = np.array([width / size[0], height / size[1]] * 2, np.float32)
                for number, faces in zip(numbers, self.detector.detect(shown), strict=True):
                    found[number] = Faces(faces.boxes * ratios, faces.scores)
        return found

    def around(self, frame: Pictures, box: Box) -> Faces:
        """Return the faces near a known face, searched at a scale that suits its size.

        Parameters
        ----------
        frame : (height, width, 3) uint8, RGB
        box : (4,), px
            The known face.
        """
        first, last = np.asarray(box, np.float64).reshape(2, 2)
        side = max(1, round(REACH * float((last - first).max())))
        left, top = (int(edge) for edge in np.floor((first + last - side) / 2 + 0.5))
        shown = resized(cutout(frame, left, top, left + side, top + side), AROUND, AROUND)
        [faces] = self.detector.detect(shown[None])
        return Faces(faces.boxes * np.float32(side / AROUND) + np.array([left, top] * 2, np.float32), faces.scores)
