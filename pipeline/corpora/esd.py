"""Corpus ``esd``: the Emotional Speech Dataset -> utterances.

What
    35 000 acted utterances, 16 kHz wav: 350 sentences, each said by a speaker in five emotions (angry, happy, neutral,
    sad, surprise). The parts ``mandarin`` and ``english`` are the languages, 17 500 utterances each.
Who
    Twenty speakers: 0001 to 0010 speak Mandarin, 0011 to 0020 English. The names do not show the sex. Zhou,
    Sisman, Liu, Li, "Emotional voice conversion: Theory, databases and ESD", Speech Communication 137, 2022,
    doi:10.1016/j.specom.2021.11.006.
Licence
    Free to download, for research; the terms are on its page.
Source
    https://github.com/HLTSingapore/Emotional-Speech-Data. We have not seen the files.
Files
    ``0011/Angry/0011_000351.wav``: the emotion's folder, then speaker and number, 1 to 1750 in order of the emotions,
    350 each; in any arrangement of folders (some have ``Angry/train/``) and any case.
Traps
    It was made for voice conversion: the n-th utterance of every emotion is the same sentence, and all speakers of a
    language say the same ones. The sentence here is language and number, as in ``english 1``; the words are in tables
    that are not read. Some copies have a split into train, evaluation and test. It separates sentences, not speakers,
    and is not read.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

EMOTIONS = ("neutral", "angry", "happy", "sad", "surprise")
#: How many sentences a speaker says in each emotion.
SENTENCES = 350

PATH = re.compile(
    rf"(?:.*/)?(?P<emotion>{'|'.join(EMOTIONS)})/(?:[^/]+/)*(?P<speaker>00(?:0[1-9]|1\d|20))_(?P<number>\d{{6}})",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, by speaker and number."""
    return search.by_name(root, CORPUS, "0011/Angry/0011_000351.wav", PATH, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, number = name["speaker"], int(name["number"])
    language = "mandarin" if speaker <= "0010" else "english"
    return Utterance(
        id=f"{speaker}_{number:06}",
        corpus="esd",
        speaker=speaker,
        label=name["emotion"].lower(),
        part=language,
        sentence=f"{language} {(number - 1) % SENTENCES + 1}",
    )


def example(root: Path) -> Path:
    """Lay out the first sentence of a speaker of each language in all emotions."""
    firsts = [(emotion.capitalize(), 1 + n * SENTENCES) for n, emotion in enumerate(EMOTIONS)]
    speakers = ("0001", "0011")
    return lay(root, *(f"{who}/{emotion}/{who}_{first:06}.wav" for who in speakers for emotion, first in firsts))


CORPUS = Corpus(
    name="esd",
    title="ESD: 35 000 acted utterances, 20 speakers, 5 emotions, Mandarin and English",
    licence="free to download, for research; its terms are on its page",
    source="https://github.com/HLTSingapore/Emotional-Speech-Data",
    cites=("zhou2022",),
    language="Mandarin and English",
    also=("Emotional Speech Dataset",),
    find=find,
    example=example,
    protocols=(LOSO, Protocol("english", parts=("english",)), Protocol("mandarin", parts=("mandarin",))),
    counts={"mandarin": 17_500, "english": 17_500},
    speaker_key=r"(?<!\d)(\d{4})[-_]",
)
