"""The common part of CMU-MOSI and CMU-MOSEI: the arrow from labels in a computational sequence to utterances.

A file of labels (see `pipeline.media.csd`) has one entry per recording, and one row per segment: its labels, and its
begin and end, in s of the recording. The id of an utterance is ``<recording>[<row>]``, as in the output of the SDK's
alignment to the labels, so that aligned features match their segments. The recordings are no longer distributed. The
labels say which part of which recording a segment is, even without the recordings, so that features of others can be
imported. The module also has the usual protocols for sentiment.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import Protocol, is_there, require_folder
from affex.pipeline.corpora.example_tree import lay
from affex.pipeline.corpora.search import Found, Takes
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import csd
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

#: The greatest absolute sentiment (Zadeh et al. 2016); values beyond it are not labels.
STRONGEST = 3.0

#: The greatest length of a recording, s: 30 years.
LONGEST = 1e9

#: Where the labels are published.
SOURCE = "https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK"

#: The table with the split of each recording, and the names of splits there.
SPLIT = "split.csv"
SPLITS = {"train": "train", "valid": "validation", "validation": "validation", "dev": "validation", "test": "test"}


@dataclass(frozen=True)
class Release:
    """The layout of a corpus.

    Parameters
    ----------
    corpus, title
        Its name here, and its authors' name for it.
    labels
        The possible names of the file of labels; the first that exists is read.
    columns
        The meaning of each column of the labels: sentiment, and emotions.
    audio, video
        The folders of the whole recordings, below ``Raw``.
    grade
        Returns the class of a sentiment, one of seven, -3 to 3.
    texts
        ``texts(raw, recording)`` reads the transcripts: ``texts(...)(row, start, end)`` is that of a segment, or None.
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
    """The files of a corpus below its root."""

    raw: Path
    audio: Mapping[str, str]
    video: Mapping[str, str]
    splits: Mapping[str, str]


def find(root: Path, release: Release) -> Found:
    """Return the segments, by recording, then in the order of the labels; the recordings may be missing.

    Raises
    ------
    CorpusError
        If the labels are missing or have other columns, or the recordings do not belong to the labels.
    """
    require_folder(root, f"{release.title}'s {release.labels[0]} and Raw/{release.audio}")
    paths = search.below(root)
    sounds, videos = _in_folder(paths, release.audio, search.SOUNDS), _in_folder(paths, release.video, search.VIDEOS)
    labels = search.first(root, paths, *release.labels)
    if labels is None:
        raise CorpusError(
            f"{root} does not hold {release.title}: looked for {release.labels[0]} in it and in its folders, and found "
            f"{'recordings alone' if sounds or videos else 'none'}. The labels come from {SOURCE}"
        )
    search.require_fetched(labels)
    is_there(labels)  # reading a FIFO would block
    with csd.reading(labels) as sequence:
        wanted = {csd.recording(key)[0] for key in sequence.entries}
        audio, video = _recordings(paths, sounds, wanted), _recordings(paths, videos, wanted)
        if (sounds or videos) and not (audio.of or video.of):
            raise CorpusError(
                f"{root}: none of the recordings in Raw/{release.audio} or Raw/{release.video} is in "
                f"{labels.name}. Looked for {next(iter(wanted), 'any')}."
            )
        its = _Files(
            raw=next((path_of(root, path) for path in _folders(paths, "Raw")), root),
            audio={name: take.sound for name, take in audio.of.items() if take.sound},
            video={name: take.film for name, take in video.of.items() if take.film},
            splits=dict(_splits(search.first(root, paths, SPLIT))),
        )
        columns = _columns(release, sequence)
        found = [
            segment
            for key, entry in sequence.entries.items()
            for segment in _segments(key, _checked(labels, key, entry, columns), columns, release, its)
        ]
    alone = f"{release.corpus}: there are labels but no recordings: import features of others (see affex import --help)"
    return Found(found, {**audio.copies, **video.copies}, () if its.audio or its.video else (alone,))


def lay_labelled(root: Path, release: Release, talks: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Path:
    """Lay out labels, and a sound file and a video for each recording: the main part of an example.

    Parameters
    ----------
    talks
        Recording to its labels, ``(n_segments, n_columns)``, and their spans, ``(n_segments, 2)`` in s.
    """
    for talk in talks:
        lay(root, f"Raw/{release.audio}/{talk}.wav", f"Raw/{release.video}/{talk}.mp4")
    entries = ((talk, csd.Entry(np.array(values), np.array(spans))) for talk, (values, spans) in talks.items())
    csd.write(root / release.labels[0], release.labels[-1].removesuffix(".csd"), entries, {})
    return root


def _in_folder(paths: Sequence[str], folder: str, endings: Sequence[str]) -> list[str]:
    """Return the recordings in the folder of the authors' archive, in upper or lower case."""
    own = f"/{folder}".lower()
    return [path for path in paths if f"/{path.rpartition('/')[0]}".lower().endswith(own) and _ends(path, endings)]


def _recordings(paths: Sequence[str], own: Sequence[str], wanted: Collection[str]) -> Takes[str]:
    """Return the labelled recordings by name: in the authors' folder, or else in any folder."""

    def name(path: str) -> str | None:
        name = path.rpartition("/")[2]
        return name if name in wanted else None

    return search.takes(own or paths, name, ("wav", "mp4"))


def _ends(path: str, endings: Sequence[str]) -> bool:
    return path.rpartition(".")[2].lower() in endings


def _folders(paths: Sequence[str], name: str) -> Iterator[str]:
    """Yield the folders with a name that have files."""
    for path in paths:
        before, found, _ = f"/{path}".partition(f"/{name}/")
        if found:
            yield f"{before}/{name}".removeprefix("/")


def _columns(release: Release, sequence: csd.Sequence) -> tuple[str, ...]:
    """Return the meaning of the columns: from the file if it names them, or else from its authors' documentation."""
    stated = sequence.metadata.get("dimension names")
    if isinstance(stated, list) and sorted(map(str, stated)) == sorted(release.columns):
        return tuple(map(str, stated))
    return release.columns


def _checked(labels: Path, key: str, entry: csd.Entry, columns: Sequence[str]) -> csd.Entry:
    """Return an entry after checking its labels: their shape, times, and one row for a single segment."""
    values = entry.features
    if values.shape[1:] != (len(columns),) or values.dtype.kind not in "fiu":
        raise CorpusError(
            f"{labels}: '{key}' has labels of the shape {values.shape} and the type {values.dtype}, expected "
            f"{len(columns)} numbers per segment: {', '.join(columns)}."
        )
    if np.abs(entry.intervals).max(initial=0) > LONGEST:
        raise CorpusError(f"{labels}: '{key}' has intervals up to {entry.intervals.max():g}, expected seconds.")
    if csd.recording(key)[1] is not None and len(values) != 1:
        raise CorpusError(f"{labels}: '{key}' has {len(values)} rows, expected the one of a single segment.")
    return entry


def _segments(key: str, entry: csd.Entry, columns: Sequence[str], release: Release, its: _Files) -> Iterator[Utterance]:
    recording, number = csd.recording(key)
    text_of = release.texts(its.raw, recording)
    places = np.argsort(np.argsort(entry.intervals[:, 0], kind="stable"), kind="stable").tolist()
    for row, (values, (start, end)) in enumerate(zip(entry.features, entry.intervals.tolist(), strict=True)):
        at, turn = (row, places[row]) if number is None else (number, number)
        media = _media(recording, start, end, its)
        segment = Utterance(
            id=f"{recording}[{at}]",
            corpus=release.corpus,
            speaker=recording,
            audio=media["audio"],
            video=media["video"],
            turn=turn,
            split=its.splits.get(recording),
            text=text_of(at, start, end),
            absent=tuple(
                (kind, _why_absent(start, end, folder))
                for kind, folder in (("audio", release.audio), ("video", release.video))
                if media[kind] is None
            ),
            origin=_span(recording, start, end),
        )
        yield _labelled(segment, columns, values, release)


def _media(recording: str, start: float, end: float, its: _Files) -> dict[str, Media | None]:
    """Return a segment's spans of its recordings, None where there is none; the video may have the sound."""
    video = _span(its.video.get(recording), start, end)
    return {"audio": _span(its.audio.get(recording), start, end) or video, "video": video}


def _span(path: str | None, start: float, end: float) -> Media | None:
    """Return a span of a recording, from 0 on; None if it ends before it begins."""
    start = max(start, 0.0)
    return Media(path, start, end) if path and end > start else None


def _why_absent(start: float, end: float, folder: str) -> str:
    if end <= max(start, 0.0):
        return f"in the labels it begins at {start:.3f} s and ends at {end:.3f} s"
    return f"its recording is missing (looked for in Raw/{folder})"


def _labelled(segment: Utterance, columns: Sequence[str], values: NDArray[np.floating], release: Release) -> Utterance:
    """Return a segment with its labels: sentiment as a value, as one of seven classes and as a sign, and emotions."""
    of = dict(zip(columns, map(float, values), strict=True))
    sentiment = of.pop("sentiment")
    aspects = tuple((name, "present" if value > 0 else "absent") for name, value in of.items() if value >= 0)
    if not abs(sentiment) <= STRONGEST:
        return replace(segment, aspects=aspects)
    polarity = "negative" if sentiment < 0 else "positive" if sentiment > 0 else "neutral"
    grade = str(release.grade(sentiment))
    return replace(segment, label=grade, valence=sentiment, aspects=(("polarity", polarity), *aspects))


def _splits(table: Path | None) -> Iterator[tuple[str, str]]:
    """Yield recording and split of each row; nothing if there is no table."""
    if table is None:
        return
    rows = search.rows(table)
    if not {"video", "split"} <= set(rows.fieldnames or ()):
        raise CorpusError(f"{table} is not a table of splits: expected the columns video and split.")
    met: set[str] = set()
    for number, row in enumerate(rows, 2):
        if row["split"] not in SPLITS or row["video"] in met:
            what = "appears twice" if row["video"] in met else f"is in '{row['split']}', expected {', '.join(SPLITS)}"
            raise CorpusError(f"{table}, row {number}: '{row['video']}' {what}.")
        met.add(row["video"])
        yield row["video"], SPLITS[row["split"]]


def remarks(utterances: Sequence[Utterance]) -> list[str]:
    """Return a sentence for each kind of content that some segments lack."""
    return [
        f"{utterances[0].corpus}: {len(lacking)} of {len(utterances)} segments have no {what}"
        for field, what in (
            ("audio", "sound (no recording, or they end before they begin)"),
            ("video", "picture (no video, or they end before they begin)"),
            ("text", "transcript"),
            ("valence", f"sentiment from -{STRONGEST:g} to {STRONGEST:g}"),
        )
        if (lacking := [utterance for utterance in utterances if getattr(utterance, field) is None])
    ]


def away_from_zero(sentiment: float) -> int:
    """Return one of seven classes, as the SDK does for CMU-MOSEI: any sentiment below 0 is at most -1."""
    # Rounded to four digits: the labels are means over a few raters, some of them in single precision.
    return int(math.copysign(math.ceil(round(abs(sentiment), 4)), sentiment))


def nearest(sentiment: float) -> int:
    """Return one of seven classes, as the SDK does for CMU-MOSI: the nearest whole number, of two the even one."""
    return round(sentiment)


def protocols(*emotions: str) -> tuple[Protocol, ...]:
    """Return the usual protocols for sentiment and the presence of emotions: by recording, and in the given split."""
    by_recording = tuple(
        replace(protocol, scheme="group-k", k=5)
        for protocol in (
            Protocol("sentiment2", target="polarity", classes="negative,positive"),
            Protocol("sentiment2-nonnegative", target="polarity", classes="negative,nonnegative=neutral+positive"),
            Protocol("sentiment7", classes="-3,-2,-1,0,1,2,3"),
            Protocol("sentiment", target="valence"),
            *(Protocol(emotion, target=emotion, classes="absent,present") for emotion in emotions),
        )
    )
    return (
        *by_recording,
        *(replace(protocol, name=f"{protocol.name}-split", scheme="split", k=10) for protocol in by_recording),
    )
