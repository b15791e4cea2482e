"""Evaluate published systems on a corpus, and write their figures into their files.

::

    .venv/bin/python tools/measure_systems.py --dataset demo --said 'demo (made labels)' zhang2018-audio zhou2019-concat
    .venv/bin/python tools/systems_page.py

Each is evaluated by its name alone, in a process of its own on one core, with its features in the cache; a figure of
the same corpus is replaced. The time is that of the whole command.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from affex.pipeline.systems.system import FOLDER, Ours, system_of
from affex.pipeline.text import wording

#: The figures of classes and of values.
METRICS = ("uar", "ccc")


def main() -> None:
    """Evaluate, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", metavar="SYSTEM")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data", help="the corpus's folder")
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--said", required=True, help="what the corpus is, in words")
    given = parser.parse_args()
    place = [*(["--data", given.data] if given.data else []), *(["--partial"] if given.partial else [])]
    for name in given.systems:
        typed = ["--system", name, "--dataset", given.dataset, *place, "--cache", given.cache, "--jobs", "1", "--json"]
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "affex.pipeline.cli", "features", *typed[:-1]], env=one_core(), check=True
        )
        extracted = time.monotonic()
        printed = subprocess.run(
            [sys.executable, "-m", "affex.pipeline.cli", "evaluate", *typed],
            env=one_core(), check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        seconds = round(time.monotonic() - extracted)
        command = wording.command(
            "evaluate", SYSTEM=name, DATASET=given.dataset, DATA="FOLDER" if given.data else None, PARTIAL=given.partial
        )
        found = ours(json.loads(printed.stdout)["summary"], given.said, command, seconds)
        write(name, found)
        print(f"{name}: {found} on {found.data}, {extracted - began:.0f} s of features, {seconds} s", flush=True)


def one_core() -> dict[str, str]:
    """Return the environment of a process that computes on one core."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def ours(summary: dict[str, Any], said: str, command: str, seconds: int) -> Ours:
    """Return the first figure of a run's summary."""
    metric = next(name for name in METRICS if name in summary["figures"])
    figure = summary["figures"][metric]
    value, low, high = (round(figure["interval"][key], 3) for key in ("value", "low", "high"))
    return Ours(metric=metric, value=value, low=low, high=high, data=said, command=command, seconds=seconds)


def write(name: str, found: Ours) -> None:
    """Write a figure into a system's file, in the place of one of the same corpus."""
    path = Path(FOLDER, f"{name}.toml")
    text = path.read_text(encoding="utf-8").partition("[[ours]]")[0].rstrip()
    others = [one for one in system_of(name).ours if one.data != found.data]
    path.write_text("\n\n".join([text, *map(as_toml, [*others, found])]) + "\n", encoding="utf-8")


def as_toml(one: Ours) -> str:
    """Return a figure as a table of TOML."""
    return "\n".join(["[[ours]]", *(f"{key} = {json.dumps(value)}" for key, value in vars(one).items())])


if __name__ == "__main__":
    main()
