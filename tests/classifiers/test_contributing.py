"""The classifier that CONTRIBUTING shows is copied to the letter, found, evaluated, fitted, saved, and predicts."""

import contextlib
import csv
import io
import re
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT
from corpus import write_wav

from affex import classifiers
from affex.pipeline.cli.command import cli
from affex.pipeline.specs import discovery


def example() -> tuple[str, str]:
    """Return the name of the file that CONTRIBUTING shows, and what is in it."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("**A classifier**")[2]
    code = textwrap.dedent(re.search(r"\n((?:(?:    .*)?\n)+)", section)[1]).strip() + "\n"
    return re.search(r'PRESETS = \{"(\w+)"', code)[1], code


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put the example into a folder of its own that counts as `classifiers`; return its name."""
    name, code = example()
    folder = tmp_path / "classifiers"
    folder.mkdir()
    (folder / f"{name}.py").write_text(code)
    monkeypatch.setattr(classifiers, "__path__", [str(folder), *classifiers.__path__])
    monkeypatch.delitem(sys.modules, f"affex.classifiers.{name}", raising=False)
    monkeypatch.delattr(classifiers, name, raising=False)
    discovery.classifier_presets.cache_clear()
    yield name
    discovery.classifier_presets.cache_clear()
    del sys.modules[f"affex.classifiers.{name}"]


def affex(*arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        cli([*arguments, "--scheduler", "inline"], standalone_mode=False)
    return output.getvalue()


def test_it_is_short():
    _, code = example()
    body = re.sub(r'""".*?"""', "", code, flags=re.DOTALL)
    assert len([line for line in body.splitlines() if line.strip()]) <= 15


def test_it_evaluates_fits_and_predicts(copied, tmp_path):
    rows = ["file,speaker,label"]
    for n in range(24):
        write_wav(tmp_path / f"s{n % 4}" / f"{n:02d}.wav", 0.4 + 0.02 * (n % 5), seed=n)
        rows.append(f"s{n % 4}/{n:02d}.wav,s{n % 4},{'loud' if n // 4 % 2 else 'soft'}")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    corpus = ["--dataset", "csv", "--data", str(tmp_path / "mine.csv"), "--cache", str(tmp_path / "cache")]
    chosen = [*corpus, "--classifier", f"{copied}:C=0.5"]
    affex("evaluate", *chosen, "--out", str(tmp_path / "run"))
    assert str(tmp_path) in sys.modules[f"affex.classifiers.{copied}"].__file__
    affex("fit", *chosen, "--exclude", "s2", "--model", str(tmp_path / "m.affex"))
    out = str(tmp_path / "labelled.csv")
    affex("predict", "--model", str(tmp_path / "m.affex"), "--data", str(tmp_path / "s2"), "--out", out,
          "--cache", str(tmp_path / "cache"))  # fmt: skip
    with (tmp_path / "run" / "predictions.csv").open(newline="") as file:
        evaluated = {
            row["id"].rpartition("/")[2]: row["score_loud"] for row in csv.DictReader(file) if row["fold"] == "s2"
        }
    with (tmp_path / "labelled.csv").open(newline="") as file:
        predicted = {row["id"].rpartition("/")[2]: row["score_loud"] for row in csv.DictReader(file)}
    assert predicted == evaluated
    assert len(predicted) == 6
