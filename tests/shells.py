"""Type every command that README and docs show in bash, zsh and dash, in a checkout within a folder with a blank.

::

    .venv/bin/python tests/shells.py [FOLDER] [--only TEXT]

A shell reads what one types, as an interactive one does: zsh then knows no comments, and zsh and dash expand no ``~``
behind a variable's name. Corpora stand in where the command wants one: all 535 names of EMO-DB with noise in them, and
trees in the layouts of RAVDESS and IEMOCAP, of which ``PARTIAL=1`` is said. What would fetch, install or run for an
hour is typed with ``-n``: read by make, and not run.

FOLDER (default: a temporary one) keeps what was made for the next time. The exit code is 1 if a command did not end as
the page says.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import blocks

ROOT = blocks.ROOT

#: Each is interactive, and reads none of its user's settings.
SHELLS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "dash": ("dash", "-i"),
}

#: What stands for something that only the reader can put in.
OUTLINE = re.compile(r"\.\.\.|<|\bCLIPS\b|\bFOLDER\b|a b c|://host|aligned/")
#: What is read by make and not run, and why.
NOT_RUN = {
    "make install": "installs",
    "make download": "fetches a corpus",
    "make bench": "runs for an hour",
    "make test": "runs the tests",
    "make check": "runs the tests",
    "make format": "changes the sources",
    "make lock": "asks the package index",
    "make shells": "is this",
}
#: Verbs that say nothing by themselves: where a page only names them, nothing is typed.
WANT_MORE = ("compare", "reproduce", "predict", "show", "export", "import", "download", "tune")
#: What may stand behind the name of the command affex.
KNOWN = (*WANT_MORE, "features", "evaluate", "fit", "demo", "list", "coverage", "cache", "--help", "--version")
#: How the tests are run without make.
OUR_TESTS = (".venv/bin/python -m pytest tests/", "python tests/", ".venv/bin/python tests/")
#: Corpora that are parts only where they stand in, and that of which only labels do.
PARTS = ("iemocap", "ravdess", "mosi")
LABELS = "mosi"


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it; `not_run` is why its block is not run."""

    page: str
    command: str
    not_run: str = ""

    @property
    def is_outline(self) -> bool:
        """Whether it cannot be typed as it stands, or must not be run in passing."""
        return bool(OUTLINE.search(self.command)) or any(re.match(rf"{one}\b", self.command) for one in NOT_RUN)

    @property
    def reason(self) -> str:
        """Why it is not typed; empty where it is."""
        if OUTLINE.search(self.command):
            return "an outline, to be filled in"
        if self.not_run and not self.command.startswith("make"):
            return blocks.REASONS[self.not_run]
        words = self.command.split()
        if len(words) == 2 and words[1] in WANT_MORE:
            return "named, not shown: it wants to be told more"
        if words[0] == "pip":
            return "installs"
        return "" if self._is_ours(words) else "no command of ours"

    def _is_ours(self, words: list[str]) -> bool:
        is_verb = words[0].endswith("affex") and "".join(words[1:2]) in KNOWN
        return is_verb or words[0] == "make" or self.command.startswith(OUR_TESTS)

    @property
    def typed(self) -> str:
        """What is typed: what would not be run here is only read by make, and parts of corpora are said to be."""
        is_read = self.not_run or any(re.match(rf"{begin}\b", self.command) for begin in NOT_RUN)
        return re.sub("^make", "make -n", self.command) if is_read else self.command


def shown() -> list[Shown]:
    """Return every command of the pages, once a page: those of its blocks, then those in its text."""
    found = [one for page in blocks.pages() for one in (*_in_blocks(page), *_in_text(page))]
    return list(dict.fromkeys(found))


def _in_blocks(page: Path) -> Iterator[Shown]:
    """Yield the commands of the blocks of a page."""
    for block in blocks.of(page):
        if block.language in ("sh", "console"):
            yield from (Shown(block.page, command, block.reason) for command in block.commands)


def _in_text(page: Path) -> Iterator[Shown]:
    """Yield what stands in backticks and begins as a command does."""
    name, text = page.relative_to(ROOT).as_posix(), blocks.BLOCK.sub("", page.read_text(encoding="utf-8"))
    for span in re.findall(r"`([^`]+)`", text):
        command = " ".join(span.split())
        if re.match(r"(make|affex|\.venv/bin/\w+|pip|python)( |$)", command):
            yield Shown(name, command)


def typed(shell: str, command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Type a command in a shell, in a folder; return how it ended and what was said, both streams as one."""
    return subprocess.run(
        SHELLS[shell],
        input=f"{command}\nexit $?\n",
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    )


def environment(checkout: Path, home: Path) -> dict[str, str]:
    """Return an environment without settings of ours, whose PATH begins with the checkout's programs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AFFEX_", "MAKE"))}
    beyond = {
        "HOME": str(home),
        "PATH": f"{checkout / '.venv' / 'bin'}:{clean['PATH']}",
        "COLUMNS": "120",
        "HISTFILE": "",
    }
    return {**clean, **beyond}


def copied(folder: Path) -> Path:
    """Return a checkout of the tracked files in a folder, with the `.venv` of this one."""
    checkout = folder / "affex"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(checkout / name, (0, 0))  # as old as that make installs nothing, which it would do through the link
    if not (checkout / ".venv").exists():
        (checkout / ".venv").symlink_to(ROOT / ".venv")
    return checkout


#: The dialogs of each session of IEMOCAP that stand in, and the labels in them: all that its four classes merge.
SCENES, PLAYED = ("F_impro01", "F_script01_1"), ("ang", "exc", "hap", "neu", "sad")


# Corpora that stand in ---------------------------------------------------------------------------


def make_emodb(root: Path) -> None:
    """Write noise under 535 names of EMO-DB: all its speakers, texts and emotions."""
    import numpy as np
    import soundfile

    from affex.pipeline.corpora import emodb

    texts = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")
    names = [
        f"{speaker:02}{text}{emotion}a" for text in texts for emotion in emodb.LABELS for speaker in (3, *range(8, 17))
    ][:535]
    (root / "wav").mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        noise = np.random.default_rng(seed).standard_normal(16000 + 50 * (seed % 37))
        loud = 0.02 * (1 + list(emodb.LABELS).index(name[5]))
        soundfile.write(root / "wav" / f"{name}.wav", loud * noise, 16000, subtype="PCM_16")


def make_ravdess(root: Path) -> None:
    """Write videos of the demo under names of RAVDESS: four actors, three emotions, two takes."""
    from affex.pipeline.corpora import demo

    # Those of the speakers s7 and s8: docs/faces.md tunes a network on the others, and tests it on RAVDESS.
    utterances = iter([one for one in demo.PERFORMANCES if one.speaker >= demo.N_SPEAKERS - 2])
    root.mkdir(parents=True, exist_ok=True)
    for actor in (1, 2, 3, 4):
        for emotion in ("01", "03", "05"):
            for take in ("01", "02"):
                name = f"01-01-{emotion}-01-{take}-01-{actor:02}.mp4"
                (root / name).write_bytes(demo._avi(next(utterances)))


def make_mosi(checkout: Path) -> None:
    """Write the labels of two videos of MOSI, and rows of a feature that another project made of them."""
    import numpy as np

    from affex.pipeline.corpora import mosi
    from affex.pipeline.media import csd

    if (checkout / "labels").exists():
        return
    mosi.CORPUS.example(checkout / "labels")
    times = np.arange(20.0)
    rows = csd.Entry(np.random.default_rng(0).standard_normal((20, 3)), np.column_stack([times, times + 1]))
    videos = sorted({utterance.id.rpartition("[")[0] for utterance in mosi.CORPUS.find(checkout / "labels")})
    csd.write(checkout / "CMU_MOSI_COVAREP.csd", "COVAREP", ((video, rows) for video in videos), {})


def make_recordings(checkout: Path) -> None:
    """Write noise as recordings of four speakers, loud where they are angry, and a table of them."""
    import numpy as np
    import soundfile

    lines, random = ["file,speaker,label"], np.random.default_rng(0)
    for speaker in ("anna", "ben", "chris", "dora"):
        for label, loud in {"angry": 0.1, "calm": 0.03}.items():
            for take in range(1, 5):
                path = checkout / "recordings" / speaker / f"{label}_{take:02}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, loud * random.standard_normal(9600 + 400 * take), 16000, subtype="PCM_16")
                lines.append(f"{path.relative_to(checkout).as_posix()},{speaker},{label}")
    (checkout / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_all(checkout: Path, home: Path) -> None:
    """Make what stands in for corpora, where it is not there yet."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "corpora")]
    import plays

    for root, make in (
        (home / "corpora" / "emodb", make_emodb),
        (checkout / "data" / "ravdess", make_ravdess),
        (home / "corpora" / "IEMOCAP", lambda root: plays.iemocap(root, names=SCENES, emotions=PLAYED)),
    ):
        if not root.exists():
            print(f"Making what stands in for {root.name} ...", flush=True)
            make(root)
    make_mosi(checkout)
    (checkout / "mine.toml").write_text('dataset = "demo"\nfeatures = "compare"\n', encoding="utf-8")
    make_recordings(checkout)


def prepared(one: Shown, checkout: Path) -> str:
    """Return what is typed, once what it wants is there; of a part of a corpus, that it is one is said."""
    command = one.typed
    if "vectors.csd" in command and (checkout / "mfcc.csd").exists():
        shutil.copy(checkout / "mfcc.csd", checkout / "vectors.csd")
    if found := re.search(r"export (out/\w+) ", command):  # what becomes a folder wants a new one
        shutil.rmtree(checkout / found[1], ignore_errors=True)
    of_corpus = "features|evaluate|fit|export|import"
    if not re.match(rf"make ({of_corpus}|show)|\S*affex ({of_corpus}|coverage|cache why)", command):
        return command
    of_make = command.startswith("make")
    named = re.search(r"(?:DATASET=|--dataset )(\w+)", command)
    corpus = named[1] if named else used_last(checkout)
    if corpus not in PARTS or "--help" in command:
        return command
    if corpus == LABELS and not named:  # no recording, of which features could be made
        return f"{command} {'DATASET=demo' if of_make else '--dataset demo'}"
    return f"{command} {'PARTIAL=1' if of_make else '--partial'}"


def used_last(checkout: Path) -> str:
    """Return the corpus that is meant where a command names none."""
    last = checkout / "cache" / "last.json"
    return str(json.loads(last.read_text())["dataset"]) if last.exists() else "demo"


def main() -> int:
    """Type them all, and print how each ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="where all is made, and kept")
    parser.add_argument("--only", default="", help="commands of pages whose name has this in it")
    arguments = parser.parse_args()
    folder = (arguments.folder or Path(tempfile.mkdtemp())).absolute() / "another folder"
    home = folder / "home of a newcomer"
    home.mkdir(parents=True, exist_ok=True)
    checkout = copied(folder)
    make_all(checkout, home)
    shells = [shell for shell in SHELLS if shutil.which(shell)]
    print(f"In {checkout}: {', '.join(shells)}")
    failed = 0
    for one in shown():
        if arguments.only in one.page:
            failed += _typed_in_all(one, shells, checkout, environment(checkout, home))
    print(f"{failed} did not end as they should.")
    return int(failed > 0)


def _typed_in_all(one: Shown, shells: list[str], checkout: Path, known: dict[str, str]) -> int:
    """Type a command in every shell; print how it went; return in how many it failed."""
    if one.reason:
        print(f"  -  {one.page}: {one.command}  ({one.reason})", flush=True)
        return 0
    failed = 0
    for shell in shells:
        command = prepared(one, checkout)
        began = time.monotonic()
        ended = typed(shell, command, checkout, known)
        failed += ended.returncode != 0
        print(f"{ended.returncode:3}  {one.page}: {shell}: {command}  [{time.monotonic() - began:.1f} s]", flush=True)
        if ended.returncode:
            output = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ended.stdout)
            lines = [line.strip() for line in output.splitlines() if line.strip()]
            print("     " + "\n     ".join(lines[-8:]), flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
