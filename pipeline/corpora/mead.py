"""Corpus ``mead``: the Multi-view Emotional Audio-visual Dataset -> utterances.

What
    Acted sentences, English, in eight emotions (angry, contempt, disgusted, fear, happy, neutral, sad, surprised) at
    three levels of intensity (neutral at one); sound (m4a) and videos from seven sides at the same time. EmoBox counts
    31 729 sounds; the number of videos is not published, so no count is asserted.
Who
    60 actors, men (M003) and women (W009), of whom some are published. Wang, Wu, Song, Yang, Wu, Qian, He, Qiao, Loy,
    "MEAD: A large-scale audio-visual dataset for emotional talking-face generation", ECCV 2020,
    doi:10.1007/978-3-030-58589-1_42.
Licence
    On request, for research.
Source
    https://wywu.github.io/projects/MEAD/MEAD.html. We have not seen the files.
Files
    ``W019/audio/neutral/level_1/020.m4a`` and ``W019/video/front/neutral/level_1/020.mp4``: speaker, side, emotion,
    level, number; with any folders between speaker and emotion, in upper or lower case.
Traps
    The seven videos and the sound of one number are one performance, and one utterance here: its video is the front
    one, unless ``DATASET=mead:view=left_30`` or another view is given. Numbers start again in each emotion and level;
    the sentence of each number is not published. The level is kept as an aspect (``TARGET=level``).
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol, counted_otherwise
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
SEXES = {"M": "male", "W": "female"}
#: The values of ``DATASET=mead:view=...``.
VIEWS = ("front", "down", "left_30", "left_60", "right_30", "right_60", "top")


def find(root: Path, view: str = VIEWS[0]) -> Found:
    """Return the utterances, by speaker, emotion, level and number.

    Parameters
    ----------
    root
        The corpus's folder.
    view
        The side from which the video was taken, one of `VIEWS`.

    Raises
    ------
    CorpusError
        If there are none.
    """
    others = "|".join({*VIEWS} - {view})
    pattern = re.compile(
        rf"(?:.*/)?(?P<speaker>[MW]\d{{3}})/(?:(?!(?:{others})/)[^/]+/)*(?P<emotion>{'|'.join(LABELS)})/"
        r"level_(?P<level>[123])/(?P<number>\d+)",
        re.IGNORECASE,
    )
    return search.by_name(root, CORPUS, "W019/audio/neutral/level_1/020.m4a", pattern, _utterance, ("m4a", "mp4"))


def _utterance(name: re.Match[str]) -> Utterance:
    speaker, emotion, level = name["speaker"].upper(), name["emotion"].lower(), name["level"]
    return Utterance(
        id=f"{speaker}/{emotion}/{level}/{name['number']}",
        corpus="mead",
        speaker=speaker,
        label=emotion,
        sex=SEXES[speaker[0]],
        aspects=(("level", level),),
    )


def example(root: Path) -> Path:
    """Lay out two speakers: sounds, and videos from two sides."""
    takes = [f"{emotion}/level_{level}/001" for emotion, level in (("angry", 1), ("angry", 3), ("neutral", 1))]
    for speaker in ("M003", "W019"):
        lay(root / speaker, *(f"audio/{name}.m4a" for name in takes))
        lay(root / speaker, *(f"video/{view}/{name}.mp4" for view in ("front", "left_30") for name in takes))
    return root


CORPUS = Corpus(
    name="mead",
    title="MEAD: acted sentences, 8 emotions at 3 levels, audio and video from 7 sides, English",
    licence="on request, for research",
    source="https://wywu.github.io/projects/MEAD/MEAD.html",
    cites=("wang2020",),
    language="English",
    also=("Multi-view Emotional Audio-visual Dataset",),
    find=find,
    remarks=counted_otherwise("mead", {"EmoBox": 31729}),
    protocols=(Protocol("group-k", "group-k"), LOSO),
    settings={"view": VIEWS},
    example=example,
    speaker_key=r"(?:^|[-/])([MW]\d{3})",
)
