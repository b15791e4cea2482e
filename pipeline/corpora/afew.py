"""Corpus ``afew``: Acted Facial Expressions in the Wild, as the EmotiW challenges gave it out -> utterances.

What
    773 training and 383 validation clips cut from feature films, avi with sound, in seven emotions. The test clips
    have no labels and are not read.
Who
    Actors in films; neither they nor the films are named. Dhall, Goecke, Lucey, Gedeon, "Collecting large, richly
    annotated facial-expression databases from movies", IEEE MultiMedia 19(3), 2012, doi:10.1109/MMUL.2012.26. The
    challenge: Dhall et al., "EmotiW 2018", ICMI 2018, doi:10.1145/3242969.3264972.
Licence
    On request from its authors, for research.
Files
    ``Train_AFEW/Angry/000046280.avi`` and ``Val_AFEW/...``, with whatever folders around and in between, in any case;
    ``Train/Angry`` in copies. The aligned faces, points and LBP-TOP features that come with the clips are left alone.
Traps
    The split is the corpus's own, and the only protocol: with nobody named, speakers cannot be held apart. For the
    same reason intervals take clips as independent of each other, though films give several: they are too
    narrow. Releases of other years have other counts.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Card, Corpus, require_folder
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

SPLITS = {"train": "train", "val": "validation"}
LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")

PATH = re.compile(
    rf"(?:.*/)?(?P<split>Train|Val)(?:idation)?(?:_?AFEW)?/(?:.*/)?(?P<label>{'|'.join(LABELS)})/(?P<clip>\w+)",
    re.IGNORECASE,
)


def find(root: Path) -> Found:
    """Return the utterances, training before validation, by emotion, then by name."""
    require_folder(root, "AFEW's Train_AFEW/Angry/000046280.avi and its like")
    takes = search.takes(search.below(root), _id)
    if not takes.of:
        raise CorpusError(
            f"{root} does not hold AFEW: looked for films such as Train_AFEW/Angry/000046280.avi and "
            "Val_AFEW/Angry/000149120.avi in it and all its folders, and found none."
        )
    return takes.found("afew", (_utterance(id_, takes.of[id_]) for id_ in sorted(takes.of)))


def _id(path: str) -> str | None:
    """Return split, label and clip that a path says, None where it is no clip of the corpus."""
    said = PATH.fullmatch(path)
    return f"{SPLITS[said['split'].lower()]}/{said['label'].lower()}/{said['clip']}" if said else None


def _utterance(id_: str, take: Take) -> Utterance:
    split, label, _ = id_.split("/")
    return Utterance(id=id_, corpus="afew", speaker="", label=label, audio=take.audio, video=take.video, split=split)


CORPUS = Corpus(
    name="afew",
    title="AFEW (EmotiW): 1156 clips of feature films in a fixed split, 7 emotions, audio and video",
    licence="for research, on request",
    source="its authors, see https://doi.org/10.1109/MMUL.2012.26",
    also=("EmotiW",),
    find=find,
    cards=(Card("split", "split"),),
    counts={None: 773 + 383},
)
