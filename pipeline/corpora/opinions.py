"""What the corpora of CMU-MOSI and CMU-MOSEI share: segments of whole recordings, labelled in a computational sequence.

Beside the arrow from a corpus's files to utterances: how the rows of a file of labels (see `pipeline.media.csd`)
become utterances, and the usual ways to judge sentiment. One recording has one entry, one segment a row: what it was
labelled as, and from when to when it lasts, in s of the recording. An utterance is called as the SDK calls what
it aligns to the labels, ``<recording>[<row>]``, so that features aligned so find their segments.
"""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.corpora.base import Card, is_there, require_folder
from pipeline.errors import CorpusError
from pipeline.files import spelled
from pipeline.manifest import Media, Utterance
from pipeline.media import csd

#: Sentiment goes from this far below zero to as far above (Zadeh et al. 2016); what is beyond is no label.
STRONGEST = 3.0

#: No recording is longer, s: 30 years.
LONGEST = 1e9

#: The table that says which recording is learned from and which tested, and what a split is called there.
SPLIT = "split.csv"
SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "dev": "validation", "test": "test"}


@dataclass(frozen=True)
class Release:
    """How a corpus is laid out.

    Parameters
    ----------
    corpus, title
        What it is called here and by its authors.
    labels
        The names that the file of labels goes by, the first that is there counts.
    columns
        What each column of the labels says: sentiment, and emotions.
    audio, video
        The folders of the whole recordings, below ``Raw``.
    grade
        The class of seven, -3 to 3, of a sentiment.
    texts
        ``texts(raw, recording)`` finds what was said: ``texts(...)(row, start, end)`` for one segment, or None.
    """

    corpus: str
    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    audio: str
    video: str
    grade: Callable[[float], int]
    texts: Callable[[Path, str], Callable[[int, float, float], str | None]]


@dataclass(frozen=True)
class _Files:
    """What of a corpus lies where, below its root."""

    raw: Path
    audio: Mapping[str, str]
    video: Mapping[str, str]
    splits: Mapping[str, str]


def find(root: Path, release: Release) -> list[Utterance]:
    """Return the segments, by recording, then in the order of the labels.

    Raises
    ------
    CorpusError
        If the folder does not hold the labels and a recording that they are about, or the labels have other columns.
    """
    require_folder(root, f"{release.title}'s {release.labels[0]} and Raw/{release.audio}")
    labels = next((path for name in release.labels for path in _beside_or_below(root, name)), None)
    raw = next(_beside_or_below(root, "Raw"), root)
    audio, video = _recordings(root, raw / release.audio, ".wav"), _recordings(root, raw / release.video, ".mp4")
    if labels is None or not (audio or video):
        raise CorpusError(
            f"{root} does not hold {release.title}: looked for {release.labels[0]} in it and in its folders, and for "
            f"recordings in Raw/{release.audio} or Raw/{release.video}, and found "
            f"{'the labels alone' if labels else 'recordings alone' if audio or video else 'neither'}."
        )
    files = _Files(raw, audio, video, dict(_splits(root / SPLIT)))
    is_there(labels)  # a FIFO would be waited for
    with csd.reading(labels) as sequence:
        columns = _columns(release, sequence)
        found = [
            segment
            for key, entry in sequence.entries.items()
            for segment in _segments(key, _checked(labels, key, entry, columns), columns, release, files)
        ]
    if not any(segment.audio or segment.video for segment in found):
        raise CorpusError(
            f"{root}: none of the recordings in Raw/{release.audio} or Raw/{release.video} is one that "
            f"{labels.name} is about. Looked for {found[0].speaker if found else 'any'}."
        )
    return found


def _beside_or_below(root: Path, name: str) -> Iterator[Path]:
    """Yield what goes by a name in a folder, then in the folders within."""
    yield from (path for at in (name, f"*/{name}") for path in sorted(root.glob(at)))


def _recordings(root: Path, folder: Path, suffix: str) -> dict[str, str]:
    """Return the paths of a folder's recordings, below the root, by name."""
    paths = sorted(folder.glob(f"*{suffix}"))
    return {spelled(path.stem): spelled(path.relative_to(root).as_posix()) for path in paths}


def _columns(release: Release, sequence: csd.Sequence) -> tuple[str, ...]:
    """Return what the columns say: as the file itself does where it names them, else as its authors document."""
    stated = sequence.metadata.get("dimension names")
    if isinstance(stated, list) and sorted(map(str, stated)) == sorted(release.columns):
        return tuple(map(str, stated))
    return release.columns


def _checked(labels: Path, key: str, entry: csd.Entry, columns: Sequence[str]) -> csd.Entry:
    """Return an entry that holds labels, one row where it is about one segment."""
    values = entry.features
    if values.shape[1:] != (len(columns),) or values.dtype.kind not in "fiu":
        raise CorpusError(
            f"{labels}: '{key}' has labels of the shape {values.shape} and the type {values.dtype}, expected "
            f"{len(columns)} numbers a segment: {', '.join(columns)}."
        )
    if np.abs(entry.intervals).max(initial=0) > LONGEST:
        raise CorpusError(f"{labels}: '{key}' has intervals up to {entry.intervals.max():g}, expected seconds.")
    if csd.recording(key)[1] is not None and len(values) != 1:
        raise CorpusError(f"{labels}: '{key}' has {len(values)} rows, expected the one of a single segment.")
    return entry


def _segments(
    key: str, entry: csd.Entry, columns: Sequence[str], release: Release, files: _Files
) -> Iterator[Utterance]:
    recording, number = csd.recording(key)
    said = release.texts(files.raw, recording)
    places = np.argsort(np.argsort(entry.intervals[:, 0], kind="stable"), kind="stable").tolist()
    for row, (values, (start, end)) in enumerate(zip(entry.features, entry.intervals.tolist(), strict=True)):
        at, turn = (row, places[row]) if number is None else (number, number)
        media = _media(recording, start, end, files)
        segment = Utterance(
            id=f"{recording}[{at}]",
            corpus=release.corpus,
            speaker=recording,
            audio=media["audio"],
            video=media["video"],
            turn=turn,
            split=files.splits.get(recording),
            text=said(at, start, end),
            absent=tuple(
                (kind, _why_absent(start, end, folder))
                for kind, folder in (("audio", release.audio), ("video", release.video))
                if media[kind] is None
            ),
        )
        yield _labelled(segment, columns, values, release)


def _media(recording: str, start: float, end: float, files: _Files) -> dict[str, Media | None]:
    """Return a segment's spans of its recording, None where there is none; a film is heard where nothing else is."""
    video = _span(files.video.get(recording), start, end)
    return {"audio": _span(files.audio.get(recording), start, end) or video, "video": video}


def _span(path: str | None, start: float, end: float) -> Media | None:
    """Return a span of a recording; what begins before 0 begins at 0, and what ends before it begins is none."""
    start = max(start, 0.0)
    return Media(path, start, end) if path and end > start else None


def _why_absent(start: float, end: float, folder: str) -> str:
    if end <= max(start, 0.0):
        return f"the labels let it begin at {start:.3f} s and end at {end:.3f} s"
    return f"its recording is not there (looked for in Raw/{folder})"


def _labelled(segment: Utterance, columns: Sequence[str], values: NDArray[np.floating], release: Release) -> Utterance:
    """Return a segment with its labels: sentiment as a value, as one of seven classes and by its sign, and emotions."""
    of = dict(zip(columns, map(float, values), strict=True))
    sentiment = of.pop("sentiment")
    aspects = tuple((name, "present" if value > 0 else "absent") for name, value in of.items() if value >= 0)
    if not abs(sentiment) <= STRONGEST:
        return replace(segment, aspects=aspects)
    polarity = "negative" if sentiment < 0 else "positive" if sentiment > 0 else "neutral"
    grade = str(release.grade(sentiment))
    return replace(segment, label=grade, valence=sentiment, aspects=(("polarity", polarity), *aspects))


def _splits(table: Path) -> Iterator[tuple[str, str]]:
    """Yield recording and split of each row, nothing where there is no table."""
    if not is_there(table):
        return
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines, restval="")
        if not {"video", "split"} <= set(rows.fieldnames or ()):
            raise CorpusError(f"{table} is no table of the split: expected the columns video and split.")
        met: set[str] = set()
        for number, row in enumerate(rows, 2):
            if row["split"] not in SPLITS or row["video"] in met:
                what = "comes twice" if row["video"] in met else f"is in '{row['split']}', expected {', '.join(SPLITS)}"
                raise CorpusError(f"{table}, row {number}: '{row['video']}' {what}.")
            met.add(row["video"])
            yield row["video"], SPLITS[row["split"]]


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each thing that segments lack."""
    return [
        f"{utterances[0].corpus}: {len(lacking)} of {len(utterances)} segments have no {what}"
        for field, what in (
            ("audio", "sound (no recording, or they end before they begin)"),
            ("video", "picture (no film, or they end before they begin)"),
            ("text", "transcript"),
            ("valence", f"sentiment from -{STRONGEST:g} to {STRONGEST:g}"),
        )
        if (lacking := [utterance for utterance in utterances if getattr(utterance, field) is None])
    ]


def away_from_zero(sentiment: float) -> int:
    """Return the class of seven as the SDK grades CMU-MOSEI: any sentiment below 0 is at most -1."""
    # To four digits: the labels are means over a few raters, some of them written in single precision.
    return int(math.copysign(math.ceil(round(abs(sentiment), 4)), sentiment))


def nearest(sentiment: float) -> int:
    """Return the class of seven as the SDK grades CMU-MOSI: the nearest whole number, the even one of two."""
    return round(sentiment)


def cards(*emotions: str) -> tuple[Card, ...]:
    """Return the usual ways to judge sentiment and the presence of emotions: by recording, and in the given split."""
    by_recording = tuple(
        replace(card, protocol="group-k", k=5)
        for card in (
            Card("sentiment2", target="polarity", classes="negative,positive"),
            Card("sentiment2-nonnegative", target="polarity", classes="negative,nonnegative=neutral+positive"),
            Card("sentiment7", classes="-3,-2,-1,0,1,2,3"),
            Card("sentiment", target="valence"),
            *(Card(emotion, target=emotion, classes="absent,present") for emotion in emotions),
        )
    )
    return (*by_recording, *(replace(card, name=f"{card.name}-split", protocol="split", k=10) for card in by_recording))
