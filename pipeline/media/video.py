"""Video: from one media file to the pictures of all its utterances.

Conventions: a file is decoded once, from its beginning to the end of the last utterance (`timeline`); spans may
overlap. A span contains each frame that is on screen during more than `TIE` of it, the first from the span's own
beginning; `features.pictures.sampling` selects among them. If an instant is on the border of two frames, or within
`TIE` before it, the later frame is taken. A span may end up to `SLACK` after the file's last frame; instants after that
frame take it, and so does a span that is too short for any instant.

An utterance has either all its pictures or a `problem`. If it reaches into a damaged stretch or beyond the end, it has
a problem, although some of its windows may have been yielded; the other utterances of the file are not affected.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from affex.features.base import Frames
from affex.features.pictures.sampling import Sampling
from affex.pipeline.media.clock import SLACK
from affex.pipeline.media.colour import REGIONS, Picture, converter
from affex.pipeline.media.spans import nonsense, outside
from affex.pipeline.media.stills import is_still, picture, require_small
from affex.pipeline.media.timeline import TIE, Gap, Reel, Shown, length, on_screen, opened
from affex.pipeline.text.errors import MediaError, unknown
from affex.pipeline.text.filenames import path_of

#: The most bytes of pictures that are collected for windows, all utterances of a file together.
WINDOW_BYTES = 64 * 2**20

#: The most pictures in a window.
WINDOW_FRAMES = 256


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for the pictures of one utterance.

    Parameters
    ----------
    id
        The name of its windows; one utterance with two samplings needs two names.
    start, end : float, s, or None
        The span of the file; None for the file's own beginning and end.
    region
        The half of the upright picture, one of `REGIONS`; None for the whole.
    seed
        Seeds a random sampling.
    """

    id: str
    sampling: Sampling
    start: float | None = None
    end: float | None = None
    region: str | None = None
    seed: str = ""


@dataclass(frozen=True)
class Window:
    """Consecutive pictures of one utterance; its windows are in order, windows of several utterances alternate."""

    id: str
    frames: Frames


@dataclass(frozen=True)
class Ended:
    """The end of the windows of one utterance.

    Parameters
    ----------
    n_frames : int
        The number of pictures in its windows.
    problem
        Why it cannot be used; None if there is no problem.
    longest : float, s
        The longest time that one frame was on screen; a large value shows a frozen picture or lost packets.
    """

    id: str
    n_frames: int
    problem: str | None = None
    longest: float = 0.0


def windows(
    root: Path, path: str, wanted: Sequence[Wanted], *, window_bytes: int = WINDOW_BYTES
) -> Iterator[Window | Ended]:
    """Decode a file once for all requests.

    Parameters
    ----------
    root
        The folder that the path is relative to.
    path
        The media file.
    wanted
        The requests, in any order.
    window_bytes
        The most bytes of pictures that are collected for windows; a single picture may be larger.

    Yields
    ------
    Window or Ended
        The windows of each utterance, and its end once. Damaged media give an `Ended` with a problem and raise no
        error.
    """
    try:
        with opened(path_of(root, path), path) as reel:
            is_video = not is_still(reel.container, reel.path)
            yield from _cut(reel, wanted, window_bytes) if is_video else _still(reel, wanted)
    except MediaError as error:
        yield from (Ended(each.id, 0, str(error)) for each in wanted)


def _still(reel: Reel, wanted: Sequence[Wanted]) -> Iterator[Window | Ended]:
    """Yield the picture of a still to each utterance, once."""
    require_small(reel.stream, reel.name)
    whole = picture(reel.path, reel.name)
    for each in wanted:
        problem = _impossible(each, reel)
        if problem is None and (each.start or 0.0) > 0:
            problem = f"the span begins at {each.start:.3f} s, and {reel.name} is a still picture, which has no length"
        if problem is None:
            shown = REGIONS[each.region](whole) if each.region else whole
            yield Window(each.id, Frames([shown], np.zeros(1)))
        yield Ended(each.id, int(problem is None), problem)


def _cut(reel: Reel, wanted: Sequence[Wanted], window_bytes: int) -> Iterator[Window | Ended]:
    """Pass the frames of the file to each utterance during its span."""
    yield from (Ended(each.id, 0, problem) for each in wanted if (problem := _impossible(each, reel)))
    coming = deque(sorted(_utterances(reel, wanted, window_bytes), key=lambda utterance: utterance.start))
    here: list[_Utterance] = []

    def needed() -> float:
        return -math.inf if here else coming[0].start if coming else math.inf

    for event in on_screen(reel, needed) if coming else ():
        while coming and coming[0].start < event.end:
            here.append(coming.popleft())
        for utterance in here:
            yield from utterance.add(event)
        here[:] = [utterance for utterance in here if not utterance.ended]
        if not here and not coming:
            return


def _impossible(wanted: Wanted, reel: Reel) -> str | None:
    """Return why a request is invalid; None if it is valid."""
    if wanted.region is not None and wanted.region not in REGIONS:
        return str(unknown("region", wanted.region, REGIONS))
    return nonsense(reel.name, wanted.start, wanted.end)


def _utterances(reel: Reel, wanted: Sequence[Wanted], window_bytes: int) -> "list[_Utterance]":
    """Return the utterances of valid requests; overlapping ones share the bytes."""
    possible = [each for each in wanted if not _impossible(each, reel)]
    spans = [(reel.start if each.start is None else each.start, each.end or math.inf) for each in possible]
    share = window_bytes // max((sum(start <= at < end for start, end in spans) for at, _ in spans), default=1)
    needs_length = any(each.end is None and each.sampling.by_length for each in possible)
    last = reel.start + length(reel) if needs_length else math.inf
    convert = converter()
    if len(possible) > 1:  # utterances may take the same frame; otherwise a frame would be held in vain
        convert = lru_cache(maxsize=1)(convert)
    return [
        _Utterance(
            each, reel.name, start, end, each.sampling.instants(start, min(end, last), each.seed), convert, share
        )
        for each, (start, end) in zip(possible, spans, strict=True)
    ]


class _Utterance:
    """One utterance while the file is decoded: selects its frames and collects them for the next window."""

    def __init__(
        self,
        wanted: Wanted,
        name: str,
        start: float,
        end: float,
        instants: Iterator[float] | None,
        convert: Callable[[Any], Picture],
        window_bytes: int,
    ) -> None:
        self.start, self.ended = start, False
        self._wanted, self._name, self._end = wanted, name, end
        self._instants = instants
        self._instant = math.inf if instants is None else next(instants, math.inf)
        self._convert, self._window_bytes = convert, window_bytes
        self._pictures: list[Picture] = []
        self._times: list[float] = []
        self._latest: Shown | None = None
        self._n = 0
        self._longest = 0.0

    def add(self, event: Shown | Gap) -> Iterator[Window | Ended]:
        """Take or skip a frame; the last event yields the end."""
        problem = None
        if isinstance(event, Gap):
            problem = self._missing(event)
        else:
            self._longest = max(self._longest, self._overlap(event))
            self._latest = event
            if self._takes(event):
                yield from self._take(event)
        if problem is not None or event.end >= self._end - TIE:
            yield from self._finish(problem)

    def _takes(self, shown: Shown) -> bool:
        if self._instants is None:
            return self._overlap(shown) > TIE or shown.start > self.start
        takes = False
        while self._instant < shown.end - TIE:
            takes = takes or self._instant >= shown.start - TIE
            self._instant = next(self._instants, math.inf)
        return takes

    def _take(self, shown: Shown) -> Iterator[Window]:
        picture = self._convert(shown.frame)
        if self._wanted.region is not None:
            picture = REGIONS[self._wanted.region](picture)
        if self._pictures and self._pictures[0].shape != picture.shape:  # a stream may change its size
            yield self._window()
        self._pictures.append(picture)
        self._times.append(max(shown.start, self.start) - (self._wanted.start or 0.0))
        self._latest = None
        self._n += 1
        if len(self._pictures) >= min(WINDOW_FRAMES, self._window_bytes // picture.nbytes):
            yield self._window()

    def _window(self) -> Window:
        frames = Frames(self._pictures, np.array(self._times))
        self._pictures, self._times = [], []
        return Window(self._wanted.id, frames)

    def _finish(self, problem: str | None) -> Iterator[Window | Ended]:
        """Yield the last window and the end; remaining instants take the last frame, if it is not taken yet."""
        left = self._instants is not None and self._is_bounded and self._instant < math.inf
        if problem is None and self._latest is not None and (left or not self._n):
            yield from self._take(self._latest)
        if problem is None and self._pictures:
            yield self._window()
        if problem is None and not self._n:
            problem = f"{self._name} shows nothing between {self.start:.3f} and {self._end:.3f} s"
        self.ended = True
        yield Ended(self._wanted.id, self._n - len(self._pictures), problem, self._longest)

    @property
    def _is_bounded(self) -> bool:
        return self._end < math.inf or self._wanted.sampling.by_length

    def _overlap(self, event: Shown | Gap) -> float:
        return min(event.end, self._end) - max(event.start, self.start)

    def _missing(self, gap: Gap) -> str | None:
        """Return why pictures of the span are missing in a gap; None if none are."""
        if gap.why is not None:
            return f"{self._name} {gap.why}" if self._overlap(gap) > TIE else None
        start, end = self._wanted.start, self._wanted.end
        if start is not None and start >= gap.start:
            return outside(self._name, start, None, "video", gap.start)
        if end is not None and gap.start + SLACK < end:
            return outside(self._name, start, end, "video", gap.start)
        return None
