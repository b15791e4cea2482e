"""Corpus ``urdu``: the URDU dataset of emotional speech in Urdu -> utterances.

What
    400 utterances cut from Urdu talk shows on television, spontaneous: 100 each of anger, happiness, neutral, sadness.
    The names show 29 speakers.
Who
    Guests of the shows, identified only by letters and numbers. Latif, Qayyum, Usman, Qadir, "Cross
    lingual speech emotion recognition: Urdu vs. Western languages", FIT 2018, arXiv:1812.10411.
Licence
    Not stated.
Source
    https://github.com/siddiquelatif/URDU-Dataset. We have not seen the files.
Files
    ``Neutral/SM20_F8_N012.wav``: speaker (SM men, SF women), a number whose meaning is not stated, emotion (A, H, N, S)
    and number; in any folders, in upper or lower case.
Traps
    26 of the 29 speakers have one class only. The speaker reveals the class, so folds with a speaker on both sides
    are worthless, and ``SPEAKER_NORM`` removes the differences between classes. A mean over the speakers' own UARs does
    not exist. There are no transcripts.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
SEXES = {"SF": "female", "SM": "male"}

NAME = re.compile(r"(?:.*/)?(?P<id>S[FM]\d+_F\d+_[AHNS]\d+)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    return search.by_name(root, CORPUS, "Neutral/SM20_F8_N012.wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    id_ = name["id"].upper()
    speaker, _, last = id_.split("_")
    return Utterance(id=id_, corpus="urdu", speaker=speaker, label=LABELS[last[0]], sex=SEXES[speaker[:2]])


def example(root: Path) -> Path:
    """Lay out three speakers, of whom two have one class."""
    return lay(root, *(f"{name}.wav" for name in ("Angry/SM1_F1_A001", "Sad/SF2_F3_S004", "Sad/SM20_F8_S012")))


CORPUS = Corpus(
    name="urdu",
    title="URDU: 400 spontaneous utterances of television talk shows, 29 speakers, 4 emotions, Urdu",
    licence="not stated",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    cites=("latif2018",),
    language="Urdu",
    also=("URDU dataset",),
    find=find,
    counts={None: 400},
    example=example,
    speaker_key=r"(?:^|[-/])(S[MF]\d+)_",
)
