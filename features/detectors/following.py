"""Face tracking: from the frames of an utterance, in order, to the tracks of its faces.

A track is one person in one shot. In a frame a track continues with the face that is near its last place, of about its
size, and looks like it: the small picture of the box and its surroundings correlates with the track's last one (see
`features.detectors.cuts`). All tracks and faces of a frame are compared before any is continued, the most similar pair
first. A face that continues no track begins one. A face that was hidden continues its track only if place, size and
look agree, and a cut ends all tracks.

Whole frames are searched now and then, and whenever a face is lost; the other frames around the last faces. Nothing is
interpolated: every box is one that the detector returned for that frame.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.detectors.base import Boxes, Faces
from affex.features.detectors.chips import Picture, Points
from affex.features.detectors.crops import Box, area, cutout
from affex.features.detectors.cuts import Small, difference, small, thinned
from affex.features.detectors.search import NONE, Found, Search

#: Two boxes of one frame with at least this intersection over union are one face.
SAME = 0.3
#: How far a face moves from one frame to the next at most, in widths of the face, and by which factor its size changes.
FAR, GROWN = 1.0, 1.6
#: How much a face may differ from the last sight of its track, and from that of a track that was hidden.
UNLIKE, UNLIKE_HIDDEN = 0.5, 0.3
#: The most of both together: a face that moved far must look the same. In films of two people of which a third walks in
#: front, faces of one person give .6 at most, and one beside the face that it hides 1.2 (`benchmarks/people.py`).
BOTH = 1.0


@dataclass(frozen=True)
class Sight:
    """A face in one frame.

    Parameters
    ----------
    box : (4,) float32, px
    score
        The detector's score.
    others
        How many other faces this frame, or the last one that was searched whole, has.
    points : (5, 2) float64, px
        The points of the face, NaN if they were not searched.
    """

    box: Box
    score: float
    others: int
    points: Points


@dataclass
class _Track:
    """A person as last seen, the mean look so far, and for how many frames the face has been hidden since."""

    number: int
    box: Box
    look: Small
    mean: Small
    n_seen: int = 1
    hidden: int = 0

    def unlike(self, look: Small) -> float:
        """Return how much a look differs from the last one, or from the mean one where that is nearer."""
        return min(difference(self.look, look), difference(self.mean, look))

    def seen(self, box: Box, look: Small) -> "_Track":
        """Return the track with another sight."""
        mean = self.mean + (look - self.mean) / np.float32(self.n_seen + 1)
        return _Track(self.number, box, look, mean, self.n_seen + 1)


class Follower:
    """Follows every face through an utterance; it does not matter how the frames are divided into windows.

    Parameters
    ----------
    search
        The search for faces.
    every
        One frame in `every` is searched whole; with 1 all frames are, and a GPU then searches many at once.
    most
        How many faces of a frame are followed, the largest first.
    """

    def __init__(self, search: Search, every: int, most: int) -> None:
        self._search = search
        self._every = every
        self._most = most
        self._tracks: list[_Track] = []
        self._n_tracks = 0
        self._since = 0
        self._n_faces = 0
        self._size: tuple[int, ...] = ()

    def follow(self, frames: Sequence[Picture], cuts: Sequence[bool]) -> Iterator[dict[int, Sight]]:
        """Yield the sights of each of the next frames, by the number of the track.

        Parameters
        ----------
        frames : n of (height, width, 3) uint8, RGB
            Of one size.
        cuts
            For each frame, whether a shot begins with it.
        """
        if len(frames) and frames[0].shape != self._size:  # a stream may change its size
            self._size, self._tracks = frames[0].shape, []
        searched = self._search.whole(frames) if self._every == 1 else [None] * len(frames)
        for frame, cut, faces in zip(frames, cuts, searched, strict=True):
            if cut:
                self._tracks = []
            yield self._next(frame, faces)

    def _next(self, frame: Picture, whole: Found | None) -> dict[int, Sight]:
        self._since += 1
        seen = [track for track in self._tracks if not track.hidden]
        is_near = whole is None and bool(seen) and self._since < self._every
        faces = self._around(frame, self._near()) if is_near else self._whole(frame, whole)
        looks = _looks(frame, faces)
        links = self._links(faces, looks)
        if lost := [track for track in seen if track.number not in links]:
            faces = _merged(faces, self._whole(frame, whole) if is_near else self._around(frame, lost))
            looks = _looks(frame, faces)
            links = self._links(faces, looks)
        self._n_faces = max(self._n_faces, len(faces))
        return self._continued(faces, looks, links)

    def _near(self) -> list[_Track]:
        """Return the tracks around whose last place is searched: hidden ones until a whole frame was searched."""
        return [track for track in self._tracks if track.hidden < self._every]

    def _whole(self, frame: Picture, found: Found | None) -> Found:
        faces = self._search.whole([frame], self._boxes())[0] if found is None else found
        self._since, self._n_faces = 0, len(faces)
        return faces

    def _boxes(self) -> Boxes:
        """Return the last boxes of the faces that are seen, (n, 4)."""
        return np.array([track.box for track in self._tracks if not track.hidden], np.float32).reshape(-1, 4)

    def _around(self, frame: Picture, tracks: Iterable[_Track]) -> Found:
        faces = NONE
        for track in tracks:
            faces = _merged(faces, self._search.around(frame, track.box))
        return faces

    def _links(self, faces: Found, looks: Sequence[Small]) -> dict[int, int]:
        """Return which face continues which track, by the numbers of the tracks."""
        costs = sorted(
            (cost, track.number, number)
            for track in self._tracks
            for number, (box, look) in enumerate(zip(faces.boxes, looks, strict=True))
            if (cost := _cost(track, box, look)) is not None
        )
        links: dict[int, int] = {}
        for _, track, face in costs:
            if track not in links and face not in links.values():
                links[track] = face
        return links

    def _continued(self, faces: Found, looks: Sequence[Small], links: dict[int, int]) -> dict[int, Sight]:
        """Continue the linked tracks, begin new ones with the other faces, and return the sights of the largest."""
        track_of = {face: track for track, face in links.items()}
        largest = sorted(range(len(faces)), key=lambda face: -float(sizes(faces.boxes[face])))[: self._most]
        known = {track.number: track for track in self._tracks}
        for track in self._tracks:
            track.hidden += 1
        sights: dict[int, Sight] = {}
        for face in largest:
            number = track_of.get(face, self._n_tracks)
            self._n_tracks = max(self._n_tracks, number + 1)
            box, look = faces.boxes[face], looks[face]
            known[number] = known[number].seen(box, look) if number in known else _Track(number, box, look, look)
            sights[number] = Sight(box, float(faces.scores[face]), self._n_faces - 1, faces.points[face])
        self._tracks = list(known.values())
        return dict(sorted(sights.items()))


def _cost(track: _Track, box: Box, look: Small) -> float | None:
    """Return how badly a face continues a track; None if it does not."""
    width = float(np.sqrt(sizes(track.box)))
    away = float(np.linalg.norm(_middle(box) - _middle(track.box))) / width
    grown = float(np.sqrt(sizes(box))) / width
    unlike = track.unlike(look)
    if away > FAR or not 1 / GROWN < grown < GROWN or unlike > (UNLIKE_HIDDEN if track.hidden else UNLIKE):
        return None
    return away + unlike if away + unlike <= BOTH else None


def _looks(frame: Picture, faces: Faces) -> list[Small]:
    """Return the small picture of each face and its surroundings."""
    return [small(thinned(cutout(frame, *area(box)))) for box in faces.boxes]


def _merged(faces: Found, others: Found) -> Found:
    """Return faces, and those of the others that are not among them."""
    new = [n for n, box in enumerate(others.boxes) if (overlap(box, faces.boxes) < SAME).all()]
    return Found(
        np.concatenate([faces.boxes, others.boxes[new]]),
        np.concatenate([faces.scores, others.scores[new]]),
        np.concatenate([faces.points, others.points[new]]),
    )


def overlap(box: Box, others: Box) -> NDArray[np.float64]:
    """Return the intersection over union of a box, (4,), and each of some boxes, (..., 4)."""
    box, others = box.astype(np.float64), others.astype(np.float64)
    sides = np.minimum(box[2:], others[..., 2:]) - np.maximum(box[:2], others[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    shares: NDArray[np.float64] = shared / (sizes(box) + sizes(others) - shared)
    return shares


def sizes(boxes: Box) -> Box:
    """Return the area of each box, px squared."""
    sides: Box = np.prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return sides


def _middle(boxes: Box) -> Box:
    middles: Box = (boxes[..., :2] + boxes[..., 2:]) / 2
    return middles
