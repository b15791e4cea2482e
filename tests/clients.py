"""Runs the snippets of docs/other-programs.md in this Python, and says what each client read.

    python tests/clients.py FOLDER

FOLDER holds ``out``, as that page exports it, and ``cache``. Nothing of affex is imported, so that any environment will
do (the page says how to make one); a client that is not installed is skipped. What a snippet calls ``X`` must be the
rows of ``out/egemaps.npz``, bit by bit. The exit status is 1 where one is not, or fails.
"""

import configparser
import contextlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "other-programs.md"
SNIPPET = re.compile(r"<!-- run: (?P<needs>.*?) -->\n```(?P<language>\w+)\n(?P<code>.*?)```", re.S)


def snippets() -> list[tuple[list[str], str, str]]:
    """Return the modules that each snippet needs, its language and its text."""
    found = SNIPPET.finditer(PAGE.read_text(encoding="utf-8"))
    return [(snippet["needs"].split(", "), snippet["language"], snippet["code"]) for snippet in found]


def missing(needs: list[str]) -> list[str]:
    """Return the modules that are not installed."""
    return [name for name in needs if name not in sys.modules and importlib.util.find_spec(name) is None]


def run(language: str, code: str, folder: Path) -> str:
    """Run a snippet where the exports lie; return what came of it.

    Raises
    ------
    AssertionError
        If it read other rows, or no speaker was left out.
    """
    with np.load(folder / "out" / "egemaps.npz") as file:
        truth = file["values"]
    with inside(folder):
        return recognised(code) if language == "ini" else read(code, truth)


def read(code: str, truth: "np.ndarray") -> str:
    """Run a snippet in Python and compare its ``X``, where it has one."""
    names: dict[str, object] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    if "X" not in names:
        return "ran"
    values = np.asarray(names["X"], np.float32).reshape(len(truth), -1)
    assert values.tobytes() == truth.tobytes(), "other rows than those of the .npz"
    return f"{len(values)} rows of {values.shape[1]} columns, the same to the bit"


def recognised(settings: str) -> str:
    """Let nkululeko leave one speaker out at a time; return what it says of the folds."""
    parser = configparser.ConfigParser()
    parser.read_string(settings)
    with tempfile.TemporaryDirectory() as results:
        parser["EXP"]["root"] = f"{results}/"
        path = Path(results) / "demo.ini"
        with path.open("w") as file:
            parser.write(file)
        command = [sys.executable, "-m", "nkululeko.nkululeko", "--config", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    recalls = [float(found) for found in re.findall(r"result for speaker group \d+: test: ([.\d]+) UAR", output)]
    assert len(recalls) == int(parser["MODEL"]["logo"]), output[-4000:]
    return f"an SVM, {len(recalls)} speakers left out one at a time, mean UAR {np.mean(recalls):.3f}"


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main(folder: Path) -> int:
    """Run all snippets; return how many failed."""
    n_failed = 0
    for needs, language, code in snippets():
        if absent := missing(needs):
            print(f"{needs[0]}: skipped, {', '.join(absent)} not installed")
            continue
        try:
            print(f"{needs[0]}: {run(language, code, folder)}", flush=True)
        except Exception:  # whatever a client may raise
            n_failed += 1
            print(f"{needs[0]}: FAILED\n{traceback.format_exc()}", flush=True)
    return n_failed


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()), 1))
