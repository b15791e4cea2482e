"""The Python examples of README and docs/python.md run as they stand, in a folder without any cache."""

import subprocess
import sys
from pathlib import Path

import blocks
import pytest
from conftest import ROOT

#: Modules of a user that must not be taken for affex's.
NAMESAKES = ("features.py", "classifiers.py", "pipeline/__init__.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a working folder that holds modules called as affex's folders."""
    folder = tmp_path_factory.mktemp("a user's folder")
    for name in NAMESAKES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("raise ImportError('a file of the user')\n")
    return folder


@pytest.mark.docs
@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_examples_of_a_page_run(page: str, folder: Path) -> None:
    """They run as a script, which has no guard against being imported by worker processes."""
    examples = [block.code for block in blocks.of(ROOT / page) if block.runner == "tests/test_examples.py"]
    assert examples
    script = folder / f"{Path(page).stem}.py"
    script.write_text("\n".join(examples), encoding="utf-8")
    ended = subprocess.run([sys.executable, script.name], cwd=folder, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_nothing_is_printed(folder: Path) -> None:
    code = "import affex; affex.evaluate('demo', 'egemaps', classifier='svm:C=1,gamma=1')"
    ended = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=500)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
