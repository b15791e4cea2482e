"""One record of settings: its options, its file, and the run that the file repeats."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from conftest import ROOT
from corpus import write_wav
from test_house import makefile

from affex.pipeline.cli import command, config
from affex.pipeline.cli.evaluation import evaluate
from affex.pipeline.cli.models import fit
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.settings import FIELDS, Settings, as_toml
from affex.pipeline.specs.classifiers import classifier_of, classifier_spec
from affex.pipeline.storage.sealed import DamagedError
from affex.pipeline.text import wording
from affex.pipeline.text.errors import UsageError

SVM = "svm:C=1.0,gamma=0.1"

#: What lies beside the sealed files of a run, and says when and where it was computed.
BESIDE = {"times.json", "report.html"}


def affex(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type affex in a shell that has these variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AFFEX_", "MAKE"))}
    typed = [sys.executable, "-m", "affex.pipeline.cli", *arguments]
    return subprocess.run(typed, env=clean | environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 24 utterances, 4 speakers, 3 labels."""
    folder = tmp_path_factory.mktemp("a corpus of my own")
    lines = ["file,speaker,label"]
    for n in range(24):
        write_wav(folder / f"{n}.wav", 0.4 + 0.02 * (n % 5), seed=n)
        lines.append(f"{n}.wav,s{n % 4},{('loud', 'soft', 'mild')[n // 4 % 3]}")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "mine.csv"


@pytest.fixture(scope="module")
def typed(table: Path) -> Callable[..., None]:
    """Evaluate the table in this process, with options as they are typed."""

    def run(cache: Path, *options: str) -> None:
        command.cli(["evaluate", *options, "--cache", str(cache), "--scheduler", "inline"], standalone_mode=False)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name not in BESIDE}


# The record


def test_each_setting_is_documented_and_is_an_option_and_a_variable_of_make() -> None:
    documented = re.findall(r"^    (\w+)$", Settings.__doc__, re.MULTILINE)
    assert documented == ["Parameters", *FIELDS, "Raises", "UsageError"]
    options = {option.name: option for option in evaluate.params}
    assert set(FIELDS) <= set(options)
    assert all(options[name].help == one.metadata["help"] for name, one in FIELDS.items())
    assert all(options[name].default == one.default for name, one in FIELDS.items())
    assert {name.upper() for name in FIELDS} <= wording.SWITCHES | wording.VALUES
    variables = re.search(r"^OPTIONS := ((?:.*\\\n)*.*)$", makefile(), re.MULTILINE)[1].replace("\\", " ").split()
    assert {name.upper() for name in FIELDS} <= set(variables)
    assert {option.name for option in fit.params} & set(FIELDS) == {
        name for name, one in FIELDS.items() if one.metadata.get("fitted", True)
    }


@pytest.mark.parametrize("text", ["", 'Björns "neue"\\Daten', "a\nb\tc", "\x01 \x7f \x85", "#'=", "\U0001f600"])
def test_a_file_holds_any_text(text: str) -> None:
    settings = Settings(dataset="csv", data=text, speaker_norm="mean", reweight=True, seed=2**32 - 1)
    assert Settings(**tomllib.loads(as_toml(settings))) == settings


def test_what_is_not_set_is_not_in_the_file() -> None:
    assert as_toml(Settings()).splitlines()[1:] == [
        "partial = false",
        'classifier = "svm"',
        'protocol = ""',
        "speaker_norm = false",
        "reweight = false",
        "soft = false",
        "seed = 0",
        "seeds = 1",
        'device = "cpu"',
        'fusion = "early"',
        "enrol = false",
        "inner = false",
        "sets = 0.0",
        "moments = false",
        "leak = false",
        "controls = 0",
        "allow_leaks = false",
        "identity = false",
    ]


@pytest.mark.parametrize("spec", ["svm", "svm:C=1.0,weights=none", "gmm:components=2,floor=0.001", "xgboost:rounds=3"])
def test_a_classifier_has_a_spec(spec: str) -> None:
    assert classifier_spec(classifier_of(spec)) == spec


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"speaker_norm": "median"}, 'speaker_norm = "median": expected true, false, "mean" or "enrol:n=10"'),
        ({"seed": True}, "seed = true: expected a whole number"),
        ({"soft": "yes"}, 'soft = "yes": expected true, false or "dawid-skene"'),
        ({"device": "tpu"}, 'device = "tpu": expected "cpu" or "cuda"'),
        ({"features": ["a"]}, r"features = \['a'\]: expected a text in quotes, or an array of such"),
        ({"protocol": None}, "protocol = None: expected a text in quotes"),
    ],
)
def test_no_value_of_another_type_is_taken_from_python(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Settings(**wrong)


# The file


def values(folder: Path, text: str, verb: click.Command = evaluate) -> dict[str, object]:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return config.values(path, verb)


def test_a_file_gives_options_and_several_names_may_be_an_array(tmp_path: Path) -> None:
    text = 'features = ["compare", "mfcc:n=20"]\ndata = ["a b", "~/c"]\nspeaker-norm = "mean"\njobs = 2\nleak = true'
    assert values(tmp_path, text) == {
        "features": "compare mfcc:n=20",
        "data": "'a b' '~/c'",
        "speaker_norm": "mean",
        "jobs": 2,
        "leak": True,
    }
    assert values(tmp_path, 'data = ["a b"]') == {"data": "a b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "mine.toml: There is no setting 'sed'. Did you mean seed"),
        ("classes_ = 'a'", "Did you mean classes"),
        ("[evaluate]\nseed = 1", "There is no setting 'evaluate'"),
        ("seed = 'one'", 'mine.toml: seed = "one": expected a whole number'),
        ("seed = 1.5", "seed = 1.5: expected a whole number"),
        ("seed = true", "seed = true: expected a whole number"),
        ("soft = 1", "soft = 1: expected true, false or"),
        ("speaker_norm = 1", 'speaker_norm = 1: expected true, false, "mean" or "enrol:n=10"'),
        ("classes = ['a', 'b']", r"classes = \['a', 'b'\]: expected a text in quotes."),
        ("features = [1]", r"features = \[1\]: expected a text in quotes, or an array of such"),
        ("seed = -1", "seed = -1: expected a whole number from 0 to 4294967295"),
        ("device = 'tpu'", 'device = "tpu": expected "cpu" or "cuda"'),
        ("jobs = 'all'", 'jobs = "all": expected a whole number'),
        ("cache = 1", "cache = 1: expected a text in quotes"),
        ("json = true", "There is no setting 'json'"),
        ("seed == 1", "mine.toml is not a TOML file"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        values(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone.toml cannot be read: No such file.*CONFIG=mine.toml"):
        config.values(tmp_path / "gone.toml", evaluate)


def test_a_file_of_evaluate_does_for_fit_where_it_says_nothing_that_fit_cannot(tmp_path: Path) -> None:
    assert values(tmp_path, as_toml(Settings(seed=3)), fit)["seed"] == 3
    with pytest.raises(UsageError, match='fusion = "late", and `affex fit` has no such setting'):
        values(tmp_path, as_toml(Settings(fusion="late")), fit)


def parsed(verb: click.Command, *arguments: str) -> dict[str, object]:
    return verb.make_context(verb.name, list(arguments)).params


def test_what_is_typed_goes_before_the_file_and_the_file_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    text = 'seed = 7\nreweight = true\nsoft = true\nspeaker_norm = true\nclassifier = "gmm"\ncache = "~/kept"'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    found = parsed(evaluate, "--seed", "0", "--no-reweight", "--speaker-norm", "0", "--config", "~/mine.toml")
    assert (found["seed"], found["reweight"], found["speaker_norm"]) == (0, False, False)
    assert (found["soft"], found["classifier"], found["device"]) == (True, "gmm", "cpu")
    assert found["cache"] == tmp_path / "kept"


# The run


def test_the_file_of_a_run_repeats_it_to_the_byte_in_another_cache(
    table: Path, typed: Callable[..., None], tmp_path: Path
) -> None:
    options = ("--dataset", "csv", "--data", str(table), "--features", "gemaps", "--classifier", SVM)
    typed(tmp_path / "one", *options, "--classes", "loud,soft+mild", "--speaker-norm", "mean", "--seed", "5", "--leak")
    folders = sorted((tmp_path / "one" / "mine" / "runs").iterdir())
    assert len(folders) == 2
    for number, folder in enumerate(folders):
        typed(tmp_path / f"again {number}", "--config", str(folder / "settings.toml"))
        again = tmp_path / f"again {number}" / "mine" / "runs" / folder.name
        assert contents(again) == contents(folder)
        assert {"metrics.json", "predictions.csv", "settings.toml"} <= set(contents(folder))


def test_the_file_of_a_fused_run_repeats_it_and_those_of_its_members_them(
    table: Path, typed: Callable[..., None], tmp_path: Path
) -> None:
    corpus = ("--dataset", "csv", "--data", str(table))
    typed(tmp_path / "one", *corpus, "--features", "gemaps is09", "--classifier", SVM, "--fusion", "late:mean")
    folders = sorted((tmp_path / "one" / "mine" / "runs").iterdir())
    assert len(folders) == 3
    for folder in folders:
        cache = tmp_path / f"again {folder.name}"
        typed(cache, "--config", str(folder / "settings.toml"))
        assert contents(cache / "mine" / "runs" / folder.name) == contents(folder)
    typed(tmp_path / "one", "--runs", " ".join(folder.name for folder in folders[:2]), "--fusion", "late:product")
    (fused,) = {*(tmp_path / "one" / "mine" / "runs").iterdir()} - {*folders}
    assert tomllib.loads((fused / "settings.toml").read_text(encoding="utf-8"))["runs"].split()[0] == folders[0].name


def test_what_a_run_says_of_its_settings_is_sealed_with_it(
    table: Path, typed: Callable[..., None], tmp_path: Path
) -> None:
    typed(tmp_path, "--dataset", "csv", "--data", str(table), "--features", "gemaps", "--classifier", SVM)
    (folder,) = (tmp_path / "mine" / "runs").iterdir()
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert Settings().recorded.items() <= record["about"]["settings"].items()
    path = folder / "settings.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("seed = 0", "seed = 1"), encoding="utf-8")
    with pytest.raises(DamagedError, match=r"settings.toml was changed after it was written"):
        runs.whole(folder)


# The environment


def test_what_a_shell_has_changes_no_run(table: Path, typed: Callable[..., None], tmp_path: Path) -> None:
    output = ("--dataset", "csv", "--data", str(table), "--features", "gemaps", "--classifier", SVM)
    typed(tmp_path / "cache", *output, "--out", str(tmp_path / "plain"))
    where = ("--cache", str(tmp_path / "cache"), "--scheduler", "inline", "--out")
    stray = {"AFFEX_CLASSES": "loud,soft", "AFFEX_SEED": "3", "AFFEX_MAKE_TYPED_IN": str(tmp_path)}
    by_hand = affex("evaluate", *output, *where, str(tmp_path / "by hand"), **stray)
    assert by_hand.returncode == 0, by_hand.stderr
    assert by_hand.stderr.startswith("Ignored: AFFEX_CLASSES, AFFEX_MAKE_TYPED_IN, AFFEX_SEED. affex reads options")
    assert contents(tmp_path / "by hand") == contents(tmp_path / "plain")
    names = dict(
        zip(
            [name.removeprefix("--").upper() for name in (*output, *where)[::2]],
            (*output, *where)[1::2],
            strict=False,
        )
    )
    made = make("evaluate", *(f"{k}={v}" for k, v in names.items()), f"OUT={tmp_path / 'by make'}", **stray)
    assert made.returncode == 0, made.stderr
    assert "Ignored" not in made.stderr
    assert contents(tmp_path / "by make") == contents(tmp_path / "plain")


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type make, with the programs that run these tests, in a shell that has these variables."""
    programs = Path(sys.executable).parent
    if shutil.which("make") is None or not (programs / "affex").exists():
        pytest.skip("no make on this machine, or affex is not installed")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AFFEX_", "MAKE", "PYTEST_"))}
    with tempfile.NamedTemporaryFile() as stamp:  # newer than the lock, else make would install again into .venv
        typed = ["make", *arguments, f"BIN={programs}", f"INSTALLED={stamp.name}"]
        return subprocess.run(typed, cwd=ROOT, env=clean | environment, capture_output=True, text=True)


def test_make_says_in_one_line_what_it_took_from_the_environment() -> None:
    odd = {"CLASSIFIER": "svm", "DATA": "Björns 'neue' \"Daten\"", "SEED": ""}
    output = make("-n", "evaluate", "CLASSIFIER=gmm", **odd)
    assert output.stderr == "From the environment: DATA=Björns 'neue' \"Daten\"\n"
    assert make("-n", "evaluate", **odd).stderr.startswith("From the environment: DATA=")
    assert "CLASSIFIER=svm" in make("-n", "evaluate", **odd).stderr
    assert not make("help", **odd).stderr
    assert not make("-n", "evaluate", "CLASSIFIER=gmm").stderr
