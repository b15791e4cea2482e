"""What exists: an utterance, what is known of it, and where its media lie.

Paths are relative to the corpus's root (absolute ones stay as they are), spans are in seconds of the
media file, dimensions are in the corpus's own units.
"""

from dataclasses import dataclass, field

#: The fields of an utterance that hold media.
MEDIA = ("audio", "video", "mocap")
#: The fields of an utterance that are a place in a recording.
PLACES = (*MEDIA, "origin")


@dataclass(frozen=True, slots=True)
class Media:
    """Where a recording, or a part of one, lies.

    Parameters
    ----------
    path
        The file, relative to the corpus's root, with forward slashes.
    start, end : float, s, or None
        The span that is the utterance; None for the file's own beginning and end.
    channel
        The audio channel, from 0; None for the mean of all.
    region
        The part of the picture, as in ``"left"``; None for the whole.
    beside
        Files that belong to it, as motion capture of the head and the hands does to that of the face.
    """

    path: str
    start: float | None = None
    end: float | None = None
    channel: int | None = None
    region: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All its files, its own first."""
        return (self.path, *self.beside)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance: who said what, where it lies, and what raters heard.

    Parameters
    ----------
    id
        Unique within its corpus; also the key in every cache file.
    label
        The categorical emotion; None where there is none (it then only gives context).
    part
        The part of the corpus, as in ``"speech"`` and ``"song"``.
    dialog, turn
        The conversation and the utterance's place in it.
    dialog_start, dialog_end : float, s, or None
        When it is said, in the time of the conversation, which all its turns share; of whatever its media are cut.
    split
        ``"train"``, ``"validation"`` or ``"test"`` where the corpus fixes it.
    votes
        What each rater chose, one tuple of labels a rater.
    self_reports
        What those who acted chose for it, likewise; never votes.
    valence, arousal, dominance
        Dimensions, in the corpus's own units.
    aspects
        What else it is labelled for, each a name and a class, as in ``("happy", "present")``: a corpus of several
        labels at a time.
    origin
        Which part of which recording it is, as its labels say, whether or not that recording is at hand; the path is
        then the recording's name. None where its media say it.
    absent
        Why it has no media of a kind, where the corpus knows: pairs of the kind and a reason.
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
    self_reports: tuple[tuple[str, ...], ...] = field(default=())
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    aspects: tuple[tuple[str, str], ...] = field(default=())
    absent: tuple[tuple[str, str], ...] = field(default=())
    dialog_start: float | None = None
    dialog_end: float | None = None
    origin: Media | None = None

    def media(self, first: str = "") -> tuple[Media, ...]:
        """Return the media that there are of it, those of one kind before the others."""
        kinds = sorted(MEDIA, key=lambda kind: kind != first)
        return tuple(item for kind in kinds if (item := getattr(self, kind)) is not None)

    def parts(self, first: str = "") -> tuple[Media, ...]:
        """Return the parts of recordings that it is: that which its labels name, else its media as `media` does."""
        return self.media(first) if self.origin is None else (self.origin,)
