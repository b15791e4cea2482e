"""Corpus ``iemocap``: the Interactive Emotional Dyadic Motion Capture database -> utterances.

What
    10 039 turns of 151 dialogs, English, some improvised and some from scripts (the parts ``improvised``, 4784, and
    ``scripted``, 5255): audio (16 kHz), video (720 x 480, 29.97 frames/s), motion capture (120 Hz). Labels: fru 1849,
    neu 1708, ang 1103, sad 1084, exc 1041, hap 595, sur 107, fea 40, oth 3, dis 2; 2507 turns have no majority and
    therefore no label here. Valence, arousal (which the corpus calls activation) and dominance: the published means,
    nominally 1 to 5 (four turns of Ses03M_impro07 have valence 5.5, three turns dominance .5: kept as they are).
Who
    Ten actors, a woman and a man in each of five sessions. Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee,
    Narayanan, "IEMOCAP: Interactive emotional dyadic motion capture database", Language Resources and Evaluation
    42(4), 2008, doi:10.1007/s10579-008-9076-6.
Licence
    A signed release form: for research, no redistribution.
Source
    https://sail.usc.edu/iemocap/
Files
    In ``Session1`` to ``Session5``. ``Ses01F_impro01_M003`` is session, the actor with the markers in this dialog
    (F), the dialog, the speaker (M), and a number.
    ``dialog/EmoEvaluation/Ses01F_impro01.txt``: times, labels, raters (see `iemocap_labels`).
    ``dialog/transcriptions/Ses01F_impro01.txt``: words.
    ``sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav``: a turn's sound. If it is missing, the turn is a span
    of ``dialog/wav/Ses01F_impro01.wav``, the mean of both channels: it is not documented whose channel is which.
    ``dialog/avi/DivX/Ses01F_impro01.avi``: both actors, side by side. A turn is its span of the speaker's half.
    ``sentences/MOCAP_rotated/Ses01F_impro01/Ses01F_impro01_F000.txt``: markers of the face. The folders MOCAP_head
    and MOCAP_hand beside it hold head and hands under the same names (see `pipeline.media.mocap`).
Traps
    The letter after the session is the actor with the markers, not the speaker. The last letter is the speaker, whose
    name here is session and last letter (``Ses01M``). Motion capture has a file for every turn, but always shows the
    marked actor, who listens in half of the turns: here only the turns that the marked actor speaks have motion
    capture. It is not documented which half of the picture shows which actor. As most users do, affex assumes the
    marked actor on the left; ``DATASET=iemocap:marked=right`` assumes the right. Turns are numbered separately for each
    actor, so a turn's place in its dialog is counted here by time. The actors' opinions of their own turns are among
    the raters' lines, and are not votes. Raters may name several labels, or none. The folders within EmoEvaluation
    repeat its lines, and files that begin with ``._`` are ignored. Under ``loso`` the partner of the same dialogs is in
    the training data; the protocols that end in ``-session`` leave out both. Scripted dialogs repeat their sentences in
    every session: report both parts separately. Turns of one dialog overlap, so one speaker's turn contains some of the
    partner's voice. The audit counts such turns where one speaker at a time is left out, and refuses them where a
    speaker is on both sides. The times of each turn in its dialog are kept beside its media (``dialog_start``,
    ``dialog_end``).
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from affex.pipeline.corpora import iemocap_labels, search
from affex.pipeline.corpora.base import Corpus, Protocol, is_there, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.iemocap_labels import NO_MAJORITY, Turn
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of, spelled

#: The halves of the picture; the default half of the actor with the markers comes first.
OPPOSITE = {"left": "right", "right": "left"}
#: The folders of a turn's motion capture: of the face, and of head and hand.
FACE, *BESIDE = (f"sentences/MOCAP_{what}" for what in ("rotated", "head", "hand"))

PARTS = {"impro": "improvised", "script": "scripted"}
SEXES = {"F": "female", "M": "male"}

#: The number of turns of each session.
SESSIONS = {"Ses01": 1819, "Ses02": 1811, "Ses03": 2136, "Ses04": 2103, "Ses05": 2170}

RELEASE = "IEMOCAP_full_release"
#: The allowed depths of the sessions below the root: the release's folder is often within another one.
WITHIN = ("", "*/", "*/*/")
LABELS = "dialog/EmoEvaluation"
LOOKED_FOR = f"Session1/{LABELS}/Ses01F_impro01.txt and its like"

NAME = re.compile(
    r"(?P<dialog>(?P<session>Ses0[1-5])(?P<marked>[FM])_(?P<part>impro|script)\w*?)_(?P<speaker>[FM])[^_]*"
)
#: The play that a scripted dialog is read from: all sessions read the same three, in parts.
SCRIPT = re.compile(r"script\d\d")
SPOKEN = re.compile(r"(Ses\w+)\s*\[[^]]*\]\s*:\s*(.*)")


@dataclass(frozen=True)
class Dialog:
    """A dialog: the corpus's root, the session's folder below it, and the transcripts of turns."""

    root: Path
    folder: str
    name: str
    texts: Mapping[str, str]

    def file(self, path: str) -> Media | None:
        """Return a file of the session, None where it is missing."""
        path = f"{self.folder}/{path}"
        return Media(path) if path_of(self.root, path).is_file() else None

    def motion(self, turn: str) -> Media | None:
        """Return a turn's motion capture: the file of the face, with those of head and hands that exist."""
        face, *beside = (self.file(f"{folder}/{self.name}/{turn}.txt") for folder in (FACE, *BESIDE))
        return face and replace(face, beside=tuple(other.path for other in beside if other))


def find(root: Path, marked: str = "left") -> list[Utterance]:
    """Return the utterances, by session, by the dialog's name, then by time.

    Parameters
    ----------
    root
        The folder with ``Session1``, or one or two levels above it, as the folder with ``IEMOCAP_full_release``.
    marked
        The half of the picture that shows the actor with the markers, ``"left"`` or ``"right"``.

    Raises
    ------
    CorpusError
        If there are no labels of turns, or they cannot be read.
    """
    require_folder(root, f"IEMOCAP's {LOOKED_FOR}")
    for folder in WITHIN:
        files = sorted(root.glob(f"{folder}Session[1-5]/{LABELS}/Ses*.txt"))
        if utterances := [utterance for file in files for utterance in _dialog(root, file, marked)]:
            return utterances
    raise CorpusError(
        f"{root} does not hold IEMOCAP: looked for {LOOKED_FOR} in it and in its folders, as in {RELEASE}, "
        "and found no turn."
    )


def _dialog(root: Path, labels: Path, marked: str) -> Iterator[Utterance]:
    """Yield the utterances of a dialog, by time."""
    session = labels.parents[2]
    texts = _texts(session / "dialog" / "transcriptions" / labels.name)
    dialog = Dialog(root, spelled(session.relative_to(root).as_posix()), labels.stem, texts)
    turns = sorted(iemocap_labels.read(labels), key=lambda turn: (turn.start, turn.end, turn.name))
    for place, turn in enumerate(turns):
        name = NAME.fullmatch(turn.name)
        if name is None or name["dialog"] != dialog.name:
            raise CorpusError(
                f"{labels}: '{turn.name}' is not a turn of this dialog. Expected for example {dialog.name}_F000."
            )
        yield _utterance(dialog, turn, place, name, marked)


def _utterance(dialog: Dialog, turn: Turn, place: int, name: re.Match[str], marked: str) -> Utterance:
    wears_markers = name["speaker"] == name["marked"]
    half = marked if wears_markers else OPPOSITE[marked]
    speaker = name["session"] + name["speaker"]
    motion = dialog.motion(turn.name) if wears_markers else None
    return Utterance(
        id=turn.name,
        corpus="iemocap",
        speaker=speaker,
        label=None if turn.emotion == NO_MAJORITY else turn.emotion,
        audio=_audio(dialog, turn),
        video=_span(dialog.file(f"dialog/avi/DivX/{dialog.name}.avi"), turn, half),
        mocap=motion,
        part=PARTS[name["part"]],
        session=name["session"],
        dialog=dialog.name,
        turn=place,
        dialog_start=turn.start,
        dialog_end=turn.end,
        text=dialog.texts.get(turn.name),
        sentence=play[0] if (play := SCRIPT.search(dialog.name)) else None,
        sex=SEXES[name["speaker"]],
        votes=tuple(rated.labels for rated in turn.raters.values() if rated.labels),
        raters=tuple(name for name, rated in turn.raters.items() if rated.labels),
        self_reports=tuple(rated.labels for rated in turn.actors.values() if rated.labels),
        valence=turn.mean.valence,
        arousal=turn.mean.activation,
        dominance=turn.mean.dominance,
        absent=() if motion else (("mocap", _why_no_mocap(speaker, wears_markers=wears_markers)),),
    )


def _why_no_mocap(speaker: str, *, wears_markers: bool) -> str:
    """Return why a turn has no motion capture of its speaker."""
    if wears_markers:
        return f"the release has no file of it (looked for in {FACE})"
    return f"{speaker} is not the actor who wears the markers in this dialog"


def _audio(dialog: Dialog, turn: Turn) -> Media | None:
    own = dialog.file(f"sentences/wav/{dialog.name}/{turn.name}.wav")
    return own or _span(dialog.file(f"dialog/wav/{dialog.name}.wav"), turn)


def _span(whole: Media | None, turn: Turn, region: str | None = None) -> Media | None:
    """Return a turn's span of a dialog's recording."""
    return whole and replace(whole, start=turn.start, end=turn.end, region=region)


def _texts(transcript: Path) -> dict[str, str]:
    """Return the transcript of each turn; other lines are ignored."""
    if not is_there(transcript):
        return {}
    lines = search.text(transcript).splitlines()
    return {match[1]: match[2].strip() for match in map(SPOKEN.match, lines) if match}


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each incomplete session, and for each kind of file that turns lack."""
    return [*_short_sessions(utterances), *_lacking_files(utterances)]


def _short_sessions(utterances: Sequence[Utterance]) -> list[str]:
    found = Counter(utterance.session for utterance in utterances)
    return [
        f"iemocap: {found[session] or 'none'} of the {expected} turns of {session} found"
        for session, expected in SESSIONS.items()
        if found[session] != expected
    ]


def _lacking_files(utterances: Sequence[Utterance]) -> list[str]:
    own = [u for u in utterances if u.dialog and u.speaker == u.dialog[: len("Ses01F")]]
    captured = [u for u in own if u.mocap]
    return [
        f"iemocap: {len(lacking)} of {len(of)} {who} have no {what} (looked for in Session*/{folder})"
        for of, who, field, what, folder in (
            (utterances, "turns", "audio", "sound", "sentences/wav and dialog/wav"),
            (utterances, "turns", "video", "picture", "dialog/avi/DivX"),
            (own, "turns of the actor with the markers", "mocap", "motion capture", FACE),
            (utterances, "turns", "text", "transcript", "dialog/transcriptions"),
        )
        if (lacking := [utterance for utterance in of if getattr(utterance, field) is None])
    ] + [
        f"iemocap: {n} of {len(captured)} turns with motion capture of the face have none of the {what} (looked for in "
        f"Session*/{folder})"
        for what, folder in zip(("head", "hands"), BESIDE, strict=True)
        if (n := sum(not any(folder in path for path in u.mocap.beside) for u in captured if u.mocap))
    ]


#: Excitement counts as happiness: the protocol of most publications.
FOUR = "ang,hap=hap+exc,neu,sad"

BY_SPEAKER = (
    Protocol("iemocap4", classes=FOUR, counts={"neu": 1708, "hap": 1636, "ang": 1103, "sad": 1084}),
    Protocol("iemocap4-no-exc", classes="ang,hap,neu,sad", counts={"neu": 1708, "ang": 1103, "sad": 1084, "hap": 595}),
    Protocol(
        "iemocap6",
        classes="ang,exc,fru,hap,neu,sad",
        counts={"fru": 1849, "neu": 1708, "ang": 1103, "sad": 1084, "exc": 1041, "hap": 595},
    ),
    Protocol("improvised", classes=FOUR, parts=("improvised",)),
    Protocol("scripted", classes=FOUR, parts=("scripted",)),
    Protocol("unanimous", agreement=1.0, total=2383),
    Protocol("valence", target="valence"),
    Protocol("arousal", target="arousal"),
    Protocol("dominance", target="dominance"),
)
BY_SESSION = tuple(replace(protocol, name=f"{protocol.name}-session", scheme="session") for protocol in BY_SPEAKER)


def example(root: Path) -> Path:
    """Lay out a dialog of two turns, with all files of the release."""
    name = "Ses01F_impro01"
    turns = [f"{name}_F000", f"{name}_M000"]
    spoken = [f"sentences/wav/{name}/{turn}.wav" for turn in turns]
    captured = [f"{folder}/{name}/{turn}.txt" for folder in (FACE, *BESIDE) for turn in turns]
    session = lay(root / "Session1", f"dialog/avi/DivX/{name}.avi", f"dialog/wav/{name}.wav", *spoken, *captured)
    blocks = (
        *("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""),
        *(f"[0.5000 - 1.5000]\t{turns[0]}\tang\t[1.5000, 3.5000, 4.0000]", "C-E2:\tAnger;\t()", ""),
        *(f"[1.6000 - 2.9000]\t{turns[1]}\tneu\t[2.5000, 2.0000, 3.0000]", "C-E2:\tNeutral; Other;\t()", ""),
    )
    lay_text(session, f"{LABELS}/{name}.txt", *blocks)
    lay_text(session, f"dialog/transcriptions/{name}.txt", *(f"{turn} [000.5-002.9]: Words." for turn in turns))
    return root


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP: 10 039 turns of 151 dialogs, 10 actors, audio, video and motion capture, English",
    licence="a signed release form: for research, no redistribution",
    source="https://sail.usc.edu/iemocap/",
    cites=("busso2008",),
    language="English",
    find=find,
    example=example,
    protocols=(*BY_SPEAKER, *BY_SESSION),
    counts={"improvised": 4784, "scripted": 5255},
    remarks=remarks,
    settings={"marked": tuple(OPPOSITE)},
    speaker_key=r"(Ses\d\d)[FM]_.*_([FM])\d+",
)
