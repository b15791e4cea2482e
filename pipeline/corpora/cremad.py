"""Corpus ``cremad``: the Crowd-sourced Emotional Multimodal Actors Dataset -> utterances.

What
    7442 acted clips of twelve sentences in six emotions, North American English: 16 kHz wav and flv film. One
    sentence ("It's eleven o'clock") was spoken at three levels in the five emotions that are not neutral, 455 clips
    a level; the other 6077 have no stated level. The level is the part here.
Who
    91 actors, 48 men and 43 women, 20 to 74 years old. Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D:
    Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing 5(4), 2014,
    doi:10.1109/TAFFC.2014.2336244. 2443 raters recognised the intended emotion in 63.6 % of the clips by sound and
    picture, 58.2 % by picture, 40.9 % by sound.
Licence
    Open Database License 1.0, contents under the Database Contents License 1.0.
Source
    https://github.com/CheyneyComputerScience/CREMA-D, by ``git lfs clone``.
Files
    ``AudioWAV/1001_DFA_ANG_XX.wav`` and ``VideoFlash/1001_DFA_ANG_XX.flv``: actor, sentence, emotion, level (LO, MD,
    HI; XX for none). Where they are there: ``VideoDemographics.csv`` (sex) and ``processedResults/tabulatedVotes.csv``
    (how many raters chose each emotion; rows 1xxxxx heard, 2xxxxx saw, 3xxxxx heard and saw the clip, as the
    authors' ``tabulateVotesV2.r`` numbers them).
Traps
    The label is the emotion that was meant, not the one that was seen. The votes are those of the raters who heard
    and saw: beside a classifier of one modality, their ceiling is not its own. Before they were counted, the
    authors left out answers that took over 10 s. ``1040_ITH_SAD_X.wav`` lacks a letter. Downloaded as a zip, the
    clips are short texts of Git LFS, no recordings. Others report ``1076_MTI_SAD_XX.wav`` to be silent and
    ``1064_IEO_DIS_MD.wav`` to be a minute of several emotions.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.corpora.base import LOSO, Card, Corpus, is_there, require_folder, unreadable
from pipeline.errors import CorpusError
from pipeline.files import opened
from pipeline.manifest import Media, Utterance

LABELS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
LEVELS = {"XX": "unspecified", "LO": "low", "MD": "medium", "HI": "high"}
SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
#: The columns of the votes, by the emotion that was chosen.
CHOICES = {label[0].upper(): label for label in LABELS.values()}

NAME = re.compile(
    rf"(?P<clip>(?P<actor>10\d\d)_(?P<sentence>{'|'.join(SENTENCES)})_(?P<emotion>{'|'.join(LABELS)}))"
    r"_(?P<level>LO|MD|HI|XX?)"
)
VOTES = Path("processedResults", "tabulatedVotes.csv")
ACTORS = Path("VideoDemographics.csv")
#: What a file begins with that Git LFS has not fetched.
POINTER = b"version https://git-lfs"

Votes = tuple[tuple[str, ...], ...]


def find(root: Path) -> list[Utterance]:
    """Return the utterances, by file name."""
    require_folder(root, "CREMA-D's AudioWAV/1001_DFA_ANG_XX.wav and its like")
    audio, video = _clips(root, "AudioWAV", ".wav"), _clips(root, "VideoFlash", ".flv")
    if not audio and not video:
        raise CorpusError(
            f"{root} does not hold CREMA-D: looked for files such as AudioWAV/1001_DFA_ANG_XX.wav or "
            "VideoFlash/1001_DFA_ANG_XX.flv in it, and found none."
        )
    _require_fetched(root, next(iter((audio or video).values())))
    sexes, votes = dict(_sexes(root / ACTORS)), dict(_votes(root / VOTES))
    return [
        _utterance(clip, audio.get(clip) or video[clip], video.get(clip), sexes, votes.get(clip, ()))
        for clip in sorted(audio.keys() | video.keys())
    ]


def _clips(root: Path, folder: str, suffix: str) -> dict[str, str]:
    """Return the files of a folder by the clip that each holds."""
    paths = sorted((root / folder).glob(f"*{suffix}"))
    return {_id(said): f"{folder}/{path.name}" for path in paths if (said := NAME.fullmatch(path.stem))}


def _id(said: re.Match[str]) -> str:
    """Return a clip's name as the tables spell it."""
    return f"{said['clip']}_{'XX' if said['level'] == 'X' else said['level']}"


def _utterance(clip: str, audio: str, video: str | None, sexes: Mapping[str, str], votes: Votes) -> Utterance:
    actor, sentence, emotion, level = clip.split("_")
    return Utterance(
        id=clip,
        corpus="cremad",
        speaker=actor,
        label=LABELS[emotion],
        audio=Media(audio),
        video=Media(video) if video else None,
        part=LEVELS[level],
        text=SENTENCES[sentence],
        sex=sexes.get(actor),
        votes=votes,
    )


def _require_fetched(root: Path, path: str) -> None:
    try:
        with opened(root / path) as file:
            head = file.read(len(POINTER))
    except OSError as error:
        raise unreadable(root / path, error) from error
    if head == POINTER:
        raise CorpusError(
            f"{root / path} is no recording but a text that stands for one. Expected the clips themselves: "
            "fetch them with `git lfs pull` in a clone of the repository."
        )


def _sexes(table: Path) -> Iterator[tuple[str, str]]:
    """Yield actor and sex of each row, nothing where there is no table."""
    for _, row in _rows(table, "ActorID", "Sex"):
        yield row["ActorID"], row["Sex"].lower()


def _votes(table: Path) -> Iterator[tuple[str, Votes]]:
    """Yield clip and votes of each row about raters who heard and saw the clip, nothing where there is no table."""
    for number, row in _rows(table, "", "fileName", *CHOICES):
        if not row[""].startswith("3"):
            continue
        try:
            counts = [(label, int(row[letter])) for letter, label in CHOICES.items()]
        except ValueError as error:
            raise CorpusError(f"{table}, row {number}: expected whole numbers under {', '.join(CHOICES)}.") from error
        yield row["fileName"], tuple((label,) for label, n in counts for _ in range(n))


def _rows(table: Path, *columns: str) -> Iterator[tuple[int, dict[str, str]]]:
    if not is_there(table):
        return
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        missing = [column for column in columns if column not in (rows.fieldnames or ())]
        if missing:
            raise CorpusError(f"{table} has no column '{missing[0]}': it is not the table that CREMA-D ships.")
        yield from enumerate(rows, 2)


CORPUS = Corpus(
    name="cremad",
    title="CREMA-D: 7442 clips, 91 actors, 6 emotions, audio and video, crowd votes, English",
    licence="Open Database License 1.0",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    find=find,
    cards=(Card("group-k", "group-k"), LOSO),
    counts={"unspecified": 6077, "low": 455, "medium": 455, "high": 455},
)
