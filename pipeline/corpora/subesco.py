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
    name or the id here. The text is the sentence's number, as in ``S_6``; all speakers say the same ten.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SEXES = {"F": "female", "M": "male"}

NAME = re.compile(
    rf"(?:.*/)?(?P<speaker>[FM]_\d\d)_[^_/]+_(?P<sentence>S_\d+)_(?P<emotion>{'|'.join(LABELS)})_(?P<take>\d+)",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, by speaker, sentence, emotion and take."""
    takes = search.recordings(root, "SUBESCO", "F_10_FAHMEE_S_6_FEAR_5.wav", CORPUS.source, _key)
    return takes.found("subesco", (_utterance(*key, takes.of[key]) for key in sorted(takes.of)))


def _key(name: str) -> tuple[str, str, str, str] | None:
    """Return speaker, sentence, emotion and take of a file; None for other files."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    speaker, sentence, emotion, take = match.groups()
    return speaker.upper(), sentence.upper(), emotion.lower(), take


def _utterance(speaker: str, sentence: str, emotion: str, number: str, take: Take) -> Utterance:
    return Utterance(
        id=f"{speaker}_{sentence}_{emotion.upper()}_{number}",
        corpus="subesco",
        speaker=speaker,
        label=emotion,
        audio=take.audio,
        video=take.video,
        text=sentence,
        sex=SEXES[speaker[0]],
    )


def example(root: Path) -> Path:
    """Lay out one sentence of two speakers in all emotions."""
    speakers = ("F_10_NAME", "M_10_NAME")
    return lay(root, *(f"{who}_S_6_{emotion.upper()}_5.wav" for who in speakers for emotion in LABELS))


CORPUS = Corpus(
    name="subesco",
    title="SUBESCO: 7000 acted utterances, 20 speakers, 7 emotions, Bangla",
    licence="free to download; for the terms see its page",
    source="https://doi.org/10.5281/zenodo.4526477",
    find=find,
    example=example,
    counts={None: 7000},
)
