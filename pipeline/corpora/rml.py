"""Corpus ``rml``: the RML emotion database -> utterances.

What
    720 acted videos of 3 to 6 s (avi, 30 frames/s; mono sound, 22.05 kHz) in six emotions: anger, disgust, fear,
    happiness, sadness, surprise. Six languages: English, Mandarin, Urdu, Punjabi, Persian, Italian.
Who
    Eight subjects of the Ryerson Multimedia Lab. Wang, Guan, "Recognizing human emotional state from audiovisual
    signals", IEEE Transactions on Multimedia 10(5), 2008, doi:10.1109/TMM.2008.927665. The sex of each is not
    published.
Licence
    On request, free for research: not for commercial use.
Source
    The lab's page, http://www.rml.ryerson.ca/rml-emotion-database.html, where the figures above stand; the lab
    gave the videos to those who signed an agreement. We have not seen them.
Files
    ``s1/an1.avi``: the subject's folder, then the emotion (an, di, fe, ha, sa, su) and a number; in any arrangement of
    folders above (some have ``rml-1/s1/`` and ``rml-2/s6/``), in any case, and as mp4 where they were converted.
Traps
    A subject who speaks two languages has a folder for each, and the same file names in both: the folder is part of
    the id. The sound is in the video file. There were ten given sentences per emotion, but many subjects used others,
    so the number does not identify the words. All videos of a subject have the same language, and some languages are
    spoken by one subject only. A second copy of a subject's folder counts once.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "sa": "sadness", "su": "surprise"}

PATH = re.compile(
    r"(?:.*/)?(?P<speaker>s[1-8])/(?P<folders>(?:[^/]+/)*)(?P<name>(?P<emotion>an|di|fe|ha|sa|su)\d+)", re.IGNORECASE
)


def find(root: Path) -> Found:
    """Return the utterances, by subject, folder and file name."""
    return search.by_name(root, CORPUS, "s1/an1.avi", PATH, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    speaker = name["speaker"].lower()
    id_ = f"{speaker}/{name['folders']}{name['name'].lower()}"
    return Utterance(id=id_, corpus="rml", speaker=speaker, label=LABELS[name["emotion"].lower()])


def example(root: Path) -> Path:
    """Lay out one video of three emotions by two subjects."""
    return lay(root, *(f"{speaker}/{emotion}1.avi" for speaker in ("s1", "s8") for emotion in ("an", "sa", "su")))


CORPUS = Corpus(
    name="rml",
    title="RML: 720 acted videos, 8 subjects, 6 emotions, six languages",
    licence="on request, free for research and not for commercial use",
    source="http://www.rml.ryerson.ca/rml-emotion-database.html",
    cites=("wang2008",),
    language="English, Mandarin, Urdu, Punjabi, Persian and Italian",
    find=find,
    example=example,
    counts={None: 720},
)
