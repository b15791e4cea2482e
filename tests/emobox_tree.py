"""A tree of folds of 18 corpora in EmoBox's format, with planted leaks; its keys are made, none is EmoBox's.

``.venv/bin/python tests/emobox_tree.py <folder> --rows 4000`` writes a large one, to be timed by ``affex audit folds``.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

#: Texts and emotions of every corpus.
TEXTS, EMOTIONS = 3, 3


@dataclass(frozen=True)
class Kind:
    """How a corpus names its keys.

    Parameters
    ----------
    speakers
        The names of the speakers.
    name
        Returns the name of a file from the speaker, the text, the emotion and the take, each but the first from 0.
    key
        Returns the key from that name.
    folder
        The folder of a speaker's files.
    suffix
        That of the recordings.
    """

    speakers: tuple[str, ...]
    name: Callable[[str, int, int, int], str]
    key: Callable[[str], str] = lambda name: name
    folder: Callable[[str, int], str] = lambda *_: "wav"
    suffix: str = "wav"


def _numbered(form: str, n: int = 6) -> tuple[str, ...]:
    return tuple(form.format(number) for number in range(1, n + 1))


def _dashed(name: str) -> str:
    return name.replace("_", "-")


LETTERS = "WLE"
KINDS: dict[str, Kind] = {
    "emodb": Kind(
        ("03", "08", "09", "10", "11"),
        lambda s, t, e, n: f"{s}a0{t + 1}{LETTERS[e]}{'abcdefghijkl'[n % 12]}{n // 12 or ''}",
    ),
    "cremad": Kind(
        _numbered("10{:02}"),
        lambda s, t, e, n: f"{s}_{('IEO', 'DFA', 'WSI')[t]}_{('ANG', 'SAD', 'HAP')[e]}_X{n}",
        _dashed,
    ),
    "enterface": Kind(
        _numbered("{}"),
        lambda s, t, e, n: f"s{'_' * (n % 2)}{s}_{('an', 'sa', 'su')[e]}_{t + 1}{n // 2 or ''}",
        lambda name: f"{name}.avi",
        lambda s, e: f"subject {s}/e{e}",
        "avi",
    ),
    "shemo": Kind((*_numbered("F{:02}", 3), *_numbered("M{:02}", 3)), lambda s, t, e, n: f"{s}{'AHS'[e]}{t}{n:02}"),
    "tess": Kind(
        ("OAF", "YAF"),
        lambda s, t, e, n: f"{s}_{('back', 'bar', 'base')[t]}{'x' * n}_{('angry', 'sad', 'happy')[e]}",
        _dashed,
    ),
    "emovdb": Kind(
        ("bea", "jenie", "josh", "sam"), lambda s, t, e, n: f"amused{e}_1-28_{t}{n:03}", folder=lambda s, e: f"{s}_e{e}"
    ),
    "oreau": Kind(_numbered("{:02}"), lambda s, t, e, n: f"{s}a0{t + 1}C{'abc'[e]}{n}"),
    "turevdb": Kind(
        ("1157", "1984", "2000"),
        lambda s, t, e, n: f"{s}_kz_{('koy', 'tembel', 'beste')[t]}{n}{e}",
        lambda name: f"{name}.wav",
    ),
    "urdu": Kind((*_numbered("SM{}", 3), *_numbered("SF{}", 3)), lambda s, t, e, n: f"{s}_F{t}_{'AHS'[e]}0{n}"),
    "iemocap": Kind(
        tuple(f"Ses0{n}{sex}" for n in (1, 2, 3) for sex in "FM"),
        lambda s, t, e, n: f"{s[:5]}{'FM'[n % 2]}_impro0{t}_{s[5]}0{e}{n}",
    ),
    "ravdess": Kind(
        _numbered("{:02}"),
        lambda s, t, e, n: f"03-01-0{e + 3}-{n // 40 + 1:02}-0{t % 2 + 1}-{n % 40 + 1 + 50 * (t // 2):02}-{s}",
    ),
    "savee": Kind(("DC", "JE", "JK", "KL"), lambda s, t, e, n: f"{s}_{('a', 'sa', 'su')[e]}{t}{n}", _dashed),
    "emovo": Kind(("f1", "f2", "m1", "m2"), lambda s, t, e, n: f"{('gio', 'rab', 'tri')[e]}-{s}-b{t}{n}"),
    "casia": Kind(
        ("wangzhe", "liuchang", "zhaoquanyin"),
        lambda s, t, e, n: f"{200 + t}{n}",
        folder=lambda s, e: f"{s}/{('angry', 'sad', 'happy')[e]}",
    ),
    "cafe": Kind(_numbered("{:02}"), lambda s, t, e, n: f"{s}-{'CDJ'[e]}-{n + 1}-{t + 1}"),
    "jlcorpus": Kind(
        ("male1", "male2", "female1", "female2"),
        lambda s, t, e, n: f"{s}_{('angry', 'sad', 'happy')[e]}_{t + 1}a_{n}",
        _dashed,
    ),
    "subesco": Kind(
        (*_numbered("F_{:02}", 3), *_numbered("M_{:02}", 3)),
        lambda s, t, e, n: f"{s}_NAME_S_{t + 1}_{('FEAR', 'SAD', 'HAPPY')[e]}_{n}",
    ),
    "polish": Kind(("m1", "m2", "k1", "k2"), lambda s, t, e, n: f"{s}.{'asn'[e]}_{('nie', 'stop', 'tak')[t]}_{n}"),
}


@dataclass
class Made:
    """What was planted: by corpus and fold, the speakers and the keys on both sides."""

    speakers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    recordings: dict[tuple[str, str], set[str]] = field(default_factory=dict)


def utterances(corpus: str, takes: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield speaker and row of each utterance of a corpus."""
    kind = KINDS[corpus]
    for speaker in kind.speakers:
        for text in range(TEXTS):
            for emotion in range(EMOTIONS):
                for take in range(takes):
                    name, folder = kind.name(speaker, text, emotion, take), kind.folder(speaker, emotion)
                    key = f"{corpus}-{kind.key(name)}"
                    if corpus == "casia":
                        key = f"casia-{name}-{speaker}-{('angry', 'sad', 'happy')[emotion]}"
                    if corpus == "emovdb":
                        key = f"emovdb-{speaker}-Amused{emotion}-{name.rpartition('_')[2]}"
                    wav = f"downloads/{corpus}/{folder}/{name}.{kind.suffix}"
                    yield speaker, {"key": key, "dataset": corpus, "wav": wav, "emo": str(emotion)}


def write(root: Path, *, leaking: set[str], copied: set[str] = frozenset(), seed: int = 0, takes: int = 2) -> Made:
    """Write the tree below a folder; return what was planted.

    Parameters
    ----------
    leaking
        Corpora in which utterances of speakers on the test side of some folds are for training.
    copied
        Corpora in which a recording is on both sides of a fold, and so is its speaker.
    takes
        How many utterances a speaker has of each text and emotion.
    """
    made, rng = Made(), random.Random(seed)
    for corpus, kind in KINDS.items():
        every = list(utterances(corpus, takes))
        assert len({row["key"] for _, row in every}) == len({row["wav"] for _, row in every}) == len(every), corpus
        n_folds = min(3, len(kind.speakers))
        hit = {str(fold + 1) for fold in range(n_folds) if rng.random() < 0.7} or {"1"}
        for fold in range(n_folds):
            held = kind.speakers[fold::n_folds]
            sides = {
                role: [row for who, row in every if (who in held) == (role == "test")] for role in ("train", "test")
            }
            leaks, copies = set(), set()
            if corpus in leaking and str(fold + 1) in hit:
                leaks = set(rng.sample(held, rng.randint(1, len(held))))
                for speaker in leaks:
                    own = [row for who, row in every if who == speaker]
                    moved = own[: rng.randint(1, len(own) - 1)]
                    sides["test"] = [row for row in sides["test"] if row not in moved]
                    sides["train"] += moved
            if corpus in copied and fold == 0:
                row = rng.choice(sides["test"])
                copies, leaks = {row["key"]}, leaks | {next(who for who, other in every if other is row)}
                sides["train"].append(row)
            made.speakers[corpus, str(fold + 1)] = {named(corpus, speaker) for speaker in leaks}
            made.recordings[corpus, str(fold + 1)] = copies
            for role, rows in sides.items():
                rng.shuffle(rows)
                write_lines(root / corpus / f"fold_{fold + 1}" / f"{corpus}_{role}_fold_{fold + 1}.jsonl", rows)
        write_lines(root / corpus / f"{corpus}.jsonl", [row for _, row in every])
        (root / corpus / "label_map.json").write_text("{}\n", encoding="utf-8")
    return made


def named(corpus: str, speaker: str) -> str:
    """Return a speaker as the pattern of the corpus has it."""
    return speaker.removesuffix("F") if corpus == "tess" else speaker


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=4000, help="about how many utterances a corpus has")
    given = parser.parse_args()
    write(given.folder, leaking={"emodb", "cremad"}, takes=given.rows // (5 * TEXTS * EMOTIONS))
