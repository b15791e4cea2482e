"""Cuts: from the sampled frames of a film to the frames with which another shot begins.

Frames are compared as small pictures, by the correlation of their pixels (`difference`), so that brighter or darker
light makes no difference. A cut changes the left and the right half of a picture, someone who comes in front of one
person only one half: the half that changes less counts. A shot begins with a frame if each of the `AROUND` frames
before it differs from it and from each of the frames after it: by more than `LEAST`, by more than `TIMES` the median
change from frame to frame around it, and by more than `SHARE` of the change to it. So a flash, or someone who is gone
for fewer frames, is no cut, and neither is a pan, in which all frames differ.

`LEAST` and `TIMES` were set on 25 clips of one shot: at 5 and 25 frames a second no cut is found in them, and of 120
joins of two clips all at 5, and 119 at 25 frames a second. A face in the next shot is a new track also where a cut was
missed, unless it is at the same place and looks alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Frames
from affex.features.detectors.chips import Picture
from affex.features.detectors.crops import resized

#: The side of a small picture, px.
SIDE = 16
#: How many pixels of a picture are averaged in each direction for one of a small picture, at least.
THIN = 6
#: How many frames before and after a cut are compared with one another.
AROUND = 3
#: Over how many changes before and after a cut the median is taken; so many frames are held until they are judged.
NEAR = AROUND - 1
#: A cut differs by more than this, by more than so many times the median change around it, and by more than this share
#: of the change from the frame before it.
LEAST, TIMES, SHARE = 0.06, 5.0, 1 / 3
#: Contrast below about this standard deviation is noise, in grey levels of 255.
NOISE = 2.0

Small = NDArray[np.float32]


def small(picture: Picture) -> Small:
    """Return a picture as a small one, (SIDE, SIDE, 3)."""
    return resized(picture, SIDE, SIDE).astype(np.float32)


def thinned(picture: Picture) -> Picture:
    """Return every so many pixels of a large picture, `THIN` times `SIDE` or more: a small one needs no more."""
    step = max(1, min(picture.shape[:2]) // (THIN * SIDE))
    return np.ascontiguousarray(picture[::step, ::step])


def difference(one: Small, other: Small) -> float:
    """Return 1 minus the correlation of two small pictures: 0 for equal ones, about 1 for unrelated ones.

    Pictures without contrast correlate with one another, and not with others.
    """
    one, other = one - one.mean(), other - other.mean()
    alike, own, others = (float((a * b).mean()) + NOISE**2 for a, b in ((one, other), (one, one), (other, other)))
    return float(1 - alike / (own * others) ** 0.5)


def change(one: Small, other: Small) -> float:
    """Return the difference of the left or right halves of two small pictures, whichever is less."""
    half = SIDE // 2
    return min(difference(one[:, :half], other[:, :half]), difference(one[:, half:], other[:, half:]))


def begins(smalls: Sequence[Small], at: int) -> bool:
    """Return whether a shot begins with a frame.

    Parameters
    ----------
    smalls
        The frames around it as small pictures, in order.
    at
        Its number among them; the first frame begins no shot here.
    """
    before, after = smalls[max(0, at - AROUND) : at], smalls[at : at + AROUND]
    if not before:
        return False
    step = change(before[-1], after[0])
    if step <= LEAST:  # most frames: nothing else needs to be compared
        return False
    least = min(change(one, other) for one in before for other in after)
    return least > max(LEAST, TIMES * _usual(smalls, at), SHARE * step)


def _usual(smalls: Sequence[Small], at: int) -> float:
    """Return the median change from frame to frame around a frame, without the change to it, and with `LEAST`."""
    ends = [number for number in range(max(1, at - NEAR), min(len(smalls), at + NEAR + 1)) if number != at]
    return float(np.median([LEAST, *(change(smalls[end - 1], smalls[end]) for end in ends)]))


def marked(windows: Iterable[Frames]) -> Iterator[tuple[Frames, list[bool]]]:
    """Yield the frames in order, and for each whether a shot begins with it; a few frames later than they come.

    It does not matter how the frames are divided into windows; those that are yielded are of one size each.
    """
    smalls: list[Small] = []  # those of the held frames, and of NEAR + 1 frames before them
    held: list[tuple[Picture, float]] = []
    for window in chain(windows, [None]):
        if window is not None:
            smalls.extend(small(thinned(picture)) for picture in window.pictures)
            held.extend(zip(window.pictures, window.times.tolist(), strict=True))
        n_ready = len(held) - (NEAR if window is not None else 0)
        if n_ready > 0:
            first = len(smalls) - len(held)
            cuts = [begins(smalls, first + number) for number in range(n_ready)]
            ready = held[:n_ready]
            del held[:n_ready], smalls[: max(0, first + n_ready - NEAR - 1)], window
            yield from _of_one_size(ready, cuts)
            del ready  # large pictures are not held while the next ones are awaited


def _of_one_size(frames: Sequence[tuple[Picture, float]], cuts: Sequence[bool]) -> Iterator[tuple[Frames, list[bool]]]:
    for _, some in groupby(zip(frames, cuts, strict=True), key=lambda frame: frame[0][0].shape):
        own, marks = zip(*some, strict=True)
        pictures, times = zip(*own, strict=True)
        yield Frames(pictures, np.array(times)), list(marks)
