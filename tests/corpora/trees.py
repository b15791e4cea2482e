"""Small trees of files in each corpus's shipped layout, and what `find` is given to read them.

The battery over all corpora takes a corpus's tree from `TREES`; files that `find` does not open are empty.
"""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from dialogs import iemocap

from affex.pipeline.corpora import demo
from affex.pipeline.media import csd


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def pointer(path: Path) -> Path:
    """Write what Git LFS leaves in a file's place until it is fetched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 66492\n")
    return path


def emodb(root: Path) -> Path:
    return touch(root, *(f"wav/{speaker}a01{emotion}a.wav" for speaker in ("03", "08") for emotion in "WLEAFTN"))


def ravdess(root: Path) -> Path:
    """Return a tree of two actors: both modalities of speech, audio of song."""
    for actor in ("01", "02"):
        for emotion in ("01", "05"):
            take = f"{emotion}-01-02-01-{actor}"
            touch(root, *(f"Actor_{actor}/{name}-01-{take}.mp4" for name in ("01", "02")))
            touch(root, f"Actor_{actor}/03-01-{take}.wav", f"Actor_{actor}/03-02-{take}.wav")
    return root


def csv(root: Path) -> Path:
    touch(root, "Töne/erste Aufnahme.wav", "two.mp4")
    table = root / "meine Daten.csv"
    table.write_text("file,speaker,label\nTöne/erste Aufnahme.wav,Jörg,anger\ntwo.mp4,b,\n", encoding="utf-8")
    return table


def demo_made(root: Path) -> Path:
    touch(root, *(utterance.name for utterance in demo.PERFORMANCES))
    (root / "demo.json").write_text(json.dumps(demo.RECIPE), encoding="utf-8")
    return root


def afew(root: Path) -> Path:
    """Return a tree of two utterances an emotion and split."""
    emotions = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    names = (
        f"{split}_AFEW/{emotion}/00{n}046280.avi" for split in ("Train", "Val") for emotion in emotions for n in "01"
    )
    return touch(root, *names)


def cremad(root: Path) -> Path:
    """Return a tree of two actors, with the tables about them and a video of some utterances."""
    utterances = [
        f"{actor}_IEO_{utterance}"
        for actor in ("1001", "1002")
        for utterance in ("ANG_LO", "ANG_MD", "ANG_HI", "NEU_XX")
    ]
    touch(
        root,
        *(f"AudioWAV/{utterance}.wav" for utterance in utterances),
        *(f"VideoFlash/{utterance}.flv" for utterance in utterances[:3]),
    )
    (root / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n'
        '1001,51,"Male","Caucasian","Not Hispanic"\n'
        '1002,21,"Female","Caucasian","Not Hispanic"\n',
        encoding="utf-8",
    )
    (root / "processedResults").mkdir()
    (root / "processedResults" / "tabulatedVotes.csv").write_text(
        '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n'
        '"100001",0,0,0,0,9,0,"1001_IEO_ANG_LO",9,1,"N"\n'
        '"200001",0,9,0,0,0,0,"1001_IEO_ANG_LO",9,1,"D"\n'
        '"300001",2,1,0,0,2,0,"1001_IEO_ANG_LO",5,0.4,"A:N"\n'
        '"300002",0,0,0,0,0,3,"1002_IEO_NEU_XX",3,1,"S"\n',
        encoding="utf-8",
    )
    return root


def omg(root: Path) -> Path:
    """Return a tree of three videos, one of them in two pieces; the test table has no labels."""
    labelled = ("link", "start", "end", "video", "utterance", "arousal", "valence", "EmotionMaxVote")
    one, two = "https://www.youtube.com/watch?v=xfsvvbTlR38", "https://www.youtube.com/watch?v=gG1zIeeobkA"
    tables = {
        "omg_TrainVideos.csv": (
            labelled,
            (one, "0.87", "16.93", "74de88564_1", "utterance_1.mp4", "0.05738688939", "0.114515408794", "4"),
            (one, "17.22", "32.86", "74de88564_2", "utterance_2.mp4", "0.182123842077", "-0.255681810209", ""),
        ),
        "omg_ValidationVideos.csv": (
            labelled,
            (two, "0.0", "10.2", "8c49a05d3_1", "utterance_1.mp4", "0.807007378812", "0.194555983839", "0"),
        ),
        "omg_TestVideos_WithoutLabels.csv": (
            labelled[:5],
            ("https://www.youtube.com/watch?v=dUOkpPu_tsU", "169.11", "170.71", "6d71a2500_2", "utterance_38.mp4"),
        ),
    }
    for (name, rows), split in zip(tables.items(), ("train", "validation", "test"), strict=True):
        touch(root, *(f"{split}/{row[3]}/{row[4]}" for row in rows[1:]))
        (root / name).write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return root


def baum1s(root: Path) -> Path:
    """Return a tree of three videos and their sheet, with the acted half beside them."""
    films = [("S001_001", "Happiness"), ("S001_002", "Concentrating"), ("S031_001", "Contempt")]
    touch(root, *(f"BAUM1s_MP4 - All/{utterance[:4].lower()}/{utterance}.mp4" for utterance, _ in films))
    touch(root, "BAUM1a_MP4_all/s001/S001_001.mp4", "Annotations_BAUM1a.xlsx")
    header = ("No", "Subject", "Gender", "Utterance Name", "Emotion", "Emotion Code")
    rows = [
        (n, int(utterance[1:4]), "Female", utterance, emotion, n) for n, (utterance, emotion) in enumerate(films, 1)
    ]
    return workbook(root / "Annotations_BAUM1s.xlsx", header, *rows).parent


def enterface(root: Path) -> Path:
    for subject in (1, 11):
        for emotion in ("anger", "surprise"):
            touch(root, f"subject {subject}/{emotion}/sentence 1/s{subject}_{emotion[:2]}_1.avi")
    return touch(root, "subject 6/s6_an.avi")


def rml(root: Path) -> Path:
    return touch(root, *(f"{speaker}/{emotion}1.avi" for speaker in ("s1", "s8") for emotion in ("an", "sa", "su")))


def savee(root: Path) -> Path:
    for speaker in ("DC", "KL"):
        touch(root, *(f"AudioData/{speaker}/{emotion}01.wav" for emotion in ("a", "d", "f", "h", "n", "sa", "su")))
        touch(root, *(f"AudioVisualClip/{speaker}/{emotion}1.avi" for emotion in ("a", "sa")))
    return root


def mosei(root: Path) -> Path:
    """Return a tree of two videos as the authors' archive has them, with the labels beside it."""
    emotionless = [0.0] * 6
    rows = {
        "_0efYOjQYRc": ([[-2.3333333, 0, 1, 0.6666667, 0, 0, 0], [0, *emotionless]], [[3.3, 9.0], [-0.48, 4.1]]),
        "zk2jTlAtvSU": (
            [[value, *emotionless] for value in (-2, -0.3333333, 0.6666667, 2, 3)],
            [[float(n), n + 1.5] for n in range(5)],
        ),
    }
    for video in rows:
        touch(root, f"Raw/Audio/Full/WAV_16000/{video}.wav", f"Raw/Videos/Full/Combined/{video}.mp4")
    transcript = root / "Raw/Transcript/Segmented/Combined/_0efYOjQYRc.txt"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(
        "_0efYOjQYRc___0___-0.48___4.1___Deloitte ___ announced.\n_0efYOjQYRc___7___3.3___9.0___Nobody spoke.\n",
        encoding="utf-8",
    )
    entries = ((video, csd.Entry(np.array(values), np.array(spans))) for video, (values, spans) in rows.items())
    csd.write(root / "CMU_MOSEI_Labels.csd", "All Labels", entries, {})
    return root


def mosi(root: Path) -> Path:
    """Return a tree of two videos as the authors' archive has them, with the labels beside it."""
    rows = {"03bSnISJMiM": [2.4, -0.4, 0.0, -3.0, 1.0], "_dI--eQ6qVU": [-2.0, -1.4, 3.0]}
    for video in rows:
        touch(root, f"Raw/Audio/WAV_16000/Full/{video}.wav", f"Raw/Video/Full/{video}.mp4")
    transcript = root / "Raw/Transcript/Segmented/03bSnISJMiM.annotprocessed"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("1_DELIM_ANYHOW IT WAS REALLY GOOD\n2_DELIM_THEY DIDN'T\n", encoding="utf-8")
    entries = (
        (video, csd.Entry(np.array(values)[:, None], np.arange(2 * len(values)).reshape(-1, 2)))
        for video, values in rows.items()
    )
    csd.write(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", entries, {})
    return root


def workbook(path: Path, *rows: Sequence[str | int]) -> Path:
    """Write rows as the one sheet of an Excel workbook, texts shared, as Excel writes them (ECMA-376, part 1)."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = sorted({cell for row in rows for cell in row if isinstance(cell, str)})

    def written(cell: str | int) -> str:
        return f'<c t="s"><v>{texts.index(cell)}</v></c>' if isinstance(cell, str) else f"<c><v>{cell}</v></c>"

    sheet = "".join(f"<row>{''.join(map(written, row))}</row>" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("xl/sharedStrings.xml", f"<sst {main}>{''.join(f'<si><t>{t}</t></si>' for t in texts)}</sst>")
        parts.writestr("xl/worksheets/sheet1.xml", f"<worksheet {main}><sheetData>{sheet}</sheetData></worksheet>")
    return path


TREES: dict[str, Callable[[Path], Path]] = {
    "afew": afew,
    "baum1s": baum1s,
    "cremad": cremad,
    "csv": csv,
    "demo": demo_made,
    "emodb": emodb,
    "enterface": enterface,
    "iemocap": iemocap,
    "mosei": mosei,
    "mosi": mosi,
    "omg": omg,
    "ravdess": ravdess,
    "rml": rml,
    "savee": savee,
}
