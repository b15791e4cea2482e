"""Corpus ``emovo``: the Italian emotional speech database EMOVO -> utterances.

What
    588 acted utterances, Italian, wav: 14 sentences in disgust, joy, neutral, fear, anger, surprise and sadness, 84
    each.
Who
    Three women (f1 to f3) and three men (m1 to m3). Costantini, Iaderola, Paoloni, Todisco, "EMOVO corpus: an Italian
    emotional speech database", LREC 2014.
Licence
    Restricted, on its owners' terms.
Source
    Its authors, see the paper, https://aclanthology.org/L14-1478/. We have not seen the files.
Files
    ``f2/gio-f2-b2.wav``: emotion (dis disgust, gio joy, neu neutral, pau fear, rab anger, sor surprise, tri sadness),
    speaker, sentence; in any folders, in upper or lower case.
Traps
    The name begins with the emotion, not with the speaker. The sentence is known by its code, as in ``b2``; all
    speakers say the same sentences.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {
    "dis": "disgust",
    "gio": "joy",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}
SEXES = {"f": "female", "m": "male"}

NAME = re.compile(rf"(?:.*/)?(?P<id>(?:{'|'.join(LABELS)})-[fm][1-3]-[a-z]\d+)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, emotion and sentence."""
    return search.by_name(root, CORPUS, "f2/gio-f2-b2.wav", NAME, _utterance, order=_order)


def _utterance(name: re.Match[str]) -> Utterance:
    emotion, speaker, sentence = name["id"].lower().split("-")
    return Utterance(
        id=f"{emotion}-{speaker}-{sentence}",
        corpus="emovo",
        speaker=speaker,
        label=LABELS[emotion],
        sentence=sentence,
        sex=SEXES[speaker[0]],
    )


def _order(utterance: Utterance) -> tuple[str, str]:
    return utterance.speaker, utterance.id


def example(root: Path) -> Path:
    """Lay out one sentence of two speakers in all emotions."""
    return lay(root, *(f"{who}/{emotion}-{who}-b2.wav" for who in ("f2", "m1") for emotion in LABELS))


CORPUS = Corpus(
    name="emovo",
    title="EMOVO: 588 acted utterances, 6 actors, 7 emotions, Italian",
    licence="restricted, on its owners' terms",
    source="its authors, see https://aclanthology.org/L14-1478/",
    cites=("costantini2014",),
    language="Italian",
    find=find,
    example=example,
    counts={None: 588},
    speaker_key=r"-([fm]\d)-",
    text_key=r"-[fm]\d-([a-z]\d+)",
)
