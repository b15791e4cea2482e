"""Face tracking: from the frames of an utterance, in order, to the tracks of its faces.

`Follower` follows one face. It searches a whole frame, chooses a face by its rule and searches the next frames around
that face. After a number of frames, and whenever the face is lost, it searches a whole frame again and chooses anew.
`Tracker` searches every whole frame and follows all faces, so that the longest track is known at the end. Nothing is
interpolated: every box is one that the detector returned for that frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from affex.features.detectors.base import Faces
from affex.features.detectors.crops import Box
from affex.features.detectors.search import Search
from affex.features.networks.base import Pictures

Choice = Literal["largest", "central", "longest"]


@dataclass(frozen=True)
class Sight:
    """A face in one frame.

    Parameters
    ----------
    box : (4,) float32, px
    score
        The detector's score.
    others
        How many other faces the last search of a whole frame found.
    """

    box: Box
    score: float
    others: int


#: Two boxes of neighbouring frames with at least this intersection over union belong to one face.
SAME = 0.3


class Follower:
    """Follows a face through an utterance; it does not matter how the frames are divided into windows.

    Parameters
    ----------
    search
        The search for faces.
    every
        One frame in `every` is searched whole; with 1 all frames are, and a GPU then searches many at once.
    choice
        Which face is chosen in a whole frame: the largest, or the nearest to the frame's middle.
    """

    def __init__(self, search: Search, every: int, choice: Choice) -> None:
        self._search = search
        self._every = every
        self._choice = choice
        self._last: Sight | None = None
        self._since = 0
        self._size: tuple[int, ...] = ()

    def follow(self, frames: Pictures) -> Iterator[dict[int, Sight]]:
        """Yield the sights of each of the next frames: that of track 0, or none where the detector finds no face."""
        yield from ({} if sight is None else {0: sight} for sight in self._sights(frames))

    def _sights(self, frames: Pictures) -> Iterator[Sight | None]:
        if frames.shape[1:] != self._size:  # a stream may change its size
            self._size, self._last = frames.shape[1:], None
        if self._every == 1:
            yield from (self._chosen(faces) for faces in self._search.whole(frames))
        else:
            yield from map(self._next, frames)

    def _next(self, frame: Pictures) -> Sight | None:
        self._since += 1
        near = self._near(frame) if self._last and self._since < self._every else None
        if near is None:
            [faces] = self._search.whole(frame[None])
            near, self._since = self._chosen(faces), 0
        self._last = near
        return near

    def _near(self, frame: Pictures) -> Sight | None:
        """Return the face that is nearest to the last face."""
        assert self._last is not None
        faces = self._search.around(frame, self._last.box)
        if not len(faces):
            return None
        best = int(_distances(faces.boxes, _middle(self._last.box)).argmin())
        return Sight(faces.boxes[best], float(faces.scores[best]), max(self._last.others, len(faces) - 1))

    def _chosen(self, faces: Faces) -> Sight | None:
        if not len(faces):
            return None
        if self._choice == "central":
            best = int(_distances(faces.boxes, np.array(self._size[1::-1]) / 2).argmin())
        else:
            best = int(sizes(faces.boxes).argmax())
        return Sight(faces.boxes[best], float(faces.scores[best]), len(faces) - 1)


class Tracker:
    """Follows every face through an utterance; it does not matter how the frames are divided into windows.

    A face that returns to its last position continues its track.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._last: list[Box] = []

    def follow(self, frames: Pictures) -> Iterator[dict[int, Sight]]:
        """Yield the sights of each of the next frames, by the number of the track."""
        yield from map(self._linked, self._search.whole(frames))

    def _linked(self, faces: Faces) -> dict[int, Sight]:
        """Link faces, best first, to the tracks that they overlap most; begin new tracks with the other faces."""
        seen: dict[int, Sight] = {}
        for box, score in zip(faces.boxes, faces.scores, strict=True):
            overlaps = [0.0 if n in seen else overlap(box, last) for n, last in enumerate(self._last)]
            track = int(np.argmax(overlaps)) if max(overlaps, default=0.0) >= SAME else len(self._last)
            self._last[track : track + 1] = [box]
            seen[track] = Sight(box, float(score), len(faces) - 1)
        return seen


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / (float(sizes(one) + sizes(other)) - shared)


def sizes(boxes: Box) -> Box:
    """Return the area of each box, px squared."""
    sides: Box = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return sides


def _middle(boxes: Box) -> Box:
    middles: Box = (boxes[..., :2] + boxes[..., 2:]) / 2
    return middles


def _distances(boxes: Box, place: Box) -> Box:
    away: Box = np.linalg.norm(_middle(boxes) - place, axis=-1)
    return away
