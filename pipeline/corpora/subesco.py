"""Corpus ``subesco``: the SUST Bangla Emotional Speech Corpus -> utterances.

What
    7000 acted utterances, Bangla, wav: ten sentences, five takes each, in seven emotions, 1000 an emotion: angry,
    disgust, fear, happy, neutral, sad, surprise.
Who
    Ten women and ten men. Sultana, Rahman, Selim, Iqbal, "SUST Bangla Emotional Speech Corpus (SUBESCO): an audio-only
    emotional speech corpus for Bangla", PLoS ONE 16(4), 2021, doi:10.1371/journal.pone.0250173.
Licence
    Free to download; for the terms see its page.
Source
    https://doi.org/10.5281/zenodo.4526477. We have not seen the files.
Files
    ``F_10_FAHMEE_S_6_FEAR_5.wav``: sex, number and first name of the speaker, S and the sentence, emotion, take; in any
    arrangement of folders and any case.
Traps
    Speakers are numbered within their sex: F_10 and M_10 are two people. The first name is not part of the speaker's
    name or the id here. The sentence is known by its number, as in ``S_6``; all speakers say the same ten.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SEXES = {"F": "female", "M": "male"}

NAME = re.compile(
    rf"(?:.*/)?(?P<speaker>[FM]_\d\d)_[^_/]+_(?P<sentence>S_\d+)_(?P<emotion>{'|'.join(LABELS)})_(?P<take>\d+)",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, sentence, emotion and take."""
    return search.by_name(root, CORPUS, "F_10_FAHMEE_S_6_FEAR_5.wav", NAME, _utterance, order=_order)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, sentence, emotion, take = map(str.upper, name.groups())
    return Utterance(
        id=f"{speaker}_{sentence}_{emotion}_{take}",
        corpus="subesco",
        speaker=speaker,
        label=emotion.lower(),
        sentence=sentence,
        sex=SEXES[speaker[0]],
    )


def _order(utterance: Utterance) -> list[str]:
    return utterance.id.split("_")


def example(root: Path) -> Path:
    """Lay out one sentence of two speakers in all emotions."""
    speakers = ("F_10_NAME", "M_10_NAME")
    return lay(root, *(f"{who}_S_6_{emotion.upper()}_5.wav" for who in speakers for emotion in LABELS))


CORPUS = Corpus(
    name="subesco",
    title="SUBESCO: 7000 acted utterances, 20 speakers, 7 emotions, Bangla",
    licence="free to download; for the terms see its page",
    source="https://doi.org/10.5281/zenodo.4526477",
    cites=("sultana2021",),
    language="Bangla",
    find=find,
    example=example,
    counts={None: 7000},
    speaker_key=r"(?:^|[-/])([MF]_\d\d)",
    text_key=r"_(S_\d+)_",
)
