"""The content of a contact sheet: the record between `gather` and `draw`.

Conventions: times are seconds from the utterance's beginning. Boxes and points are px of the frame, as in
`features.faces`. Where there are no frames or there is no sound, a sentence says why.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affex.features.base import Rows
from affex.features.detectors.chips import Picture
from affex.features.logmel import Logmel
from affex.features.mfcc import Mfcc
from affex.pipeline.manifest.utterance import Utterance

#: The greatest number of frames that are shown.
SHOTS = 6

#: How long a frame is usually on screen, s.
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
        The number of faces in the frame.
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
        The size of the full frame, px.
    crop : (h, w, 3) uint8, or None
        The crop as it is stored; None where there is none. For a frame without a face it may be the whole frame.
    face
        The detected face; None where there is none.
    """

    row: int
    picture: Picture
    width: int
    height: int
    crop: Picture | None
    face: Face | None


@dataclass(frozen=True)
class FaceTrack:
    """The cached face of an utterance over time.

    Parameters
    ----------
    times : (n_rows,) float64, s
        The time at which each sampled frame comes on screen.
    found : (n_rows,) bool
        Whether it has a face.
    scores : (n_rows,) float32
        The detector's score; meaningless where there is no face.
    shots
        The frames that are shown, in order of time; empty until they are chosen.
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
        """The end of the last row, s: half the mean distance of rows after its time, or one frame for a single row."""
        return float(self.times[-1] + (np.diff(self.times).mean() / 2 if len(self.times) > 1 else FRAME))

    def stretches(self, end: float) -> list[tuple[float, float, bool]]:
        """Return the intervals in which the face was found or lost, by the nearest sampled frame.

        Parameters
        ----------
        end : float, s
            The utterance's end.

        Returns
        -------
        stretches
            Begin and end, s, and whether the face was found; from 0 on, without gaps.
        """
        edges = np.concatenate([[0.0], (self.times[1:] + self.times[:-1]) / 2, [end]])
        firsts = np.flatnonzero(np.append(True, np.diff(self.found)))
        lasts = np.append(firsts[1:], len(self.found))
        return [(float(edges[a]), float(edges[b]), bool(self.found[a])) for a, b in zip(firsts, lasts, strict=True)]


@dataclass(frozen=True)
class Sound:
    """The sound of an utterance, with its features.

    Parameters
    ----------
    samples : (n_samples,) float32
        In [-1, 1].
    rate : int, Hz
    logmel : Rows of `LOGMEL`, or the reason why there are none
    mfcc : Rows of `MFCC`, or the reason why there are none
    begins : float, s
        The delay of the sound after the utterance's beginning.
    """

    samples: NDArray[np.float32]
    rate: int
    logmel: Rows | str
    mfcc: Rows | str
    begins: float = 0.0


@dataclass(frozen=True, eq=False)
class OverTime:
    """Scores of the rows of an utterance over time, by a run's model that did not learn from its speaker.

    Parameters
    ----------
    run
        The run's name.
    times : (n_rows,) float64, s
        The middle of each row, or segment.
    values : (n_rows, n_classes) float64
        One score per class; of a continuous target its value.
    classes
        Empty for a continuous target.
    true, predicted
        The utterance's class, or value, and the decision, in words.
    """

    run: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    classes: tuple[str, ...]
    true: str
    predicted: str


@dataclass(frozen=True, eq=False)
class Look:
    """A picture as a network reads it, and where it looks.

    Parameters
    ----------
    time : float, s
        The row's time.
    picture : (height, width) or (height, width, 3) float32, 0 to 1
        What it reads.
    region : (4, 2) float64, px, or None
        The corners of the part that a spatial transformer samples; None without one.
    fall : (height, width) float64
        By how much the score of the decided class falls where a window about the pixel is covered.
    decided
        The class that is decided from this picture alone.
    score
        Its score.
    """

    time: float
    picture: NDArray[np.float32]
    region: NDArray[np.float64] | None
    fall: NDArray[np.float64]
    decided: str
    score: float


@dataclass(frozen=True)
class ContactSheet:
    """The content of one contact sheet.

    Parameters
    ----------
    utterance
        The utterance that is shown.
    spec, detector, key
        The feature whose rows are shown, as a spec; the detector whose scores it holds; its key.
    faces, sound
        The content, or a sentence that says why there is none.
    over_time
        Scores of a run's model over time; None if no run is named.
    looks
        Where a network looks; empty if no model is named.
    model
        The name of that model.
    """

    utterance: Utterance
    spec: str
    detector: str
    key: str
    faces: FaceTrack | str
    sound: Sound | str
    over_time: OverTime | None = None
    looks: tuple[Look, ...] = ()
    model: str = ""

    @property
    def duration(self) -> float:
        """The length of the utterance, s: of its span, else of its sound, else of its sampled frames."""
        of = self.utterance.audio or self.utterance.video
        if of and of.end is not None:
            return of.end - (of.start or 0.0)
        sound = self.sound
        end = sound.begins + len(sound.samples) / sound.rate if isinstance(sound, Sound) else 0.0
        if isinstance(self.faces, FaceTrack) and self.faces.times[-1] >= end:
            return self.faces.end
        return end
