"""The README's example runs as it stands, where no affex can be imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from corpus import run, small

from affex.pipeline.specs.features import feature_specs

BLOCKED = "import sys; sys.modules.update(pipeline=None, features=None, classifiers=None)\n"


def example() -> str:
    [code] = re.findall(
        r"<!-- tests/test_readme.py runs this -->\n```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S
    )
    return code


def test_another_project_reads_a_cache_in_five_lines(tmp_path: Path) -> None:
    dataset = small(tmp_path, n_utterances=3)
    [summary] = run(dataset, *feature_specs("egemaps"))
    code = example().replace("cache/demo/compare.h5", str(summary.path)).replace("s1_anger_1", "02")
    assert len([line for line in code.splitlines() if line]) == 5
    check = (
        "\nassert (rows.shape, rows.dtype, len(ids), len(columns)) == ((1, 88), 'float32', 3, 88)\nprint(rows[0, 0])"
    )
    said = subprocess.run([sys.executable, "-c", BLOCKED + code + check], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr

    import h5py

    with h5py.File(summary.path) as h5:
        assert float(said.stdout) == pytest.approx(float(h5["values"][2, 0]))
