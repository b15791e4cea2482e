"""Compare published systems with an RBF-SVM on ComParE, on a corpus on which `tools/measure_systems.py` measured them.

::

    .venv/bin/python tools/measure_systems.py --dataset emodb --data WAVS --said 'EMO-DB (real speech)' SYSTEM ...
    .venv/bin/python tools/compare_systems.py --dataset emodb --data WAVS --said 'EMO-DB (real speech)' SYSTEM ...
    .venv/bin/python tools/systems_page.py

Writes ``docs/systems_on_emodb.json``, which the page of the systems shows. The newest run of each system is taken. The
SVM's run is made, or taken if there is one.
"""

import argparse
import json
import shlex
from pathlib import Path

from measure_systems import affex
from systems_page import COMPARED

from affex.pipeline.text import wording

BASE = {"FEATURES": "compare", "CLASSIFIER": "svm"}


def main() -> None:
    """Compare, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="+", metavar="SYSTEM")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data", required=True, help="the corpus's folder")
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--said", required=True, help="what the corpus is, in words, as it was measured")
    given = parser.parse_args()
    typed = ["--dataset", given.dataset, "--data", given.data, "--cache", given.cache, "--json"]
    base = json.loads(affex("evaluate", *typed, "--features", "compare", "--classifier", "svm"))["folder"]
    runs = [newest(Path(given.cache, given.dataset, "runs"), name) for name in given.systems]
    named = ["--runs", " ".join(shlex.quote(str(run)) for run in runs), "--against", shlex.quote(base)]
    compared = json.loads(affex("compare", "--cache", given.cache, *named, "--json"))["comparison"]
    corpus = {"DATASET": given.dataset, "DATA": "FOLDER"}
    commands = (
        wording.command("evaluate", SYSTEM="NAME", **corpus),
        wording.command("evaluate", **BASE, **corpus),
        wording.command("compare", RUNS="RUN RUN ...", AGAINST=f"compare_svm_{compared['protocol']['name']}"),
    )
    found = {"said": given.said, "commands": commands, "systems": given.systems, "comparison": compared}
    COMPARED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(COMPARED)


def newest(runs: Path, system: str) -> Path:
    """Return the newest run of a system."""
    found = sorted(runs.glob(f"*_{system}-????????"), key=lambda folder: folder.stat().st_mtime)
    if not found:
        raise SystemExit(f"{runs} has no run of {system}: measure it first, with tools/measure_systems.py.")
    return found[-1]


if __name__ == "__main__":
    main()
