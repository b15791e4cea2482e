"""Corpus ``enterface``: the eNTERFACE'05 audio-visual emotion database -> utterances.

What
    Videos (avi with sound) of reactions to six short stories, in English: anger, disgust, fear, happiness,
    sadness, surprise, five sentences each. Published counts differ: 1166 of 42 subjects in the paper,
    1263 by EmoBox, 1260 of 42 subjects with all sentences. The release has 1293 videos in 44 folders, 213 of happiness
    and 216 of each other, as https://github.com/albanie/mcnDatasets counted; six are whole sessions. So no count is
    asserted, but a different number is reported.
Who
    Subjects of 14 nations, 81 % of them men; the sex of each is not published. Martin, Kotsia, Macq, Pitas, "The
    eNTERFACE'05 audio-visual emotion database", ICDEW 2006, doi:10.1109/ICDEW.2006.145.
Licence
    Free for research.
Source
    https://enterface.net/enterface05/emotion.html: an archive without a published checksum, so affex does not download
    it. We have not seen the videos.
Files
    ``subject 1/anger/sentence 1/s1_an_1.avi``: subject, emotion (in the names an, di, fe, ha, sa, su), sentence.
    Folders may have hyphens or underscores for blanks. Videos may be mp4, with wav beside them or wav alone.
Traps
    The names cannot be trusted: subject 11's say ``s12``, subject 3's ``s_3``, one is ``s16_su_3avi.avi``. So the
    folder gives the subject, and also emotion and sentence where it has them. Subject 6's folder is flat and has six
    whole sessions of 56 to 107 s, one per emotion, which were not cut into sentences: they are left out and reported.
    Some subjects lack some sentences. The sound is in the video file. Sentences are numbered within each emotion (the
    sentence here is emotion and number, as in ``an1``), so the words may reveal the emotion.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus, counted_otherwise
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

LABELS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
#: Published numbers of utterances, by source. The release's 1293 videos are six more: subject 6's sessions.
COUNTED = {"the paper": 1166, "42 subjects of 30 sentences": 1260, "EmoBox": 1263, "the release": 1287}
CODES = {label: code for code, label in LABELS.items()}

FILM = re.compile(r"(?:.*/)?subject[ _-]?(?P<subject>\d+)/(?P<folders>(?:[^/]+/)*)(?P<name>[^/.][^/]*)", re.I)
EMOTION = re.compile(rf"(?:.*/)?({'|'.join(CODES)})/.*", re.I)
SENTENCE = re.compile(r"(?:.*/)?sentence[ _-]?(\d+)/.*", re.I)
NAME = re.compile(rf"s_?\d+_(?P<emotion>{'|'.join(LABELS)})(?:_(?P<sentence>\d+))?(?:avi)?", re.I)

#: Subject, code of the emotion (empty where it is unknown), sentence (None for a whole session).
Key = tuple[str, str, str | None]


def find(root: Path) -> Found:
    """Return the utterances, by subject, emotion and sentence."""
    takes = search.recordings(root, CORPUS, "subject 1/anger/sentence 1/s1_an_1.avi", _key)
    _require_emotions(root, takes.of)
    if not any(sentence for _, _, sentence in takes.of):
        raise CorpusError(f"{root} does not hold eNTERFACE'05: all {len(takes.of)} videos are whole sessions.")
    utterances = (_utterance(key, take) for key, take in takes.of.items() if key[2])
    return takes.found("enterface", sorted(utterances, key=lambda utterance: utterance.id), _uncut(takes.of))


def _uncut(takes: Mapping[Key, Take]) -> list[str]:
    """Return a sentence on sessions that were not cut into sentences, if there are any."""
    paths = sorted(take.film or take.sound or "" for (_, _, sentence), take in takes.items() if sentence is None)
    if not paths:
        return []
    return [
        f"enterface: {len(paths)} videos are whole sessions, not one sentence each, and left out: {', '.join(paths)}"
    ]


def _key(path: str) -> Key | None:
    """Return the key of a video from its path; None if it is not in the folder of a subject."""
    film = FILM.fullmatch(path)
    if film is None:
        return None
    name = NAME.fullmatch(film["name"])
    emotion = EMOTION.fullmatch(film["folders"])
    code = CODES[emotion[1].lower()] if emotion else name["emotion"].lower() if name else ""
    numbered = SENTENCE.fullmatch(film["folders"])
    sentence = numbered[1] if numbered else name["sentence"] if name else None
    return f"s{int(film['subject']):02}", code, sentence and f"{int(sentence)}"


def _require_emotions(root: Path, takes: Mapping[Key, Take]) -> None:
    nameless = [take.film or take.sound or "" for (_, code, _), take in takes.items() if not code]
    if nameless:
        raise CorpusError(
            f"{root / nameless[0]} has no emotion in its path: expected a folder such as 'anger', or a name such as "
            "s1_an_1.avi. Rename it, or move it away."
        )


def _utterance(key: Key, take: Take) -> Utterance:
    speaker, code, sentence = key
    return Utterance(
        id=f"{speaker}_{code}_{sentence}",
        corpus="enterface",
        speaker=speaker,
        label=LABELS[code],
        audio=take.audio,
        video=take.video,
        sentence=f"{code}{sentence}",
    )


def example(root: Path) -> Path:
    """Lay out a sentence of two emotions by two subjects, and a session that was not cut."""
    takes = [(subject, emotion) for subject in (1, 11) for emotion in ("anger", "surprise")]
    lay(root, *(f"subject {n}/{emotion}/sentence 1/s{n}_{emotion[:2]}_1.avi" for n, emotion in takes))
    return lay(root, "subject 6/s6_an.avi")


CORPUS = Corpus(
    name="enterface",
    title="eNTERFACE'05: about 1290 videos, 42 to 44 subjects, 6 emotions, English",
    licence="free for research",
    source="https://enterface.net/enterface05/emotion.html",
    cites=("martin2006",),
    language="English",
    also=("eNTERFACE'05", "eNTERFACE2005"),
    find=find,
    example=example,
    remarks=counted_otherwise("enterface", COUNTED),
    speaker_key=r"(?:^|[-/])(?:s(?:ubject)?[ _]?)?(\d+)_",
    text_key=r"_([a-z]{2}_\d)",
)
