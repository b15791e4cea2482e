"""Kills, full disks and flipped bits against a real cache and results; what comes out equals the undisturbed run.

Run by hand for the whole programme (the test suite runs a short one)::

    python tests/torture.py --kills 100

Every attack works on a small corpus of wavs made on the spot, through the command ``affex`` in a process of its own:
forked from one that has imported everything, or, on a local cluster, started anew. Prints one line an attack and exits
with 1 at the first difference.
"""

import argparse
import dataclasses
import hashlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import forked
import h5py
import numpy as np
import soundfile
import torture_results

HOME = Path(__file__).resolve().parents[1]

#: Dies, by `kill -9` of itself, just before the n-th time that it opens, renames or removes a file of the cache.
DIE_AT_STEP = """
import os, signal, sys
limit, cache = int(sys.argv.pop(1)), sys.argv.pop(1)
steps = 0
def hook(event, arguments):
    global steps
    if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") or not arguments:
        return
    if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return
    if isinstance(arguments[0], str | os.PathLike) and os.fspath(arguments[0]).startswith(cache):
        steps += 1
        if steps == limit:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""

#: The command, with features that carry pictures and read each other among its presets.
AFFEX = """
import sys
sys.path.append("tests")
import with_plain
from affex.pipeline.cli.command import main
main()
"""


#: Tells of each fold that is computed.
TELL_FOLDS = """
from affex.pipeline.evaluation import evaluate
compute = evaluate._run_fold
evaluate._run_fold = lambda piece, *shared: print("computed fold", piece.jobs[0][1].name) or compute(piece, *shared)
"""


@dataclass(frozen=True)
class Ground:
    """A small corpus as a table, the folder of its caches, and the undisturbed result.

    Parameters
    ----------
    features
        The feature that is asked for, after those that it reads.
    """

    table: Path
    cache: Path
    features: tuple[str, ...]
    n_utterances: int
    n_folds: int
    expected: str = ""

    @property
    def folder(self) -> Path:
        return self.cache / self.table.stem

    @property
    def files(self) -> list[Path]:
        return [self.folder / f"{feature}.h5" for feature in self.features]

    def arguments(self, scheduler: str) -> list[str]:
        return [
            *("features", "--dataset", "csv", "--data", str(self.table), "--cache", str(self.cache)),
            *("--features", self.features[-1], "--scheduler", scheduler, "--jobs", "2"),
        ]

    def command(self, scheduler: str) -> list[str]:
        return [sys.executable, "-c", AFFEX, *self.arguments(scheduler)]

    def run(self) -> "subprocess.CompletedProcess[str]":
        """Run to the end and return what was said."""
        return forked.affex(*self.arguments("inline"))

    def digest(self) -> str:
        return hashlib.sha256(b"".join(path.read_bytes() for path in self.files)).hexdigest()

    def held(self) -> tuple[int, ...]:
        """Return how many utterances of each feature lie in finished files: they must never be computed again."""
        return tuple(self._held(feature) for feature in self.features)

    def _held(self, feature: str) -> int:
        ids = set()
        for path in [*self.folder.glob(f"{feature}.h5"), *self.folder.glob(f"{feature}.parts/*.h5")]:
            with h5py.File(path) as h5:
                ids.update(h5["ids"][:].tolist())
        return len(ids)

    def clear(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    def evaluating(self, scheduler: str = "inline") -> list[str]:
        """Return the arguments that evaluate the corpus, leaving one speaker out at a time."""
        return ["evaluate", *self.arguments(scheduler)[1:], "--classifier", "svm", "--inner"]

    @property
    def kept(self) -> list[Path]:
        """The folds that an evaluation has left behind."""
        return sorted(self.folder.glob("runs/*/.folds/fold-*.json"))

    def results(self) -> dict[str, bytes]:
        """Return the files of all runs, but for those that say when a run was computed; nothing else is beside them."""
        files = (path for path in self.folder.glob("runs/*/*") if path.name not in ("times.json", "report.html"))
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def forget(self) -> None:
        """Remove all results, and leave the features."""
        shutil.rmtree(self.folder / "runs", ignore_errors=True)


def prepare(
    folder: Path, *, n_utterances: int = 96, features: tuple[str, ...] = ("mfcc-voice",), n_speakers: int = 4
) -> Ground:
    """Make the corpus, and the undisturbed result to compare with."""
    rng = np.random.default_rng(0)
    (folder / "wav").mkdir(parents=True)
    lines = ["file,speaker,label"]
    for n in range(n_utterances):
        noise = 0.1 * rng.standard_normal(rng.integers(4000, 12000))
        soundfile.write(folder / "wav" / f"{n:03d}.wav", noise, 16000, subtype="PCM_16")
        lines.append(f"wav/{n:03d}.wav,speaker{n % n_speakers},label{n // n_speakers % 3}")
    table = folder / "small.csv"
    table.write_text("\n".join(lines) + "\n")
    ground = Ground(table, folder / "cache", features, n_utterances, n_speakers)
    finished = ground.run()
    if finished.returncode:
        raise SystemExit(finished.stdout + finished.stderr)
    expected = ground.digest()
    ground.clear()
    return dataclasses.replace(ground, expected=expected)


def check(ground: Ground, attack: str, held_before: tuple[int, ...]) -> None:
    """Run to the end; the result must equal the undisturbed one, and nothing finished be computed again."""
    finished = ground.run()
    output = finished.stdout + finished.stderr
    for feature, held in zip(ground.features, held_before, strict=True):
        wanted = f"{feature}: {held} cached, {ground.n_utterances - held} computed, 0 failed"
        if finished.returncode or wanted not in output:
            raise SystemExit(f"{attack}: expected '{wanted}', got exit code {finished.returncode} and:\n{output}")
    if ground.digest() != ground.expected:
        raise SystemExit(f"{attack}: the result differs from the undisturbed one")
    left = [
        path.name for path in ground.folder.rglob("*") if path.suffix in (".tmp", ".parts") or path.name == ".folds"
    ]
    if left:
        raise SystemExit(f"{attack}: left behind {left}")
    print(f"{attack}: {held_before} utterances were held, the rest was computed, result equal", flush=True)


def kills(ground: Ground, n_kills: int, seed: int) -> None:
    """``kill -9`` the whole process group at random moments of runs on a local cluster, again and again."""
    rng = random.Random(seed)
    began = time.monotonic()
    subprocess.run(ground.command("local"), cwd=HOME, capture_output=True, check=True)
    whole = time.monotonic() - began
    ground.clear()
    killed = runs = 0
    while killed < n_kills:
        runs += 1
        run = subprocess.Popen(
            ground.command("local"),
            cwd=HOME,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            run.wait(timeout=rng.uniform(0.3, 1.0) * whole)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            killed += 1
        run.wait()
        held = ground.held()
        if run.returncode == 0 or rng.random() < 0.34:  # else the next kill meets what this one left
            check(ground, f"kill {killed} of {n_kills}", held)
            ground.clear()
        else:
            print(f"kill {killed} of {n_kills}: {held} utterances held, killed again", flush=True)
    print(f"{killed} kills in {runs} runs; the others ended first")


def steps(ground: Ground, stride: int = 1) -> None:
    """Kill the run between every two steps of its writing."""
    step = 1
    while True:
        run = forked.affex(str(step), str(ground.cache), *ground.arguments("inline"), first=DIE_AT_STEP)
        if run.returncode == 0:
            print(f"{step - 1} steps of writing in a run")
            ground.clear()
            return
        held = ground.held()
        check(ground, f"kill before step {step}", held)
        ground.clear()
        step += stride


def flips(ground: Ground, stride: int = 1) -> None:
    """Flip one bit in every dataset and every attribute's text of every file: found, and mended."""
    ground.run()
    sound = [(path, path.read_bytes()) for path in ground.files]
    for path, content in sound:
        for name, offset in itertools.islice(_offsets(path, content), 0, None, stride):
            damaged = bytearray(content)
            damaged[offset] ^= 0x10
            path.write_bytes(damaged)
            _mended(ground, f"flip in {path.name}, {name} (byte {offset})")
    ground.clear()


def _mended(ground: Ground, attack: str) -> None:
    """See that what is damaged is found, and that a run mends it."""
    if forked.affex("cache", "--cache", str(ground.cache), "verify").returncode != 1:
        raise SystemExit(f"{attack}: `affex cache verify` did not find it")
    finished = ground.run()
    if finished.returncode or ground.digest() != ground.expected:
        raise SystemExit(f"{attack}: not mended:\n{finished.stdout}{finished.stderr}")
    print(f"{attack}: found and mended; {finished.stdout.splitlines()[0]}", flush=True)


def _offsets(path: Path, content: bytes) -> Iterator[tuple[str, int]]:
    """Yield a byte in the middle of every dataset's data and of every attribute."""
    with h5py.File(path) as h5:
        names: list[str] = []
        h5.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in names:
            begin = h5[name].id.get_offset()
            if begin is not None:
                yield name, begin + h5[name].id.get_storage_size() // 2
        for name, value in h5.attrs.items():
            text = str(value).encode()
            if len(text) > 1:
                yield f"attribute {name}", content.index(text) + len(text) // 2


def cuts(ground: Ground, shares: tuple[float, ...] = (0.0, 0.001, 0.2, 0.5, 0.9, 0.999)) -> None:
    """Cut every published file at several lengths: what was before the cut is kept."""
    ground.run()
    for path, content in [(path, path.read_bytes()) for path in ground.files]:
        for share in shares:
            path.write_bytes(content[: int(share * len(content))])
            _mended(ground, f"cut of {path.name} at {share:.1%}")
    ground.clear()


def folds(ground: Ground, first: int = 1, stride: int = 1) -> None:
    """Kill an evaluation between every two steps of its writing, and damage a fold that it left behind."""
    expected = _undisturbed(ground)
    for step in itertools.count(first, stride):
        ground.forget()
        run = forked.affex(str(step), str(ground.cache), *ground.evaluating(), first=DIE_AT_STEP)
        if run.returncode == 0:
            break
        damaged = ground.kept[-1:] if step % 2 else []
        for path in damaged:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 0x10
            path.write_bytes(content)
        _cross_validated(
            ground, f"evaluation killed before step {step}, {len(damaged)} folds damaged", expected, len(damaged)
        )
    print(f"{step - 1} steps of writing in an evaluation, at most")
    ground.forget()


def fold_kills(ground: Ground, n_kills: int, seed: int) -> None:
    """``kill -9`` the whole process group at random moments of evaluations on a local cluster, again and again."""
    rng, expected = random.Random(seed), _undisturbed(ground)
    command = [sys.executable, "-c", AFFEX, *ground.evaluating("local")]
    began = time.monotonic()
    subprocess.run(command, cwd=HOME, capture_output=True, check=True)
    whole, killed = time.monotonic() - began, 0
    ground.forget()
    while killed < n_kills:
        run = subprocess.Popen(
            command, cwd=HOME, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            run.wait(timeout=rng.uniform(0.3, 1.0) * whole)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            killed += 1
        run.wait()
        if run.returncode == 0 or rng.random() < 0.5:  # else the next kill meets what this one left
            _cross_validated(ground, f"kill {killed} of {n_kills} of an evaluation", expected)
            ground.forget()
    ground.forget()


def _undisturbed(ground: Ground) -> dict[str, bytes]:
    """Evaluate, and return the files of the run; the features stay."""
    _evaluate(ground)
    expected = ground.results()
    ground.forget()
    return expected


def _evaluate(ground: Ground) -> str:
    run = forked.affex(*ground.evaluating(), first=TELL_FOLDS)
    if run.returncode:
        raise SystemExit(f"an evaluation ended with exit code {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout


def _cross_validated(ground: Ground, attack: str, expected: dict[str, bytes], n_hurt: int = 0) -> None:
    """Evaluate to the end; the files must equal the undisturbed ones, and no fold that was kept be computed again."""
    n_kept, was_finished = len(ground.kept) - n_hurt, bool(list(ground.folder.glob("runs/*/metrics.json")))
    n_computed = _evaluate(ground).count("computed fold")
    if n_computed != (0 if was_finished else ground.n_folds - n_kept):
        raise SystemExit(f"{attack}: {n_kept} of {ground.n_folds} folds were kept, and {n_computed} were computed")
    if ground.results() != expected or list(ground.folder.glob("runs/*/.folds")):
        raise SystemExit(f"{attack}: the files differ from the undisturbed ones")
    print(f"{attack}: {n_kept} folds were kept, {n_computed} computed, result equal", flush=True)


def full_disk(ground: Ground, sizes: tuple[int, ...] = (64, 256, 512, 768, 1024, 1280)) -> None:
    """Run on a disk too small for the result (a tmpfs, so it takes root), make room, run again."""
    for kibibytes in sizes:
        ground.clear()
        ground.cache.mkdir(parents=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "affex", str(ground.cache)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            print("full disk: not tried, a tmpfs cannot be mounted here (needs root)")
            return
        try:
            first = ground.run()
            if first.returncode not in (0, 1) or (first.returncode == 1 and "disk is full" not in first.stderr):
                raise SystemExit(f"full disk ({kibibytes} KiB): exit code {first.returncode}:\n{first.stderr}")
            held = ground.held()
            subprocess.run(["mount", "-o", "remount,size=64m", str(ground.cache)], check=True)
            check(ground, f"full disk ({kibibytes} KiB, exit code {first.returncode})", held)
        finally:
            subprocess.run(["umount", str(ground.cache)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="kills at random moments")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torture_results.torture(Path(folder, "results"))
        for name, features in (("rows", ("mfcc-voice",)), ("pictures", ("tiles", "peaks"))):
            small = prepare(Path(folder, name), features=features)
            flips(small)
            cuts(small)
            full_disk(small)
            steps(small)
        # Slow enough that most kills fall into the extraction.
        kills(prepare(Path(folder, "slow"), n_utterances=320, features=("compare",)), options.kills, options.seed)
        kills(
            prepare(Path(folder, "chain"), n_utterances=960, features=("tiles", "peaks")), options.kills, options.seed
        )
        judged = prepare(Path(folder, "judged"), n_utterances=320, n_speakers=16)
        folds(judged)
        fold_kills(judged, options.kills, options.seed)
    print("The cache stands, and so do results.")


if __name__ == "__main__":
    main()
