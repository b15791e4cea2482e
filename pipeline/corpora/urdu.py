"""Corpus ``urdu``: the URDU dataset of emotional speech in Urdu -> utterances.

What
    400 utterances cut from Urdu talk shows on television, spontaneous: 100 each of anger, happiness, neutral, sadness.
    The names show 29 speakers.
Who
    Guests of the shows, identified only by letters and numbers. Latif, Qayyum, Usman, Qadir, "Cross
    lingual speech emotion recognition: Urdu vs. Western languages", FIT 2018, doi:10.1109/FIT.2018.00023.
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
from affex.pipeline.corpora.base import Corpus, require_folder
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

LABELS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
SEXES = {"SF": "female", "SM": "male"}

NAME = re.compile(r"(?:.*/)?(?P<id>S[FM]\d+_F\d+_[AHNS]\d+)", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by file name."""
    require_folder(root, "URDU's Neutral/SM20_F8_N012.wav and its like")
    takes = search.takes(search.below(root), _id)
    if not takes.of:
        raise CorpusError(
            f"{root} does not hold URDU: looked for 400 files such as Neutral/SM20_F8_N012.wav in it and all its "
            f"folders, and found none. They come from {CORPUS.source}"
        )
    return takes.found("urdu", (_utterance(id_, takes.of[id_]) for id_ in sorted(takes.of)))


def _id(name: str) -> str | None:
    """Return the id of a file's utterance in the owners' spelling; None for other files."""
    match = NAME.fullmatch(name)
    return match["id"].upper() if match else None


def _utterance(id_: str, take: Take) -> Utterance:
    speaker, _, last = id_.split("_")
    return Utterance(
        id=id_,
        corpus="urdu",
        speaker=speaker,
        label=LABELS[last[0]],
        audio=take.audio,
        video=take.video,
        sex=SEXES[speaker[:2]],
    )


def example(root: Path) -> Path:
    """Lay out three speakers, of whom two have one class."""
    return lay(root, *(f"{name}.wav" for name in ("Angry/SM1_F1_A001", "Sad/SF2_F3_S004", "Sad/SM20_F8_S012")))


CORPUS = Corpus(
    name="urdu",
    title="URDU: 400 spontaneous utterances of television talk shows, 29 speakers, 4 emotions, Urdu",
    licence="not stated",
    source="https://github.com/siddiquelatif/URDU-Dataset",
    also=("URDU dataset",),
    find=find,
    counts={None: 400},
    example=example,
)
