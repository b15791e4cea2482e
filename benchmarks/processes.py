"""Whole processes, with all that they start: how long one takes, of how many processors, and how much memory."""

import resource
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Processes that never hold more than this only watch over others, MiB.
LEAST = 60


@dataclass(frozen=True)
class Run:
    """What came of a process.

    Parameters
    ----------
    output
        What it wrote on its standard output.
    seconds
        How long it took.
    processors
        How long it and its workers held a processor, all together, s; unlike `seconds`, it does not grow while
        others use the machine.
    peaks
        The peak resident memory of the process, and of each that it started, largest first, MiB.
    """

    output: str
    seconds: float
    processors: float
    peaks: tuple[float, ...]


def features(table: Path, cache: Path, wanted: str, jobs: int = 2, *others: str, python: str = sys.executable) -> Run:
    """Extract features of a table with a fresh process and its workers; others are options of affex."""
    command = [python, "-m", "affex.pipeline.cli", "features", "--dataset", "csv", "--data", str(table)]
    return run([*command, "--cache", str(cache), "--features", wanted, "--jobs", str(jobs), *others])


def run(command: list[str]) -> Run:
    """Run a command to its end; stop everything where it fails."""
    began, before = time.perf_counter(), _processors()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen: dict[int, float] = {}
    watcher = threading.Thread(target=_watch, args=(process, seen))
    watcher.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors}")
    own = seen.pop(process.pid, 0.0)
    workers = sorted((peak for peak in seen.values() if peak > LEAST), reverse=True)
    return Run(output, seconds, _processors() - before, (own, *workers))


def _watch(process: subprocess.Popen[str], seen: dict[int, float]) -> None:
    """Note the peaks of a process and of all that it starts, by their numbers, until it ends."""
    while process.poll() is None:
        try:
            family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        except psutil.Error:
            return
        for pid in family:
            seen[pid] = max(seen.get(pid, 0.0), _peak(pid))
        time.sleep(0.2)


def _peak(pid: int) -> float:
    """Return the high-water mark of a process's resident memory as Linux keeps it, MiB."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def _processors() -> float:
    """Return how long all processes that have ended so far held a processor, s."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
