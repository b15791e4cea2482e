"""The utterance: its labels, its speaker, its place in a dialog and the paths of its media.

Paths are relative to the corpus's root (absolute ones stay as they are), spans are in seconds of the
media file, dimensions are in the corpus's own units.
"""

from dataclasses import dataclass, field

#: The fields of an utterance that hold media.
MEDIA = ("audio", "video", "mocap")
#: The fields of an utterance that contain a place in a recording.
PLACES = (*MEDIA, "origin")


@dataclass(frozen=True, slots=True)
class Media:
    """The file of a recording, or of a part of one.

    Parameters
    ----------
    path
        The file, relative to the corpus's root, with forward slashes.
    start, end : float, s, or None
        The span of the utterance; None for the file's own beginning and end.
    channel
        The audio channel, from 0; None for the mean of all.
    region
        The part of the picture, such as ``"left"``; None for the whole.
    beside
        Additional files, such as motion capture of the head and the hands for that of the face.
    """

    path: str
    start: float | None = None
    end: float | None = None
    channel: int | None = None
    region: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All its files, the main file first."""
        return (self.path, *self.beside)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance: speaker, text, media, labels and the raters' votes.

    Parameters
    ----------
    id
        Unique within its corpus; also the key in every cache file.
    label
        The categorical emotion; None without one (the utterance is then only context).
    part
        The part of the corpus, such as ``"speech"`` or ``"song"``.
    dialog, turn
        The conversation and the utterance's place in it.
    dialog_start, dialog_end : float, s, or None
        Beginning and end on the time axis of the conversation, which all its turns share, also if its media are cut
        from another recording.
    split
        ``"train"``, ``"validation"`` or ``"test"`` if the corpus defines it.
    votes
        The labels that each rater chose, one tuple per rater.
    raters
        The name of the rater who gave each vote, parallel to `votes`; empty where the corpus does not say who.
    self_reports
        The labels that the actors chose, likewise; never counted as votes.
    valence, arousal, dominance
        Dimensions, in the corpus's own units.
    aspects
        Further labels as pairs of a name and a class, such as ``("happy", "present")``, for corpora with several labels
        per utterance.
    text
        The words that are said.
    sentence
        The code of what is said, for example ``"a01"``, where all who say the same are known to have the same code; it
        belongs to its corpus, and is no words.
    origin
        The part of a recording that it is according to its labels, even if that recording is not available; the path is
        the recording's name. None if its media contain this information.
    absent
        Why it has no media of a kind, if known: pairs of the kind and a reason.
    """

    id: str
    corpus: str
    speaker: str
    label: str | None = None
    audio: Media | None = None
    video: Media | None = None
    mocap: Media | None = None
    part: str | None = None
    session: str | None = None
    dialog: str | None = None
    turn: int | None = None
    split: str | None = None
    text: str | None = None
    sex: str | None = None
    votes: tuple[tuple[str, ...], ...] = field(default=())
    raters: tuple[str, ...] = field(default=())
    self_reports: tuple[tuple[str, ...], ...] = field(default=())
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    aspects: tuple[tuple[str, str], ...] = field(default=())
    absent: tuple[tuple[str, str], ...] = field(default=())
    dialog_start: float | None = None
    dialog_end: float | None = None
    origin: Media | None = None
    sentence: str | None = None

    def media(self, first: str = "") -> tuple[Media, ...]:
        """Return its media, those of the kind `first` before the others."""
        kinds = sorted(MEDIA, key=lambda kind: kind != first)
        return tuple(item for kind in kinds if (item := getattr(self, kind)) is not None)

    def parts(self, first: str = "") -> tuple[Media, ...]:
        """Return its parts of recordings: its `origin` if known, else its media as `media` does."""
        return self.media(first) if self.origin is None else (self.origin,)
