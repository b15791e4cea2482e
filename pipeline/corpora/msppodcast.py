"""Corpus ``msppodcast``: MSP-Podcast -> utterances.

What
    Speaking turns cut from podcasts, English, natural, selected automatically to balance the emotions, labelled by at
    least five raters: a class (anger, contempt, disgust, fear, happiness, neutral, sadness, surprise, other, or none
    that most agree on), and arousal, valence and dominance from 1 to 7. Releases differ; 1.11 has 84 030 turns for
    training, 19 815 for development, 30 647 and 14 815 in two test sets (its owners' page), so no count is asserted.
Who
    Speakers of podcasts, identified by number. Lotfian, Busso, "Building naturalistic emotionally balanced speech
    corpus by retrieving emotional speech from existing podcast recordings", IEEE Transactions on Affective Computing
    10(4), 2019, doi:10.1109/TAFFC.2017.2736999.
Licence
    On request, by a signed agreement, for research.
Source
    https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html. We have not seen the files.
Files
    ``Audio/MSP-PODCAST_0001_0008.wav``: podcast and turn. ``labels_consensus.csv`` (``labels_concensus.csv`` in older
    releases): FileName, EmoClass (A, C, D, F, H, N, S, U, O, X), EmoAct, EmoVal, EmoDom, SpkrID, Gender, Split_Set.
    Optional: ``labels_detailed.csv``, a row for each rater's answer: FileName, and either Workers and EmoClass_Major
    (release 1.6) or EmoDetail, as in ``WORKER00000001; Neutral; Neutral,Concerned; A:4; V:4; D:4;`` (1.7 to 1.11, as
    others read them). In any folders, in upper or lower case. Transcripts are not read.
Traps
    The SpkrID Unknown stands for many people. Here, the speaker of such a turn is ``unknown-`` and the podcast's
    number, although it may be a known speaker of that podcast. O is the class ``other``, which the protocol ``emotion``
    leaves out; X has no class and counts only for the dimensions. The test sets share speakers, so only one is read:
    Test1, or Test2 with ``DATASET=msppodcast:test=test2``. The labels of Test3 are not published: it is left out. A row
    without a recording, and a recording without a row, are left out and reported. A vote is a rater's main class; what
    they wrote beside "Other" is ``other``. A table of answers with other columns is not read, and reported.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import Corpus, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.corpora.tables import Row
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

TABLES = ("labels_consensus.csv", "labels_concensus.csv")
#: The table of the raters' answers, and its columns in two kinds of release.
ANSWERS, IN_COLUMNS, IN_ONE = "labels_detailed.csv", ("Workers", "EmoClass_Major"), "EmoDetail"
#: The raters' words for the classes.
CHOICES = {"angry": "anger", "happy": "happiness", "sad": "sadness"}
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
CLASSES = {
    "A": "anger",
    "C": "contempt",
    "D": "disgust",
    "F": "fear",
    "H": "happiness",
    "N": "neutral",
    "S": "sadness",
    "U": "surprise",
}
LABELS: dict[str, str | None] = {**CLASSES, "O": "other", "X": None}
SPLITS = {"Train": "train", "Development": "validation", "Test1": "test", "Test2": "test", "Test3": "test"}
SEXES = {"Female": "female", "Male": "male"}
#: The values of ``DATASET=msppodcast:test=...``.
TESTS = ("test1", "test2")

NAME = re.compile(r"(?:.*/)?(?P<id>MSP-PODCAST_(?P<podcast>\w+)_(?P<turn>\d+))", re.IGNORECASE)


def find(root: Path, test: str = TESTS[0]) -> Found:
    """Return the utterances, by file name.

    Parameters
    ----------
    root
        The corpus's folder.
    test
        The test set to read besides training and development, one of `TESTS`.

    Raises
    ------
    CorpusError
        If there are none, or the table cannot be read.
    """
    require_folder(root, f"MSP-Podcast's {TABLES[0]} and Audio/MSP-PODCAST_0001_0008.wav")
    paths = search.below(root)
    table, takes = search.first(root, paths, *TABLES), search.takes(paths, _id)
    listed = tables.keyed(tables.rows(table, COLUMNS) if table else (), _listed)
    both = sorted(id_ for id_ in takes.of if id_ in listed)
    if table is None or not both:
        raise CorpusError(
            f"{root} does not hold MSP-Podcast: looked for {TABLES[0]} in it and all its folders, and for the "
            "recordings that it lists, such as Audio/MSP-PODCAST_0001_0008.wav, and found none that belong together. "
            f"They are given on request: see {CORPUS.source}"
        )
    chosen = [id_ for id_ in both if _is_read(listed[id_], test)]
    remarks = [*tables.unmatched("msppodcast", table.name, listed, takes.of)]
    if len(chosen) < len(both):
        remarks.append(f"msppodcast: {len(both) - len(chosen)} utterances of test sets other than {test} are left out")
    answers, unread = _answers(search.first(root, paths, ANSWERS))
    utterances = (_utterance(id_, listed[id_], takes.of[id_], answers.get(id_, ())) for id_ in chosen)
    return takes.found("msppodcast", utterances, [*remarks, *unread])


def _answers(table: Path | None) -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    """Return each utterance's raters with their main classes, and a remark if the table has other columns."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in tables.rows(table, ("FileName",)) if table else ():
        worker, choice = (row[name] for name in IN_COLUMNS)
        if row[IN_ONE]:
            worker, choice = (part.strip() for part in (*row[IN_ONE].split(";"), "", "")[:2])
        if worker and choice:
            word = "other" if choice.lower().startswith("other") else choice.lower()
            found.setdefault(_listed(row), []).append((worker, CHOICES.get(word, word)))
    if table is None or found:
        return found, []
    either = f"FileName, and {' and '.join(IN_COLUMNS)} or {IN_ONE}"
    return {}, [f"msppodcast: {table.name} is not read: looked for {either}"]


def _id(name: str) -> str | None:
    """Return the id of a file's utterance; None for other files."""
    match = NAME.fullmatch(name)
    return match["id"].upper() if match else None


def _listed(row: Row) -> str:
    """Return the id of a row's utterance."""
    return _id(row["FileName"].rpartition(".")[0]) or row["FileName"]


def _is_read(row: Row, test: str) -> bool:
    return row.coded("Split_Set", SPLITS) != "test" or row["Split_Set"].lower() == test


def _utterance(id_: str, row: Row, take: Take, answers: Sequence[tuple[str, str]]) -> Utterance:
    podcast, _, turn = id_.partition("_")[2].rpartition("_")
    speaker = row["SpkrID"]
    return Utterance(
        id=id_,
        corpus="msppodcast",
        speaker=f"unknown-{podcast}" if speaker.lower() in ("", "unknown") else speaker,
        label=row.coded("EmoClass", LABELS),
        audio=take.audio,
        video=take.video,
        dialog=podcast,
        turn=int(turn),
        split=row.coded("Split_Set", SPLITS),
        sex=SEXES.get(row["Gender"]),
        votes=tuple((choice,) for _, choice in answers),
        raters=tuple(worker for worker, _ in answers),
        arousal=row.value("EmoAct", 1, 7),
        valence=row.value("EmoVal", 1, 7),
        dominance=row.value("EmoDom", 1, 7),
    )


def example(root: Path) -> Path:
    """Lay out three podcasts: training, development and both tests."""
    listed = {
        "0001_0008": "H,4.2,5.5,4.8,127,Female,Train",
        "0001_0019": "X,3.8,4.0,4.1,Unknown,Unknown,Train",
        "0002_0003": "O,3.0,2.5,3.4,Unknown,Unknown,Train",
        "0003_0001": "S,2.2,1.8,2.9,12,Male,Development",
        "0004_0001": "A,6.0,2.0,5.6,33,Male,Test1",
        "0005_0001": "N,4.0,4.0,4.0,33,Male,Test2",
    }
    rows = (f"MSP-PODCAST_{name}.wav,{cells}" for name, cells in listed.items())
    lay(root, *(f"Audio/MSP-PODCAST_{name}.wav" for name in listed))
    lay_text(root, f"Labels/{TABLES[0]}", ",".join(COLUMNS), *rows)
    answers = (
        "0001_0008.wav,WORKER00000001; Happy; Happy,Excited; A:5; V:6; D:5;",
        "0001_0008.wav,WORKER00000002; Neutral; Neutral; A:4; V:5; D:4;",
        "0001_0008.wav,WORKER00000003; Happy; Happy; A:4; V:6; D:5;",
        "0003_0001.wav,WORKER00000001; Sad; Sad,Depressed; A:2; V:2; D:3;",
        "0003_0001.wav,WORKER00000002; Other-tired; Other; A:2; V:2; D:3;",
    )
    cells = (line.partition(",") for line in answers)
    return lay_text(root, f"Labels/{ANSWERS}", f"FileName,{IN_ONE}", *(f'MSP-PODCAST_{n},"{e}"' for n, _, e in cells))


CORPUS = Corpus(
    name="msppodcast",
    title="MSP-Podcast: turns of podcasts in a fixed split, 8 emotions, arousal, valence and dominance, English",
    licence="on request, by a signed agreement, for research",
    source="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    cites=("lotfian2019",),
    language="English",
    also=("MSP-Podcast", "Podcast"),
    find=find,
    protocols=(
        Protocol("emotion", "split", classes=",".join(CLASSES.values())),
        Protocol("arousal", "split", target="arousal"),
        Protocol("valence", "split", target="valence"),
        Protocol("dominance", "split", target="dominance"),
    ),
    settings={"test": TESTS},
    example=example,
)
