"""Flipped bits, cuts and kills against results: what is read back is what was written, or it is refused.

A part of ``torture.py``. Runs, what is remembered of media files, comparisons, models, exports and imports are made
through the command ``affex`` on a small corpus of wavs.
"""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked
import numpy as np
import soundfile

from affex.pipeline.caching import feature_rows, sources, store
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.summary import to_json
from affex.pipeline.storage import atomic, bundle
from affex.pipeline.text.errors import AffexError

HOME = Path(__file__).resolve().parents[1]

#: Carries out commands that die just before the n-th time that they open, rename or remove a file of a folder, each in
#: a process of its own that is forked from one with everything imported. Reads [n, folder, arguments], writes statuses.
SERVER = """
import importlib, json, os, pkgutil, signal, sys
import audformat, h5py, matplotlib.backends.backend_agg, pandas, pyarrow.parquet, sklearn.svm, skops.io
import pipeline
for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
from affex.pipeline.cli.command import cli
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
def run(limit, watched, arguments):
    steps = 0
    def hook(event, given):
        nonlocal steps
        if event not in EVENTS or not given or not isinstance(given[0], str | os.PathLike):
            return
        if event == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR):
            return
        if any(str(path).startswith(watched) for path in given[:2]):
            steps += 1
            if steps == limit:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    cli(arguments, standalone_mode=False)
for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1
        try:
            run(*json.loads(line))
            code = 0
        except Exception as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass(frozen=True)
class Study:
    """A small corpus as a table, the folder of its caches, and a run that keeps what a fusion may learn from."""

    table: Path
    cache: Path
    run: Path

    @property
    def folder(self) -> Path:
        return self.cache / self.table.stem


def prepare(folder: Path, *, n_utterances: int = 24) -> Study:
    """Make the corpus, and a run on it."""
    rng = np.random.default_rng(0)
    (folder / "wav").mkdir(parents=True)
    lines = ["file,speaker,label"]
    for n in range(n_utterances):
        level = 0.3 if n // 4 % 2 else 0.03
        soundfile.write(folder / "wav" / f"{n:03d}.wav", level * rng.standard_normal(8000), 16000, subtype="PCM_16")
        lines.append(f"wav/{n:03d}.wav,speaker{n % 4},{'loud' if n // 4 % 2 else 'soft'}")
    study = Study(folder / "small.csv", folder / "cache", folder / "run")
    study.table.write_text("\n".join(lines) + "\n")
    affex(*evaluation(study, "egemaps"), "--inner")
    while len(sources._stored(study.folder / sources.MEMORY)) < len(lines) - 1:
        affex("features", *of(study), "--features", "egemaps")  # until the files are old enough to be remembered
    return study


def affex(*arguments: str) -> None:
    """Carry out a command, which must succeed."""
    done = forked.affex(*arguments)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}:\n{done.stdout}{done.stderr}")


def of(study: Study) -> list[str]:
    return ["--dataset", "csv", "--data", str(study.table), "--cache", str(study.cache)]


def evaluation(study: Study, features: str, out: Path | None = None) -> list[str]:
    return [
        *("evaluate", *of(study), "--features", features, "--classifier", "svm:C=1,gamma=0.01"),
        *("--scheduler", "inline", "--jobs", "1", "--out", str(out or study.run)),
    ]


# -- flips and cuts ----------------------------------------------------------------------------------------


def damaged(content: bytes, n: int, seed: int) -> Iterator[bytes]:
    """Yield a content with a bit flipped, or cut, many times."""
    chance = random.Random(seed)
    for number in range(n):
        at = chance.randrange(len(content))
        if number % 2:
            yield content[:at]
        else:
            yield content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def attack(path: Path, read: Callable[[], Any], n: int, seed: int = 0) -> tuple[int, int]:
    """Hurt a file `n` times and read what it is part of; return how often it was refused, and read as it was.

    Raises
    ------
    SystemExit
        If it was read as something else.
    """
    content, sound = path.read_bytes(), read()
    counts = [0, 0]
    for number, other in enumerate(damaged(content, n, seed)):
        path.write_bytes(other)
        try:
            found = read()
        except AffexError:
            counts[0] += 1
            continue
        if found != sound:
            raise SystemExit(f"{path.name}: the damage {number} of {n} (seed {seed}) was read as something else")
        counts[1] += 1
    path.write_bytes(content)
    return counts[0], counts[1]


def plain(run: runs.Run) -> tuple[Any, ...]:
    """Return all that is read of a run, to be compared."""
    tables = [
        tuple(getattr(scores, name).tolist() for name in ("ids", "clusters", "folds", "true", "predicted", "values"))
        for scores in (run.scores, *run.inner)
    ]
    return to_json(run.summary), tables


def remembered(folder: Path, sound: dict[str, sources.File]) -> dict[str, sources.File]:
    """Return what is remembered of media files, and of those that are forgotten what they were: they are hashed."""
    return {**sound, **sources._stored(folder / sources.MEMORY)}


def results(study: Study, n: int = 400) -> None:
    """Hurt every file that is read back of a run, and what is remembered of media."""
    for name in (runs.PREDICTIONS, runs.RECORD, runs.INNER):
        refused, equal = attack(study.run / name, lambda: plain(runs.read(study.run)), n)
        print(f"{name}: {n} flips and cuts, {refused} refused, {equal} read as it was, 0 as something else", flush=True)
    sound = sources._stored(study.folder / sources.MEMORY)
    if len(sound) < 24:
        raise SystemExit(f"{sources.MEMORY} remembers {len(sound)} files, expected all")
    attack(study.folder / sources.MEMORY, lambda: remembered(study.folder, sound), n)
    print(f"{sources.MEMORY}: {n} flips and cuts, 0 gave another digest", flush=True)


# -- kills -------------------------------------------------------------------------------------------------


class Server:
    """Carries out commands that are killed at a step."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, step: int, watched: Path, arguments: list[str]) -> bool:
        """Carry out a command that dies before a step in a folder; return whether it ended before."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([step, str(watched), arguments]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        if status not in (0, 9):
            raise SystemExit(f"{' '.join(arguments)}: ended with status {status}")
        return status == 0


@contextmanager
def serving() -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=HOME,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(process)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()


@dataclass(frozen=True)
class Verb:
    """A command that writes results, in a place where those of another one are.

    Parameters
    ----------
    before, command
        The arguments of both.
    watched
        The folder whose steps of writing are counted.
    state
        Returns what is there, to be compared.
    allowed
        What may be there after a kill, of what was there before and of what the command makes.
    """

    name: str
    before: list[str]
    command: list[str]
    watched: Path
    state: Callable[[], Any]
    allowed: Callable[[Any, Any], list[Any]] = lambda old, new: [old, new]


def verbs(study: Study, folder: Path) -> list[Verb]:
    """Return the commands that write results."""
    where = {name: folder / name for name in ("evaluate", "compare", "fit", "export", "import")}
    compared = ["compare", "--cache", str(study.cache), "--runs", f"{study.run} {where['evaluate']}", "--out"]
    fitted = ["fit", *of(study), "--features", "egemaps", "--classifier", "svm:C=1,gamma=0.01"]
    fitted += ["--scheduler", "inline", "--jobs", "1", "--model", str(where["fit"] / "mine.affex")]
    return [
        Verb(
            "evaluate",
            evaluation(study, "egemaps", where["evaluate"]),
            [*evaluation(study, "egemaps", where["evaluate"]), "--inner"],
            where["evaluate"],
            lambda: plain(runs.read(where["evaluate"])),
        ),
        Verb(
            "compare",
            [*compared, str(where["compare"])],
            [*compared, str(where["compare"]), "--metric", "war"],
            where["compare"],
            lambda: bundle.read(where["compare"], "comparison.json").contents["comparison.txt"],
        ),
        Verb(
            "fit",
            [*fitted, "--exclude", "speaker0"],
            fitted,
            where["fit"],
            lambda: digest(where["fit"] / "mine.affex"),
        ),
        *(exported(study, where["export"], ending) for ending in (".csd", ".parquet", ".npz")),
        imported(study, where["import"]),
    ]


def exported(study: Study, folder: Path, ending: str) -> Verb:
    out = folder / f"rows{ending}"
    beside = {".csd": folder / "rows-labels.csd", ".parquet": folder / "rows-utterances.parquet"}.get(ending, out)
    command = ["export", str(out), *of(study), "--features"]
    return Verb(
        f"export {ending}",
        [*command, "egemaps"],
        [*command, "fingerprint"],
        folder,
        lambda: (digest(out), digest(beside)),
        # A table may be missing beside rows, and never be that of others.
        lambda old, new: [old, (old[0], ""), (new[0], ""), new],
    )


def imported(study: Study, folder: Path) -> Verb:
    folder.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        lines = ["id,x", *(f"wav/{n:03d},{n + number}" for n in range(24))]
        (folder / f"{number}.csv").write_text("\n".join(lines) + "\n")

    def rows() -> list[float]:
        path = study.folder / "theirs.h5"
        stated = store.described(path)
        assert stated is not None
        return feature_rows.load(path, stated.key).values[:, 0].tolist()

    command = [*of(study), "--called", "theirs"]
    return Verb(
        "import",
        ["import", str(folder / "1.csv"), *command],
        ["import", str(folder / "2.csv"), *command],
        study.folder,
        rows,
    )


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def kills(verb: Verb, server: Server, stride: int = 1, first: int = 1) -> int:
    """Kill a command before its steps of writing; what is there is what was there, or what it makes. Count the kills.

    Raises
    ------
    SystemExit
        If something else is there; if the next run does not end as if nothing had been, or leaves litter; or if a
        user's own file is gone.
    """
    verb.watched.mkdir(parents=True, exist_ok=True)
    (verb.watched / "annotation.tmp").write_text("a user's own")
    server.run(0, verb.watched, verb.before)
    kept, old = verb.watched.with_name(verb.watched.name + "-kept"), verb.state()
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(verb.watched, kept, symlinks=True)
    server.run(0, verb.watched, verb.command)
    new, step = verb.state(), first
    assert new != old
    while True:
        shutil.rmtree(verb.watched)
        shutil.copytree(kept, verb.watched, symlinks=True)
        if server.run(step, verb.watched, verb.command):
            break
        if verb.state() not in verb.allowed(old, new):
            raise SystemExit(f"{verb.name}, killed before step {step}: what is there is neither the old nor the new")
        server.run(0, verb.watched, verb.command)
        paths = list(verb.watched.rglob("*"))
        left = [path.name for path in paths if atomic.MARKED.search(path.name) or path.suffix == ".old"]
        own = [path.name for path in paths if path.name.startswith("annotation.tmp")]
        if verb.state() != new or left or own != ["annotation.tmp"] or (verb.watched / bundle.NEXT).exists():
            raise SystemExit(f"{verb.name}, killed before step {step}: the next run left {left}, {own}")
        step += stride
    shutil.rmtree(kept)
    n_kills = (step - first) // stride
    print(f"{verb.name}: killed before {n_kills} of its steps of writing, whole each time", flush=True)
    return n_kills


def torture(folder: Path) -> None:
    """The whole programme."""
    study = prepare(folder)
    results(study)
    with serving() as server:
        for verb in verbs(study, folder / "places"):
            kills(verb, server)
