"""Corpus ``tess``: the Toronto emotional speech set -> utterances.

What
    2800 acted utterances, English, wav: 200 words, each spoken in the sentence "Say the word ..." by two speakers in
    seven emotions, 400 an emotion: angry, disgust, fear, happy, neutral, pleasant surprise, sad.
Who
    Two women of Toronto, a younger (YAF) and an older one (OAF). Pichora-Fuller, Dupuis, "Toronto emotional speech set
    (TESS)", 2020, doi:10.5683/SP2/E8H2MF.
Licence
    CC BY-NC-ND 4.0: not for commercial use.
Source
    https://doi.org/10.5683/SP2/E8H2MF. We have not seen the files.
Files
    ``OAF_back_angry.wav``: speaker, word, emotion (``ps`` is pleasant surprise); in any arrangement of folders and any
    case. Copies on the web hold every file twice, in a folder within a folder of the same name: each counts once.
Traps
    ``OA_bite_neutral.wav`` lacks a letter: it is OAF's. Two speakers make two folds, each trained on one speaker only,
    so a figure under ``loso`` describes these two voices and not speakers in general. Both say the same 200 words.
    Published figures near 100 % come from random splits of the files.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {
    **{label: label for label in ("angry", "disgust", "fear", "happy", "neutral", "sad")},
    "ps": "pleasant surprise",
}
NAME = re.compile(rf"(?:.*/)?(?P<speaker>[OY]A)F?_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(LABELS)})", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, word and emotion."""
    return search.by_name(root, CORPUS, "OAF_back_angry.wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, word, emotion = f"{name['speaker'].upper()}F", name["word"].lower(), name["emotion"].lower()
    return Utterance(
        id=f"{speaker}_{word}_{emotion}",
        corpus="tess",
        speaker=speaker,
        label=LABELS[emotion],
        text=f"Say the word {word}",
        sex="female",
    )


def example(root: Path) -> Path:
    """Lay out one word by both speakers in all emotions, and the name that lacks a letter."""
    names = [f"{who}_{emotion}/{who}_back_{emotion}.wav" for who in ("OAF", "YAF") for emotion in LABELS]
    return lay(root, *names, "OAF_neutral/OA_bite_neutral.wav")


CORPUS = Corpus(
    name="tess",
    title="TESS: 2800 acted utterances, 2 women, 7 emotions, English",
    licence="CC BY-NC-ND 4.0 (not for commercial use)",
    source="https://doi.org/10.5683/SP2/E8H2MF",
    cites=("pichora2020",),
    language="English",
    also=("Toronto", "Toronto emotional speech set"),
    find=find,
    example=example,
    counts={None: 2800},
    speaker_key=r"(?:^|[-/])([OY]A)F?[-_]",
    text_key=r"(?:^|[-/])[OY]AF?[-_]([a-z]+)[-_]",
)
