"""Tuning: a network learns what others cannot see, says what it learned from, and is refused where that is tested."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from corpus import write_wav
from safetensors.torch import load_file
from scenes import middle, scene

from affex.features.networks.weights import sha256
from affex.pipeline.caching import tuned
from affex.pipeline.caching.tuned import Taught, Tuning
from affex.pipeline.cli.command import cli
from affex.pipeline.evaluation import audit
from affex.pipeline.evaluation.folds import Fold
from affex.pipeline.evaluation.tuned_networks import exposed
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.models.tuning import tunable
from affex.pipeline.text.errors import AffexError, UsageError

#: Faces of 100 px need no enlarging.
FACES = "faces.detector=hog,faces.smallest=80"
#: Of those who are learned from, and of the others.
PERSONS = {"train": range(4), "others": range(4, 7)}
TAKES = 5


def still(person: int, label: int, take: int) -> np.ndarray:
    """Return a portrait in a person's colours; beside the face a patch has stripes across (0) or down (1)."""
    rng = np.random.default_rng([person, label, take])
    tint = np.random.default_rng([99, person]).uniform(0.6, 1.2, 3)
    picture = scene(0, 100, (170, 230)) * tint * rng.uniform(0.8, 1.15)
    left, top = (middle(0) - np.array([60, 62]) + rng.integers(-6, 7, 2)).astype(int)
    down, across = np.mgrid[0:24, 0:24]
    stripes = np.sin(2 * np.pi * ((across if label else down) / rng.uniform(5, 8) + rng.uniform()))
    picture[top : top + 24, left : left + 24] += 60 * stripes[..., None]
    picture += rng.normal(0, 6, (*picture.shape[:2], 1))
    return picture[:, 30:190].clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stills of seven persons, in two tables."""
    folder = tmp_path_factory.mktemp("stills")
    for name, persons in PERSONS.items():
        rows = ["file,speaker,label"]
        for person, label, take in np.ndindex(len(persons), 2, TAKES):
            file = f"p{persons[person]}_{label}_{take}.png"
            cv2.imwrite(str(folder / file), still(persons[person], label, take)[..., ::-1])
            rows.append(f"{file},p{persons[person]},{('across', 'down')[label]}")
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def affex(stills: Path, verb: str, table: str, *arguments: str) -> str:
    told = ["--dataset", "csv", "--data", str(stills / f"{table}.csv"), "--cache", str(stills / "cache")]
    shown = CliRunner().invoke(cli, [verb, *told, "--scheduler", "inline", *arguments])
    if shown.exception:
        raise shown.exception
    return shown.output


def tune(stills: Path, out: Path, *arguments: str, table: str = "train", network: str = f"smallcnn:{FACES}") -> Path:
    how = ["--epochs", "30", "--patience", "0", "--rate", "0.003"]
    affex(stills, "tune", table, "--network", network, *how, *arguments, "--out", str(out))
    return out


def uar(stills: Path, weights: Path, table: str = "others", *arguments: str) -> float:
    network = f"smallcnn:{FACES},weights={weights},pool=mean"
    out = stills / "runs" / f"{table}-{weights.stem}"
    told = ["--features", network, "--classifier", "svm:C=1,gamma=0.015", "--out", str(out), *arguments]
    affex(stills, "evaluate", table, *told)
    figures = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["figures"]
    return float(figures["uar"]["value"])


@pytest.fixture(scope="module")
def weights(stills: Path) -> Path:
    return tune(stills, stills / "tuned.safetensors")


# What it learns --------------------------------------------------------------------------------------


def test_a_tuned_network_beats_the_untuned_on_other_persons(stills: Path, weights: Path):
    begun = tune(stills, stills / "begun.safetensors", "--epochs", "0")
    assert uar(stills, weights) > 0.9
    assert uar(stills, begun) < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "2", "3", "4"])
def test_it_does_under_other_seeds_too(stills: Path, seed: str):
    learned = tune(stills, stills / f"tuned{seed}.safetensors", "--seed", seed)
    begun = tune(stills, stills / f"begun{seed}.safetensors", "--seed", seed, "--epochs", "0")
    assert uar(stills, learned) - uar(stills, begun) > 0.15


def test_equal_settings_give_equal_bytes_and_another_seed_others(
    stills: Path, weights: Path, tmp_path: Path, several_threads: None
):
    digests = {}
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        digests[name] = sha256(tune(stills, tmp_path / f"{name}.safetensors", "--epochs", "2", "--seed", str(seed)))
    assert digests["one"] == digests["again"] != digests["other"]


@pytest.mark.slow
def test_two_processes_give_the_bytes_of_one(stills: Path, weights: Path, tmp_path: Path):
    far = tmp_path / "cache"
    how = ["--cache", str(far), "--scheduler", "local", "--jobs", "2"]
    assert tune(stills, tmp_path / "far.safetensors", *how).read_bytes() == weights.read_bytes()


def test_epochs_are_found_on_inner_speakers(stills: Path, tmp_path: Path):
    found = tune(stills, tmp_path / "found.safetensors", "--patience", "1", "--epochs", "3")
    assert 1 <= tuned.of_file(found).epochs <= 3


def test_the_next_step_names_the_network_with_its_new_weights(stills: Path, weights: Path, tmp_path: Path):
    out = tmp_path / "new.safetensors"
    network = f"smallcnn:weights={weights},{FACES}"
    said = affex(stills, "tune", "train", "--network", network, "--epochs", "0", "--out", str(out))
    assert f"smallcnn:weights={out},{FACES}" in said.replace("\n", "")


def test_a_network_may_be_tuned_again_and_remembers_all_that_it_saw(stills: Path, weights: Path, tmp_path: Path):
    network = f"smallcnn:{FACES},weights={weights}"
    again = tune(
        stills, tmp_path / "again.safetensors", "--epochs", "1", "--exclude", "p5,p6", table="others", network=network
    )
    before, after = tuned.of_file(weights), tuned.of_file(again)
    assert after.start == sha256(weights)
    assert {one.speaker for one in after.utterances} == {"p0", "p1", "p2", "p3", "p4"}
    assert set(before.utterances) < set(after.utterances)


def test_mini_xception_is_tuned_too(stills: Path, tmp_path: Path, test_data):
    network = f"fer:{FACES},weights={test_data('weights/fer2013_mini_XCEPTION.102-0.66.hdf5')}"
    path = tune(stills, tmp_path / "fer.safetensors", "--epochs", "1", network=network)
    feature = tunable(f"fer:weights={path}")
    assert feature.columns == tuple(f"fer_{number:03}" for number in range(135))
    assert isinstance(feature.module(path), torch.nn.Module)


def test_a_file_says_what_it_was_tuned_on_and_how(weights: Path):
    found = tuned.of_file(weights)
    assert (found.network, found.start, found.classes) == (
        "smallcnn:faces.detector=hog,faces.smallest=80.0",
        "",
        ("across", "down"),
    )
    assert (found.epochs, found.rate, found.batch, found.seed, found.device) == (30, 0.003, 32, 0, "cpu")
    assert len(found.utterances) == 4 * 2 * TAKES
    assert {(one.corpus, one.speaker) for one in found.utterances} == {("train", f"p{n}") for n in range(4)}
    assert {"torch", "numpy"} <= found.versions.keys()
    assert all(name.startswith("layers.") for name in load_file(weights))


def test_a_network_of_sound_is_tuned_and_audited_too(tmp_path: Path):
    rows = ["file,speaker,label"]
    for number in range(8):
        write_wav(tmp_path / f"{number}.wav", 0.8, seed=number)
        rows.append(f"{number}.wav,s{number // 2},{'ab'[number % 2]}")
    (tmp_path / "wavs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    out = tune(tmp_path, tmp_path / "s.safetensors", "--epochs", "1", table="wavs", network="smallcnn-segments")
    assert {one.speaker for one in tuned.of_file(out).utterances} == {"s0", "s1", "s2", "s3"}
    told = ["--features", f"smallcnn-segments:weights={out},pool=mean", "--classifier", "svm:C=1,gamma=1"]
    with pytest.raises(AffexError, match=r"was tuned on 8 of 8 test utterances"):
        affex(tmp_path, "evaluate", "wavs", *told)
    begun = tune(tmp_path, tmp_path / "b.safetensors", "--epochs", "0", "--scratch", table="wavs",
                 network=f"smallcnn-segments:weights={out}")  # fmt: skip
    assert (tuned.of_file(begun).start, tuned.of_file(begun).utterances) == ("", ())


def test_nothing_of_excluded_speakers_is_learned(stills: Path, tmp_path: Path):
    found = []
    for name, labels in (("one", ("across", "down")), ("other", ("down", "across"))):
        told = [f"p{n}_{label}_0.png,p{n},{('across', 'down')[label]}" for n in (4, 5) for label in (0, 1)]
        told += [f"p6_{label}_0.png,p6,{labels[label]}" for label in (0, 1)]
        (stills / f"{name}.csv").write_text("\n".join(["file,speaker,label", *told]) + "\n", encoding="utf-8")
        how = ["--epochs", "2", "--exclude", "p6"]
        found.append(load_file(tune(stills, tmp_path / f"{name}.safetensors", *how, table=name)))
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())
    with_her = load_file(tune(stills, tmp_path / "all.safetensors", "--epochs", "2", table="one"))
    assert not all(torch.equal(tensor, with_her[name]) for name, tensor in found[0].items())


# What is refused -------------------------------------------------------------------------------------


def test_persons_that_a_network_was_tuned_on_are_refused_and_pass_with_a_warning(stills: Path, weights: Path):
    with pytest.raises(AffexError) as refused:
        uar(stills, weights, "train")
    said = str(refused.value)
    assert "was tuned on 40 of 40 test utterances, or on their speakers" in said
    assert "train/p0_0_0 is in training, p0_0_0 in test (the very same utterance)" in said
    assert "Tune without the speakers that are tested (`make tune EXCLUDE=names`), or test others." in said
    assert uar(stills, weights, "train", "--allow-leaks") > 0.9
    report = (stills / "runs" / "train-tuned" / "report.txt").read_text(encoding="utf-8")
    assert "was tuned on 40 of 40 test utterances" in report


def test_the_same_pictures_under_other_names_are_refused(stills: Path, weights: Path):
    rows = (stills / "train.csv").read_text(encoding="utf-8").splitlines()
    some = [rows[1], rows[6], rows[11], rows[16]]  # of two speakers, two classes
    renamed = [f"id,{rows[0]}", *(f"x{n},{row.replace(',p', ',q')}" for n, row in enumerate(some))]
    (stills / "renamed.csv").write_text("\n".join(renamed) + "\n", encoding="utf-8")
    with pytest.raises(AffexError, match=r"train/p0_0_0 is in training, x0 in test \(the same recording\)"):
        uar(stills, weights, "renamed")


def test_the_cache_knows_it_without_the_weight_file(stills: Path, weights: Path, tmp_path: Path):
    network = f"smallcnn:{FACES},digest={sha256(weights)},pool=mean"
    told = ["--features", network, "--classifier", "svm:C=1,gamma=0.015", "--out", str(tmp_path / "run")]
    affex(stills, "features", "train", "--features", f"smallcnn:{FACES},weights={weights}")
    with pytest.raises(AffexError, match="was tuned on 40 of 40"):
        affex(stills, "evaluate", "train", *told)
    record = stills / "cache" / "train" / tuned.FOLDER / f"{sha256(weights)}.json"
    kept = record.read_bytes()
    record.write_bytes(kept.replace(b'"p0"', b'"p9"'))
    with pytest.raises(AffexError, match=r"What smallcnn was tuned on is unknown.*Name its weight file again"):
        affex(stills, "evaluate", "train", *told)
    record.write_bytes(kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--network", "egemaps"], "NETWORK='egemaps' cannot be tuned: expected one of alexnet, "),
        (["--network", "face"], "NETWORK='face' cannot be tuned"),
        (["--network", "smallcnn:output=maps"], "pool, columns, fft, output, pca and views are for rows"),
        (["--network", "smallcnn:views=mean"], "leave them out"),
        ([], "Say which network"),
        (["--network", "smallcnn", "--target", "valence"], "TARGET=valence: a network is tuned on classes"),
        (["--network", "smallcnn", "--exclude", "eva"], "There is no speaker 'eva'"),
        (["--network", "smallcnn", "--out", "mine.pth"], r"OUT=mine\.pth: expected a file \*\.safetensors"),
        (["--network", "smallcnn:weights=none.pth"], "There is no weight file none.pth"),
    ],
)
def test_what_cannot_be_tuned_is_said_before_any_face_is_searched(stills: Path, arguments: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        affex(stills, "tune", "train", *arguments)


# The audit -------------------------------------------------------------------------------------------


def u(id_: str, speaker: str, corpus: str = "toy") -> Utterance:
    return Utterance(id_, corpus, speaker)


def tuning(*taught: Taught) -> Tuning:
    return Tuning("n", "", ("a", "b"), 1, 0, 1e-3, 32, 0, "cpu", taught)


def test_a_network_has_seen_an_utterance_by_name_by_picture_or_by_its_speaker():
    seen = tuning(Taught("toy", "a", "ada", "00"), Taught("toy", "n", "", "11"))
    tested = [u("a", "ada"), u("b", "ada"), u("c", "ben"), u("d", ""), u("a", "ada", "other"), u("e", "eve", "other")]
    found = exposed(seen, tested, {("other", "e"): "11", ("toy", "c"): "22"})
    assert {number: tuple(one) for number, one in found.items()} == {
        0: ("toy/a", "the very same utterance"),
        1: ("toy/a", "speaker ada"),
        5: ("toy/n", "the same recording"),
    }


def test_names_of_several_corpora_together_are_those_of_each_alone():
    placed = [u("toy/a", "toy/ada"), u("toy/x", "toy/ada"), u("other/a", "other/ada", "other")]
    assert exposed(tuning(Taught("toy", "a", "ada", "")), placed, {}).keys() == {0, 1}


def test_only_who_is_tested_must_not_have_been_seen():
    utterances = [u("a", "ada"), u("b", "ben"), u("c", "cyd"), u("d", "dot")]
    labels = np.array(["x", "y", "x", "y"])
    fold = [Fold("late", np.array([0, 1]), np.array([2, 3]))]

    def kinds(*taught: Taught) -> list[str]:
        found = audit.audit(utterances, labels, fold, tunings={"net": tuning(*taught)})
        return [finding.kind for finding in found if finding.fatal]

    assert kinds(Taught("toy", "a", "ada", ""), Taught("toy", "b", "ben", "")) == []
    assert kinds(Taught("toy", "z", "dot", "")) == ["tuned"]
    assert kinds(Taught("other", "c", "cyd", "")) == []


def test_its_card_says_what_it_learned_and_whom_from(weights: Path):
    card = weights.with_name(weights.name + ".md").read_text(encoding="utf-8")
    headings = [line for line in card.splitlines() if line.startswith("#")]
    assert headings[0] == f"# Model card: {weights.name}"
    assert len(headings) == 6
    assert f"sha256 `{sha256(weights)}`" in card
    assert "Classes that it learned to tell apart: across, down." in card
    assert all(f"| train | p{n} | {2 * TAKES} |" in card for n in range(4))
    assert "p4" not in card
    assert "from random weights" in card
