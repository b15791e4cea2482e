"""The layouts that people keep corpora in, as trees of files, each with the count of utterances that must be found.

Layouts and spellings are those of copies on the web; labels are invented where a table holds them. To print them all as
a table: ``PYTHONPATH=.:tests python tests/corpora/layouts.py``.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import dialogs
import numpy as np
from corpus import Listener

from affex.pipeline.caching.dataset import opened
from affex.pipeline.caching.sources import require_unique
from affex.pipeline.corpora import cremad
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.media import csd
from affex.pipeline.specs import discovery

CORPORA = discovery.corpora()
SIX = {"anger": "an", "disgust": "di", "fear": "fe", "happiness": "ha", "sadness": "sa", "surprise": "su"}


def fill(root: Path, names: Iterable[str]) -> Path:
    """Make files that hold their own names: those of one name have the same bytes in any folder and any case."""
    folders = set()
    for name in names:
        path = root / name
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        path.write_bytes(path.name.lower().encode())
    return root


def below(folder: str, names: Iterable[str]) -> Iterator[str]:
    """Yield names, flattened, in one folder."""
    return (f"{folder}/{name.rpartition('/')[2]}" for name in names)


def ending(new: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{name.rpartition('.')[0]}.{new}" for name in names)


def linked(root: Path, names: Iterable[str]) -> Path:
    """Make files elsewhere, and a folder that holds a link to theirs, and one to itself."""
    fill(root / "elsewhere", names)
    (root / "corpus").mkdir()
    (root / "corpus" / "data").symlink_to(root / "elsewhere")
    (root / "corpus" / "again").symlink_to(root / "corpus")
    return root / "corpus"


# The names of whole releases


def emodb(n: int = 535) -> list[str]:
    speakers = ("03", "08", "09", *map(str, range(10, 17)))
    texts = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
    return [f"wav/{''.join(parts)}.wav" for parts in islice(product(speakers, texts, "WLEAFTN", "ab"), n)]


def ravdess(part: str = "01", modality: str = "03", suffix: str = "wav") -> list[str]:
    takes = product(range(1, 25), range(1, 9 if part == "01" else 7), (1, 2), (1, 2), (1, 2))
    return [
        f"Actor_{actor:02}/{modality}-{part}-{emotion:02}-{strength:02}-{statement:02}-{repetition:02}-{actor:02}.{suffix}"
        for actor, emotion, strength, statement, repetition in takes
        if (emotion, strength) != (1, 2) and (part, actor) != ("02", 18)
    ]


def cremad_clips() -> list[str]:
    actors, emotions = range(1001, 1092), list(cremad.LABELS)
    levels = [f"{a}_IEO_{e}_{x}" for a, e, x in product(actors, emotions, ("LO", "MD", "HI")) if e != "NEU"]
    others = [f"{a}_{s}_{e}_XX" for a, s, e in product(actors, cremad.SENTENCES, emotions) if s != "IEO"]
    neutral = [f"{a}_IEO_NEU_XX" for a in islice(actors, 7442 - len(levels) - len(others))]
    return [f"AudioWAV/{utterance}.wav" for utterance in (*levels, *others, *neutral)]


def savee() -> list[str]:
    sentences = {letters: 30 if letters == "n" else 15 for letters in ("a", "d", "f", "h", "n", "sa", "su")}
    return [
        f"AudioData/{speaker}/{letters}{n:02}.wav"
        for speaker in ("DC", "JE", "JK", "KL")
        for letters, count in sentences.items()
        for n in range(1, count + 1)
    ]


def savee_films() -> list[str]:
    return [name.replace("AudioData", "AudioVisualClip").replace(".wav", ".avi") for name in savee()]


def in_one(names: Iterable[str]) -> Iterator[str]:
    """Yield names with the folder's as their beginning, all in one folder."""
    return (f"ALL/{'_'.join(name.split('/')[-2:])}" for name in names)


def rml() -> list[str]:
    return [f"s{s}/{code}{n}.avi" for s, code, n in product(range(1, 9), SIX.values(), range(1, 16))]


def enterface() -> list[str]:
    films = [
        f"subject {s}/{label}/sentence {n}/s{s}_{code}_{n}.avi"
        for s, (label, code), n in product(range(1, 45), SIX.items(), range(1, 6))
        if s != 6 and (s, label, n > 2) != (23, "happiness", True)
    ]
    return [*films, *(f"subject 6/{label}/s6_{code}.avi" for label, code in SIX.items())]


def enterface_whole() -> list[str]:
    """Return the names of 42 subjects who said every sentence."""
    return [name for name in enterface() if not name.startswith(("subject 6/", "subject 23/"))]


def afew(train: str = "Train_AFEW", validation: str = "Val_AFEW", *, case: Callable[[str], str] = str) -> list[str]:
    labels = [case(label) for label in ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")]
    splits = ((train, 773), (validation, 383))
    return [f"{split}/{labels[n % 7]}/{n:09}.avi" for split, count in splits for n in range(count)]


# Trees that hold tables


def emodb2(root: Path) -> Path:
    """Return a tree of version 2.0: 816 utterances, of which 281 are ambiguous, and its tables."""
    names = emodb(816)
    gold, ambiguous = names[:535], names[535:]
    fill(root, names)
    confidence = [f"{name},anger,{share}\n" for some, share in ((gold, 0.9), (ambiguous, 0.5)) for name in some]
    (root / "db.emotion.csv").write_text("file,emotion,emotion.confidence\n" + "".join(confidence))
    for split, some in (("train", gold[:300]), ("test", gold[300:])):
        table = "file,emotion,emotion.confidence\n" + "".join(f"{name},anger,0.9\n" for name in some)
        (root / f"db.emotion.categories.{split}.gold_standard.csv").write_text(table)
    return root


def omg(root: Path, *, train: str = "train", suffix: str = "mp4", blank: int = 0) -> Path:
    """Return a tree of the tables for training and validation, and of a video of each."""
    header = ("link", "start", "end", "video", "utterance", "arousal", "valence", "EmotionMaxVote")
    root.mkdir(parents=True)
    for title, folder, n, more in (("Train", train, 2442, blank), ("Validation", "validation", 617, 0)):
        rows = [
            (f"https://youtu.be/{k // 9}", 0, 1, f"v{k // 9}", f"utterance_{k % 9}.mp4", 0.1, 0.2, 4) for k in range(n)
        ]
        with (root / f"omg_{title}Videos.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows, *[("", "", "", "", "", 0.28, 0.08, "")] * more])
        fill(root, [f"{folder}/v0/utterance_{k}.{suffix}" for k in range(9)])
    return root


def mosi(root: Path, recordings: Sequence[int] = (), folder: str = "Raw/Audio/WAV_16000/Full") -> Path:
    """Return a tree of the labels of 2199 segments of 93 recordings, and of some of these."""
    root.mkdir(parents=True)
    sizes = [24] * 60 + [23] * 33
    entries = (
        (f"rec{k:02}", csd.Entry(np.linspace(-3, 3, n)[:, None], np.arange(2.0 * n).reshape(-1, 2)))
        for k, n in enumerate(sizes)
    )
    csd.write(root / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", entries, {})
    return fill(root, [f"{folder}/rec{k:02}.wav" for k in recordings])


def baum1s(root: Path, sheet: str) -> Path:
    """Return a tree of three videos, whose sheet goes by another name."""
    whole = CORPORA["baum1s"].example(root) / "Annotations_BAUM1s.xlsx"
    if not sheet.endswith(".csv"):
        whole.rename(root / sheet)
        return root
    whole.unlink()
    rows = [
        ("Utterance Name", "Emotion"),
        ("S001_001", "Happiness"),
        ("S001_002", "Concentrating"),
        ("S031_001", "Contempt"),
    ]
    (root / sheet).write_text("".join(f"{';'.join(row)}\r\n" for row in rows), encoding="utf-8-sig")
    return root


def both_of_savee(root: Path) -> Path:
    """Return a tree of both layouts, in which a name of the one holds what that of the other does."""
    for one, other in zip(savee(), in_one(savee()), strict=True):
        fill(root, [one])
        (root / other).parent.mkdir(exist_ok=True)
        (root / other).write_bytes((root / one).read_bytes())
    return root


def bare_mosei(root: Path) -> Path:
    """Return a tree of the labels alone."""
    (CORPORA["mosei"].example(root) / "Raw").rename(root.with_name("elsewhere"))
    return root


def inner_iemocap(root: Path, depth: int) -> Path:
    """Return the folder that the release lies in, as deep as is said."""
    dialogs.iemocap(root.joinpath(*["IEMOCAP_full_release"] * depth))
    return root


def nested(root: Path, make: Callable[[Path], Path]) -> Path:
    """Return the parent of the parent of a tree."""
    return make(root / "Äußeres" / "inner").parent.parent


@dataclass(frozen=True)
class Layout:
    """A layout of a corpus: how it is made in a folder (which returns what DATA says), and what must be found.

    Parameters
    ----------
    n
        How many utterances.
    output
        What must be said of it, a part of a sentence each.
    partial
        Whether it is a part of the corpus.
    spec
        What DATASET says, where that is not the corpus's name.
    """

    corpus: str
    title: str
    make: Callable[[Path], Path]
    n: int
    output: tuple[str, ...] = ()
    partial: bool = False
    spec: str = ""

    def open(self, folder: Path, console: Listener) -> Dataset:
        root = self.make(folder / "in")
        cache = folder / "cache"
        found = opened(self.spec or self.corpus, root, cache, partial=self.partial, console=console)
        require_unique([utterance.id for utterance in found.utterances])
        return found


def of(names: Callable[[], Iterable[str]]) -> Callable[[Path], Path]:
    return lambda root: fill(root, names())


def twice(n: int) -> tuple[str, ...]:
    return (f"{n} files lie there again with the same bytes, counted once",)


def doubled(names: Iterable[str], folder: str) -> list[str]:
    """Return names, and the same once more in another folder."""
    names = list(names)
    return [*names, *(f"{folder}/{name}" for name in names)]


def some() -> list[str]:
    """Return a part of CREMA-D's names; the whole of them takes its time."""
    return cremad_clips()[:500]


LAYOUTS = (
    Layout("emodb", "wav/ (its owners')", of(emodb), 535),
    Layout("emodb", "wav as the root", lambda root: fill(root, emodb()) / "wav", 535),
    Layout("emodb", "EMO-DB/wav/", of(lambda: below("EMO-DB/wav", emodb())), 535),
    Layout("emodb", "lower case, .WAV", of(lambda: ending("WAV", map(str.lower, emodb()))), 535),
    Layout("emodb", "behind a link", lambda root: linked(root, emodb()), 535),
    Layout("emodb", "twice", of(lambda: doubled(emodb(), "EMO-DB")), 535, twice(535)),
    Layout("emodb", "2.0: gold", emodb2, 535, ("281 utterances that less than 80% of the listeners",)),
    Layout("emodb", "2.0: ambiguous", emodb2, 281, spec="emodb:part=ambiguous"),
    Layout("emodb", "2.0: all", emodb2, 816, spec="emodb:part=all"),
    Layout("ravdess", "Actor_01/, speech and song (its owners')", of(lambda: (*ravdess(), *ravdess("02"))), 2452),
    Layout(
        "ravdess",
        "doubled in audio_speech_actors_01-24/",
        of(lambda: doubled(ravdess(), "audio_speech_actors_01-24")),
        1440,
        twice(1440),
    ),
    Layout("ravdess", ".WAV and .MP4", of(lambda: (*ending("WAV", ravdess()), *ravdess("01", "01", "MP4"))), 1440),
    Layout("ravdess", "films converted to avi", of(lambda: ravdess("01", "01", "avi")), 1440),
    Layout("ravdess", "behind a link", lambda root: linked(root, ravdess()), 1440),
    Layout("cremad", "AudioWAV/ (its owners')", of(cremad_clips), 7442),
    Layout("cremad", "AudioWAV as the root", lambda root: fill(root, some()) / "AudioWAV", 500, partial=True),
    Layout("cremad", "Crema/", of(lambda: below("Crema", some())), 500, partial=True),
    Layout("cremad", "AudioWAV/AudioWAV/", of(lambda: below("AudioWAV/AudioWAV", some())), 500, partial=True),
    Layout(
        "cremad",
        "doubled in AudioWAV/AudioWAV/",
        of(lambda: (*some(), *below("AudioWAV/AudioWAV", some()))),
        500,
        twice(500),
        partial=True,
    ),
    Layout("cremad", "audiowav/, .WAV", of(lambda: ending("WAV", below("audiowav", some()))), 500, partial=True),
    Layout("cremad", "films converted to mp4", of(lambda: ending("mp4", below("Films", some()))), 500, partial=True),
    Layout("savee", "AudioData/DC/ and videos (its owners')", of(lambda: (*savee(), *savee_films())), 480),
    Layout("savee", "ALL/DC_a01.wav", of(lambda: in_one(savee())), 480),
    Layout("savee", "ALL/ beside AudioData/", both_of_savee, 480, twice(480)),
    Layout("savee", "audiodata/dc/, .WAV", of(lambda: ending("WAV", map(str.lower, savee()))), 480),
    Layout("savee", ".AVI", of(lambda: ending("AVI", savee_films())), 480),
    Layout("savee", "films converted to mp4", of(lambda: (*savee(), *ending("mp4", savee_films()))), 480),
    Layout(
        "savee",
        "films as avi and as mp4",
        of(lambda: (*savee_films(), *ending("mp4", savee_films()))),
        480,
        ("480 recordings exist as .avi and as .mp4: the .avi are read",),
    ),
    Layout("rml", "s1/ (its owners')", of(rml), 720),
    Layout("rml", "rml-1/s1/", of(lambda: (f"rml-{1 + (name > 's5')}/{name}" for name in rml())), 720),
    Layout("rml", "S1/AN1.AVI", of(lambda: map(str.upper, rml())), 720),
    Layout("rml", "converted to mp4", of(lambda: ending("mp4", rml())), 720),
    Layout("rml", "twice", of(lambda: doubled(rml(), "copy")), 720, twice(720)),
    Layout(
        "enterface",
        "subject 1/anger/sentence 1/ (its owners')",
        of(enterface),
        1287,
        ("6 videos are whole sessions, not one sentence each, and left out: subject 6/anger/s6_an.avi",),
    ),
    Layout("enterface", "subject_1, .AVI", of(lambda: ending("AVI", (n.replace(" ", "_") for n in enterface()))), 1287),
    Layout("enterface", "mp4, one deeper", of(lambda: (f"a b/{n}" for n in ending("mp4", enterface()))), 1287),
    Layout("enterface", "wav alone", of(lambda: ending("wav", enterface())), 1287),
    Layout("enterface", "42 subjects, all sentences", of(enterface_whole), 1260),
    Layout("afew", "Train_AFEW/Angry/ (its owners')", of(afew), 1156),
    Layout("afew", "Train/Angry/", of(lambda: afew("Train", "Val")), 1156),
    Layout("afew", "train/angry/, .AVI", of(lambda: ending("AVI", afew("train", "val", case=str.lower))), 1156),
    Layout("afew", "converted to mp4", of(lambda: ending("mp4", afew())), 1156),
    Layout("afew", "doubled in AFEW/", of(lambda: doubled(afew(), "AFEW")), 1156, twice(1156)),
    Layout("baum1s", "Annotations_BAUM1s.xlsx (its owners')", CORPORA["baum1s"].example, 3),
    Layout("baum1s", "Annotations_BAUM1s.csv", lambda root: baum1s(root, "Annotations_BAUM1s.csv"), 3),
    Layout("baum1s", "Annotations_BAUM1s_fixed.xlsx", lambda root: baum1s(root, "Annotations_BAUM1s_fixed.xlsx"), 3),
    Layout("omg", "train/, validation/ (its owners')", omg, 3059),
    Layout(
        "omg",
        "2444 rows, 2 of averages",
        lambda root: omg(root, blank=2),
        3059,
        ("2 rows of omg_TrainVideos.csv name no video",),
    ),
    Layout(
        "omg",
        "Train/, .MP4, two deeper",
        lambda root: nested(root, lambda inner: omg(inner, train="Train", suffix="MP4")),
        3059,
    ),
    Layout("mosi", "the labels alone", mosi, 2199, ("there are labels but no recordings",)),
    Layout(
        "mosi", "one of 93 recordings", lambda root: mosi(root, [92]), 2199, ("2176 of 2199 segments have no sound",)
    ),
    Layout("mosi", "recordings elsewhere", lambda root: mosi(root, range(93), "audio"), 2199),
    Layout("mosei", "Raw/ (its authors')", CORPORA["mosei"].example, 7, partial=True),
    Layout("mosei", "the labels alone", bare_mosei, 7, ("there are labels but no recordings",), partial=True),
    Layout("mosei", "two deeper", lambda root: nested(root, CORPORA["mosei"].example), 7, partial=True),
    Layout("iemocap", "Session1/ (its owners')", dialogs.iemocap, 60, partial=True),
    Layout("iemocap", "below IEMOCAP_full_release/", lambda root: inner_iemocap(root, 1), 60, partial=True),
    Layout("iemocap", "below two of that name", lambda root: inner_iemocap(root, 2), 60, partial=True),
    Layout("csv", "a table", CORPORA["csv"].example, 2),
    Layout("demo", "made on the spot", CORPORA["demo"].example, 160),
)


def row(layout: Layout, found: Dataset, output: Sequence[str]) -> str:
    """Return what was found in a layout as the row of a table."""
    told = [sentence for sentence in output if any(part in sentence for part in layout.output)]
    cells = (layout.corpus, layout.title, str(len(found.utterances)), str(layout.n), " ".join(told))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    print("| corpus | layout | utterances | expected | said |\n| --- | --- | --- | --- | --- |")
    for layout in LAYOUTS:
        listener = Listener()
        with tempfile.TemporaryDirectory() as folder:
            print(row(layout, layout.open(Path(folder), listener), listener.messages))


if __name__ == "__main__":
    main()
