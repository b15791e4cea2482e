"""Corpus ``chsims``: CH-SIMS -> utterances.

What
    2281 segments of 60 Chinese videos, series and shows, Mandarin; sentiment from -1 (negative) to 1 (positive), the
    mean of five raters, who had sound, picture and text. The class here is its sign: negative, neutral, positive.
Who
    Speakers are not named. Yu, Xu, Meng, Zhu, Ma, Wu, Zou, Yang, "CH-SIMS: A Chinese multimodal sentiment analysis
    dataset with fine-grained annotation of modality", ACL 2020, doi:10.18653/v1/2020.acl-main.343.
Licence
    On request, for research; the videos belong to their makers.
Source
    https://github.com/thuiar/MMSA. We have not seen the files.
Files
    ``<video_id>/0001.mp4``, and a table ``label.csv`` (or ``meta.csv``) with the columns video_id, clip_id, label,
    and optionally text (the transcript) and mode (train, valid, test: 1368, 456 and 457). In any folders, in upper or
    lower case.
Traps
    A spreadsheet may have written clip_id 0001 as 1, so the numbers are compared. Without the column mode there is no
    split: use PROTOCOL=group-k, which keeps videos whole. In the fixed split, segments of one video may be on both
    sides. The labels of text, sound and picture alone (label_T, label_A, label_V) are not read. Version 2 has other
    counts. A row without a recording, and a recording without a row, are left out and reported.
"""

import re
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import Corpus, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.corpora.tables import Row
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

TABLES = ("label.csv", "meta.csv")
COLUMNS = ("video_id", "clip_id", "label")
SPLITS = {"": None, "train": "train", "valid": "validation", "val": "validation", "test": "test"}

PATH = re.compile(r"(?:.*/)?(?P<video>[^/]+)/(?P<utterance>\d+)")

Key = tuple[str, int]


def find(root: Path) -> Found:
    """Return the utterances, by video and number."""
    require_folder(root, f"CH-SIMS' {TABLES[0]} and <video_id>/0001.mp4")
    paths = search.below(root)
    table, takes = search.first(root, paths, *TABLES), search.takes(paths, _key, ("wav", "mp4"))
    listed = tables.keyed(tables.rows(table, COLUMNS) if table else (), _listed)
    chosen = sorted(key for key in takes.of if key in listed)
    if table is None or not chosen:
        raise CorpusError(
            f"{root} does not hold CH-SIMS: looked for {TABLES[0]} in it and all its folders, and for the 2281 videos "
            "that it lists, such as <video_id>/0001.mp4, and found none that belong together. They are given on "
            f"request: see {CORPUS.source}"
        )
    utterances = (_utterance(key, listed[key], takes.of[key]) for key in chosen)
    return takes.found("chsims", utterances, [*tables.unmatched("chsims", table.name, listed, takes.of)])


def _key(name: str) -> Key | None:
    """Return video and number of a file; None for other files."""
    match = PATH.fullmatch(name)
    return (match["video"].lower(), int(match["utterance"])) if match else None


def _listed(row: Row) -> Key:
    """Return video and number of the segment of a row."""
    if not row["clip_id"].isdecimal():
        raise row.error("clip_id", "a whole number, as in 0001")
    return row["video_id"].lower(), int(row["clip_id"])


def _utterance(key: Key, row: Row, take: Take) -> Utterance:
    video, utterance = key
    sentiment = row.value("label", -1, 1)
    return Utterance(
        id=f"{video}/{utterance:04}",
        corpus="chsims",
        speaker="",
        label=None if sentiment is None else _sign(sentiment),
        audio=take.audio,
        video=take.video,
        dialog=video,
        turn=utterance,
        split=row.coded("mode", SPLITS),
        text=row["text"] or None,
        valence=sentiment,
    )


def _sign(sentiment: float) -> str:
    return "negative" if sentiment < 0 else "positive" if sentiment > 0 else "neutral"


def example(root: Path) -> Path:
    """Lay out two videos in a fixed split."""
    listed = {
        ("video_0001", "0001"): "今天下雨了,-0.4,train",
        ("video_0001", "0002"): "好啊,1.0,train",
        ("video_0002", "0001"): "嗯,0.0,valid",
        ("video_0002", "0010"): "不行,-1.0,test",
    }
    rows = (f"{video},{utterance},{cells}" for (video, utterance), cells in listed.items())
    lay(root, *(f"Raw/{video}/{utterance}.mp4" for video, utterance in listed))
    return lay_text(root, TABLES[0], "video_id,clip_id,text,label,mode", *rows)


TWO, THREE = "negative,positive", "negative,neutral,positive"

CORPUS = Corpus(
    name="chsims",
    title="CH-SIMS: 2281 segments of 60 videos and shows, sentiment, audio and video, Mandarin",
    licence="on request, for research; the videos belong to their makers",
    source="https://github.com/thuiar/MMSA",
    cites=("yu2020",),
    language="Mandarin",
    also=("CH-SIMS", "SIMS"),
    find=find,
    counts={None: 2281},
    protocols=(
        Protocol("sentiment", "split", target="valence"),
        Protocol("sentiment2", "split", classes=TWO),
        Protocol("sentiment3", "split", classes=THREE),
        Protocol("group-k", "group-k", target="valence", k=5),
    ),
    example=example,
)
