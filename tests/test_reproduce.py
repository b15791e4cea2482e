"""A finished run is repeated from its settings: the same bytes, or what differs is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from test_cli import affex
from test_experiment import run, table

from affex.pipeline.evaluation import runs
from affex.pipeline.reporting import differences, reproduced
from affex.pipeline.reporting.differences import Difference, Repeated
from affex.pipeline.storage import bundle
from affex.pipeline.workspace import experiment, reproduction

FEATURES, SVM = "gemaps", "svm:C=1,gamma=1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a cache with three runs: a model, a fusion of two models, a fusion of finished runs."""
    folder = tmp_path_factory.mktemp("reproduce")
    path, cache = table(folder), folder / "cache"
    run([path], cache)
    run([path], cache, classifier="svm:C=1,gamma=1 svm:C=2,gamma=0.1", fusion="late:mean", out=cache / "mine/runs/two")
    names = [folder.name for folder in runs.known(cache, "mine") if folder.name != "two"]
    done = affex("evaluate", "--cache", str(cache), "--runs", " ".join(names[:2]), "--fusion", "late:vote")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def again(home: Path, tmp_path: Path) -> Path:
    """The same, to be changed; its cache is that of the table beside it."""
    shutil.copytree(home, tmp_path / "home")
    (tmp_path / "home" / "cache" / "mine" / "table.json").unlink()
    return tmp_path / "home"


def reproduce(home: Path, name: str, *options: str):
    """Reproduce a run of a home in this process; return the exit code and what stands on each stream."""
    words = ("reproduce", name, "--cache", str(home / "cache"), "--scheduler", "inline")
    return affex(*words, *options)


def named(home: Path, end: str = "") -> str:
    """Return the name of the run that ends so, or of that of one model."""
    (name, *_) = [one.name for one in runs.known(home / "cache", "mine") if (end or "loso-") in one.name]
    return name


@pytest.mark.parametrize("end", ["", "two", "late-vote"])
def test_an_earlier_run_has_the_same_bytes(home, end):
    before = {path: path.stat().st_mtime_ns for path in (home / "cache" / "mine" / "runs").rglob("*")}
    done = reproduce(home, named(home, end))
    assert (done.returncode, done.stderr.count("Error")) == (0, 0), done.stdout + done.stderr
    assert "equal bytes of metrics.json and predictions.csv" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in (home / "cache" / "mine" / "runs").rglob("*")} == before


def test_neither_the_stored_result_nor_a_fold_is_used(home, monkeypatch):
    found = []
    monkeypatch.setattr(experiment, "_shown_again", lambda *args, **kinds: found.append(args[1]) or False)
    assert reproduce(home, named(home, "two")).returncode == 0
    assert len(found) == 3
    assert not any(folder.is_relative_to(home) for folder in found)


def test_another_seed_is_named_as_the_difference(home):
    done = reproduce(home, named(home), "--seed", "1")
    assert done.returncode == 1
    assert "setting seed: 0 -> 1 (as you set it)" in done.stdout
    assert done.stdout.count("->") == 1, "one thing differs, and what follows from it is no cause"


def test_a_setting_that_changes_a_fusion_is_named_once_and_the_figures_come_last(home):
    done = reproduce(home, named(home, "late-vote"), "--seed", "1", "--no-inner")
    causes, figures = done.stdout.split("Figures:")
    assert causes.count("setting seed") == 1
    assert "all figures are equal" in figures


def test_the_new_run_can_be_kept_and_its_folder_must_be_empty(home, tmp_path):
    out = tmp_path / "new"
    done = reproduce(home, named(home, "two"), "--out", str(out))
    assert done.returncode == 0
    assert runs.read(out).summary == runs.read(home / "cache" / "mine" / "runs" / "two").summary
    assert len([*(out / "members").iterdir()]) == 2
    refused = reproduce(home, named(home), "--out", str(out))
    assert refused.returncode == 2
    assert "not an empty folder" in refused.stderr


def test_one_document_for_programs(home):
    record = json.loads(reproduce(home, named(home), "--classifier", "svm:C=0.001,gamma=1", "--json").stdout)
    assert (record["same"], record["run"]) == (False, named(home))
    (cause,) = record["causes"]
    assert (cause["what"], cause["name"], cause["given"]) == ("setting", "classifier", True)
    assert "figures" in record["results"]


# What differs is found without a setting of the user


def repeated(folder: Path) -> Repeated:
    return Repeated(runs.read(folder).summary, runs.whole(folder))


def other(folder: Path, **fields) -> list[str]:
    """Return the lines on a run whose record has other fields than the stored one."""
    one = repeated(folder)
    return [str(found) for found in differences.causes(one, replace(one, summary=replace(one.summary, **fields)))]


def test_each_version_digest_and_key_is_named(home):
    folder = home / "cache" / "mine" / "runs" / named(home)
    summary = repeated(folder).summary
    assert other(folder) == []
    versions = {**summary.versions, "scikit-learn": "0.1"}
    assert other(folder, versions=versions) == [f"version scikit-learn: {summary.versions['scikit-learn']} -> 0.1"]
    for name, words in differences.DIGESTS.items():
        assert other(folder, made_from={**summary.made_from, name: "0"}) == [f"{name}: {words}"]
    settings = summary.about.settings
    keyed = replace(summary.about, settings=replace(settings, feature_keys=("another",)))
    (line,) = other(folder, about=keyed)
    assert line.startswith("feature: gemaps has another key")
    assert other(folder, about=replace(summary.about, corpus="theirs")) == ["corpus: mine -> theirs"]
    assert other(folder, protocol_hash="0") == ["protocol: the file that says who is in which part has another content"]
    default = replace(settings, classifier_settings={**settings.classifier_settings, "keep": 7})
    (line,) = other(folder, about=replace(summary.about, settings=default))
    assert line.startswith("setting classifier_settings.keep: ")


def test_a_changed_label_is_found(again):
    lines = (again / "mine.csv").read_text(encoding="utf-8")
    (again / "mine.csv").write_text(lines.replace("0-0.wav,s0,soft", "0-0.wav,s0,loud"), encoding="utf-8")
    done = reproduce(again, named(again), "--data", str(again / "mine.csv"))
    assert done.returncode == 1
    assert differences.DIGESTS["utterances"] in done.stdout
    assert "1 (mine-wav/0-0): another true" in done.stdout
    assert "setting data" not in done.stdout


def test_a_lost_recording_and_other_sound_are_found(again):
    lines = (again / "mine.csv").read_text(encoding="utf-8").splitlines()
    (again / "mine.csv").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    shutil.copy(again / "mine-wav" / "0-3.wav", again / "mine-wav" / "0-2.wav")
    done = reproduce(again, named(again), "--data", str(again / "mine.csv"), "--allow-leaks")
    assert done.returncode == 1
    assert differences.DIGESTS["rows"] in done.stdout
    assert "1 (mine-wav/3-3) no longer tested" in done.stdout


def test_moved_data_give_the_same_bytes(again):
    shutil.move(again, again.with_name("moved"))
    moved = again.with_name("moved")
    done = reproduce(moved, named(moved), "--data", str(moved / "mine.csv"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_code_that_changed_is_named(home, monkeypatch):
    monkeypatch.setattr(experiment, "code_digest", lambda *args, **kinds: "another")
    done = reproduce(home, named(home, "late-vote"))
    assert done.returncode == 1
    assert done.stdout.count(differences.DIGESTS["code"]) == 1
    assert "every byte of predictions.csv is equal" in done.stdout


def test_a_member_that_was_made_again_is_said(again):
    fused = again / "cache" / "mine" / "runs" / named(again, "late-vote")
    about = repeated(fused).summary.about
    gone = replace(about.settings, members=tuple(replace(one, depends_on="0") for one in about.settings.members))
    record = replace(repeated(fused).summary, about=replace(about, settings=gone))
    files = runs.whole(fused)
    bundle.write(fused, runs.RECORD, {**files.record, "about": differences.plain(record.about)}, files.contents)
    done = reproduce(again, named(again, "late-vote"), "--data", str(again / "mine.csv"))
    assert done.returncode == 1
    assert reproduction.GONE.name in done.stdout


# What cannot be repeated


def test_a_run_whose_data_are_gone_is_refused(again):
    (again / "mine.csv").unlink()
    done = reproduce(again, named(again), "--data", str(again / "mine.csv"))
    assert done.returncode == 2
    assert "its data cannot be read" in done.stderr
    assert "If they lie elsewhere now" in done.stderr


def test_a_run_of_a_passed_estimator_is_refused(home, tmp_path):
    from sklearn.naive_bayes import GaussianNB

    import affex as face

    place = {"cache": tmp_path / "cache", "scheduler": "inline"}
    face.evaluate(home / "mine.csv", FEATURES, classifier=GaussianNB(), out=tmp_path / "out", **place)
    done = reproduce(home, str(tmp_path / "out"))
    assert done.returncode == 2
    assert "an estimator object" in done.stderr


def test_a_run_without_settings_and_no_run_are_refused(again):
    folder = again / "cache" / "mine" / "runs" / named(again)
    files = runs.whole(folder)
    contents = {name: content for name, content in files.contents.items() if name != runs.SETTINGS}
    bundle.write(folder, runs.RECORD, {k: v for k, v in files.record.items() if k != bundle.FILES}, contents)
    assert "holds no settings.toml" in reproduce(again, folder.name).stderr
    assert "There is no run 'nobody'" in reproduce(again, "nobody").stderr
    assert "Say which run" in affex("reproduce").stderr


def test_figures_that_are_undefined_and_differences_are_words():
    figures = differences.Figures({"uar": (None, 0.5)}, "uar", None, 1, 2, None)
    found = reproduced.Reproduction("a", "", False, False, (), ("figures",), figures)
    text = "\n".join(reproduced.lines(found))
    assert "UAR: undefined -> 0.5" in text
    assert reproduced.UNEXPLAINED in text
    assert str(Difference("code", "is new", member="m")) == "code of m: is new"
