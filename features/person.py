"""Person: from the tracks of `features.faces` to one of them, one row per frame, without the video.

All features of a face read the track of one person. It is chosen here, over the whole utterance and from cached rows,
so that another choice needs no new detection. A cut ends all tracks: where a film cuts to and fro between two people,
the person is that of one shot.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from affex.features.base import ChainedFeature, Feature, Rows, Values
from affex.features.detectors import mouth
from affex.features.faces import COLUMNS, Faces, chosen, first_of, lasting, of_track, one_person, points_of, tracks_of
from affex.features.logmel import Logmel

Choice = Literal["largest", "longest", "central", "speaking"]

#: The sound that mouths are compared with.
SOUND = Logmel()


@dataclass(frozen=True, kw_only=True)
class _OfFaces(ChainedFeature):
    """A feature of the faces of one person, who is chosen among those found."""

    faces: Faces = field(default_factory=Faces)
    choice: Choice = "largest"

    def __post_init__(self) -> None:
        require_choice(self.choice)

    @property
    def upstream(self) -> Faces:
        """The feature that finds the faces."""
        return self.faces

    @property
    def framewise(self) -> bool:
        """One row per frame."""
        return True


@dataclass(frozen=True, kw_only=True)
class Person(_OfFaces):
    """The face of one person in each sampled frame: which of the tracks, how many there are, and by what lead.

    Parameters
    ----------
    faces
        The upstream feature, which finds the faces.
    choice
        Which track of the utterance: the ``largest``, the ``longest`` or the most ``central`` (see
        `features.faces.chosen`), or of those with at least half as many frames as the longest the one that is
        ``speaking``: whose mouth agrees best with the sound (see `features.detectors.mouth`). Sample 25 frames a second
        for it: ``faces.frames=25/s``.
    """

    packages: ClassVar[tuple[str, ...]] = ("opencv-python-headless",)

    @property
    def beside(self) -> tuple[Feature, ...]:
        """The feature of the sound, for the person who is speaking."""
        return (SOUND,) if self.choice == "speaking" else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of `features.faces`, then ``n_tracks`` of the utterance, and the ``lead`` over the next track.

        The lead is in the unit of the choice (see `features.faces.chosen`), for ``speaking`` a difference of
        correlations; 0 with one track.
        """
        return (*COLUMNS, "n_tracks", "lead")

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:  # noqa: ARG002
        """Choose the track of each utterance; a frame without that person has `found` 0."""
        return [self._of_utterance(rows) for rows in utterances]

    def _of_utterance(self, rows: Rows) -> Rows:
        track, lead = self.chosen(rows)
        own = one_person(replace(rows, crops=None), track)
        about = np.full((len(own.values), 2), (len(tracks_of(rows.values)), lead), np.float32)
        return replace(own, values=np.hstack([own.values, about]))

    def chosen(self, rows: Rows) -> tuple[int, float]:
        """Return the number of the chosen track, -1 if there is none, and its lead over the next."""
        return first_of(agreements(rows)) if self.choice == "speaking" else chosen(rows.values, self.choice)


def require_choice(choice: str) -> None:
    """Refuse an unknown choice.

    Raises
    ------
    ValueError
        The message names the known ones.
    """
    if choice not in get_args(Choice):
        raise ValueError(f"choice={choice}: expected {', '.join(get_args(Choice))}")


def agreements(rows: Rows) -> dict[int, float]:
    """Return how well the mouth of each lasting track agrees with the sound.

    Parameters
    ----------
    rows
        The rows of `features.faces` with their crops, and beside them those of `SOUND`.
    """
    [sound] = rows.beside
    assert sound.times is not None
    amplitude = np.sqrt((10 ** (sound.values.astype(np.float64) / 10)).mean(axis=1))
    return {
        number: mouth.agreement(_mouths(rows, number), sound.times, amplitude)
        for number in lasting(tracks_of(rows.values))
    }


def _mouths(rows: Rows, track: int) -> mouth.Mouths:
    """Return the mouth of a track over time."""
    assert rows.times is not None
    assert rows.crops is not None
    own = of_track(rows.values, track)
    shown = [mouth.shown(*points_of(rows.values[number], rows.crops[int(number)])) for number in own]
    lips, brows = (np.stack(part) for part in zip(*shown, strict=True))
    return mouth.mouths(rows.times[own], lips, brows)


@dataclass(frozen=True, kw_only=True)
class OfPerson(_OfFaces):
    """The base of features of one person's face.

    Parameters
    ----------
    faces
        The upstream feature, which finds the faces.
    choice
        Whose face, as in `Person`.
    """

    @property
    def beside(self) -> tuple[Feature, ...]:
        """The feature that chooses the person."""
        return (Person(faces=self.upstream, choice=self.choice),)


@dataclass(frozen=True, kw_only=True)
class OfCrops(OfPerson):
    """The base of features that are computed from the crops of one person's face, one utterance at a time.

    Parameters are those of `OfPerson`.
    """

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:  # noqa: ARG002
        """Compute the rows of several utterances.

        Raises
        ------
        ExtractionError
            As `of_utterance`.
        """
        return [self.of_utterance(rows) for rows in persons(utterances)]

    @abstractmethod
    def of_utterance(self, rows: Rows) -> Rows:
        """Return the rows of one utterance.

        Parameters
        ----------
        rows
            The rows of its person, one per frame, with their crops and times.

        Raises
        ------
        ExtractionError
            If no frame, or too few in a row, have a face.
        """


def persons(utterances: Iterable[Rows]) -> Iterator[Rows]:
    """Yield the rows of each utterance's person, one per frame, with their crops.

    Parameters
    ----------
    utterances
        The rows of `features.faces`, and beside them those of `Person`; alone, they are of one person already.
    """
    for rows in utterances:
        yield one_person(rows, track_of(rows.beside[0].values)) if rows.beside else rows


def track_of(values: Values) -> int:
    """Return the number of the track in the rows of `Person`; -1 if no face was found."""
    return next(iter(tracks_of(values)), -1)


PRESETS: dict[str, Person] = {"person": Person()}
