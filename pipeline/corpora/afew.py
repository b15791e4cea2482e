"""Corpus ``afew``: Acted Facial Expressions in the Wild, as the EmotiW challenges gave it out -> utterances.

What
    773 training and 383 validation utterances cut from feature films, avi with sound, in seven emotions. The test
    utterances have no labels and are not read.
Who
    Actors in films; neither the actors nor the films are named. Dhall, Goecke, Lucey, Gedeon, "Collecting large, richly
    annotated facial-expression databases from movies", IEEE MultiMedia 19(3), 2012, doi:10.1109/MMUL.2012.26. The
    challenge: Dhall et al., "EmotiW 2018", ICMI 2018, doi:10.1145/3242969.3264972.
Licence
    On request from its authors, for research.
Files
    ``Train_AFEW/Angry/000046280.avi`` and ``Val_AFEW/...``, in any folders, in upper or lower case; in some copies
    ``Train/Angry``. The aligned faces, points and LBP-TOP features of the release are not read.
Traps
    The only protocol is the corpus's own split, because speakers are not named and cannot be kept apart. For the same
    reason intervals treat utterances as independent, although several are from one film: the intervals are too narrow.
    Releases of other years have other counts.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus, Protocol
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

SPLITS = {"train": "train", "val": "validation"}
LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

PATH = re.compile(
    rf"(?:.*/)?(?P<split>Train|Val)(?:idation)?(?:_?AFEW)?/(?:.*/)?(?P<label>{'|'.join(LABELS)})/(?P<utterance>\w+)",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, training before validation, by emotion, then by name."""
    return search.by_name(root, CORPUS, "Train_AFEW/Angry/000046280.avi", PATH, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    split, label = SPLITS[name["split"].lower()], name["label"].lower()
    return Utterance(id=f"{split}/{label}/{name['utterance']}", corpus="afew", speaker="", label=label, split=split)


def example(root: Path) -> Path:
    """Lay out two videos for each emotion and split."""
    emotions = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    folders = [f"{split}_AFEW/{emotion}" for split in ("Train", "Val") for emotion in emotions]
    return lay(root, *(f"{folder}/00{n}046280.avi" for folder in folders for n in (0, 1)))


CORPUS = Corpus(
    name="afew",
    title="AFEW (EmotiW): 1156 scenes of feature films in a fixed split, 7 emotions, audio and video",
    licence="for research, on request",
    source="its authors, see https://doi.org/10.1109/MMUL.2012.26",
    cites=("dhall2012",),
    also=("EmotiW",),
    find=find,
    example=example,
    protocols=(Protocol("split", "split"),),
    counts={None: 773 + 383},
)
