"""What is read back of a run is what was written: damaged labels, records and runs of earlier versions are refused."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import Bayes

from affex.pipeline.cli import command
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.results import FoldSummary, Result, Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.models import fit_predict
from affex.pipeline.reporting import comparison, leak, report
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import experiment

SETTINGS = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
N = 60


def result(seed: int) -> Result:
    """Sixty utterances of six speakers, nine in ten right, with inner scores."""
    rng = np.random.default_rng(seed)
    true = np.array(["joy", "anger"])[np.arange(N) % 2]
    wrong = rng.random(N) < 0.1
    predicted = np.where(wrong, np.where(true == "joy", "anger", "joy"), true)
    speakers = np.array([f"s{n % 6}" for n in range(N)])
    values = np.stack([predicted == "anger", predicted == "joy"], axis=1) * 0.8 + 0.1
    scores = Scores(
        np.array([f"u{n}" for n in range(N)]), speakers, speakers, true, predicted, ("anger", "joy"), values
    )
    folds = tuple(FoldSummary(f"s{n}", N - 10, 10) for n in range(6))
    inner = []
    for fold in folds:
        others = speakers != fold.name
        columns = (getattr(scores, name)[others] for name in ("ids", "clusters", "true", "predicted", "values"))
        others_ids, clusters, known, output, own = columns
        names = np.full(len(others_ids), fold.name)
        inner.append(Scores(others_ids, clusters, names, known, output, scores.classes, own))
    return Result(SETTINGS.about(), scores, folds, inner=tuple(inner))


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """The folders of two runs."""
    for seed in (0, 1):
        report.write(result(seed), tmp_path / f"run{seed}", "basis")
    return [str(tmp_path / f"run{seed}") for seed in (0, 1)]


def relabelled(folder: str) -> None:
    """Change 30 labels of a run's table, as in the attack that made .900 into .589."""
    path = Path(folder) / "predictions.csv"
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    cells = [line.split(",") for line in lines]
    for row in cells[:30]:
        row[4] = "joy" if row[4] == "anger" else "anger"
    path.write_text("\n".join([head, *map(",".join, cells)]) + "\n", encoding="utf-8")


def edited(folder: str) -> None:
    path = Path(folder) / "metrics.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"uar": 0.', '"uar": 0.9', 1), encoding="utf-8")


def fused_from(folder: str) -> None:
    path = Path(folder) / "inner.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("0.9", "0.8", 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("damaged", "file"), [(relabelled, "predictions.csv"), (edited, "metrics.json"), (fused_from, "inner.csv")]
)
def test_a_damaged_run_is_not_compared_fused_shown_or_kept(two, tmp_path, damaged, file):
    damaged(two[1])
    with pytest.raises(UsageError, match=rf"run1: {file} was changed after it was written.*Run `make evaluate` again"):
        comparison.chosen(two, "", tmp_path)
    with pytest.raises(UsageError, match=f"{file} was changed after it was written"):
        experiment.fuse_runs(Terminal(), two, Settings(fusion="late:mean"), tmp_path, tmp_path / "fused")
    with pytest.raises(UsageError, match=f"{file} was changed after it was written"):
        leak.show(Terminal(), Path(two[0]), [Path(two[1])])
    assert not (tmp_path / "compared").exists()
    assert not (tmp_path / "fused").exists()


def test_a_damaged_run_is_made_again_and_that_is_said(two, tmp_path, capsys):
    arguments = (Terminal(), two, Settings(fusion="late:mean"), tmp_path, tmp_path / "fused")
    experiment.fuse_runs(*arguments)
    sound = {path.name: path.read_bytes() for path in (tmp_path / "fused").iterdir() if path.name != "times.json"}
    experiment.fuse_runs(*arguments)
    assert "Nothing has changed since this run" in capsys.readouterr().out
    relabelled(str(tmp_path / "fused"))
    experiment.fuse_runs(*arguments)
    assert "is made again: predictions.csv was changed after it was written" in capsys.readouterr().out
    assert {name: (tmp_path / "fused" / name).read_bytes() for name in sound} == sound
    (tmp_path / "fused" / "predictions.csv.old").unlink()  # the damaged one was set aside: it may be somebody's edit
    assert {path.name for path in (tmp_path / "fused").iterdir()} == {*sound, "times.json"}


def test_a_run_of_an_earlier_version_is_said_to_be_one(two, tmp_path, capsys):
    path = Path(two[0]) / "metrics.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["sha256"]
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"metrics\.json has no seal: an earlier version of affex wrote it.*Run `make evaluate` again"
    ):
        runs.read(Path(two[0]))
    experiment._shown_again(Terminal(), Path(two[0]), "basis", Settings())
    assert "is made again: metrics.json has no seal: an earlier version of affex wrote it" in capsys.readouterr().out


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(UsageError, match="holds no finished run"):
        runs.read(tmp_path)
    assert report.kept(tmp_path, "basis") is None


def test_what_a_damaged_run_says_of_a_model_is_not_told(two, tmp_path, capsys):
    class Fitted:
        plan = SETTINGS
        evaluation = "run0"

    run = tmp_path / SETTINGS.corpus / "runs" / "run0"
    report.write(result(0), run)
    fit_predict._print_worth(Terminal(), Fitted(), tmp_path)
    assert "UAR" in capsys.readouterr().out
    edited(str(run))
    fit_predict._print_worth(Terminal(), Fitted(), tmp_path)
    output = capsys.readouterr().out
    assert "is unknown" in output
    assert "metrics.json was changed after it was written" in output


def test_a_sealed_record_that_is_no_run(tmp_path):
    from affex.pipeline.storage import bundle

    bundle.write(tmp_path / "run", "metrics.json", {"classes": [], "versions": {}}, {})
    with pytest.raises(AffexError, match="a run of another version of affex"):
        runs.read(tmp_path / "run")


def test_a_run_that_may_not_be_read_or_is_no_file_is_a_sentence(two, tmp_path, monkeypatch):
    path = Path(two[0]) / "predictions.csv"
    path.unlink()
    os.mkfifo(path)  # which would hang
    with pytest.raises(UsageError, match=r"predictions\.csv is missing"):
        runs.read(Path(two[0]))
    opened = Path.open

    def refused(self: Path, *mode: str) -> Any:
        if self.name == "metrics.json":
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *mode)

    monkeypatch.setattr(Path, "open", refused)  # root may read all
    with pytest.raises(UsageError, match=r"no finished run that can be read \(Permission denied\)"):
        runs.read(Path(two[1]))
    assert not experiment._shown_again(Terminal(), Path(two[1]), "basis", Settings())


# Runs of another cache


@pytest.fixture
def caches(tmp_path: Path) -> list[Path]:
    """Two caches with one run each, and an empty one."""
    for seed, cache in enumerate(("one", "two")):
        report.write(result(seed), tmp_path / cache / "toy" / "runs" / f"made_bayes_loso-{seed:08x}", "basis")
    (tmp_path / "empty").mkdir()
    return [tmp_path / name for name in ("one", "two", "empty")]


@pytest.mark.parametrize("name", ["made_bayes_loso-0000000{}", "made_bayes_loso", "made"])
@pytest.mark.parametrize("absolute", [True, False])
def test_runs_of_other_caches_are_compared_by_their_folders(caches, tmp_path, monkeypatch, name, absolute):
    monkeypatch.chdir(tmp_path)
    folders = [cache / "toy" / "runs" / name.format(n) for n, cache in enumerate(caches[:2])]
    named = [str(folder if absolute else folder.relative_to(tmp_path)) for folder in folders]
    command.cli(["compare", "--runs", " ".join(named), "--cache", "empty"], standalone_mode=False)
    (compared,) = (tmp_path / "empty" / "toy" / "comparisons").iterdir()
    assert (compared / "comparison.json").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("made_bayes_loso-00000001", "There is no run 'made_bayes_loso-00000001'.*Known: made_bayes_loso-0.*{one}"),
        ("two/toy/runs/other", "There is no run 'other'.*Known: made_bayes_loso-00000001.*runs in two/toy/runs"),
        ("three/toy/runs/made", "There is no run 'three/toy/runs/made'.*runs in {one}"),
        ("/no/such/folder/made", "There is no run '/no/such/folder/made'.*runs in {one}"),
    ],
)  # fmt: skip
def test_a_run_that_is_not_in_the_cache_is_named_by_its_folder(caches, tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError, match=f"(?s){message.format(one=caches[0])}.*of another cache.*RUNS=other/emodb/runs/"
    ):
        runs.find([name], caches[0])
    with pytest.raises(UsageError, match=r"There is no run 'x': .*empty holds no finished run"):
        runs.find(["x"], caches[2])
