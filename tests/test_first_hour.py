"""What a newcomer types in a first hour, and what affex answers: no line of it is a stumble."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from conftest import ROOT
from corpus import Listener, write_wav
from filelock import FileLock
from test_house import MODULES, makefile

from affex.classifiers.base import Classifier
from affex.pipeline.caching.dataset import remember
from affex.pipeline.cli import command
from affex.pipeline.corpora import demo
from affex.pipeline.evaluation import runs
from affex.pipeline.execution import stages
from affex.pipeline.extraction.extract import extract
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.storage import provenance
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.text import errors, wording
from affex.pipeline.text.errors import AffexError, UsageError
from affex.pipeline.workspace import corpora
from affex.pipeline.workspace.workspace import Running, open_workspace

#: Runs affex in this process, with what was typed behind its name; returns the exit code and what it said.
Typed = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of 24 utterances, 4 speakers and 2 labels; all verbs of this module are typed in it."""
    made = tmp_path_factory.mktemp("a first hour")
    lines = ["file,speaker,label"]
    for n in range(24):
        write_wav(made / "my recordings" / f"{n:02d}Fa.wav", 0.4 + 0.02 * (n % 5), seed=n)
        lines.append(f"my recordings/{n:02d}Fa.wav,s{n % 4},{'loud' if n // 4 % 2 else 'soft'}")
    (made / "my table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


@pytest.fixture
def typed(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Typed:
    for name in [name for name in os.environ if name.startswith("AFFEX_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("AFFEX_SCHEDULER", "inline")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["affex", command.FROM_MAKE, *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            command.main()
        output = capfd.readouterr()
        assert "Traceback" not in output.err
        return int(ended.value.code or 0), output.err + output.out

    return run


TABLE = ("--dataset", "csv", "--data", "my table.csv")


def last_line(output: str) -> str:
    return output.splitlines()[-1]


def following(output: str) -> list[str]:
    """Return what the last line says might be done next, as words behind ``affex``."""
    assert last_line(output).startswith("Next: affex "), output
    return shlex.split(last_line(output).removeprefix("Next: affex ").removesuffix(" (a folder of yours)"))


# A1 ----------------------------------------------------------------------------------------------


def paths(verb: click.Command) -> Iterator[click.Parameter]:
    """Yield the options of a verb, and of those under it, that name a file or a folder."""
    named = {"data", "cache", "out", "model", "file", "weights"}
    yield from (option for option in verb.params if option.name in named)
    for under in verb.commands.values() if isinstance(verb, click.Group) else ():
        yield from paths(under)


def test_the_home_folder_is_meant_in_every_path(typed: Typed, folder: Path) -> None:
    found = list(paths(command.cli))
    assert {option.name for option in found} == {"data", "cache", "out", "model", "file", "weights"}
    for option in found:
        if option.type is not click.STRING:  # DATA of several corpora is parted first
            assert option.type.convert("~/a b", option, None) == folder / "a b", option
    output = typed(
        "features", "--dataset", "csv", "--data", "~/my table.csv", "--cache", "~/kept", "--features", "gemaps"
    )
    assert output[0] == 0
    assert (folder / "kept" / "my table" / "gemaps.h5").is_file()
    assert typed("export", "~/out.npz", "--features", "gemaps", "--cache", "~/kept")[0] == 0
    assert (folder / "out.npz").is_file()
    assert not (folder / "~").exists()


def test_the_home_folder_is_meant_where_paths_are_within_a_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert corpora.parted("~/a 'b c' name") == [f"{folder}/a", "b c", "name"]
    two = corpora.Corpora("csv csv", "'~/one two.csv' ~/three.csv", partial=False, cache=Path("cache"))
    assert [path for _, path in two._pairs] == [folder / "one two.csv", folder / "three.csv"]
    (folder / "net.pth").write_bytes(b"weights")
    [spec] = feature_specs("resnet18:weights=~/net.pth")
    assert spec.feature.weights == f"{folder}/net.pth"
    assert corpora.expanded("~nobody-of-this-name/x") == "~nobody-of-this-name/x"


# A2 ----------------------------------------------------------------------------------------------


def make(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("no make on this machine")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AFFEX_", "MAKE"))}
    return subprocess.run(["make", *arguments], cwd=cwd, env=clean, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("wrong", "intended"),
    [
        ("DATSET", "DATASET"),
        ("FEATURE", "FEATURES"),
        ("dataset", "DATASET"),
        ("SPEAKERNORM", "SPEAKER_NORM"),
        ("COLUMNS", "ONLY"),
    ],
)
def test_a_misspelt_variable_of_make_is_an_error_with_the_nearest(wrong: str, intended: str) -> None:
    output = make("help", f"{wrong}=emodb")
    assert output.returncode == 2
    assert f"There is no variable '{wrong}'. Did you mean {intended}?" in output.stderr


def test_what_make_reads_and_what_looks_like_a_variable_within_a_value_is_none() -> None:
    names = re.findall(r"^#=   ([A-Z_]+) ", makefile(), re.MULTILINE)
    assert len(names) > 30
    told = [f"{name}={'cpu' if name == 'TORCH' else 'python3' if name == 'PYTHON' else 'a FOO=b'}" for name in names]
    output = make("help", *told)
    assert output.returncode == 0, output.stderr
    assert "There is no variable 'XYZZY'. `make help` lists all" in make("help", "XYZZY=1").stderr


def test_what_a_shell_has_is_dropped_and_said_unless_make_hands_it_on(capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"AFFEX_CLASSES": "a,b", "AFFEX_MAKE_TYPED_IN": "/", "AFFEX_TEST_DATA": "data", "HOME": "/home"}
    handed = dict(environment)
    assert command.typed(["--from-make", "list", "runs"], handed) == ["list", "runs"]
    assert handed == environment
    assert not capsys.readouterr().err
    assert command.typed(["list", "--from-make"], environment) == ["list", "--from-make"]
    assert environment == {"AFFEX_TEST_DATA": "data", "HOME": "/home"}
    assert capsys.readouterr().err == (
        "Ignored: AFFEX_CLASSES, AFFEX_MAKE_TYPED_IN. affex reads options, no environment variables.\n"
    )


# A3, A7, A8: one corpus from its table to a model ----------------------------------------------------


def test_every_verb_says_what_might_be_done_next_as_a_line_that_works(typed: Typed, folder: Path) -> None:
    code, output = typed("features", *TABLE, "--features", "egemaps")
    assert code == 0
    assert following(output) == ["evaluate", "--features", "egemaps", "--classifier", "svm"]
    code, output = typed(*following(output))
    assert code == 0
    assert following(output) == ["fit", "--features", "egemaps", "--classifier", "svm"]
    code, output = typed(*following(output))
    assert code == 0
    assert following(output)[:2] == ["predict", "--model"]
    code, labelled = typed(*following(output)[:-1], "my recordings")
    assert code == 0
    assert "24 of 24 recordings labelled" in labelled

    code, output = typed("evaluate", "--features", "egemaps", "--speaker-norm")
    assert code == 0
    assert following(output)[0] == "compare"
    code, compared = typed(*following(output))
    assert code == 0
    assert "egemaps_svm_loso_spknorm" in compared

    # A3: the README's own line, where another run begins alike.
    code, compared = typed("compare", "--runs", "egemaps_svm_loso egemaps_svm_loso_spknorm")
    assert code == 0, compared
    code, refused = typed("compare", "--runs", "egemaps_svm egemaps_svm_loso")
    assert code == 2
    assert "More than one run is called 'egemaps_svm', or begins so: my table/egemaps_svm_loso" in refused

    # A8
    code, listed = typed("list", "runs")
    assert code == 0
    first, second = [line.split() for line in listed.splitlines() if "egemaps_svm" in line]
    assert first[0].startswith("egemaps_svm_loso_spknorm-")
    assert first[1:6] == ["egemaps", "svm,", "spknorm", "loso", "UAR"]
    assert second[1:4] == ["egemaps", "svm", "loso"]
    assert re.search(r"0\.\d{3} \[.*\] +\(?.*\d{4}-\d\d-\d\d \d\d:\d\d", " ".join(second))
    metrics = folder / "cache" / "my table" / "runs" / second[0] / "metrics.json"
    os.utime(metrics, (metrics.stat().st_atime, metrics.stat().st_mtime + 60))
    assert listed_names(typed("list", "runs")[1]) == [second[0], first[0]]
    assert "There is no finished run in cache/emodb/runs." in typed("list", "runs", "--dataset", "emodb")[1]


@pytest.mark.parametrize(("part", "name"), [("corpora", "emodb"), ("features", "egemaps"), ("classifiers", "svm")])
def test_list_shows_one_part_where_it_is_named(typed: Typed, part: str, name: str) -> None:
    code, listed = typed("list", part)
    assert code == 0
    assert name in listed
    assert [title for title in ("Corpora", "Features", "Classifiers") if title in listed] == [part.capitalize()]


def listed_names(output: str) -> list[str]:
    return [line.split()[0] for line in output.splitlines() if line.strip().startswith("egemaps_svm")]


def test_in_a_narrow_terminal_the_names_of_runs_can_still_be_copied(
    typed: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = listed_names(typed("list", "runs")[1])
    monkeypatch.setenv("COLUMNS", "60")
    lines = typed("list", "runs")[1].splitlines()
    assert len(named) == 2
    assert set(named) <= set(lines)


def test_of_equal_names_that_of_the_corpus_used_last_is_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    cache = Path("other")
    for name in ("a/runs/x-1", "a/runs/x_spknorm-2", "b/runs/x-3", "b/runs/y-4", "a/runs/z-5", "b/runs/z-6"):
        (cache / name).mkdir(parents=True)
        (cache / name / "metrics.json").touch()

    def found(*names: str) -> list[str]:
        corpus = runs._corpus(names, cache)
        return [runs._folder(name, cache, corpus).relative_to(cache).as_posix() for name in names]

    for corpus, intended in (("a", "a/runs/x-1"), ("b", "b/runs/x-3"), ("c", "")):
        remember(cache, corpus, None, [Dataset(corpus, Path(), cache / corpus, ())])
        assert not intended or found("x") == [intended]  # though 'x_spknorm' begins so, too
        assert found("x", "y") == ["b/runs/x-3", "b/runs/y-4"]  # the one corpus that has both
        assert found("x_spknorm", "z") == ["a/runs/x_spknorm-2", "a/runs/z-5"]
        assert found("x_spknorm", "y") == ["a/runs/x_spknorm-2", "b/runs/y-4"]
        assert found("a/x", "b/z") == ["a/runs/x-1", "b/runs/z-6"]
    with pytest.raises(UsageError, match=r"More than one run is called 'z', or begins so: a/z-5, b/z-6\."):
        found("z")
    with pytest.raises(UsageError, match="There is no run 'w'"):
        found("w")


def test_an_import_and_a_partial_corpus_end_with_a_line_that_works(typed: Typed, folder: Path) -> None:
    assert typed("features", *TABLE, "--features", "gemaps", "--cache", "elsewhere")[0] == 0
    assert typed("export", "theirs.npz", "--features", "gemaps", "--cache", "elsewhere")[0] == 0
    code, output = typed("import", "theirs.npz", "--called", "theirs", "--cache", "elsewhere")
    assert code == 0
    assert following(output) == ["evaluate", "--features", "theirs", "--cache", "elsewhere"]
    assert typed(*following(output))[0] == 0
    for n, name in enumerate(("03a01Fa", "08a01Na", "03a02Wb", "08b01Wa")):
        write_wav(folder / "few" / f"{name}.wav", 0.5, seed=n)
    few = ("--dataset", "emodb", "--data", "few", "--partial", "--features", "gemaps", "--cache", "elsewhere")
    assert following(typed("features", *few)[1])[1:] == [
        *("--features", "gemaps", "--classifier", "svm", "--partial", "--cache", "elsewhere")
    ]


def test_the_demo_ends_with_lines_to_copy(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PERFORMANCES", demo.PERFORMANCES[:1])
    monkeypatch.setattr("affex.pipeline.caching.dataset.shortfalls", lambda *_: [])
    monkeypatch.setattr("affex.pipeline.workspace.demo.demonstrate", lambda *_: None)  # `test_demo` runs it
    code, output = typed("demo", "--cache", "cache of the demo")
    assert code == 0, output
    assert "Your own recordings, listed in a table: affex features --dataset csv --data mine.csv" in output
    assert following(output) == [
        "show",
        Path(demo.PERFORMANCES[0].name).stem,
        "--dataset",
        "demo",
        "--cache",
        "cache of the demo",
    ]


def test_every_feature_is_said_in_words(typed: Typed) -> None:
    code, output = typed("list")
    assert code == 0
    for name, feature in discovery.feature_presets().items():
        assert len(feature.about.split()) >= 3, name
        assert f"│ {name} " in output
    words = [feature.about for feature in discovery.feature_presets().values()]
    assert len(set(words)) == len(words)
    assert "dlib's embedding of the face" in output


# A4 ----------------------------------------------------------------------------------------------


def test_the_corpus_asked_for_last_is_remembered_when_it_is_opened(
    typed: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("affex.pipeline.cli.extraction.extracted", interrupted)
        code, _ = typed("features", *TABLE, "--cache", "fresh")
    assert code == 130
    code, output = typed("cache", "--cache", "fresh", "why", "--features", "gemaps")
    assert code == 0
    assert "--dataset csv (used last)" in output
    assert "gemaps: 0 utterances cached, 24 would be computed" in output
    # A corpus that cannot be opened, or only be looked at, changes nothing.
    assert typed("features", "--dataset", "emodb", "--cache", "fresh")[0] == 1
    assert json.loads((folder / "fresh" / "last.json").read_text())["dataset"] == "csv"
    (folder / "a file").touch()
    looked_at = corpora.Corpora("csv", "my table.csv", partial=False, cache=Path("a file/cache"))
    assert len(looked_at.the_one(Listener()).utterances) == 24


# A5 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--features", "mfcc mfcc-voice", "--classifier", "gmm"], "The frames of mfcc and mfcc-voice cannot stand"),
        (["--features", "mfcc egemaps", "--classifier", "gmm"], "The frames of mfcc cannot stand side by side"),
        (["--features", "egemaps", "--classifier", "gmm"], "reads one row a frame, but --features 'egemaps' gives one"),
        (["--features", "logmel", "--classifier", "gmm:noise=0.2"], "logmel does not begin with that"),
        (
            ["--features", "mfcc", "--classifier", "gmm", "--target", "valence"],
            "Those that predict values: elm, net, svm",
        ),
        (["--features", "mfcc", "--target", "valence", "--soft"], "are about classes"),
        (["--features", "mfcc mfcc-voice", "--fusion", "late:vote", "--target", "valence"], "Rules that fuse values"),
        (["--features", "mfcc mfcc", "--fusion", "late:mean"], "names mfcc with svm twice"),
    ],
)
def test_what_the_specs_alone_show_is_refused_before_anything_is_extracted(
    asked: list[str], message: str, typed: Typed, folder: Path
) -> None:
    code, output = typed("evaluate", *TABLE, *asked, "--cache", "untouched")
    assert code == 2
    assert message in output
    assert not list((folder / "untouched").rglob("*.h5"))


def test_what_no_model_can_be_fitted_on_is_refused_before_anything_is_extracted(typed: Typed, folder: Path) -> None:
    for asked in (["--features", "egemaps", "--classifier", "gmm"], ["--target", "valence", "--classifier", "gmm"]):
        assert typed("fit", *TABLE, *asked, "--cache", "untouched")[0] == 2
    assert not list((folder / "untouched").rglob("*.h5"))


def test_a_gpu_that_is_not_there_is_said_before_anything_is_extracted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with (
        pytest.raises(UsageError, match="torch sees no GPU"),
        open_workspace([], Listener(), Running("inline", 1, "cuda")),
    ):
        pass
    with open_workspace([], Listener(), Running("tcp://host:8786", 1, "cuda")):  # whose workers may see one
        pass


class Impatient(Listener):
    """Fails where somebody else would wait."""

    def print(self, message: str) -> None:
        assert "waiting" not in message
        super().print(message)


def test_a_missing_weight_file_is_said_at_once_and_not_after_waiting(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"film")
    utterance = Utterance("a", "films", "s", "x", video=Media("a.mp4"))
    films = Dataset("films", tmp_path, tmp_path / "cache" / "films", (utterance,))
    films.folder.mkdir(parents=True)
    specs = feature_specs("resnet18:digest=" + "0" * 64)
    with (
        FileLock(films.folder / ".lock"),  # another run is writing
        pytest.raises(AffexError, match="resnet18 needs the weight file with the sha256 000"),
    ):
        extract(films, specs, lambda: stages.opened("inline", 1), Impatient())


# A6 ----------------------------------------------------------------------------------------------


def test_advice_about_a_table_names_the_table(typed: Typed) -> None:
    for arguments, feature in ((["export", "x.npz", "--features", "is09"], "is09"), (["coverage"], "faces")):
        code, output = typed(arguments[0], *arguments[1:], *TABLE)
        assert code == 1
        assert f"`affex features --dataset csv --data 'my table.csv' --features {feature}`" in output


def test_a_table_in_the_place_of_a_corpus_is_recognised(typed: Typed, folder: Path) -> None:
    table = shutil.copy(folder / "my table.csv", folder / "listed.csv")
    assert typed("features", "--dataset", "csv", "--data", "listed.csv", "--features", "gemaps", "--cache", "t")[0] == 0
    for verb in ("features", "evaluate", "fit", "coverage"):
        for asked, intended in (("listed", shlex.quote(str(table))), ("listed.csv", "listed.csv")):
            code, output = typed(verb, "--dataset", asked, "--cache", "t")
            assert code == 2
            assert f"'{asked}' is not a corpus but a table: use --dataset csv --data {intended}." in output
    code, output = typed("features", "--dataset", "csv", "--data", "my recordings")
    assert "as in --data 'my recordings/mine.csv'." in output


def test_verbs_under_others_take_the_cache_as_well(typed: Typed) -> None:
    assert typed("evaluate", *TABLE, "--features", "gemaps", "--cache", "u n")[0] == 0
    for arguments in (["list", "runs"], ["cache", "verify"], ["cache", "why", "--features", "gemaps"]):
        for line in ([*arguments, "--cache", "u n"], [arguments[0], "--cache", "u n", *arguments[1:]]):
            code, output = typed(*line)
            assert code == 0, output
            assert "gemaps" in output or "0 things damaged" in output


def test_an_imported_feature_is_asked_for_as_one_would_import_it(typed: Typed, folder: Path) -> None:
    for arguments in (
        ["features", *TABLE, "--features", "gemaps"],
        ["export", "g.npz", "--features", "gemaps"],
        ["import", "g.npz", "--called", "g"],
    ):
        assert typed(*arguments, "--cache", "i")[0] == 0
    shutil.copy(folder / "my table.csv", folder / "other.csv")
    code, output = typed("features", "--dataset", "csv", "--data", "other.csv", "--features", "g", "--cache", "i")
    assert code == 1
    assert "`affex import file --dataset csv --data other.csv --cache i --called g`" in output


def test_why_says_how_many_more_clips_there_are(typed: Typed) -> None:
    code, output = typed("cache", "why", *TABLE, "--features", "is10")
    assert code == 0
    assert output.count(": not computed yet\n") == 21  # 20 of them, and how many there are
    assert last_line(output) == "    ... and 4 more"


def test_the_end_of_an_id_finds_it(typed: Typed) -> None:
    code, output = typed("show", "03fa", *TABLE)
    assert code == 2
    assert "There is no utterance '03fa'. Did you mean my recordings/03Fa?" in output
    for name in ("03Fb", "recordings/3Fa", "my recording/03Fa"):
        assert "Did you mean my recordings/" in str(errors.unknown("utterance", name, ["my recordings/03Fa"])), name
    assert "Did you mean" not in str(errors.unknown("utterance", "quite else", ["my recordings/03Fa"]))
    assert "Did you mean MFCC?" in str(errors.unknown("name", "mfccs", ["MFCC"]))


MESSAGES = [
    ("say PARTIAL=1.", "say --partial."),
    ("Fetch it with `make download DATASET=emodb` (x)", "Fetch it with `affex download --dataset emodb` (x)"),
    ("as in: make show UTTERANCE=s1_anger_1", "as in: affex show s1_anger_1"),
    ("make export OUT=a.csd DATASET=demo FEATURES=mfcc", "affex export a.csd --dataset demo --features mfcc"),
    ("make import FILE='a b.npz' CALLED=x", "affex import 'a b.npz' --called x"),
    ("Next: make runs", "Next: affex list runs"),
    ("fuse (FUSION=late[:rule]), or PROTOCOL=group-k:k=5.", "fuse (--fusion late[:rule]), or --protocol group-k:k=5."),
    ("a folder, which WEIGHTS=folder names", "a folder, which --weights folder names"),
    ("DATASET='emodb savee' PROTOCOL=cross:test=savee.", "--dataset 'emodb savee' --protocol cross:test=savee."),
    ("`make evaluate INNER=1`.\nFUSION=late:mean learns", "`affex evaluate --inner`.\n--fusion late:mean learns"),
    ("There is no folder /x/DATA=1/y, nor MYDATA=2", "There is no folder /x/DATA=1/y, nor MYDATA=2"),
    ("`make install TORCH=cuda` takes", "`make install TORCH=cuda` takes"),
    ("a model cannot make features of it", "a model cannot make features of it"),
    ("see `affex cache verify`", "see `affex cache verify`"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "typed_affex"), MESSAGES)
def test_messages_are_in_the_words_of_what_was_typed(message: str, typed_affex: str, tmp_path: Path) -> None:
    assert wording.as_typed(message, {}, "affex") == typed_affex
    from_here = {wording.MAKE_TYPED_IN: str(Path.cwd())}
    assert wording.as_typed(message, from_here, "affex") == message
    away = wording.as_typed(message, {wording.MAKE_TYPED_IN: str(tmp_path)}, "affex")
    if "make install" not in message and "cannot make" not in message:
        assert away == re.sub(r"\bmake ", f"make -C {shlex.quote(str(Path.cwd()))} ", message)


def test_from_python_settings_are_keywords_and_commands_stay() -> None:
    known = ("allow_leaks", "fusion", "data")
    message = "Say ALLOW_LEAKS=1, FUSION=late or RUNS=a. As in: make import FILE=x DATA=y, or DATA='a b'."
    assert wording.as_python(message, known) == (
        'Say allow_leaks=True, fusion="late" or RUNS=a. As in: make import FILE=x DATA=y, or data="a b".'
    )


def test_a_line_to_copy_begins_as_what_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    for program, begin in (
        (tmp_path / ".venv/bin/affex", ".venv/bin/affex"),
        (Path("/elsewhere/a b/affex"), "'/elsewhere/a b/affex'"),
        (Path("/elsewhere/pipeline/cli/__main__.py"), "affex"),
    ):
        assert wording.as_typed("make list", {}, str(program)) == f"{begin} list"
        assert (
            wording.as_typed("`affex cache`", {wording.MAKE_TYPED_IN: str(tmp_path)}, str(program))
            == f"`{begin} cache`"
        )


def test_errors_of_options_are_in_the_words_of_what_was_typed(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Invalid value for '--jobs'" in typed("features", "--jobs", "0")[1]
    monkeypatch.setenv(wording.MAKE_TYPED_IN, str(Path.cwd()))
    code, output = typed("features", "--jobs", "0")
    assert (code, output) == (2, "Error: Invalid value for 'JOBS': 0 is not in the range 1<=x<=1024.\n")
    assert "make show UTTERANCE=s1_anger_1" in typed("show")[1]


def test_make_and_affex_have_the_same_verbs_and_variables() -> None:
    targets = re.search(r"^((?:\w+ )+\w+): install$", makefile(), re.MULTILINE)[1].split()
    assert {*targets, "runs", "systems", "audit"} == set(wording.VERBS)
    assert {name.split()[0] for name in wording.VERBS.values()} <= set(command.cli.commands)
    options_of_make = re.search(r"^OPTIONS := ((?:.*\\\n)*.*)$", makefile(), re.MULTILINE)[1].replace("\\", " ")
    assert set(options_of_make.split()) == wording.SWITCHES | wording.VALUES
    switches = {
        option.envvar.removeprefix("AFFEX_")
        for verb in command.cli.commands.values()
        for option in verb.params
        if isinstance(option, click.Option) and option.is_flag and option.envvar
    }
    assert switches == wording.SWITCHES
    for verb, name in wording.ARGUMENTS.items():
        found: click.Command = command.cli
        for word in wording.VERBS[verb].split():
            found = found.commands[word]
        [argument] = [one for one in found.params if isinstance(one, click.Argument)]
        assert argument.envvar == f"AFFEX_{name}"


def messages(module: str) -> Iterator[str]:
    """Yield the texts of a module that are no docstrings."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)
    }
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    yield from (node.value for node in texts if id(node) not in docs)


@pytest.mark.parametrize(
    "module", [name for name in MODULES if name not in ("affex.pipeline.text.wording", "affex.pipeline.cli.options")]
)
def test_messages_are_written_in_the_words_of_make_which_can_be_said_otherwise(module: str) -> None:
    names = (wording.SWITCHES | wording.VALUES) - {"BY", "JSON"}  # which are words, too
    bare = re.compile(rf"(?<![\w/.'\"])({'|'.join(names)})(?![\w=])")
    verbs = "|".join({name for name in wording.VERBS if name not in ("cache", "list")})
    for text in messages(module):
        if " " in text and "help" not in text:
            assert not bare.search(text.replace("LEAK:", "")), text
            assert not re.search(rf"(?<!`)affex ({verbs})\b(?! saved)(?! would)", text), text


# A9 ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the metadata of a wheel requires, as its build writes it."""
    project = tmp_path_factory.mktemp("project")
    (project / "out").mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    for name in ("affex", "pipeline", "features", "classifiers"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import sys; from setuptools import build_meta; build_meta.prepare_metadata_for_build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, "out"], cwd=project, check=True, capture_output=True)
    [path] = project.glob("out/*/METADATA")
    return metadata.PathDistribution(path.parent).requires or []


def test_a_wheel_asks_for_one_opencv_and_for_no_cuda_package(requirements: list[str]) -> None:
    from packaging.requirements import Requirement

    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "extra": ""}
    wanted = [one for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate(linux)]
    names = {one.name for one in wanted}
    assert {name for name in names if "opencv" in name} == {"opencv-python"}  # as face-alignment does
    assert not [name for name in names if name.startswith(("nvidia", "triton", "cuda"))]
    # The plain build of XGBoost requires nvidia-nccl on Linux.
    assert {name for name in names if "xgboost" in name} == {"xgboost-cpu"}
    mac = linux | {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin"}
    there = {one.name for one in map(Requirement, requirements) if one.marker is None or one.marker.evaluate(mac)}
    assert {name for name in there if "xgboost" in name} == {"xgboost"}


def test_the_lock_keeps_the_builds_that_need_no_screen_and_may_use_a_gpu() -> None:
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"opencv-python-headless", "xgboost"} <= locked
    assert not locked & {"opencv-python", "xgboost-cpu"}
    assert not [name for name in locked if name.startswith(("nvidia", "triton", "cuda"))]


def test_either_build_stands_under_one_name_in_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"opencv-python": "5.0", "xgboost-cpu": "3.2"}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    provenance._version.cache_clear()
    try:
        found = provenance.versions(("opencv-python-headless", "xgboost"))
        assert found == {"opencv-python-headless": "5.0", "xgboost": "3.2"}
        with pytest.raises(metadata.PackageNotFoundError):
            provenance.versions(("torch",))
    finally:
        provenance._version.cache_clear()


def test_what_a_classifier_reads_is_said_of_every_classifier() -> None:
    for one in discovery.classifier_presets().values():
        assert isinstance(one, Classifier)
        reader_of(one).require(reader_of(one).wanted(feature_specs(one.prefers)))
