"""Corpus ``baum1s``: BAUM-1s, the spontaneous half of the BAUM-1 face database -> utterances.

What
    Videos (mp4, 29 frames/s) of people who watched pictures and short films and described their feelings in their own
    words, in Turkish: anger, boredom, bothered, concentrating, contempt, disgust, fear, happiness, neutral, sadness,
    surprise, thinking, unsure. Published counts differ (1184 in the UCI record, 1222 elsewhere), so no count is
    asserted, but a different number is reported.
Who
    31 subjects according to the paper, 17 of them women; the file names do not show the sex. Zhalehpour, Onder, Akhtar,
    Erdem, "BAUM-1: a spontaneous audio-visual face database of affective and mental states", IEEE Transactions on
    Affective Computing 8(3), 2017, doi:10.1109/TAFFC.2016.2553038.
Licence
    On request from the authors, on their terms (the UCI record has been quoted as CC BY 4.0).
Source
    https://archive.ics.uci.edu/dataset/473/baum+1. We have not seen the videos.
Files
    ``BAUM1s_MP4 - All/s001/S001_001.mp4``: subject, number. The labels are in ``Annotations_BAUM1s.xlsx``, anywhere
    below the folder: one row an utterance, with the utterance's name in one cell and the emotion in another. It also
    circulates as ``.csv`` and as ``Annotations_BAUM1s_fixed.xlsx``; where there are several, the fixed one is read.
Traps
    The acted half, BAUM-1a, uses the same names: folders that begin with ``BAUM1a`` are not read. A video that is not
    in the sheet has no label, and is context only. The sheet also has a number for the emotion, which is not read: it
    is reported to contradict the word for S015_007. The sound is in the video file. Half of the labels are mental
    states, which other corpora do not have: protocol ``six`` takes the six basic emotions.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from affex.pipeline.corpora import search
from affex.pipeline.corpora.base import LOSO, Corpus, Protocol, counted_otherwise, require_folder, unreadable
from affex.pipeline.corpora.example_tree import lay, lay_workbook
from affex.pipeline.corpora.search import Found, Take
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.storage.files import opened
from affex.pipeline.text.errors import CorpusError
from affex.pipeline.text.filenames import path_of

LABELS = (
    *("anger", "boredom", "bothered", "concentrating", "contempt", "disgust", "fear", "happiness", "neutral"),
    *("sadness", "surprise", "thinking", "unsure"),
)
#: The beginnings of words for each label: "Happy" and "Happiness" are the same.
STEMS = {label[: 4 if label.startswith("con") else 3]: label for label in LABELS}

SHEET = "Annotations_BAUM1s.xlsx"
#: Further names of the sheet; the fixed one comes first.
SHEETS = tuple(f"Annotations_BAUM1s{fixed}.{ending}" for fixed in ("_fixed", "") for ending in ("xlsx", "csv"))
UTTERANCE = re.compile(r"S\d{3}_\d{3}", re.IGNORECASE)
VIDEO = re.compile(r"(?:.*/)?(?P<name>S\d{3}_\d{3})", re.IGNORECASE)
ACTED = re.compile(r"(?:.*/)?BAUM-?1a[^/]*/.*", re.IGNORECASE)


def find(root: Path) -> Found:
    """Return the utterances, by name."""
    require_folder(root, f"BAUM-1s's s001/S001_001.mp4 and its like, and {SHEET},")
    paths = search.below(root)
    takes = search.takes(paths, _name, ("wav", "mp4"))
    sheets = search.named(paths, *SHEETS)
    if not takes.of or not sheets:
        raise CorpusError(
            f"{root} does not hold BAUM-1s: looked for videos such as s001/S001_001.mp4 and for the sheet {SHEET} (or "
            f"{', '.join(name for name in SHEETS if name != SHEET)}) in it and all its folders, and found videos: "
            f"{len(takes.of)}, sheets: {len(sheets)}. Both are given on request: see {CORPUS.source}"
        )
    sheet = path_of(root, sheets[0])
    labels = _labels(sheet)
    if not labels.keys() & takes.of.keys():
        raise CorpusError(
            f"{sheet} names none of the {len(takes.of)} videos below {root}: expected rows with an utterance such "
            f"as {min(takes.of)} and an emotion. Is it the sheet of these videos?"
        )
    utterances = (_utterance(utterance, takes.of[utterance], labels.get(utterance)) for utterance in sorted(takes.of))
    return takes.found("baum1s", utterances, _unread(sheets))


def _name(name: str) -> str | None:
    """Return the utterance of a file; None for other files and those of the acted half."""
    video = VIDEO.fullmatch(name)
    return video["name"].upper() if video and not ACTED.fullmatch(name) else None


def _unread(sheets: Sequence[str]) -> list[str]:
    return [f"baum1s: the labels are those of {sheets[0]}; not read: {', '.join(sheets[1:])}"] if sheets[1:] else []


def _utterance(utterance: str, take: Take, label: str | None) -> Utterance:
    return Utterance(
        id=utterance,
        corpus="baum1s",
        speaker=utterance.partition("_")[0],
        label=label,
        audio=take.audio,
        video=take.video,
    )


def _labels(sheet: Path) -> dict[str, str]:
    """Return the label of each utterance, found by the cells: the order of columns is not published."""
    labels: dict[str, str] = {}
    for cells in _lines(sheet) if sheet.suffix.lower() == ".csv" else _rows(sheet):
        utterances = [cell.upper() for cell in cells if UTTERANCE.fullmatch(cell)]
        found = {label for cell in cells for stem, label in STEMS.items() if cell.lower().startswith(stem)}
        for utterance in utterances:
            words = found | ({labels[utterance]} if utterance in labels else set())
            if len(words) != 1:
                raise CorpusError(
                    f"{sheet}, utterance {utterance}: expected one emotion of {', '.join(LABELS)}, found "
                    f"{' and '.join(sorted(words)) or 'none'}. Correct the row '{' | '.join(cells)}'."
                )
            labels[utterance] = words.pop()
    return labels


def _lines(table: Path) -> Iterator[Sequence[str]]:
    """Yield the cells of each row of a text table, without blank ones."""
    text = search.text(table)
    delimiter = max(",;\t", key=text.count)
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        yield [cell for given in row if (cell := given.strip())]


def _rows(workbook: Path) -> Iterator[Sequence[str]]:
    """Yield the cells of each row of an Excel workbook, without blank ones (ECMA-376, part 1, 18.3 and 18.4)."""
    search.require_fetched(workbook)
    try:
        with opened(workbook) as file, zipfile.ZipFile(file) as parts:
            names = parts.namelist()
            shared = _shared(parts.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in names else []
            for name in sorted(name for name in names if name.startswith("xl/worksheets/sheet")):
                for row in ElementTree.fromstring(parts.read(name)).iterfind(".//{*}row"):
                    yield [text for cell in row.iterfind(".//{*}c") if (text := _text(cell, shared))]
    except OSError as error:
        raise unreadable(workbook, error) from error
    except (zipfile.BadZipFile, zlib.error, ElementTree.ParseError, ValueError, IndexError) as error:
        raise CorpusError(
            f"{workbook} cannot be read as an Excel workbook ({error}). Open it in a spreadsheet program and save it "
            "as .xlsx anew, or get it again."
        ) from error


def _shared(part: bytes) -> list[str]:
    return ["".join(text.text or "" for text in item.iterfind(".//{*}t")) for item in ElementTree.fromstring(part)]


def _text(cell: ElementTree.Element, shared: Sequence[str]) -> str:
    value = cell.findtext("{*}v", default="")
    if cell.get("t") == "s":
        value = shared[int(value)]
    elif cell.get("t") == "inlineStr":
        value = "".join(text.text or "" for text in cell.iterfind(".//{*}t"))
    return value.strip()


def example(root: Path) -> Path:
    """Lay out three videos and their sheet, and the acted half beside them."""
    videos = (("S001_001", "Happiness"), ("S001_002", "Concentrating"), ("S031_001", "Contempt"))
    lay(root, *(f"BAUM1s_MP4 - All/{utterance[:4].lower()}/{utterance}.mp4" for utterance, _ in videos))
    lay(root, "BAUM1a_MP4_all/s001/S001_001.mp4", "Annotations_BAUM1a.xlsx")
    header = ("No", "Subject", "Gender", "Utterance Name", "Emotion", "Emotion Code")
    rows = (
        (n, int(utterance[1:4]), "Female", utterance, emotion, n) for n, (utterance, emotion) in enumerate(videos, 1)
    )
    return lay_workbook(root, SHEET, header, *rows)


CORPUS = Corpus(
    name="baum1s",
    title="BAUM-1s: spontaneous videos, 31 subjects, 13 emotions and mental states, Turkish",
    licence="on request from the authors, on their terms",
    source="https://archive.ics.uci.edu/dataset/473/baum+1",
    cites=("zhalehpour2017",),
    language="Turkish",
    also=("BAUM-1s", "BAUM-1"),
    find=find,
    example=example,
    remarks=counted_otherwise("baum1s", {"the UCI record": 1184, "other publications": 1222}),
    protocols=(LOSO, Protocol("six", classes="anger,disgust,fear,happiness,sadness,surprise")),
)
