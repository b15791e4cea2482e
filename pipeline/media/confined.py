"""Confined reading: a child process with limits, in which a C library reads a file of unknown origin.

A damaged or hostile file can make a C library crash, hang or use all memory. In a child process this affects only the
child and becomes an error message. Messages in both directions are bytes, partly JSON: nothing that a child sends is
ever run. It is not a sandbox: a child can still read all files of its user.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: The longest message that is accepted from a child, bytes.
LONGEST = 2**28


@dataclass(frozen=True)
class Limits:
    """The limits of a child process.

    Parameters
    ----------
    memory
        Address space, bytes, if the system can limit it (macOS cannot).
    seconds
        CPU time for one answer, s.
    patience
        Elapsed time for one answer, s: a disk or a network may be slow.
    """

    memory: int = 2**31
    seconds: int = 60
    patience: float = 600.0


class RefusedError(Exception):
    """The child reported an error in the file, or ended."""


class Confined:
    """A script that runs in a child process and answers one question at a time.

    Parameters
    ----------
    script
        The file that the child runs. Its arguments are the number of an open file descriptor (its end of a
        `multiprocessing.Pipe`), the limits as numbers of bytes and seconds, and `arguments`.

    Raises
    ------
    RefusedError
        If no process can be started.
    """

    def __init__(self, script: Path, *arguments: str, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._ours, theirs = multiprocessing.Pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(script), *map(str, (theirs.fileno(), limits.memory, limits.seconds)),
                 *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),), env=_environment(),
            )  # fmt: skip
        except OSError as error:
            raise RefusedError(f"no process could be started to read it: {error.strerror}") from error
        finally:
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ours.close()
        self._process.kill()
        self._process.wait()

    def ask(self, **question: Any) -> Mapping[str, Any]:
        """Return the answer to a question.

        Raises
        ------
        RefusedError
            If the answer is an error, or the child ended or took too long.
        """
        try:
            self._ours.send_bytes(json.dumps(question).encode())
        except OSError as error:
            raise RefusedError(self._end()) from error
        return self.answer()

    def answer(self) -> Mapping[str, Any]:
        """Return the next answer; raises as in `ask`."""
        answer = json.loads(self.receive())
        if "error" in answer:
            raise RefusedError(answer["error"])
        return dict(answer)

    def receive(self) -> bytes:
        """Return the next message unchanged; raises as in `ask`."""
        try:
            if not self._ours.poll(self._limits.patience):
                raise RefusedError(f"it was not read within {self._limits.patience:g} s")
            return self._ours.recv_bytes(LONGEST)
        except (EOFError, OSError) as error:
            raise RefusedError(self._end()) from error

    def _end(self) -> str:
        """Return how the child ended, in words."""
        try:
            code = self._process.wait(timeout=self._limits.patience)
        except subprocess.TimeoutExpired:
            return "the process that reads it stopped answering"
        if code == -signal.SIGXCPU:
            return f"reading it took more than {self._limits.seconds} s of CPU time"
        return (
            f"the process that reads it ended by signal {-code}"
            if code < 0
            else f"the process that reads it ended with exit code {code}"
        )


def _environment() -> dict[str, str]:
    """Return the environment of a child: without HDF5 plugins, and with one thread."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HDF5_")}
    return ours | {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
