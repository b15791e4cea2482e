"""Corpus ``cremad``: the Crowd-sourced Emotional Multimodal Actors Dataset -> utterances.

What
    7442 acted utterances of twelve sentences in six emotions, North American English: 16 kHz wav and flv video. One
    sentence ("It's eleven o'clock") was spoken at three levels in the five emotions that are not neutral, 455
    utterances a level; the other 6077 have no stated level. The level is the part here.
Who
    91 actors, 48 men and 43 women, 20 to 74 years old. Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D:
    Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on Affective Computing 5(4), 2014,
    doi:10.1109/TAFFC.2014.2336244. 2443 raters recognised the intended emotion in 63.6 % of the utterances by sound and
    picture, 58.2 % by picture, 40.9 % by sound.
Licence
    Open Database License 1.0, contents under the Database Contents License 1.0.
Source
    https://github.com/CheyneyComputerScience/CREMA-D, by ``git lfs clone``.
Files
    ``AudioWAV/1001_DFA_ANG_XX.wav`` and ``VideoFlash/1001_DFA_ANG_XX.flv``: actor, sentence, emotion, level (LO, MD,
    HI; XX for none). Optional: ``VideoDemographics.csv`` (sex) and ``processedResults/tabulatedVotes.csv``
    (how many raters chose each emotion; numbers 1xxxxx are for sound, 2xxxxx for picture, 3xxxxx for both, as in the
    authors' ``tabulateVotesV2.r``). Who gave each of these votes is in ``finishedResponses.csv`` (``localid`` names the
    rater, ``queryType`` 3 is sound and picture, ``respEmo`` the choice), without the answers that the authors left out
    (``finishedEmoResponses.csv``: ``ttr`` above 10 000 ms, as in their ``processFinishedResponses.R``). All of them are
    found in any folders, in upper or lower case.
Traps
    The label is the intended emotion, not the perceived one. The votes are those of the raters with sound and picture,
    so their ceiling does not apply to a classifier of one modality. The authors left out answers that took over 10 s; 5
    to 12 votes per utterance are left, with 420 ties. Raters are named only for an utterance whose named votes are
    those of the table of counts. ``1040_ITH_SAD_X.wav`` lacks a letter. A zip of the repository
    has short texts of Git LFS instead of recordings. Others report ``1076_MTI_SAD_XX.wav`` to be silent and
    ``1064_IEO_DIS_MD.wav`` to be a minute of several emotions.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

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
    rf"(?:.*/)?(10\d\d)_({'|'.join(SENTENCES)})_({'|'.join(LABELS)})_(LO|MD|HI|XX?)",
    re.IGNORECASE,
)
VOTES, ACTORS = "tabulatedVotes.csv", "VideoDemographics.csv"
#: The answer of each rater, and when each of them first clicked.
ANSWERS, CLICKS = "finishedResponses.csv", "finishedEmoResponses.csv"
#: What names an answer in both tables.
ANSWER = ("sessionNums", "queryType", "questNum")
#: The kind of question with sound and picture.
SOUND_AND_PICTURE = "3"
#: An answer whose first click came later does not count, ms (the authors' ``processFinishedResponses.R``).
LATEST = 10_000.0

Votes = tuple[tuple[str, ...], ...]


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    takes = search.recordings(root, CORPUS, "AudioWAV/1001_DFA_ANG_XX.wav", _utterance, ("wav", "mp3", "flv"))
    sexes = dict(_sexes(search.first(root, takes.paths, ACTORS)))
    votes = dict(_votes(search.first(root, takes.paths, VOTES)))
    answers = _answers(*(search.first(root, takes.paths, name) for name in (ANSWERS, CLICKS)))
    utterances = [
        replace(its, audio=take.audio, video=take.video, sex=sexes.get(its.speaker))
        for its, take in sorted(takes.of.items(), key=lambda pair: pair[0].id)
    ]
    rated = [_rated(utterance, votes.get(utterance.id, ()), answers.get(utterance.id, {})) for utterance in utterances]
    return takes.found("cremad", rated, _remarks(rated))


def _rated(utterance: Utterance, votes: Votes, answers: Mapping[str, str]) -> Utterance:
    """Return an utterance with its votes, and with their raters if their answers are these votes."""
    named = tuple((label,) for label in answers.values())
    if named and (not votes or Counter(named) == Counter(votes)):
        return replace(utterance, votes=named, raters=tuple(answers))
    return replace(utterance, votes=votes)


def _remarks(rated: list[Utterance]) -> list[str]:
    """Return a sentence on votes without a rater's name, where others have one."""
    nameless = sum(bool(utterance.votes and not utterance.raters) for utterance in rated)
    if not nameless or not any(utterance.raters for utterance in rated):
        return []
    return [
        f"cremad: the votes on {nameless} utterances differ between {VOTES} and {ANSWERS}: their raters are not named"
    ]


def _utterance(name: str) -> Utterance | None:
    """Return the utterance of a file, its id in the spelling of the tables; None for other files."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    actor, sentence, emotion, level = (part.upper() for part in match.groups())
    level = "XX" if level == "X" else level
    return Utterance(
        id=f"{actor}_{sentence}_{emotion}_{level}",
        corpus="cremad",
        speaker=actor,
        label=LABELS[emotion],
        part=LEVELS[level],
        text=SENTENCES[sentence],
    )


def _sexes(table: Path | None) -> Iterator[tuple[str, str]]:
    """Yield actor and sex of each row; nothing if there is no table."""
    for row in tables.rows(table, ("ActorID", "Sex")) if table else ():
        yield row["ActorID"], row["Sex"].lower()


def _votes(table: Path | None) -> Iterator[tuple[str, Votes]]:
    """Yield utterance and votes of each row of raters with sound and picture; nothing if there is no table."""
    for row in tables.rows(table, ("", "fileName", *CHOICES)) if table else ():
        if not row[""].startswith("3"):
            continue
        try:
            counts = [(label, int(row[letter])) for letter, label in CHOICES.items()]
        except ValueError as error:
            raise CorpusError(
                f"{row.table}, row {row.number}: expected whole numbers under {', '.join(CHOICES)}."
            ) from error
        yield row["fileName"], tuple((label,) for label, n in counts for _ in range(n))


def _answers(answers: Path | None, clicks: Path | None) -> dict[str, dict[str, str]]:
    """Return the choice of each rater with sound and picture, by utterance; nothing without both tables.

    Raises
    ------
    CorpusError
        If a choice is none of the six, or a time is no number.
    """
    found: dict[str, dict[str, str]] = {}
    if answers is None or clicks is None:
        return found
    late = {
        tuple(row[column] for column in ANSWER)
        for row in tables.rows(clicks, (*ANSWER, "ttr"))
        if (row.value("ttr", 0, float("inf")) or 0) > LATEST
    }
    for row in tables.rows(answers, ("localid", "clipName", "respEmo", *ANSWER)):
        if row["queryType"] == SOUND_AND_PICTURE and tuple(row[column] for column in ANSWER) not in late:
            clip = row["clipName"].partition(".")[0]
            found.setdefault(clip, {})[row["localid"]] = row.coded("respEmo", CHOICES)
    return found


def example(root: Path) -> Path:
    """Lay out two actors, videos of some utterances, and the tables about both."""
    utterances = [
        f"{actor}_IEO_{utterance}"
        for actor in ("1001", "1002")
        for utterance in ("ANG_LO", "ANG_MD", "ANG_HI", "NEU_XX")
    ]
    lay(
        root,
        *(f"AudioWAV/{utterance}.wav" for utterance in utterances),
        *(f"VideoFlash/{utterance}.flv" for utterance in utterances[:3]),
    )
    actors = ('1001,51,"Male","Caucasian","Not Hispanic"', '1002,21,"Female","Caucasian","Not Hispanic"')
    lay_text(root, ACTORS, '"ActorID","Age","Sex","Race","Ethnicity"', *actors)
    votes = (
        '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"',
        '"100001",0,0,0,0,9,0,"1001_IEO_ANG_LO",9,1,"N"',
        '"200001",0,9,0,0,0,0,"1001_IEO_ANG_LO",9,1,"D"',
        '"300001",2,1,0,0,2,0,"1001_IEO_ANG_LO",5,0.4,"A:N"',
        '"300002",0,0,0,0,0,3,"1002_IEO_NEU_XX",3,1,"S"',
    )
    lay_text(root, f"processedResults/{VOTES}", *votes)
    clicks = ("3,1,5,9000", "3,1,6,11000", "3,2,5,800", "3,3,5,700", "3,4,5,600", "3,5,5,500", "1,1,5,900")
    lay_text(
        root,
        CLICKS,
        '"","localid","queryType","sessionNums","questNum","ttr"',
        *(f'"{number}","p{line[2]}",{line}' for number, line in enumerate(clicks, 1)),
    )
    answers = (
        *("p1,3,1001_IEO_ANG_LO,1,5,A", "p2,3,1001_IEO_ANG_LO,2,5,A", "p3,3,1001_IEO_ANG_LO,3,5,D"),
        *("p4,3,1001_IEO_ANG_LO,4,5,N", "p5,3,1001_IEO_ANG_LO,5,5,N", "p1,1,1001_IEO_ANG_LO,1,5,N"),
        "p1,3,1001_IEO_ANG_LO,1,6,S",
    )
    return lay_text(
        root,
        ANSWERS,
        '"","localid","queryType","clipName","sessionNums","questNum","respEmo"',
        *(f'"{number}",{line}' for number, line in enumerate(answers, 1)),
    )


CORPUS = Corpus(
    name="cremad",
    title="CREMA-D: 7442 utterances, 91 actors, 6 emotions, audio and video, crowd votes, English",
    licence="Open Database License 1.0",
    excerpts=True,
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    cites=("cao2014",),
    language="English",
    human=(
        "2443 raters recognised the intended emotion in 63.6 % of the utterances by sound and picture, 58.2 % by "
        "picture alone and 40.9 % by sound alone",
    ),
    also=("CREMA-D", "CREMA"),
    find=find,
    example=example,
    protocols=(Protocol("group-k", "group-k"), LOSO, Protocol("loso+text", "loso+text")),
    counts={"unspecified": 6077, "low": 455, "medium": 455, "high": 455},
    speaker_key=r"(?<!\d)(\d{4})[-_]",
    text_key=r"(?<!\d)\d{4}[-_]([A-Z]{3})[-_]",
)
