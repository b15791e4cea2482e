"""Following: from the frames of an utterance, one after the other, to the tracks of its faces.

`Follower` follows one face: it is chosen in a frame that was searched whole, and the next frames are searched around
it; after some of them, and whenever it is lost, a frame is searched whole again and the rule chooses anew. `Tracker`
searches every frame whole and follows all faces, so that the one that is seen longest is known at the end. Nothing is
interpolated: a box is one that the detector gave in that very frame.
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
        The detector's own.
    others
        How many faces beside it the last whole search saw.
    """

    box: Box
    score: float
    others: int


#: Two boxes of neighbouring frames with this intersection over union are one face.
SAME = 0.3


class Follower:
    """Follows a face through an utterance; windows of frames may be cut anywhere.

    Parameters
    ----------
    search
        What finds faces.
    every
        A frame in so many is searched whole; 1 for all, which a GPU then does many at a time.
    choice
        Which face a whole search chooses: the largest, or that nearest to the frame's middle.
    """

    def __init__(self, search: Search, every: int, choice: Choice) -> None:
        self._search = search
        self._every = every
        self._choice = choice
        self._last: Sight | None = None
        self._since = 0
        self._size: tuple[int, ...] = ()

    def follow(self, frames: Pictures) -> Iterator[dict[int, Sight]]:
        """Yield what is seen in each of the next frames: track 0, or nothing where the detector finds no face."""
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
        """Return the face that is nearest to the last one."""
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
    """Follows every face through an utterance; windows of frames may be cut anywhere.

    A face that returns to where it was last seen goes on with its track.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._last: list[Box] = []

    def follow(self, frames: Pictures) -> Iterator[dict[int, Sight]]:
        """Yield what is seen in each of the next frames, by the track's number."""
        yield from map(self._linked, self._search.whole(frames))

    def _linked(self, faces: Faces) -> dict[int, Sight]:
        """Link faces to the tracks that they overlap most, the best first; begin new ones with the others."""
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
