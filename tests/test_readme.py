"""The pages list what the folders hold; five lines of docs/hdf5.md read the cache as they stand, without affex."""

import re
import subprocess
import sys
from pathlib import Path

import blocks
import pytest
from conftest import ROOT
from corpus import run, small

from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs

BLOCKED = "import sys; sys.modules.update(pipeline=None, features=None, classifiers=None)\n"


def example() -> str:
    [block] = [block for block in blocks.of(ROOT / "docs" / "hdf5.md") if block.runner == "tests/test_readme.py"]
    return block.code


def listed(page: str, heading: str, column: str) -> set[str]:
    """Return the names that the first column of a table of a page shows as code."""
    section = (ROOT / "docs" / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = section.partition(f"\n| {column} |")[2].partition("\n\n")[0]
    return set(re.findall(r"`([^`\s]+)`", " ".join(row.split("|")[1] for row in table.splitlines()[2:])))


@pytest.mark.parametrize(
    ("page", "heading", "column", "known"),
    [
        ("corpora.md", "The corpora", "corpus", discovery.corpora),
        (
            "features.md",
            "The features",
            "preset",
            lambda: {**discovery.feature_presets(), "-lld": None, "compare-lld": None},
        ),
    ],
)
def test_the_pages_list_what_there_is(page, heading, column, known) -> None:
    """A new file needs no row to be tried: `make list` shows it. A row of what is gone would mislead."""
    assert len(listed(page, heading, column)) > 10
    assert listed(page, heading, column) <= set(known())


def test_the_readme_counts_the_corpora_that_its_page_lists() -> None:
    [number] = re.findall(r"\*\*\[(\d+) corpora\]", (ROOT / "README.md").read_text())
    assert int(number) == len(listed("corpora.md", "The corpora", "corpus") - {"demo", "csv"})


def test_another_project_reads_a_cache_in_five_lines(tmp_path: Path) -> None:
    dataset = small(tmp_path, n_utterances=3)
    [summary] = run(dataset, *feature_specs("egemaps"))
    code = example().replace("cache/demo/compare.h5", str(summary.path)).replace("s1_anger_1", "02")
    assert len([line for line in code.splitlines() if line]) == 5
    check = (
        "\nassert (rows.shape, rows.dtype, len(ids), len(columns)) == ((1, 88), 'float32', 3, 88)\nprint(rows[0, 0])"
    )
    ended = subprocess.run([sys.executable, "-c", BLOCKED + code + check], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr

    import h5py

    with h5py.File(summary.path) as h5:
        assert float(ended.stdout) == pytest.approx(float(h5["values"][2, 0]))
