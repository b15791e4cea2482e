"""Evaluate published systems on a corpus, and write their figures into their files.

::

    .venv/bin/python tools/measure_systems.py --dataset demo --said 'demo (made labels)' zhang2018-audio zhou2019-concat
    .venv/bin/python tools/systems_page.py

Each is evaluated by its name, in a process of its own on one core, with its features in the cache; a figure of
the same corpus is replaced. The time is what the processor computed for the command, without the features.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
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
    parser.add_argument("--protocol", help="another protocol than the system's, such as one of few folds")
    parser.add_argument("--features", help="features in the place of its own, as with weight files")
    parser.add_argument("--weights", help="the folder of weight files that cannot be fetched")
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--said", required=True, help="what the corpus is, in words")
    given = parser.parse_args()
    place = [
        *(["--data", given.data] if given.data else []),
        *(["--partial"] if given.partial else []),
        *(["--weights", given.weights] if given.weights else []),
    ]
    protocol = ["--protocol", given.protocol] if given.protocol else []
    features = ["--features", given.features] if given.features else []
    corpus = {"DATASET": given.dataset, "DATA": "FOLDER" if given.data else None, "PARTIAL": given.partial}
    for name in given.systems:
        typed = ["--system", name, "--dataset", given.dataset, *features, *place, "--cache", given.cache, "--jobs", "1"]
        affex("features", *typed)
        before = computed()
        printed = json.loads(affex("evaluate", *typed, *protocol, "--json"))
        seconds = round(computed() - before)
        read = re.sub("weights=[^, ]*", "weights=FILE", given.features or "")
        read = re.sub("model=[^, ]*", "model=FOLDER", read)
        command = wording.command("evaluate", SYSTEM=name, **corpus, PROTOCOL=given.protocol, FEATURES=read)
        found = ours(printed["summary"], given.said, command, seconds)
        write(name, found)
        print(f"{name}: {found} on {found.data}, {seconds} s", flush=True)


def affex(*typed: str) -> bytes:
    """Return what a command prints, computed on one core."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "affex.pipeline.cli", *typed]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout


def computed() -> float:
    """Return how long all processes that ended have computed, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(summary: dict[str, Any], said: str, command: str, seconds: int) -> Ours:
    """Return the first figure of a run's summary."""
    metric = next(name for name in METRICS if name in summary["figures"])
    figure = summary["figures"][metric]
    if figure["interval"]["low"] is None:
        raise SystemExit(f"{command}: {metric} {figure['value']:.3f} has no interval: {figure['interval']['reason']}")
    value, low, high = (round(figure["interval"][key], 3) for key in ("value", "low", "high"))
    return Ours(
        metric=metric, value=value, low=low, high=high, data=said, command=command, seconds=seconds, retrained=True
    )


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
