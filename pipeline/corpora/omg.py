"""Corpus ``omg``: the One-Minute Gradual-Emotion Dataset of the OMG-Emotion challenge -> utterances.

What
    Monologues on YouTube, about a minute each, cut into utterances; arousal in [0, 1] and valence in [-1, 1] as the
    gold standard of at least five raters, and the emotion that most of them chose.
Who
    Speakers are not named. Barros, Churamani, Lakomkin, Siqueira, Sutherland, Wermter, "The OMG-Emotion Behavior
    Dataset", IJCNN 2018, arXiv:1803.05434.
Licence
    CC BY-NC-SA 3.0 DE, for research; the videos belong to their makers.
Source
    https://github.com/knowledgetechnologyuhh/OMGEmotionChallenge, whose ``prepare_data.py`` downloads and cuts the
    videos.
Files
    ``omg_TrainVideos.csv``, ``omg_ValidationVideos.csv``, and ``omg_TestVideos_WithLabels.csv`` or
    ``omg_TestVideos_WithoutLabels.csv``, with the columns link, start, end, video, utterance, and with labels arousal,
    valence, EmotionMaxVote: 0 anger, 1 disgust, 2 fear, 3 happy, 4 neutral, 5 sad, 6 surprise (the repository's
    README). The videos beside them, ``train/74de88564/utterance_1.mp4``, and likewise in ``validation`` and ``test``.
    ``omg_TrainTranscripts.csv`` and the like are optional. All in any folders, in upper or lower case. 2442 rows for
    training, 617 for validation, 2229 for the test: no count is asserted, but a different number is reported. One copy
    has two more rows (averages of a spreadsheet) without link, video and utterance: they are left out and reported.
Traps
    Many videos are gone from YouTube (half of them for one user in 2018, issue 7 of the repository). A row without its
    video stays an utterance: extraction reports it as unreadable, and results count it as one without features. A split
    without a folder is not read. A row without a vote has no label, but counts for arousal and valence. Some videos are
    in several pieces (``6d71a2500_2``, ``6d71a2500_3``), so the link is the dialog here. Whether one person speaks in
    two videos is not known (issue 9). Utterances overlap by part of a second. The challenge took the mean of CCC over
    the videos; here it is over all utterances.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affex.pipeline.corpora import search, tables
from affex.pipeline.corpora.base import Corpus, Protocol, require_folder
from affex.pipeline.corpora.example_tree import lay, lay_text
from affex.pipeline.corpora.search import Found, Take, Takes
from affex.pipeline.corpora.tables import Row
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.text.errors import CorpusError

#: The tables of each split; the first that exists is read.
TABLES = {
    "train": ("omg_TrainVideos.csv",),
    "validation": ("omg_ValidationVideos.csv",),
    "test": ("omg_TestVideos_WithLabels.csv", "omg_TestVideos_WithoutLabels.csv"),
}
#: The published number of rows of each split's table.
PUBLISHED = {"train": 2442, "validation": 617, "test": 2229}
LABELS = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")
RANGES = {"arousal": (0.0, 1.0), "valence": (-1.0, 1.0)}

UTTERANCE = re.compile(r"(utterance_(\d+))\.mp4", re.IGNORECASE)
FILM = re.compile(
    rf"(?:.*/)?(?P<split>{'|'.join(TABLES)})/(?P<video>[^/]+)/(?P<utterance>utterance_\d+)", re.IGNORECASE
)
YOUTUBE = "https://www.youtube.com/watch?v="


@dataclass(frozen=True)
class Release:
    """The content of the corpus's folder: the folder itself, the paths of all files, and the videos by their names."""

    root: Path
    paths: Sequence[str]
    videos: Takes[str]

    def table(self, *names: str) -> Path | None:
        """Return the first of the tables that exists."""
        return search.first(self.root, self.paths, *names)


def find(root: Path) -> Found:
    """Return the utterances in the order of the tables: training, validation, test."""
    require_folder(root, "OMG-Emotion's omg_TrainVideos.csv and train/74de88564/utterance_1.mp4")
    paths = search.below(root)
    release = Release(root, paths, search.takes(paths, _id, ("wav", "mp4")))
    blank: Counter[str] = Counter()
    found = [utterance for split in TABLES for utterance in _of_split(release, split, blank)]
    if not any(utterance.id in release.videos.of for utterance in found):
        raise CorpusError(
            f"{root} does not hold OMG-Emotion: looked for tables such as omg_TrainVideos.csv in it and for the videos "
            "they name, such as train/74de88564/utterance_1.mp4, and found none that belong together."
        )
    remarks = [
        f"omg: {n} rows of {name} name no video (no link, video and utterance), and are left out"
        for name, n in blank.items()
    ]
    return release.videos.found("omg", found, remarks)


def _id(name: str) -> str | None:
    """Return the id of a video's utterance; None for other files."""
    match = FILM.fullmatch(name)
    return f"{match['split'].lower()}/{match['video']}/{match['utterance'].lower()}" if match else None


def _of_split(release: Release, split: str, blank: Counter[str]) -> Iterator[Utterance]:
    """Yield the utterances of a split that has a table and videos; count the rows without an utterance."""
    table = release.table(*TABLES[split])
    if table is None or not any(id_.startswith(f"{split}/") for id_ in release.videos.of):
        return
    texts = dict(_texts(release.table(f"omg_{split.capitalize()}Transcripts.csv")))
    for row in tables.rows(table, ("link", "video", "utterance")):
        if not (row["link"] or row["video"] or row["utterance"]):
            blank[table.name] += 1
        else:
            yield _utterance(row, split, texts.get((row["video"], row["utterance"])), release.videos.of)


def _utterance(row: Row, split: str, text: str | None, takes: Mapping[str, Take]) -> Utterance:
    piece = UTTERANCE.fullmatch(row["utterance"])
    if not piece or not row["video"] or not row["link"]:
        raise CorpusError(
            f"{row.table}, row {row.number}: expected a link, a video such as 74de88564, and an utterance such as "
            "utterance_1.mp4."
        )
    id_ = f"{split}/{row['video']}/{piece[1].lower()}"
    take = takes.get(id_, Take(film=f"{id_}.mp4"))  # extraction reports a missing file
    return Utterance(
        id=id_,
        corpus="omg",
        speaker="",
        label=_label(row),
        audio=take.audio,
        video=take.video,
        dialog=row["link"].removeprefix(YOUTUBE),
        turn=int(piece[2]),
        split=split,
        text=text,
        valence=row.value("valence", *RANGES["valence"]),
        arousal=row.value("arousal", *RANGES["arousal"]),
    )


def _label(row: Row) -> str | None:
    """Return the emotion that most raters chose, None where the cell is blank."""
    # A table with missing votes that was saved again has 4.0 for 4.
    numbers = {spelling: label for n, label in enumerate(LABELS) for spelling in (f"{n}", f"{n}.0")}
    text = row["EmotionMaxVote"]
    if text and text not in numbers:
        raise row.error("EmotionMaxVote", f"0 to {len(LABELS) - 1}")
    return numbers.get(text)


def _texts(table: Path | None) -> Iterator[tuple[tuple[str, str], str | None]]:
    """Yield each utterance's video and name, and its transcript; nothing if there is no table."""
    for row in tables.rows(table, ("video", "utterance", "transcript")) if table else ():
        yield (row["video"], row["utterance"]), row["transcript"] or None


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each split whose table does not have the published number of rows."""
    found = Counter(utterance.split for utterance in utterances)
    return [
        f"omg: {found[split] or 'no'} utterances of the split '{split}' found, of {n} published"
        for split, n in PUBLISHED.items()
        if found[split] != n
    ]


def example(root: Path) -> Path:
    """Lay out three videos, one of them in two pieces; the table of the test has no labels."""
    lay(root, *(f"train/74de88564_{n}/utterance_{n}.mp4" for n in (1, 2)))
    lay(root, "validation/8c49a05d3_1/utterance_1.mp4", "test/6d71a2500_2/utterance_38.mp4")
    columns = "link,start,end,video,utterance"
    labelled = f"{columns},arousal,valence,EmotionMaxVote"
    train = (
        f"{YOUTUBE}xfsvvbTlR38,0.87,16.93,74de88564_1,utterance_1.mp4,0.05738688939,0.114515408794,4",
        f"{YOUTUBE}xfsvvbTlR38,17.22,32.86,74de88564_2,utterance_2.mp4,0.182123842077,-0.255681810209,",
    )
    validation = f"{YOUTUBE}gG1zIeeobkA,0.0,10.2,8c49a05d3_1,utterance_1.mp4,0.807007378812,0.194555983839,0"
    lay_text(root, "omg_TrainVideos.csv", labelled, *train)
    lay_text(root, "omg_ValidationVideos.csv", labelled, validation)
    test = f"{YOUTUBE}dUOkpPu_tsU,169.11,170.71,6d71a2500_2,utterance_38.mp4"
    return lay_text(root, "omg_TestVideos_WithoutLabels.csv", columns, test)


CORPUS = Corpus(
    name="omg",
    title="OMG-Emotion: utterances of YouTube monologues in a fixed split, arousal, valence and 7 emotions",
    licence="CC BY-NC-SA 3.0 DE (for research, not for commercial use)",
    source="https://github.com/knowledgetechnologyuhh/OMGEmotionChallenge",
    cites=("barros2018",),
    also=("OMG-Emotion", "OMG-Emotion Challenge"),
    find=find,
    example=example,
    remarks=remarks,
    protocols=(
        Protocol("arousal", "split", target="arousal"),
        Protocol("valence", "split", target="valence"),
        Protocol("emotion", "split"),
    ),
)
