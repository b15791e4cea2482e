"""A run is logged to MLflow: its own client reads back what the run says; no network, no second copy, nothing lost."""

import importlib.util
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import Bayes, make_table
from test_cli import affex, table  # noqa: F401 - a fixture
from test_hostile_text import HOSTILE

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.runs import Run
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.reporting import mlflow_log, report
from affex.pipeline.storage import bundle
from affex.pipeline.text.errors import UsageError

with mlflow_log._environment():  # MLflow's telemetry begins as it is imported
    mlflow = pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection, and take away what a user of MLflow may have set."""

    def refuse(*_):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in (mlflow_log.STORE, mlflow_log.EXPERIMENT, mlflow_log.ALLOWED, mlflow_log.SILENT):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A run with hostile labels and settings, its cache in a folder with a blank."""
    folder = tmp_path_factory.mktemp("a folder #1 ä") / "cache" / "toy" / "runs" / "run"
    plan = Plan(corpus="toy[red] <b>", features=("made",), classifier=Bayes(), keys=("0123456789ab",))
    result = evaluate(make_table(n_speakers=3, classes=HOSTILE[:4]), plan)
    settings = Settings(dataset="toy", data="/some/where 'x'", features="made")
    report.write(replace(result, leaks=("a leak",)), folder, "f" * 64, settings)
    return runs.read(folder)


def stored(run: Run):
    """Return a client of the store beside the run's cache, and the runs in it."""
    with mlflow_log._environment():
        client = mlflow.MlflowClient(mlflow_log.store_of(cache_of(run)))
        ids = [one.experiment_id for one in client.search_experiments()]
        return client, client.search_runs(ids)


def cache_of(run: Run) -> Path:
    return run.folder.parents[2]


def test_mlflows_own_client_reads_back_what_the_run_says(run, tmp_path):
    said = mlflow_log.log(run, cache_of(run))
    assert said.startswith("Logged to MLflow as ")
    assert (cache_of(run).parent / "mlruns").is_dir()
    client, (one,) = stored(run)
    uar = run.summary.figures["uar"]
    assert one.info.status == "FINISHED"
    assert one.data.metrics["uar"] == uar.value
    assert one.data.metrics["uar_low"] == uar.interval.low
    assert one.data.metrics["uar_high"] == uar.interval.high
    assert one.data.metrics["uar_chance"] == 0.25
    assert one.data.metrics["n_utterances"] == run.summary.n_utterances
    assert {"seed": "0", "features": "made", "data": "/some/where 'x'"}.items() <= one.data.params.items()
    assert one.data.params["feature_keys"] == "0123456789ab"
    tags = one.data.tags
    assert tags["affex.corpus"] == "toy[red] <b>"
    assert tags["affex.protocol_hash"] == run.summary.protocol_hash
    assert tags["affex.version.numpy"] == run.summary.versions["numpy"]
    assert (tags["affex.leaks"], tags["affex.transductive"]) == ("a leak", "no")
    files = {"metrics.json", *runs.whole(run.folder).record[bundle.FILES]}
    with mlflow_log._environment():
        assert {file.path for file in client.list_artifacts(one.info.run_id)} == files
        for file in files:
            copy = client.download_artifacts(one.info.run_id, file, str(tmp_path))
            assert Path(copy).read_bytes() == (run.folder / file).read_bytes()


def test_the_same_run_is_logged_once_and_another_one_beside_it(run):
    mlflow_log.log(run, cache_of(run))
    assert mlflow_log.log(run, cache_of(run)).startswith("MLflow has this run already")
    before = len(stored(run)[1])
    other = replace(run, summary=replace(run.summary, depends_on="e" * 64))
    assert mlflow_log.log(other, cache_of(run)).startswith("Logged")
    assert len(stored(run)[1]) == before + 1


def test_a_run_whose_logging_ended_halfway_is_logged_again(run, tmp_path, monkeypatch):
    monkeypatch.setenv(mlflow_log.STORE, (tmp_path / "mine").as_uri())
    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "log_artifact", lambda *_: 1 / 0)
        assert "could not be logged" in mlflow_log.log(run, cache_of(run))
    assert mlflow_log.log(run, cache_of(run)).startswith("Logged")
    assert sorted(one.info.status for one in stored(run)[1]) == ["FAILED", "FINISHED"]


def test_the_users_own_store_and_experiment_are_used(run, tmp_path, monkeypatch):
    monkeypatch.setenv(mlflow_log.STORE, str(tmp_path / "of mine"))
    monkeypatch.setenv(mlflow_log.EXPERIMENT, "all of mine")
    assert str(tmp_path / "of mine") in mlflow_log.log(run, cache_of(run))
    with mlflow_log._environment():
        assert mlflow.MlflowClient(str(tmp_path / "of mine")).get_experiment_by_name("all of mine")
    assert mlflow_log.ALLOWED not in os.environ


def test_a_store_that_cannot_be_written_costs_a_sentence(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(mlflow_log.STORE, (tmp_path / "file").as_uri())
    said = mlflow_log.log(run, cache_of(run))
    assert "The run is finished, but could not be logged to MLflow" in said
    assert runs.read(run.folder).summary == run.summary


def test_names_and_values_have_the_form_that_mlflow_takes():
    (batch, rest) = [*mlflow_log._batches({f"step {n}/!__C=ä": "x" * 9000 for n in range(150)})]
    assert (len(batch), len(rest)) == (mlflow_log.BATCH, 50)
    assert batch[0] == ("step 0____C_ä", "x" * mlflow_log.LONGEST)


# As a command


def test_the_command_logs_and_an_unwritable_store_keeps_the_result(table, tmp_path):  # noqa: F811
    words = ["evaluate", "--dataset", "csv", "--data", str(table), "--features", "shorttime:pool=mean"]
    words += ["--classifier", "svm:C=1,gamma=1", "--scheduler", "inline", "--cache", str(tmp_path / "cache")]
    done = affex(*words, "--log", "mlflow")
    assert done.returncode == 0, done.stderr
    assert "Logged to MLflow as " in done.stdout.splitlines()[-2], "before the next step, which stands last"
    (tmp_path / "file").write_text("no folder")
    again = affex(*words, MLFLOW_TRACKING_URI=(tmp_path / "file").as_uri(), AFFEX_LOG="mlflow")
    assert again.returncode == 0
    assert "could not be logged" in again.stdout
    assert "is not computed again" in again.stdout


def test_without_mlflow_nothing_is_computed(monkeypatch, tmp_path):
    spec_of = importlib.util.find_spec
    absent = lambda name, *more: None if name == "mlflow" else spec_of(name, *more)  # noqa: E731 - what find_spec is
    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(UsageError, match="make install"):
        mlflow_log.require()
    done = affex("evaluate", "--dataset", "demo", "--cache", str(tmp_path / "cache"), "--log", "mlflow")
    assert done.returncode == 2
    assert "which is not installed here" in done.stderr
    assert not (tmp_path / "cache").exists()
