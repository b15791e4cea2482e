"""Corpus ``shemo``: the Sharif Emotional Speech Database -> utterances.

What
    3000 utterances, Persian, cut from radio plays: anger, fear, happiness, neutral, sadness, surprise.
Who
    87 speakers, 31 women (F) and 56 men (M). Mohamad Nezami, Jamshid Lou, Karami, "ShEMO: a large-scale validated
    database for Persian speech emotion detection", Language Resources and Evaluation 53, 2019,
    doi:10.1007/s10579-018-9427-x.
Licence
    Free to download; for the terms see its page.
Source
    https://github.com/mansourehk/ShEMO. We have not seen the files.
Files
    ``male/M36S02.wav``: sex and number of the speaker (M36), emotion (A anger, F fear, H happiness, N neutral, S
    sadness, W surprise), number; in any folders, in upper or lower case.
Traps
    F is fear and female: ``F12F03`` is a woman's fear. Speakers are numbered within their sex: F01 and M01 are two
    people. The classes are far from equal. Transcripts are not read.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Corpus
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found
from affex.pipeline.manifest.utterance import Utterance

LABELS = {"A": "anger", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness", "W": "surprise"}
SEXES = {"F": "female", "M": "male"}

NAME = re.compile(rf"(?:.*/)?(?P<id>[FM]\d\d[{''.join(LABELS)}]\d+)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    return search.by_name(root, CORPUS, "male/M36S02.wav", NAME, _utterance)


def _utterance(name: re.Match[str]) -> Utterance:
    id_ = name["id"].upper()
    return Utterance(id=id_, corpus="shemo", speaker=id_[:3], label=LABELS[id_[3]], sex=SEXES[id_[0]])


def example(root: Path) -> Path:
    """Lay out a woman and a man in all emotions."""
    return lay(
        root,
        *(f"{folder}/{who}{code}02.wav" for folder, who in (("female", "F12"), ("male", "M36")) for code in LABELS),
    )


CORPUS = Corpus(
    name="shemo",
    title="ShEMO: 3000 utterances of radio plays, 87 speakers, 6 emotions, Persian",
    licence="free to download; for the terms see its page",
    source="https://github.com/mansourehk/ShEMO",
    cites=("nezami2019",),
    language="Persian",
    also=("Sharif",),
    find=find,
    example=example,
    counts={None: 3000},
    speaker_key=r"(?:^|[-/])([FM]\d\d)[A-Z]",
)
