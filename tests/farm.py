"""A Dask scheduler with workers of their own, started as other machines' are: by Dask's own commands."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from conftest import ROOT
from distributed import Client

from affex.pipeline.storage.provenance import PACKAGES


class Farm:
    """A scheduler, and the workers that came to it."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self.scheduler = self._start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        assert self.scheduler.stderr is not None
        line = next(line for line in self.scheduler.stderr if "Scheduler at:" in line)
        self.address = line.split()[-1]
        self._client = Client(self.address)

    def worker(
        self, code: Path = ROOT, cwd: Path | None = None, resources: str = "", threads: int = 1
    ) -> subprocess.Popen[str]:
        """Start a worker that imports affex from a folder, and wait until the scheduler knows it."""
        n = len(self.addresses())
        has = ("--resources", resources) if resources else ()
        options = (*has, "--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--death-timeout", "60")
        process = self._start("dask_worker", self.address, *options, code=code, cwd=cwd)
        self._client.wait_for_workers(n + 1, timeout=120)
        return process

    def send_away(self, keep: int) -> None:
        """End all workers but the first ones."""
        for process in self._processes[1 + keep :]:
            process.kill()
            process.wait()
        del self._processes[1 + keep :]
        while len(self.addresses()) > keep:
            pass

    def addresses(self) -> set[str]:
        return set(self._client.scheduler_info()["workers"])

    def _start(self, program: str, *arguments: str, code: Path = ROOT, cwd: Path | None = None) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *arguments],
            env={**os.environ, "PYTHONPATH": f"{code}:{ROOT / 'tests'}"},
            cwd=cwd or code,  # which comes first among the places that are imported from
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "dask_scheduler" else subprocess.DEVNULL,
            text=True,
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        with contextlib.suppress(Exception):
            self._client.close(timeout=1)
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stderr:
                process.stderr.close()


@contextlib.contextmanager
def farm() -> Iterator[Farm]:
    opened = Farm()
    try:
        yield opened
    finally:
        opened.end()


def altered(folder: Path, module: str, before: str, after: str) -> Path:
    """Return a copy of affex, one module of which says something else."""
    for package in ("affex", *PACKAGES):
        source = ROOT / package.removeprefix("affex.")
        shutil.copytree(source, folder.joinpath(*package.split(".")), ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "affex" / module
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")
    return folder
