"""Small trees of files in each corpus's shipped layout, and what `find` is given to read them.

The battery over all corpora takes a corpus's tree from `TREES`; files that `find` does not open are empty.
"""

import json
from collections.abc import Callable
from pathlib import Path

from dialogs import iemocap

from pipeline.corpora import demo


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


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
    touch(root, *(clip.name for clip in demo.CLIPS))
    (root / "demo.json").write_text(json.dumps(demo.RECIPE), encoding="utf-8")
    return root


TREES: dict[str, Callable[[Path], Path]] = {
    "csv": csv,
    "demo": demo_made,
    "emodb": emodb,
    "iemocap": iemocap,
    "ravdess": ravdess,
}
