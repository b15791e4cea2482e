"""What is shown of an utterance.

Conventions: times are in seconds from the utterance's beginning; boxes and points are in px of the frame, as in
`features.faces`. What is not to be seen or heard is a sentence that says why.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.features.detectors.chips import Picture
from affex.features.logmel import Logmel
from affex.features.mfcc import Mfcc
from affex.pipeline.manifest.utterance import Utterance

#: How many frames are shown at the most.
SHOTS = 6

#: How long a frame is on screen, as a rule, s.
FRAME = 1 / 25

#: The features of the sound that are shown.
LOGMEL, MFCC = Logmel(), Mfcc()


@dataclass(frozen=True)
class Face:
    """The face that was found in a frame.

    Parameters
    ----------
    box : (4,) float32, px of the frame
        x0, y0, x1, y1.
    points : (n_points, 2) float32, px of the frame
        The landmarks.
    n_faces : int
        How many faces the frame has.
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    n_faces: int


@dataclass(frozen=True)
class Shot:
    """A frame that is shown.

    Parameters
    ----------
    row : int
        The number of its row.
    picture : (h, w, 3) uint8
        The frame, shrunk where it is large.
    width, height : int
        Its own size, px.
    crop : (h, w, 3) uint8, or None
        The crop as it is stored; None where there is none. Of a frame without a face it may be the whole.
    face
        None where none was found.
    """

    row: int
    picture: Picture
    width: int
    height: int
    crop: Picture | None
    face: Face | None


@dataclass(frozen=True)
class Seen:
    """What the cache holds of an utterance's face.

    Parameters
    ----------
    times : (n_rows,) float64, s
        When each sampled frame comes on screen.
    found : (n_rows,) bool
        Whether it has a face.
    scores : (n_rows,) float32
        The detector's score; without meaning where there is no face.
    shots
        The frames that are shown, in their order; to choose them, there are none yet.
    """

    times: NDArray[np.float64]
    found: NDArray[np.bool_]
    scores: NDArray[np.float32]
    shots: tuple[Shot, ...] = ()

    @property
    def worst(self) -> int | None:
        """The row of the lowest score among those with a face; None where none has one."""
        return int(np.argmin(np.where(self.found, self.scores, np.inf))) if self.found.any() else None

    @property
    def end(self) -> float:
        """Until when the last row counts, s: as long after it as rows are apart, halved; if it is alone, a frame."""
        return float(self.times[-1] + (np.diff(self.times).mean() / 2 if len(self.times) > 1 else FRAME))

    def stretches(self, end: float) -> list[tuple[float, float, bool]]:
        """Return where the face was found, and where it was lost, by the sampled frame that is nearest.

        Parameters
        ----------
        end : float, s
            The utterance's end.

        Returns
        -------
        stretches
            Begin and end, s, and whether it was found; without a gap, from 0 on.
        """
        edges = np.concatenate([[0.0], (self.times[1:] + self.times[:-1]) / 2, [end]])
        firsts = np.flatnonzero(np.append(True, np.diff(self.found)))
        lasts = np.append(firsts[1:], len(self.found))
        return [(float(edges[a]), float(edges[b]), bool(self.found[a])) for a, b in zip(firsts, lasts, strict=True)]


@dataclass(frozen=True)
class Heard:
    """What an utterance sounds like.

    Parameters
    ----------
    samples : (n_samples,) float32
        In [-1, 1].
    rate : int, Hz
    logmel : Rows of `LOGMEL`, or why there are none
    mfcc : Rows of `MFCC`, or why there are none
    begins : float, s
        How much later than the utterance the sound begins.
    """

    samples: NDArray[np.float32]
    rate: int
    logmel: Rows | str
    mfcc: Rows | str
    begins: float = 0.0


@dataclass(frozen=True)
class ContactSheet:
    """All there is to look at of one utterance.

    Parameters
    ----------
    spec, detector, key
        The feature whose rows are shown, as one asks for it; whose scores they hold; and its key.
    seen, heard
        Or why there is nothing to be seen or heard.
    """

    utterance: Utterance
    spec: str
    detector: str
    key: str
    seen: Seen | str
    heard: Heard | str

    @property
    def duration(self) -> float:
        """How long the utterance lasts, s: its span, else its sound, else what was sampled of it."""
        of = self.utterance.audio or self.utterance.video
        if of and of.end is not None:
            return of.end - (of.start or 0.0)
        heard = self.heard
        sound = heard.begins + len(heard.samples) / heard.rate if isinstance(heard, Heard) else 0.0
        if isinstance(self.seen, Seen) and self.seen.times[-1] >= sound:
            return self.seen.end
        return sound
