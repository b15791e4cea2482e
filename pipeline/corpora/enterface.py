"""Corpus ``enterface``: the eNTERFACE'05 audio-visual emotion database -> utterances.

What
    Films (avi, sound within) of reactions to six short stories, in English: anger, disgust, fear, happiness,
    sadness, surprise, five sentences each. How many there are is told differently (1166 of 42 subjects in the paper;
    1293 in 44 folders in the release, 213 of happiness and 216 of each other, as https://github.com/albanie/mcnDatasets
    counted), so no count is asserted; any other is said.
Who
    Subjects of 14 nations, 81 % of them men; nothing published says who. Martin, Kotsia, Macq, Pitas, "The
    eNTERFACE'05 audio-visual emotion database", ICDEW 2006, doi:10.1109/ICDEW.2006.145.
Licence
    Free for research.
Source
    https://enterface.net/enterface05/emotion.html: an archive without a published checksum, so it is not fetched
    here. We have not seen the films.
Files
    ``subject 1/anger/sentence 1/s1_an_1.avi``: subject, emotion (in the names an, di, fe, ha, sa, su), sentence.
    Blanks of the folders may have become hyphens or underscores.
Traps
    The names cannot be trusted: subject 11's say ``s12``, subject 3's ``s_3``, one is ``s16_su_3avi.avi``. So the
    subject is the folder's, and for emotion and sentence, too, folders come before names. Subject 6's folder is flat:
    a film there that names no sentence is told by its emotion alone (others' counts fit one film an emotion). Some
    subjects lack some sentences. The film is the sound, too. Sentences are numbered within each emotion (the text here
    is emotion and number, as in ``an1``), so that what is said may give the emotion away.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.corpora.base import Corpus, counted_otherwise, found_below, require_folder
from pipeline.errors import CorpusError
from pipeline.manifest import Media, Utterance

LABELS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
CODES = {label: code for code, label in LABELS.items()}

FILM = re.compile(r"(?:.*/)?subject[ _-]?(?P<subject>\d+)/(?P<folders>(?:[^/]+/)*)(?P<name>[^/.][^/]*)\.avi", re.I)
EMOTION = re.compile(rf"(?:.*/)?({'|'.join(CODES)})/.*", re.I)
SENTENCE = re.compile(r"(?:.*/)?sentence[ _-]?(\d+)/.*", re.I)
NAME = re.compile(rf"s_?\d+_(?P<emotion>{'|'.join(LABELS)})(?:_(?P<sentence>\d+))?(?:avi)?", re.I)


def find(root: Path) -> list[Utterance]:
    """Return the utterances, by subject, emotion and sentence."""
    require_folder(root, "eNTERFACE'05's subject 1/anger/sentence 1/s1_an_1.avi and its like")
    paths = found_below(root)
    films = [film for film in map(FILM.fullmatch, paths) if film]
    utterances = [_utterance(root, film) for film in films]
    if not utterances:
        raise CorpusError(
            f"{root} does not hold eNTERFACE'05: looked for films such as subject 1/anger/sentence 1/s1_an_1.avi in it "
            f"and all its folders, and found none. It can be had from {CORPUS.source}"
        )
    _refuse_twins(root, films, utterances)
    return sorted(utterances, key=lambda utterance: utterance.id)


def _utterance(root: Path, film: re.Match[str]) -> Utterance:
    name = NAME.fullmatch(film["name"])
    emotion = EMOTION.fullmatch(film["folders"])
    code = CODES[emotion[1].lower()] if emotion else name["emotion"].lower() if name else None
    if code is None:
        raise CorpusError(
            f"{root / film[0]} says no emotion: expected a folder such as 'anger' above it, or a name such as "
            "s1_an_1.avi. Rename it, or move it away."
        )
    numbered = SENTENCE.fullmatch(film["folders"])
    sentence = numbered[1] if numbered else name["sentence"] if name else None
    speaker = f"s{int(film['subject']):02}"
    return Utterance(
        id=f"{speaker}_{code}" + (f"_{sentence}" if sentence else ""),
        corpus="enterface",
        speaker=speaker,
        label=LABELS[code],
        audio=Media(film[0]),
        video=Media(film[0]),
        text=f"{code}{sentence}" if sentence else None,
    )


def _refuse_twins(root: Path, films: Iterable[re.Match[str]], utterances: Iterable[Utterance]) -> None:
    paths: dict[str, str] = {}
    for film, utterance in zip(films, utterances, strict=True):
        if utterance.id in paths:
            raise CorpusError(
                f"{root}: '{paths[utterance.id]}' and '{film[0]}' are both {utterance.id} by their folders and names: "
                "expected one film a sentence. Move one of them away."
            )
        paths[utterance.id] = film[0]


CORPUS = Corpus(
    name="enterface",
    title="eNTERFACE'05: about 1290 films, 42 to 44 subjects, 6 emotions, English",
    licence="free for research",
    source="https://enterface.net/enterface05/emotion.html",
    find=find,
    remarks=counted_otherwise("enterface", {"the paper": 1166, "the release": 1293}),
)
