"""Corpus ``aesdd``: the Acted Emotional Speech Dynamic Database -> utterances.

What
    604 acted utterances, Greek, in five emotions: anger, disgust, fear, happiness, sadness. 19 sentences that fit any
    emotion, each in all five, and one improvised utterance an actor and emotion; some have more than one take.
Who
    First five actors, three women and two men, then more: the database grows. The sex of each speaker is not published.
    Vryzas, Kotsakis, Liatsou, Dimoulas, Kalliris, "Speech emotion recognition for performance interaction", Journal of
    the Audio Engineering Society 66(6), 2018, doi:10.17743/jaes.2018.0036.
Licence
    Free; a copy on the web is under CC BY 4.0.
Source
    http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/. We have not seen the files.
Files
    ``anger/a03 (3).wav``: emotion (a, d, f, h, s), sentence and, in brackets, speaker; a second take ends in ``b``, as
    in ``a06 (5)b.wav``. In any folders, in upper or lower case.
Traps
    ``f13 (01).wav`` is also of speaker 1. The sentence is known by its number, as in ``13``. All emotions and
    speakers share the sentences, except the improvised one, whose number is not published. Newer versions may have
    more than 604 utterances.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}

NAME = re.compile(r"(?:.*/)?(?P<id>[adfhs]\d\d ?\(\d+\)[a-z]?)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    return search.by_name(root, CORPUS, "anger/a03 (3).wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    id_ = name["id"].lower()
    sentence, _, rest = id_.partition("(")
    return Utterance(
        id=id_,
        corpus="aesdd",
        speaker=str(int(rest.partition(")")[0])),
        label=LABELS[id_[0]],
        sentence=sentence[1:].strip(),
    )


def example(root: Path) -> Path:
    """Lay out two speakers, a second take, and a number with a zero before it."""
    names = ("anger/a03 (3)", "anger/a06 (3)b", "fear/f13 (01)", "fear/f13 (3)", "sadness/s02 (1)")
    return lay(root, *(f"{name}.wav" for name in names))


CORPUS = Corpus(
    name="aesdd",
    title="AESDD: 604 acted utterances, 5 emotions, Greek",
    licence="free; a copy on the web is under CC BY 4.0",
    source="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    cites=("vryzas2018",),
    language="Greek",
    also=("Acted Emotional Speech Dynamic Database",),
    find=find,
    counts={None: 604},
    example=example,
    speaker_key=r"(?:^|[-/])[a-z]\d\d(?:-| \()0?(\d+)",
    text_key=r"(?:^|[-/])[a-z](\d\d)(?:-| \()",
)
