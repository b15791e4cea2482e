"""Search for faces with a detector: in whole frames at increasing scales, or around the last face.

Detectors find faces from a certain width. A whole frame is searched at a small size first (its longer side `SMALL`).
It is enlarged by 2 while smaller faces are wanted and nothing is found, or a face as small as the detector finds any:
others of its size may have been missed, and its own box may be too large. So large faces cost little, and small faces
are found, though not beside a large one. Around a known face a square is searched. It is resized so that the face is
somewhat larger than the smallest face that the detector finds; its size in pixels does not depend on the frame.

Detectors put boxes on a grid of places and scales, so they jump by a tenth of the face's width although nothing moves.
Steady boxes follow from the five points of the face instead, as long as they agree with the detector's box. The points
depend a little on the box from which they are searched, so a known box stands until the face has moved.

The faces of a frame depend on that frame and the known box alone, not on the batches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.base import Boxes, Detector, Faces, ranked
from affex.features.detectors.chips import Picture, Points
from affex.features.detectors.crops import Box, resized, square
from affex.features.detectors.landmarks import box_of, five

#: The longer side of a frame in the first and in the last search, px.
SMALL, LARGE = 640, 2560
#: The side of the square that is searched around a known face, in widths of the face, and its size when searched, px.
REACH, AROUND = 1.6, 148
#: A face of less than this many smallest widths is among the smallest that the detector finds.
LEAST = 1.1
#: Of two faces found at different scales that share more than this of the smaller box, one is left out.
SHARED = 0.5
#: How far the edges of two boxes of a face may be apart, in widths: a known box stands while the steady box is within
#: `HELD` of it; it is where the points are searched from while the box found is within `NEAR`, and the box found stands
#: where the steady box is farther than `FAR`.
HELD, NEAR, FAR = 0.02, 0.25, 0.4
#: How often the points are searched, each time from their own box, where no box is known.
TIMES = 4
#: The most faces of a search whose points are searched, the best first: a detector that takes noise for faces finds
#: hundreds.
CROWD = 20
#: How many bytes of frames a detector gets at once.
AT_ONCE = 64 * 2**20

NO_BOXES = np.empty((0, 4), np.float32)
NO_FACES = Faces(NO_BOXES, np.empty(0, np.float32))


@dataclass(frozen=True)
class Found(Faces):
    """The faces of one frame with their points.

    Parameters
    ----------
    points : (n_faces, 5, 2) float64, px
        The points from which each box follows (`features.detectors.landmarks.five`); NaN where they were not searched.
    """

    points: NDArray[np.float64]


NONE = Found(NO_BOXES, NO_FACES.scores, np.empty((0, 5, 2)))


@dataclass(frozen=True)
class Search:
    """A detector and the smallest faces that it should find.

    Parameters
    ----------
    detector
        The detector that searches whole frames.
    window
        The width of the smallest faces that the detector finds, px.
    smallest
        The width of the smallest faces that are wanted, px of the frame.
    near
        The detector that searches around a known face; None for the same.
    verifies
        Whether a face of a whole frame counts only if `near` finds it, too.
    steady
        Whether boxes follow from the five points of the face.
    """

    detector: Detector
    window: float
    smallest: float
    near: Detector | None = None
    verifies: bool = False
    steady: bool = False

    def scales(self, height: int, width: int) -> tuple[float, ...]:
        """Return the scales at which a frame of this size is searched, in order."""
        scale = min(1.0, SMALL / max(height, width))
        scales = [scale]
        while self.window / scale > self.smallest and 2 * scale * max(height, width) <= LARGE:
            scale *= 2
            scales.append(scale)
        return tuple(scales)

    def whole(self, frames: Sequence[Picture], known: Boxes = NO_BOXES) -> list[Found]:
        """Return the faces of each frame at the first scale where any is found, and that follows the smallest ones.

        Parameters
        ----------
        frames : n of (height, width, 3) uint8, RGB
            Of one size.
        known : (n_known, 4), px
            Faces that may be in any of them.
        """
        found = [NO_FACES] * len(frames)
        left = list(range(len(frames)))
        for scale in self.scales(*frames[0].shape[:2]) if len(frames) else ():
            for number, faces in zip(left, self._at(frames, left, scale), strict=True):
                found[number] = joined(found[number], faces) if len(found[number]) else faces
            smallest = LEAST * self.window / scale
            left = [n for n in left if not len(found[n]) or _widths(found[n].boxes).min() < smallest]
        if self.verifies:
            found = [self._verified(frame, faces) for frame, faces in zip(frames, found, strict=True)]
        return [self._steadied(frame, faces, known) for frame, faces in zip(frames, found, strict=True)]

    def _at(self, frames: Sequence[Picture], numbers: list[int], scale: float) -> Iterator[Faces]:
        """Yield the faces of some frames at a scale."""
        height, width = frames[0].shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        ratios = np.array([width / size[0], height / size[1]] * 2, np.float32)
        at_once = max(1, AT_ONCE // (3 * size[0] * size[1]))
        for some in (numbers[i : i + at_once] for i in range(0, len(numbers), at_once)):
            shown = np.stack([frames[n] if scale == 1 else resized(frames[n], *size) for n in some])
            yield from (Faces(faces.boxes * ratios, faces.scores) for faces in self.detector.detect(shown))

    def around(self, frame: Picture, box: Box) -> Found:
        """Return the faces near a known face, searched at a scale that suits its size.

        Parameters
        ----------
        frame : (height, width, 3) uint8, RGB
        box : (4,), px
            The known face.
        """
        return self._steadied(frame, self._around(frame, box), box[None])

    def _around(self, frame: Picture, box: Box) -> Faces:
        first, last = np.asarray(box, np.float64).reshape(2, 2)
        shown, corner, scale = square(frame, (first + last) / 2, REACH * float((last - first).max()), AROUND)
        [faces] = (self.near or self.detector).detect(shown[None])
        return Faces(faces.boxes * np.float32(scale) + np.tile(corner, 2).astype(np.float32), faces.scores)

    def _verified(self, frame: Picture, faces: Faces) -> Faces:
        """Return the faces that are also found around each of these faces."""
        found = NO_FACES
        for box in faces.boxes:
            found = joined(found, self._around(frame, box))
        return found

    def _steadied(self, frame: Picture, faces: Faces, known: Boxes) -> Found:
        boxes, points = faces.boxes.copy(), np.full((len(faces), 5, 2), np.nan)
        for number, box in enumerate(faces.boxes[:CROWD] if self.steady else ()):
            boxes[number], points[number] = _steady(frame, box, known)
        return Found(boxes, faces.scores, points)


def joined(faces: Faces, others: Faces) -> Faces:
    """Return the faces of two searches of one frame; of two that share more than `SHARED`, the one that scores more."""
    both = ranked(np.concatenate([faces.boxes, others.boxes]), np.concatenate([faces.scores, others.scores]))
    kept: list[int] = []
    for number, box in enumerate(both.boxes):
        if not (_shared(box, both.boxes[kept]) > SHARED).any():
            kept.append(number)
    return Faces(both.boxes[kept], both.scores[kept])


def _shared(box: Box, others: Box) -> NDArray[np.floating]:
    """Return which share of the smaller of two boxes a box shares with each of the others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    shared: NDArray[np.floating] = np.prod(np.maximum(sides, 0), axis=1) / np.minimum(np.prod(box[2:] - box[:2]), areas)
    return shared


def _steady(frame: Picture, found: Box, known: Boxes) -> tuple[Box, Points]:
    """Return the box that follows from the points, and these; the one found, or a known one, where they disagree."""
    held = min((box for box in known if _apart(box, found) < NEAR), key=lambda box: _apart(box, found), default=None)
    start = found if held is None else held
    points = first = five(frame, start)
    for _ in range(TIMES - 1 if held is None else 0):
        points = five(frame, box_of(points))
    box = box_of(points)
    if _apart(box, found) > FAR:
        return start, first
    return (box, points) if held is None or _apart(box, held) > HELD else (held, points)


def _apart(box: Box, found: Box) -> float:
    """Return how far the edges of two boxes are apart at most, in widths of the second."""
    return float(np.abs(box - found).max() / max(float(_widths(found)), 1.0))


def _widths(boxes: Box) -> NDArray[np.floating]:
    widths: NDArray[np.floating] = boxes[..., 2] - boxes[..., 0]
    return widths
