"""The command as a person uses it: what it says, and with which exit code it ends."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from corpus import write_wav

from affex.pipeline.cli import extraction
from affex.pipeline.cli.command import main
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance


def affex(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run affex in this process, which has imported it already."""
    words, variables = told(arguments, environment)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(sys, "argv", ["affex", *words])
        for name in os.environ.keys() - variables.keys():
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        main()
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), err.getvalue())


def affex_process(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run affex in a process of its own, as a shell does."""
    words, variables = told(arguments, environment)
    command = [sys.executable, "-m", "affex.pipeline.cli", *words]
    return subprocess.run(command, cwd=cwd, env={**variables, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


def told(arguments: tuple[str, ...], variables: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return words and environment of a command; variables are handed on as the Makefile does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AFFEX_")}
    return ["--from-make"] * bool(variables) + [*arguments], {**clean, "COLUMNS": "100", **variables}


def interruptible(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start affex in a session of its own, where Ctrl-C counts even if this process ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "affex.pipeline.cli", *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A corpus of 24 utterances, 4 speakers, 2 labels that loudness tells apart."""
    lines = ["file,speaker,label"]
    for n in range(24):
        write_wav(tmp_path / "wav" / f"Ärger {n}.wav", 0.4 + 0.02 * (n % 5), seed=n)
        lines.append(f"wav/Ärger {n}.wav,s{n % 4},{'loud' if n // 4 % 2 else 'soft'}")
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_from_a_table_to_figures(table: Path, tmp_path: Path) -> None:
    environment = {"AFFEX_CACHE": str(tmp_path / "cache"), "AFFEX_SCHEDULER": "inline", "AFFEX_JOBS": "1"}
    first = affex_process("features", "--dataset", "csv", "--data", str(table), "--features", "egemaps", **environment)
    assert first.returncode == 0, first.stderr
    assert "egemaps: 0 cached, 24 computed, 0 failed ->" in first.stdout
    assert (tmp_path / "cache" / "mine" / "egemaps.h5").exists()
    assert "\r" not in first.stderr + first.stdout  # nobody watches, no bars

    out = tmp_path / "out"
    second = affex_process("evaluate", "--features", "egemaps", "--out", str(out), **environment)
    assert second.returncode == 0, second.stderr
    assert "--dataset csv (used last)" in second.stdout
    assert "egemaps: 24 cached, 0 computed" in second.stdout
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["n_utterances"] == 24
    assert metrics["n_clusters"] == 4
    assert (out / "predictions.csv").exists()
    assert (out / "confusion.png").exists()

    files = {path.name: path.read_bytes() for path in out.iterdir() if path.name not in {"times.json", "report.html"}}
    affex_process("evaluate", "--features", "egemaps", "--out", str(tmp_path / "again"), **environment)
    assert {name: (tmp_path / "again" / name).read_bytes() for name in files} == files

    third = affex("evaluate", "--features", "egemaps", "--out", str(out), **environment)
    assert "Nothing has changed since this run: it is not computed again" in third.stdout
    assert f"UAR {metrics['figures']['uar']['value']:.3f}" in third.stdout


def test_a_feature_goes_out_and_another_projects_comes_in(table: Path, tmp_path: Path) -> None:
    environment = {"AFFEX_CACHE": str(tmp_path / "cache"), "AFFEX_SCHEDULER": "inline"}
    corpus = ("--dataset", "csv", "--data", str(table))
    assert affex("features", *corpus, "--features", "gemaps", **environment).returncode == 0
    out = tmp_path / "out.parquet"
    sent = affex_process("export", str(out), *corpus, "--features", "gemaps", **environment)
    assert sent.returncode == 0, sent.stderr
    assert f"gemaps of mine as parquet: 24 utterances, 24 rows, 62 columns -> {out}" in sent.stdout
    assert "\r" not in sent.stderr + sent.stdout
    taken = affex_process("import", str(out), *corpus, "--called", "theirs", "--note", "a friend", **environment)
    assert taken.returncode == 0, taken.stderr
    assert "theirs: 24 utterances (one row an utterance, 62 columns), 0 without rows ->" in taken.stdout
    assert "Next: affex evaluate --features theirs" in taken.stdout
    judged = affex("features", "--features", "theirs", **environment)
    assert "theirs: 24 cached, 0 computed, 0 failed" in judged.stdout, judged.stderr
    for wrong in (("export", str(out)), ("import", str(out)), ("import", "gone.csv", "--called", "x"),
                  ("import", str(out), "--called", "mfcc"), ("evaluate", "--features", "thiers")):  # fmt: skip
        refused = affex(*wrong, *corpus, **environment)
        assert refused.returncode == 2, wrong
        assert "Traceback" not in refused.stderr


def test_a_target_that_is_not_there_is_said_before_anything_is_extracted(table: Path, tmp_path: Path) -> None:
    corpus = ("--dataset", "csv", "--data", str(table), "--target", "velance")
    refused = affex("evaluate", *corpus, AFFEX_CACHE=str(tmp_path / "cache"), AFFEX_SCHEDULER="inline")
    assert refused.returncode == 2
    assert "There is no target 'velance'. Did you mean valence" in refused.stderr
    assert not list(tmp_path.rglob("*.h5"))


def test_speakers_are_normalised_in_two_ways_and_a_third_is_none(table: Path, tmp_path: Path) -> None:
    environment = {"AFFEX_CACHE": str(tmp_path / "cache"), "AFFEX_SCHEDULER": "inline"}
    arguments = ("evaluate", "--features", "gemaps", "--classifier", "svm:C=1,gamma=1", "--dataset", "csv")
    for told, intended in (("", False), ("0", False), ("1", True), ("mean", "mean")):
        out = tmp_path / f"out-{told}"
        output = affex(*arguments, "--data", str(table), "--out", str(out), AFFEX_SPEAKER_NORM=told, **environment)
        assert output.returncode == 0, output.stderr
        assert json.loads((out / "metrics.json").read_text())["about"]["settings"]["speaker_norm"] == intended
    refused = affex(*arguments, "--data", str(table), "--speaker-norm", "median", **environment)
    assert refused.returncode == 2
    assert "'median' is neither 1, 0, mean nor enrol:n=10" in refused.stderr


def test_what_a_leak_is_worth_and_which_of_two_runs_is_better(table: Path, tmp_path: Path) -> None:
    environment = {"AFFEX_CACHE": str(tmp_path / "cache"), "AFFEX_SCHEDULER": "inline"}
    arguments = ("evaluate", "--features", "gemaps", "--classifier", "svm:C=1,gamma=1")
    first = affex(*arguments, "--dataset", "csv", "--data", str(table), "--leak", **environment)
    assert first.returncode == 0, first.stderr
    assert "random-k" in first.stdout
    second = affex(*arguments, "--speaker-norm", **environment)
    assert second.returncode == 0, second.stderr
    runs = sorted(path.name for path in (tmp_path / "cache" / "mine" / "runs").glob("*_loso*"))
    assert len(runs) == 2
    compared = affex_process("compare", "--runs", " ".join(runs), **environment)
    assert compared.returncode == 0, compared.stderr
    assert "too few speakers to tell (4)" in compared.stdout
    refused = affex("compare", "--runs", f"{runs[0]} gemaps_svm_random", **environment)
    assert refused.returncode == 2
    fused = affex("evaluate", "--runs", " ".join(runs), "--fusion", "late:mean", **environment)
    assert fused.returncode == 0, fused.stderr
    assert "late" in fused.stdout


def test_failures_are_named_and_the_rest_goes_on(table: Path, tmp_path: Path) -> None:
    (tmp_path / "wav" / "Ärger 3.wav").write_text("not audio")
    output = affex("features", "--dataset", "csv", "--data", str(table), "--features", "egemaps",
                   "--scheduler", "inline", "--cache", str(tmp_path / "cache"))  # fmt: skip
    assert output.returncode == 0
    assert "egemaps: 0 cached, 23 computed, 1 failed" in output.stdout
    assert "failed wav/Ärger 3: wav/Ärger 3.wav cannot be decoded" in output.stdout


def test_a_run_in_which_all_fails_fails(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("not audio")
    (tmp_path / "t.csv").write_text("file,speaker,label\na.wav,s,l\n")
    output = affex_process("features", "--dataset", "csv", "--data", str(tmp_path / "t.csv"), "--features", "egemaps",
                 "--scheduler", "inline", "--cache", str(tmp_path / "cache"))  # fmt: skip
    assert output.returncode == 1
    assert "Error: No utterance has any of the features (egemaps). The first: a: a.wav" in output.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["featurs"], "There is no verb 'featurs'. Did you mean features?"),
        (["list", "feature"], "There is no list verb 'feature'. Did you mean features?"),
        (["features", "--dataset", "emodbb"], "There is no corpus 'emodbb'. Did you mean emodb"),
        (["features", "--features", "mfc"], "There is no feature 'mfc'. Did you mean mfcc"),
        (["features", "--features", "mfcc:hopp=5ms"], "There is no parameter of mfcc 'hopp'. Did you mean hop?"),
        (["features", "--features", "mfcc:n=many"], "n=many in 'mfcc:n=many': expected int"),
        (["features", "--features", "mfcc:n=0"], "'mfcc:n=0': "),
        (["features", "--features", "mfcc mfcc"], "A feature was named twice"),
        (["evaluate", "--classifier", "svn"], "There is no classifier 'svn'. Did you mean svm?"),
        (["evaluate", "--fusion", "latest"], "There is no fusion 'latest'. Did you mean late?"),
        (["evaluate", "--classifier", "svm gmm"], "fuse their scores with --fusion late"),
        (["evaluate", "--runs", "a b"], "Runs are fused by --fusion late"),
        (["evaluate", "--runs", "a b", "--fusion", "late"], "There is no run 'a'"),
        (["compare"], "Say which runs, two at least"),
        (["compare", "--runs", "a b"], "There is no run 'a'"),
        (["features", "--dataset", "emodb ravdess", "--data", "one"], "names 2 corpora, and --data 'one' 1 folders"),
        (["features", "--dataset", "csv"], "--dataset csv reads a table: name it, for example --data mine.csv"),
        (["features", "--data", "somewhere"], "--data somewhere names no corpus"),
        (["features", "--jobs", "0"], "0 is not in the range"),
        (["features", "--wrong"], "No such option"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(arguments: list[str], message: str, tmp_path: Path) -> None:
    output = affex(*arguments, AFFEX_CACHE=str(tmp_path / "cache"), cwd=tmp_path)
    assert message in output.stderr
    assert output.returncode == 2


@pytest.mark.parametrize(
    ("protocol", "message"),
    [("lose", "Did you mean loso or loso+text?"), ("group-k:n=5", "There is no parameter of group-k 'n'")],
)
def test_a_protocol_that_does_not_exist_is_a_usage_error(protocol: str, message: str, table: Path) -> None:
    corpus = ("--dataset", "csv", "--data", str(table))
    said = affex("evaluate", *corpus, "--protocol", protocol, AFFEX_CACHE=str(table.parent / "cache"))
    assert message in said.stderr
    assert said.returncode == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [("nowhere", "was not found: there is no folder nowhere."), (".", "looked for 535 files such as wav/03a01Fa.wav")],
)
def test_a_folder_that_is_not_the_corpus_fails_the_run(data: str, message: str, tmp_path: Path) -> None:
    output = affex("features", "--dataset", "emodb", "--data", data, cwd=tmp_path)
    assert output.returncode == 1
    assert message in output.stderr


def test_a_corpus_that_is_not_whole_is_refused_unless_told(tmp_path: Path) -> None:
    for name in ("03a01Fa", "08a01Na", "03a02Wb", "08b01Wa"):
        write_wav(tmp_path / "wav" / f"{name}.wav", 0.5)
    arguments = [
        "features",
        "--dataset",
        "emodb",
        "--data",
        str(tmp_path),
        "--features",
        "egemaps",
        "--scheduler",
        "inline",
    ]
    refused = affex(*arguments, cwd=tmp_path)
    assert refused.returncode == 1
    assert "4 utterances found, 535 expected" in refused.stderr
    assert "To continue with this part, use --partial." in refused.stderr
    allowed = affex(*arguments, "--partial", cwd=tmp_path)
    assert allowed.returncode == 0
    assert "Incomplete corpus: emodb: 4 utterances found, 535 expected." in allowed.stdout


def test_what_there_is_is_listed() -> None:
    output = affex_process("list")
    assert output.returncode == 0
    for name in (
        "emodb",
        "ravdess",
        "demo",
        "csv",
        "compare-lld",
        "mfcc-voice",
        "iemocap6[-session]",
        "svm",
        "gmm",
        "xgboost",
    ):
        assert name in output.stdout


def test_the_cache_is_listed_verified_and_explained(table: Path, tmp_path: Path) -> None:
    environment = {"AFFEX_CACHE": str(tmp_path / "cache"), "AFFEX_SCHEDULER": "inline"}
    affex(
        "features",
        "--dataset",
        "csv",
        "--data",
        str(table),
        "--features",
        "egemaps egemaps-lld:rate=8kHz",
        **environment,
    )
    listed = affex("cache", **environment)
    assert "mine/egemaps.h5" in listed.stdout
    assert "current" in listed.stdout
    assert "other parameters" in listed.stdout
    assert affex("cache", "verify", **environment).returncode == 0

    why = affex("cache", "why", "--features", "mfcc", **environment)
    assert "mfcc: 0 utterances cached, 24 would be computed" in why.stdout
    assert "24: not computed yet" in why.stdout

    path = tmp_path / "cache" / "mine" / "egemaps.h5"
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 1
    path.write_bytes(damaged)
    found = affex_process("cache", "verify", **environment)
    assert found.returncode == 1
    assert "utterance 'wav/Ärger 23' does not verify" in found.stdout
    assert (
        "1: its rows in the cache are damaged" in affex("cache", "why", "--features", "egemaps", **environment).stdout
    )


def test_an_interrupt_is_one_sentence_and_keeps_what_is_finished(tmp_path: Path) -> None:
    names = [f"{n}.wav" for n in range(160)]
    for n, name in enumerate(names):
        write_wav(tmp_path / name, 1.0, seed=n)
    (tmp_path / "many.csv").write_text("file,speaker,label\n" + "".join(f"{name},s,l\n" for name in names))
    arguments = ["features", "--dataset", "csv", "--data", "many.csv", "--features", "compare", "--jobs", "1"]
    run = interruptible(*arguments, cwd=tmp_path)
    while run.poll() is None and not any(tmp_path.glob("cache/many/*.parts/*.h5")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(timeout=0.05)
    os.killpg(run.pid, signal.SIGINT)  # a terminal sends it to the workers, too
    _, output = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Interrupted. All utterances and folds finished so far are kept" in output
    assert "Traceback" not in output
    assert any(tmp_path.glob("cache/many/*.parts/*.h5"))
    assert json.loads((tmp_path / "cache" / "last.json").read_text())["dataset"] == "csv"  # so a bare verb goes on


def test_version_and_help() -> None:
    assert affex_process("--version").stdout.startswith("affex, version")
    for verb in ("features", "evaluate", "compare", "fit", "predict", "demo", "download", "list", "cache"):
        output = affex(verb, "--help")
        assert output.returncode == 0
        assert "Usage:" in output.stdout
    assert 'affex features --dataset emodb --features "compare mfcc:n=20,hop=5ms"\n' in affex_process("--help").stdout


@pytest.mark.parametrize("film", [None, Media("a.mp4")])
def test_by_default_faces_are_extracted_where_there_is_film(film: Media | None, tmp_path: Path) -> None:
    utterances = tuple(
        Utterance(id_, "mine", "s1", audio=Media("a.wav"), video=v) for id_, v in (("a", None), ("b", film))
    )
    features = extraction.default_features([Dataset("mine", tmp_path, tmp_path / "cache", utterances)])
    assert features == "compare mfcc logmel" + (" faces face" if film else "")
    assert extraction._by_default([Dataset("mine", tmp_path, tmp_path / "cache", utterances)]) == (
        f"FEATURES='{features}' (the default; to leave one out, name the others, as in "
        f"FEATURES='{features.rpartition(' ')[0]}')"
    )
