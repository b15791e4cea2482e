"""``--json``: one document on standard output, made from the records that the tables show."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_experiment import table

from affex.pipeline.cli.command import cli
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.summary import from_json
from affex.pipeline.reporting.compared import Compared
from affex.pipeline.specs import discovery
from affex.pipeline.storage.records import restored
from affex.pipeline.text.errors import AffexError

SVMS = ("svm:C=1,gamma=1", "svm:C=10,gamma=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("json")
    table(folder)
    return folder


@pytest.fixture
def document(place: Path, capsys) -> Callable[..., Any]:
    """Run a verb with ``--json``; return what standard output holds."""

    def run(*verb: str, on_corpus: bool = True) -> Any:
        corpus = ("--dataset", "csv", "--data", str(place / "mine.csv")) if on_corpus else ()
        capsys.readouterr()
        cli([verb[0], "--cache", str(place / "cache"), *verb[1:], *corpus, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return run


def evaluated(document: Callable[..., Any], classifier: str) -> Any:
    return document("evaluate", "--features", "gemaps", "--classifier", classifier, "--scheduler", "inline")


def test_evaluate_prints_the_summary_of_the_run(document, place):
    for _ in ("made", "shown again"):
        found = evaluated(document, SVMS[0])
        run = runs.read(place / "cache" / "mine" / "runs" / found["name"])
        assert found["folder"] == str(run.folder)
        assert from_json(found["summary"]) == run.summary


def test_compare_prints_the_comparison(document, place):
    names = [evaluated(document, svm)["name"] for svm in SVMS]
    found = document("compare", "--runs", " ".join(names), on_corpus=False)
    record = json.loads((Path(found["folder"]) / "comparison.json").read_text(encoding="utf-8"))
    assert {**found["comparison"], "files": record["files"], "sha256": record["sha256"]} == record
    assert [run.name for run in restored(Compared, found["comparison"]).runs] == names


def test_late_fusion_of_runs_prints_its_summary(document):
    names = [evaluated(document, svm)["name"] for svm in SVMS]
    found = document("evaluate", "--runs", " ".join(names), "--fusion", "late:mean", on_corpus=False)
    members = from_json(found["summary"]).about.settings.members
    assert [member.run for member in members] == names


def test_list_prints_what_there_is_and_what_is_cached(document):
    evaluated(document, SVMS[0])
    found = document("list", on_corpus=False)
    features = {feature["name"]: feature for feature in found["plugins"]["features"]}
    assert features["egemaps"]["rows"] == "utterance"
    assert set(features) == set(discovery.feature_presets())
    assert {one["name"] for one in found["plugins"]["corpora"]} == set(discovery.corpora())
    assert {one["name"] for one in found["plugins"]["classifiers"]} == set(discovery.classifier_presets())
    files = {file["file"]: file for file in found["cache"]["files"]}
    assert (files["mine/gemaps.h5"]["n_utterances"], files["mine/gemaps.h5"]["state"]) == (16, "current")
    assert document("cache", on_corpus=False) == found["cache"]


@pytest.mark.parametrize("part", ["corpora", "features", "classifiers"])
def test_list_also_prints_one_part(document, part):
    assert document("list", part, on_corpus=False) == document("list", on_corpus=False)["plugins"][part]


def test_list_runs_prints_the_runs(document, place):
    name = evaluated(document, SVMS[0])["name"]
    listed = {run["name"]: run for run in document("list", "runs")}
    summary = runs.read(place / "cache" / "mine" / "runs" / name).summary
    quoted = listed[name]["quoted"]
    assert (quoted["metric"], quoted["figure"]["value"], quoted["mark"]) == ("uar", summary.uar, "")
    assert (listed[name]["problem"], quoted["model"]) == ("", ["gemaps", "svm"])


def test_a_flag_before_the_inner_verb_counts_as_well(place, capsys):
    cli(["cache", "--cache", str(place / "cache"), "--json", "verify"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["damaged"] == []


def test_cache_why_prints_a_reason_an_utterance(document):
    (found,) = document("cache", "why", "--features", "mfcc")
    assert (found["corpus"], found["feature"], found["n_cached"]) == ("mine", "mfcc", 0)
    assert set(found["computed"].values()) == {"not computed yet"}
    assert len(found["computed"]) == 16


def test_cache_verify_prints_what_is_damaged(document, place, capsys):
    evaluated(document, SVMS[0])
    sound = document("cache", "verify", on_corpus=False)
    assert sound["damaged"] == sound["left"] == []
    assert sound["n_checked"] > 0
    run = next((place / "cache" / "mine" / "runs").iterdir())
    content = (run / "report.txt").read_bytes()
    (run / "report.txt").write_bytes(b"other")
    with pytest.raises(AffexError, match="Damage was found"):
        document("cache", "verify", on_corpus=False)
    (damage,) = json.loads(capsys.readouterr().out)["damaged"]
    assert (damage["path"], "report.txt was changed after it was written" in damage["words"]) == (str(run), True)
    (run / "report.txt").write_bytes(content)
