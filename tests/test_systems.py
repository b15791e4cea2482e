"""Published systems by name: their files, their settings under what is typed, what they need, and their page."""

import json
import re
import runpy
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from corpus import write_wav

import affex
from affex.classifiers.estimators.nets.network import Design, n_parameters
from affex.features.networks import local
from affex.features.networks.local import Layered
from affex.pipeline.cli import command
from affex.pipeline.evaluation import protocols, runs
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.readers import reader_of
from affex.pipeline.systems import needs, system
from affex.pipeline.systems.system import System, applied, departures, system_of, systems
from affex.pipeline.text.errors import UsageError

#: Of the source documents: a survey, a paper, and the slides of a project and of a thesis.
ROWS = [*(f"A{n}" for n in range(1, 19)), "B1", "B2", "C1", "C2", "C3", "C4", "D1", "D2", "D3"]
BUILT = [name for name, one in systems().items() if one.is_built]
PLACES = [(name, corpus) for name in BUILT for corpus in (*systems()[name].corpora, "emodb")]

#: Two models on sound whose scores are fused.
TWO = """\
row = "A1"
title = "Two"
paper = "None"
status = "works"

[settings]
features = "gemaps egemaps"
classifier = "svm:C=1,gamma=0.1"
fusion = "late:mean"

[corpora.csv]
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of 12 utterances, 3 speakers, 2 labels: sound alone."""
    folder = tmp_path_factory.mktemp("sound alone")
    lines = ["file,speaker,label"]
    for n in range(12):
        write_wav(folder / f"{n}.wav", 0.6 + 0.02 * (n % 5), seed=n)
        lines.append(f"{n}.wav,s{n % 3},{('loud', 'soft')[n // 3 % 2]}")
    (folder / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "mine.csv"


@pytest.fixture
def typed(table: Path, tmp_path: Path) -> Callable[..., None]:
    """Type affex in this process, with the table as the corpus."""

    def run(verb: str, *options: str) -> None:
        place = ["--dataset", "csv", "--data", str(table), "--cache", str(tmp_path), "--scheduler", "inline"]
        command.cli([verb, *options, *place], standalone_mode=False)

    return run


# Files


def test_each_row_of_the_sources_has_a_file() -> None:
    assert list(dict.fromkeys(one.row for one in systems().values())) == ROWS


def test_each_file_says_what_it_is() -> None:
    for one in systems().values():
        assert one.title
        assert one.paper
        assert not one.title.endswith(".")
        assert all(sentence.endswith(".") for sentence in (*one.differs, *filter(None, [one.reason])))
        assert re.fullmatch(r"(10\.\d{4,}/\S+|arXiv:\d{4}\.\d{5})?", one.doi)


@pytest.mark.parametrize(("name", "corpus"), PLACES)
def test_a_system_that_is_built_can_be_evaluated_on_its_corpora_and_on_others(name: str, corpus: str) -> None:
    settings = Settings(dataset=corpus, **system_of(name).settings_on([corpus]))
    target = protocols.of_settings(settings).target
    for names, classifier in system_of(name).members:
        reader = reader_of(classifier)
        reader.require(reader.wanted(feature_specs(" ".join(names))))
        has_values = target in ("valence", "arousal") and not settings.classes
        classifier.estimator(target="values" if has_values else "classes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "works."}, "expected works, needs weights"),
        ({"status": "not built"}, "expected a reason"),
        ({"reason": "Why?"}, "expected a reason"),
        ({"settings": {}}, "expected features and corpora"),
        ({"corpora": {}}, "expected features and corpora"),
        ({"settings": {"features": "mfcc", "seed": 1}}, "seed is none of features, classifier"),
        ({"corpora": {"rml": {"soft": "yes"}}}, 'soft = "yes": expected true, false or "dawid-skene"'),
    ],
)
def test_what_a_file_may_not_say(change: dict[str, object], message: str) -> None:
    fine = {"status": "works", "settings": {"features": "mfcc"}, "corpora": {"rml": {}}}
    System(name="x", row="A1", title="X", paper="X", **fine)
    with pytest.raises(ValueError, match=message):
        System(name="x", row="A1", title="X", paper="X", **fine | change)


def test_files_are_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["package-data"]["affex.pipeline.systems"] == ["*.toml"]


@pytest.mark.parametrize("name", [name for name, one in systems().items() if one.parameters])
def test_a_network_has_as_many_parameters_as_its_file_says(name: str) -> None:
    ((names, classifier),) = system_of(name).members
    (feature,) = (spec.feature for spec in feature_specs(" ".join(names)))
    if isinstance(feature, Layered):
        with torch.device("meta"):
            n = sum(parameter.numel() for parameter in feature.module(None).parameters())
    else:
        design = Design(trunk=classifier.trunk, maps=classifier.maps, depth=classifier.depth)
        n = n_parameters(design, [feature.row_shape], 8)
    assert n == system_of(name).parameters


def test_the_layers_that_the_slides_print_have_as_many_parameters_as_they_print() -> None:
    convolutions = [n_maps * (3 * 3 * before + 1) for before, n_maps in ((3, 64), (64, 32), (32, 16))]
    assert sum(convolutions) + 8 * (119 * 119 * 16 + 1) == system_of("ravdess-frames").published.parameters


def test_made_weights_fit_their_network_and_are_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = runpy.run_path(str(ROOT / "tools" / "made_weights.py"))["main"]
    for folder in ("one", "two"):
        monkeypatch.setattr("sys.argv", ["made_weights.py", str(tmp_path / folder), "smallcnn"])
        main()
    one, two = (tmp_path / folder / "smallcnn.safetensors" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert local.SMALLCNN.filled(one).state_dict().keys() == local.SMALLCNN.build().state_dict().keys()


# Settings


def test_a_system_s_settings_are_defaults() -> None:
    asked = Settings(dataset="iemocap", system="metallinou2008-vote", seed=3, fusion="late:mean")
    found = applied(asked, ["iemocap"], {"seed", "fusion"})
    assert found == replace(
        asked,
        features="mocap:columns=each mfcc-voice",
        classifier="gmm:decision=vote gmm:decision=vote,noise=0.25",
        protocol="iemocap4",
    )
    assert departures(found) == ("metallinou2008-vote with settings other than its own: fusion",)
    assert departures(applied(asked, ["iemocap"], ())) == ()


def test_a_protocol_of_one_corpus_holds_there_only() -> None:
    asked = Settings(system="ravdess-lstm")
    assert applied(asked, ["ravdess"], ()).protocol == "speech"
    assert applied(asked, ["emodb"], ()).protocol == ""
    assert applied(asked, ["ravdess", "emodb"], ()).protocol == ""


def test_without_a_system_settings_stay_as_they_are() -> None:
    assert applied(Settings(), ["emodb"], ()) == Settings()
    assert departures(Settings(reweight=True)) == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("poria2017-bcltsm", "Did you mean poria2017-bclstm"),
        ("far", "SYSTEM=far is out of reach: There are no data"),
    ],
)
def test_a_system_that_cannot_run_is_refused_before_anything_is_read(
    name: str, message: str, typed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = System(name="far", row="A1", title="Far", paper="None", status="out of reach", reason="There are no data.")
    known = {**systems(), "far": far}
    monkeypatch.setattr(system, "systems", lambda: known)
    for verb in ("evaluate", "fit", "features"):
        with pytest.raises(UsageError, match=message):
            typed(verb, "--system", name)


# Needs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("poria2017-bclstm", ("sound", "video", "dialogs")),
        ("metallinou2012-blstm", ("sound", "motion capture", "dialogs", "valence")),
        ("omg-face-gru", ("video", "arousal")),
        ("soft-elm", ("sound", "votes of raters")),
        ("tripathi2018-text-fusion", ("sound", "motion capture", "transcripts")),
    ],
)
def test_what_a_system_needs_follows_from_its_settings(name: str, wanted: tuple[str, ...]) -> None:
    one = system_of(name)
    assert needs.needs(one.members, Settings(**one.settings)) == wanted


def test_what_a_corpus_lacks_is_said_before_anything_is_extracted(typed: Callable[..., None], tmp_path: Path) -> None:
    for verb in ("evaluate", "fit", "features"):
        with pytest.raises(UsageError, match="needs sound, video and dialogs; mine has no video and no dialogs"):
            typed(verb, "--system", "poria2017-bclstm")
    assert not list(tmp_path.rglob("*.h5"))


# Runs


def test_a_system_is_evaluated_by_its_name_and_its_file_of_settings_repeats_it(
    typed: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("evaluate", "--system", "tripathi2018-mlp", "--seed", "1")
    (folder,) = tmp_path.glob("*/runs/*")
    run = runs.read(folder)
    assert "tripathi2018-mlp" in run.name
    assert run.summary.about.settings.system == "tripathi2018-mlp"
    assert run.summary.about.settings.features == ("shorttime",)
    assert not [note for note in run.summary.notes if "other than its own" in note]
    written = Settings(**tomllib.loads((folder / "settings.toml").read_text(encoding="utf-8")))
    assert (written.system, written.features, written.seed) == ("tripathi2018-mlp", "shorttime", 1)
    assert departures(written) == ()
    printed = capsys.readouterr().out
    assert "--system tripathi2018-mlp: --features shorttime --classifier net:" in printed
    assert re.search(r"Next: \S+ fit --system tripathi2018-mlp --seed 1 --cache", printed)


@pytest.mark.parametrize(
    ("words", "uar"), [({"loud": "shouted", "soft": "whispered"}, 1.0), ({"loud": "said", "soft": "said"}, 0.5)]
)
def test_the_system_of_transcripts_finds_the_class_in_a_word_and_nowhere_else(
    words: dict[str, str], uar: float, table: Path, tmp_path: Path
) -> None:
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    told = table.with_name(f"{uar:.0%}.csv")
    rows = [f"{line},they {words[line.rpartition(',')[2]]} it" for line in lines]
    told.write_text("\n".join([f"{head},text", *rows]) + "\n", encoding="utf-8")
    place = {"cache": tmp_path, "scheduler": "inline"}
    assert affex.evaluate(told, system="tripathi2018-text", **place).summary.figures["uar"].value == uar


def test_what_is_typed_beside_a_system_goes_first_and_the_results_say_so(
    typed: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "systems"
    folder.mkdir()
    (folder / "two.toml").write_text(TWO, encoding="utf-8")
    monkeypatch.setattr(system, "FOLDER", folder)
    systems.cache_clear()
    try:
        typed("features", "--system", "two")
        assert {path.stem for path in tmp_path.glob("*/*.h5")} == {"gemaps", "egemaps"}
        typed("evaluate", "--system", "two")
        typed("evaluate", "--system", "two", "--features", "gemaps", "--fusion", "early")
        with pytest.raises(UsageError, match=r"two fuses 2 models\..* FEATURES=gemaps CLASSIFIER=svm:C=1.0,gamma=0.1"):
            typed("fit", "--system", "two")
    finally:
        systems.cache_clear()
    found = [runs.read(one) for one in tmp_path.glob("*/runs/*")]
    alone, *members = sorted((run for run in found if "late" not in run.name), key=lambda run: "two" not in run.name)
    (fused,) = [run for run in found if "late" in run.name]
    assert [run.summary.about.settings.system for run in (fused, alone, *members)] == ["two", "two", None, None]
    note = "two with settings other than its own: features, fusion"
    assert [note in run.summary.notes for run in (fused, alone)] == [False, True]


# What is shown


def test_list_systems_prints_each_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    command.cli(["list", "systems", "--json"], standalone_mode=False)
    found = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(found) == list(systems())
    assert found["ravdess-lstm"]["command"] == "make evaluate SYSTEM=ravdess-lstm DATASET=ravdess"
    assert found["ravdess-lstm"]["published"]["figure"] == systems()["ravdess-lstm"].published.figure
    assert {one["status"] for one in found.values() if one["command"] is None} <= {"not built", "out of reach"}
    command.cli(["list", "systems"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert all(name in printed for name in systems())


def test_python_lists_and_evaluates_them(table: Path, tmp_path: Path) -> None:
    assert affex.list_systems().loc["ravdess-lstm", "row"] == "C2"
    place = {"cache": tmp_path, "scheduler": "inline"}
    result = affex.evaluate(table, "gemaps", system="tripathi2018-mlp", classifier="svm:C=1,gamma=0.1", **place)
    assert result.summary.about.model == ("gemaps", "svm", "tripathi2018-mlp")
    assert "tripathi2018-mlp with settings other than its own: features, classifier" in result.notes
    with pytest.raises(UsageError, match="needs sound, video and dialogs"):
        affex.evaluate(table, system="poria2017-bclstm", **place)


def test_the_page_is_that_of_the_files() -> None:
    written = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(ROOT / "tools" / "systems_page.py"))["page"]() + "\n", (
        "run .venv/bin/python tools/systems_page.py"
    )


def test_figures_are_written_as_they_are_read() -> None:
    as_toml = runpy.run_path(str(ROOT / "tools" / "measure_systems.py"))["as_toml"]
    one = next(figure for listed in systems().values() for figure in listed.ours)
    assert system.Ours(**tomllib.loads(as_toml(one))["ours"][0]) == one
