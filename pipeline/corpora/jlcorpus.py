"""Corpus ``jlcorpus``: the JL-Corpus of emotional speech -> utterances.

What
    2400 acted utterances, New Zealand English, 240 an emotion. Five emotions are primary (the part ``primary``): angry,
    excited, happy, neutral, sad; five are secondary (``secondary``), as robots may need them: anxious, apologetic,
    assertive, concerned, encouraging.
Who
    Two women and two men. James, Tian, Watson, "An open source emotional speech corpus for human robot interaction
    applications", Interspeech 2018, doi:10.21437/Interspeech.2018-1349.
Licence
    See its page.
Source
    https://www.kaggle.com/datasets/tli725/jl-corpus. We have not seen the files.
Files
    ``male2_concerned_6b_1.wav``: speaker, emotion, sentence, take; in any folders, in upper or lower case.
Traps
    ``female1`` and ``male1`` are two speakers. The sentence is known by its number with its letter, as in ``6b``; the
    meaning of the letter, and which numbers have the same words, are not published. Four speakers make four folds.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

PRIMARY = ("angry", "excited", "happy", "neutral", "sad")
SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")

NAME = re.compile(rf"(?:.*/)?(?P<id>(?:fe)?male[12]_(?:{'|'.join((*PRIMARY, *SECONDARY))})_\d+[ab]_\d+)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    return search.by_name(root, CORPUS, "male2_concerned_6b_1.wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    id_ = name["id"].lower()
    speaker, emotion, sentence, _ = id_.split("_")
    return Utterance(
        id=id_,
        corpus="jlcorpus",
        speaker=speaker,
        label=emotion,
        part="primary" if emotion in PRIMARY else "secondary",
        sentence=sentence,
        sex=speaker[:-1],
    )


def example(root: Path) -> Path:
    """Lay out one sentence of two speakers in all emotions."""
    emotions = (*PRIMARY, *SECONDARY)
    return lay(root, *(f"{who}_{emotion}_6b_1.wav" for who in ("female1", "male2") for emotion in emotions))


CORPUS = Corpus(
    name="jlcorpus",
    title="JL-Corpus: 2400 acted utterances, 4 speakers, 10 emotions, New Zealand English",
    licence="see its page",
    source="https://www.kaggle.com/datasets/tli725/jl-corpus",
    cites=("james2018",),
    language="New Zealand English",
    also=("JL-Corpus", "JL"),
    find=find,
    example=example,
    protocols=(LOSO, Protocol("primary", parts=("primary",)), Protocol("secondary", parts=("secondary",))),
    counts={"primary": 1200, "secondary": 1200},
    speaker_key=r"((?:fe)?male\d)",
    text_key=r"[-_](\d+[ab])[-_]\d+$",
)
