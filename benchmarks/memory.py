"""Peak memory of the driver and of each worker on a corpus of 20 000 clips against one of 2 000.

::

    python benchmarks/memory.py

Makes both corpora (two-second wavs of noise, as hard links to a hundred different ones would not do: every clip has
bytes of its own), extracts a feature from each, and prints every process's peak resident memory, MiB.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile


def make(folder: Path, n_clips: int) -> Path:
    """Write `n_clips` wavs of 2 s and the table that lists them; return the table."""
    (folder / "wav").mkdir(parents=True)
    noise = (3000 * np.random.default_rng(0).standard_normal(64000)).astype(np.int16)
    lines = ["file,speaker,label"]
    for n in range(n_clips):
        clip = noise[n : n + 32000].copy()
        soundfile.write(folder / "wav" / f"{n:06d}.wav", clip, 16000)
        lines.append(f"wav/{n:06d}.wav,s{n % 10},l{n % 4}")
    table = folder / f"clips{n_clips}.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def peaks(command: list[str]) -> tuple[list[float], float]:
    """Run a command; return the peak memory of it and of each worker, largest first, MiB, and its time, s."""
    began = time.perf_counter()
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    seen: dict[int, float] = {}

    def watch() -> None:
        while run.poll() is None:
            family = [psutil.Process(run.pid)]
            try:
                family += family[0].children(recursive=True)
            except psutil.Error:
                return
            for process in family:
                peak = _peak(process.pid)
                if peak:
                    seen[process.pid] = peak
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    if run.wait():
        raise SystemExit(f"{command} failed")
    watcher.join()
    driver = seen.pop(run.pid)
    workers = sorted((peak for peak in seen.values() if peak > 60), reverse=True)
    return [driver, *workers], time.perf_counter() - began


def _peak(pid: int) -> float:
    """Return the high-water mark of a process's resident memory as Linux keeps it, MiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feature", default="mfcc-voice")
    parser.add_argument("--sizes", type=int, nargs=2, default=(2000, 20000))
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for n_clips in options.sizes:
            table = make(Path(folder, str(n_clips)), n_clips)
            command = [sys.executable, "-m", "pipeline.cli", "features", "--dataset", "csv", "--data", str(table)]
            command += ["--cache", str(Path(folder, "cache")), "--features", options.feature, "--jobs", "2"]
            memory, seconds = peaks(command)
            results.append(memory)
            shown = ", ".join(f"{peak:.0f}" for peak in memory)
            print(f"{n_clips} clips, {seconds:.0f} s: driver and workers peak at {shown} MiB", flush=True)
    ratios = ", ".join(f"{large / small:.3f}" for small, large in zip(*results, strict=False))
    print(f"ratios: {ratios}")


if __name__ == "__main__":
    main()
