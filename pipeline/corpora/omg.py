"""Corpus ``omg``: the One-Minute Gradual-Emotion Dataset of the OMG-Emotion challenge -> utterances.

What
    Monologues on YouTube, about a minute each, cut into utterances; arousal in [0, 1] and valence in [-1, 1] as the
    gold standard of five or more raters, and the emotion that most of them chose.
Who
    Nobody is named. Barros, Churamani, Lakomkin, Siqueira, Sutherland, Wermter, "The OMG-Emotion Behavior Dataset",
    IJCNN 2018, arXiv:1803.05434.
Licence
    CC BY-NC-SA 3.0 DE, for research; the films are their makers'.
Source
    https://github.com/knowledgetechnologyuhh/OMGEmotionChallenge, whose ``prepare_data.py`` fetches and cuts the films.
Files
    ``omg_TrainVideos.csv``, ``omg_ValidationVideos.csv``, and ``omg_TestVideos_WithLabels.csv`` or
    ``omg_TestVideos_WithoutLabels.csv``, with the columns link, start, end, video, utterance, and with labels arousal,
    valence, EmotionMaxVote: 0 anger, 1 disgust, 2 fear, 3 happy, 4 neutral, 5 sad, 6 surprise (the repository's
    README). The films beside them, ``train/74de88564/utterance_1.mp4``, and likewise in ``validation`` and ``test``.
    ``omg_TrainTranscripts.csv`` and its like are read where they are there.
    About 2444 rows to learn from, 617 of validation, 2229 of the test: nothing is asserted, another number is said.
Traps
    Many films are gone from YouTube (half of them for one user in 2018, issue 7 of the repository). A row whose film is
    not there stays an utterance: extraction names it as one that cannot be read, and results count it as one without
    features. A split with no folder is not read at all. A row without a vote has no label, but counts for arousal and
    valence. One film is in several pieces (``6d71a2500_2``, ``6d71a2500_3``), so it is the link that says what belongs
    together, and is the dialog here; who speaks in two films nobody knows (issue 9). Utterances overlap by part of a
    second. The challenge took the mean of CCC over the films; here it is over all utterances.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.corpora.base import Card, Corpus, is_there, require_folder
from pipeline.errors import CorpusError
from pipeline.manifest import Media, Utterance

#: The tables of each split, the first that is there counts.
TABLES = {
    "train": ("omg_TrainVideos.csv",),
    "validation": ("omg_ValidationVideos.csv",),
    "test": ("omg_TestVideos_WithLabels.csv", "omg_TestVideos_WithoutLabels.csv"),
}
#: How many rows the table of each split is said to have.
PUBLISHED = {"train": 2444, "validation": 617, "test": 2229}
LABELS = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")
RANGES = {"arousal": (0.0, 1.0), "valence": (-1.0, 1.0)}

UTTERANCE = re.compile(r"utterance_(\d+)\.mp4")
YOUTUBE = "https://www.youtube.com/watch?v="

Row = dict[str, str]


def find(root: Path) -> list[Utterance]:
    """Return the utterances in the order of the tables: training, validation, test."""
    require_folder(root, "OMG-Emotion's omg_TrainVideos.csv and train/74de88564/utterance_1.mp4")
    found = [utterance for split in TABLES for utterance in _of_split(root, split)]
    if not any(utterance.video and (root / utterance.video.path).is_file() for utterance in found):
        raise CorpusError(
            f"{root} does not hold OMG-Emotion: looked for tables such as omg_TrainVideos.csv in it and for the films "
            "they name, such as train/74de88564/utterance_1.mp4, and found none that belong together."
        )
    return found


def _of_split(root: Path, split: str) -> Iterator[Utterance]:
    table = next((root / name for name in TABLES[split] if is_there(root / name)), None)
    if table is None or not (root / split).is_dir():
        return
    texts = dict(_texts(root / f"omg_{split.capitalize()}Transcripts.csv"))
    for number, row in _rows(table, "link", "video", "utterance"):
        try:
            yield _utterance(row, split, texts.get((row["video"], row["utterance"])))
        except ValueError as error:
            raise CorpusError(f"{table}, row {number}: {error}.") from error


def _utterance(row: Row, split: str, text: str | None) -> Utterance:
    piece = UTTERANCE.fullmatch(row["utterance"])
    if not piece or not row["video"] or not row["link"]:
        raise ValueError("expected a link, a video such as 74de88564, and an utterance such as utterance_1.mp4")
    path = f"{split}/{row['video']}/{row['utterance']}"
    return Utterance(
        id=path.removesuffix(".mp4"),
        corpus="omg",
        speaker="",
        label=_label(row),
        audio=Media(path),
        video=Media(path),
        dialog=row["link"].removeprefix(YOUTUBE),
        turn=int(piece[1]),
        split=split,
        text=text,
        valence=_value(row, "valence"),
        arousal=_value(row, "arousal"),
    )


def _label(row: Row) -> str | None:
    """Return the emotion that most raters chose, None where the cell is blank."""
    text = row.get("EmotionMaxVote", "")
    if not text:
        return None
    # A table that was written anew where votes are missing has 4.0 for 4.
    numbers = {spelling: label for n, label in enumerate(LABELS) for spelling in (f"{n}", f"{n}.0")}
    if text not in numbers:
        raise ValueError(f"'EmotionMaxVote' is '{text}', expected 0 to {len(LABELS) - 1}")
    return numbers[text]


def _value(row: Row, name: str) -> float | None:
    """Return a dimension, None where the cell is blank."""
    text, (least, most) = row.get(name, ""), RANGES[name]
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise ValueError(f"'{name}' is '{text}', expected a number from {least:g} to {most:g}")
    return value


def _texts(table: Path) -> Iterator[tuple[tuple[str, str], str | None]]:
    """Yield each utterance's transcript by its video and name, nothing where there is no table."""
    if is_there(table):
        for _, row in _rows(table, "video", "utterance", "transcript"):
            yield (row["video"], row["utterance"]), row["transcript"] or None


def _rows(table: Path, *columns: str) -> Iterator[tuple[int, Row]]:
    """Yield number and cells of each row, blanks around the cells left out."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines, restkey="", restval="")
        missing = [column for column in columns if column not in (rows.fieldnames or ())]
        if missing:
            raise CorpusError(f"{table} has no column '{missing[0]}'. Looked for {', '.join(columns)}.")
        for number, row in enumerate(rows, 2):
            yield number, {column: cell.strip() for column, cell in row.items() if column}


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each split whose table has another number of rows than it is said to have."""
    found = Counter(utterance.split for utterance in utterances)
    return [
        f"omg: {found[split] or 'no'} utterances of the split '{split}' found, of about {n} published"
        for split, n in PUBLISHED.items()
        if found[split] != n
    ]


CORPUS = Corpus(
    name="omg",
    title="OMG-Emotion: utterances of YouTube monologues in a fixed split, arousal, valence and 7 emotions",
    licence="CC BY-NC-SA 3.0 DE (for research, not for commerce)",
    source="https://github.com/knowledgetechnologyuhh/OMGEmotionChallenge",
    find=find,
    remarks=remarks,
    cards=(
        Card("arousal", "split", target="arousal"),
        Card("valence", "split", target="valence"),
        Card("emotion", "split"),
    ),
)
