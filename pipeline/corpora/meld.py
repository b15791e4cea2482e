"""Corpus ``meld``: the Multimodal EmotionLines Dataset -> utterances.

What
    13 708 utterances of dialogs of the television series "Friends", English, videos (mp4): train 9989, validation 1109,
    test 2610; these are the parts here. Emotions: anger, disgust, fear, joy, neutral, sadness, surprise.
    ``TARGET=sentiment`` is negative, neutral or positive.
Who
    The characters of the series, by their names. Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea, "MELD: A
    multimodal multi-party dataset for emotion recognition in conversations", ACL 2019, doi:10.18653/v1/P19-1050.
Licence
    Free to download; the terms of the labels are on its page, the videos belong to their makers.
Source
    https://github.com/declare-lab/MELD. We have not seen the videos.
Files
    ``train_splits/dia0_utt0.mp4``, ``dev_splits_complete/``, ``output_repeated_splits_test/``: any folder whose name
    contains train, dev or test, at any depth. ``train_sent_emo.csv``, ``dev_sent_emo.csv``, ``test_sent_emo.csv``:
    Utterance (the text), Speaker, Emotion, Sentiment, Dialogue_ID, Utterance_ID.
Traps
    The same file names recur in each split, and so do the numbers of dialogs: the split is part of both. The
    utterances of a dialog are numbered in order, and numbers may be missing. A row without a video stays as a turn of
    its dialog, with its text; a video without a row is left out; both are reported. The same characters are on both
    sides of the split, so figures do not hold for new speakers. The sound is in the video file. It contains laughter of
    the audience, music and other speakers, and the picture often has several faces.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import Corpus, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.corpora.tables import Row
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

SPLITS = {"train": "train", "dev": "validation", "test": "test"}
LABELS = {label: label for label in ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")}
SENTIMENTS = {label: label for label in ("negative", "neutral", "positive")}
COLUMNS = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")

PATH = re.compile(
    rf"(?:.*/)?[^/]*(?P<split>{'|'.join(SPLITS)})[^/]*/(?:[^/]+/)*dia(?P<dialog>\d+)_utt(?P<utterance>\d+)",
    re.IGNORECASE,
)

#: Split, dialog and utterance.
Key = tuple[str, int, int]


def find(root: Path) -> Found:
    """Return the utterances by split (training, validation, test), dialog and turn."""
    require_folder(root, "MELD's train_sent_emo.csv and train_splits/dia0_utt0.mp4")
    paths = search.below(root)
    takes = search.takes(paths, _key, ("mp4", "wav"))
    rows = _listed(search.first(root, paths, f"{split}_sent_emo.csv") for split in SPLITS)
    if not rows.keys() & takes.of.keys():
        raise CorpusError(
            f"{root} does not hold MELD: looked for tables such as train_sent_emo.csv in it and all its folders, and "
            "for the videos they name, such as train_splits/dia0_utt0.mp4, and found none that belong together."
        )
    utterances = (_utterance(key, rows[key], takes.of.get(key)) for key in sorted(rows, key=_order))
    return takes.found("meld", utterances, [*_unmatched(rows, takes.of)])


def _key(name: str) -> Key | None:
    """Return split, dialog and utterance of a video; None for other files."""
    match = PATH.fullmatch(name)
    return (SPLITS[match["split"].lower()], int(match["dialog"]), int(match["utterance"])) if match else None


def _order(key: Key) -> tuple[int, int, int]:
    split, dialog, utterance = key
    return [*SPLITS.values()].index(split), dialog, utterance


def _listed(of: Iterable[Path | None]) -> dict[Key, Row]:
    """Return the rows of all tables, by split, dialog and utterance."""
    rows: dict[Key, Row] = {}
    for key, row in (pair for table in of for pair in _rows(table)):
        if key in rows:
            raise CorpusError(f"{row.table}: rows {rows[key].number} and {row.number} are both about {_named([key])}.")
        rows[key] = row
    return rows


def _rows(table: Path | None) -> Iterator[tuple[Key, Row]]:
    """Yield split, dialog and utterance of each row, and the row; nothing if there is no table."""
    for row in tables.rows(table, COLUMNS) if table else ():
        numbers = row["Dialogue_ID"], row["Utterance_ID"]
        if not all(map(str.isdecimal, numbers)):
            under = " and ".join(COLUMNS[-2:])
            raise CorpusError(f"{row.table}, row {row.number}: expected whole numbers from 0 under {under}.")
        split = row.table.name.lower().partition("_")[0]
        yield (SPLITS[split], int(numbers[0]), int(numbers[1])), row


def _utterance(key: Key, row: Row, take: Take | None) -> Utterance:
    split, dialog, utterance = key
    gone = "there is no video of it"
    return Utterance(
        id=f"{split}/dia{dialog}_utt{utterance}",
        corpus="meld",
        speaker=row["Speaker"],
        label=row.coded("Emotion", LABELS),
        audio=take.audio if take else None,
        video=take.video if take else None,
        part=split,
        dialog=f"{split}/dia{dialog}",
        turn=utterance,
        split=split,
        text=row["Utterance"] or None,
        aspects=(("sentiment", row.coded("Sentiment", SENTIMENTS)),),
        absent=() if take else (("audio", gone), ("video", gone)),
    )


def _unmatched(rows: Collection[Key], videos: Collection[Key]) -> Iterator[str]:
    """Yield a sentence on the rows without a video, and one on the videos without a row."""
    if lost := set(rows) - set(videos):
        yield f"meld: {len(lost)} utterances have no video, for example {_named(lost)}"
    if unlisted := set(videos) - set(rows):
        yield f"meld: {len(unlisted)} videos have no row in a table and are left out, for example {_named(unlisted)}"


def _named(keys: Collection[Key]) -> str:
    """Return the first of some utterances, as their ids spell it."""
    return "{}/dia{}_utt{}".format(*min(keys, key=_order))


def example(root: Path) -> Path:
    """Lay out the first dialog of each split, two turns long, under the same names."""
    folders = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    rows = ('"Well, yes.",A,joy,positive,0,0', "No!,B,anger,negative,0,1")
    for split, folder in folders.items():
        lay(root, *(f"{folder}/dia0_utt{n}.mp4" for n in (0, 1)))
        lay_text(root, f"{split}_sent_emo.csv", ",".join(COLUMNS), *rows)
    return root


CORPUS = Corpus(
    name="meld",
    title="MELD: 13 708 utterances of a television series in a fixed split, 7 emotions, audio and video, English",
    licence="free to download; the videos belong to their makers",
    source="https://github.com/declare-lab/MELD",
    cites=("poria2019",),
    language="English",
    also=("Multimodal EmotionLines Dataset",),
    find=find,
    example=example,
    protocols=(Protocol("split", "split"), Protocol("sentiment", "split", target="sentiment")),
    counts={"train": 9989, "validation": 1109, "test": 2610},
)
