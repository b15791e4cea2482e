"""IEMOCAP, from a tree that can be heard and seen to figures: whose face a turn has, and that all runs on it."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import plays
import pytest
from click.testing import CliRunner
from corpus import run
from dialogs import Spoken
from films import film
from scenes import no_face, scene

from affex.pipeline.caching import cache, feature_rows
from affex.pipeline.cli.command import cli
from affex.pipeline.corpora.iemocap import find
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.media import video
from affex.pipeline.specs.features import feature_specs

DIALOG = "Ses01F_impro01"
TURNS = [Spoken(who, n, emotion) for n, emotion in enumerate(("ang", "sad")) for who in "FM"]

#: Small enough for seconds: sound and motion capture, and no film.
EMOTIONS = ("ang", "exc", "neu", "sad")


@pytest.fixture(scope="module")
def dialog(tmp_path_factory) -> Path:
    """One dialog of four turns, with its film."""
    root = tmp_path_factory.mktemp("iemocap")
    plays.play(root, DIALOG, TURNS)
    return root


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Three sessions of two dialogs, without videos; the turns of the first are cut from their dialogs' sound."""
    root = tmp_path_factory.mktemp("iemocap")
    plays.iemocap(root, (1, 2, 3), ("F_impro01", "M_script01_1"), EMOTIONS, filmed=False)
    shutil.rmtree(root / "Session1/sentences/wav")
    return root


def at_hand(root: Path, folder: Path, **changes) -> Dataset:
    return Dataset("iemocap", root, folder / "cache" / "iemocap", tuple(find(root, **changes)))


def rows(summary) -> dict[str, np.ndarray]:
    table = feature_rows.load(summary.path, cache.recipe(summary.spec.feature).key)
    return {id_: table.values[a:b] for id_, a, b in zip(table.ids, table.offsets, table.offsets[1:], strict=False)}


# Pictures


def test_a_dialog_is_decoded_once_for_all_its_turns(dialog, tmp_path, monkeypatch):
    opened, decode = Counter(), video.opened
    monkeypatch.setattr(video, "opened", lambda path, name: opened.update([name]) or decode(path, name))
    (faces,) = run(at_hand(dialog, tmp_path), *feature_specs("faces:detector=hog"))
    assert opened == {f"Session1/dialog/avi/DivX/{DIALOG}.avi": 1}
    assert (faces.computed, faces.failures) == (4, {})


def test_a_marked_actor_who_is_not_the_speaker_never_lends_a_face_on_film(dialog, tmp_path):
    """Only the actor who wears the markers is in the picture, on the left; the partner's turns show nobody."""
    pictures = [np.concatenate([scene(0), no_face()], axis=1)] * 120
    root = tmp_path / "one face"
    plays.play(root, DIALOG, TURNS, filmed=False)
    film(root / f"Session1/dialog/avi/DivX/{DIALOG}.avi", pictures, rate=10, options={})
    for marked, seen in (("left", "F"), ("right", "M")):
        dataset = at_hand(root, tmp_path / marked, marked=marked)
        (faces,) = run(dataset, *feature_specs("faces:detector=hog"))
        assert set(rows(faces)) == {f"{DIALOG}_{seen}00{n}" for n in (0, 1)}
        assert all("no face" in reason for reason in faces.failures.values())


# Motion capture


def test_a_marked_actor_who_is_not_the_speaker_never_lends_a_face_in_motion_capture(dialog, tmp_path):
    """The release has the marked actor's face in all four turns, and the feature has it in two."""
    assert len(list(dialog.glob("Session1/sentences/MOCAP_rotated/*/*.txt"))) == 4
    (mocap,) = run(at_hand(dialog, tmp_path), *feature_specs("mocap"))
    assert set(rows(mocap)) == {f"{DIALOG}_F000", f"{DIALOG}_F001"}
    assert set(mocap.failures) == {f"{DIALOG}_M000", f"{DIALOG}_M001"}
    assert all("Ses01M is not the actor who wears the markers" in reason for reason in mocap.failures.values())


# Commands


def affex(root: Path, cache: Path, *arguments: str) -> str:
    usual = ("--dataset", "iemocap", "--data", root, "--cache", cache, "--scheduler", "inline", "--partial")
    lines = CliRunner().invoke(cli, [*map(str, arguments), *map(str, usual)])
    assert lines.exit_code == 0, lines.output
    return lines.output


@pytest.fixture(scope="module")
def cached(corpus, tmp_path_factory) -> Path:
    """The cache with what the commands below read."""
    folder = tmp_path_factory.mktemp("cache")
    lines = affex(corpus, folder, "features", "--features", "egemaps mfcc-voice logmel mocap fingerprint")
    for name, computed in (("egemaps", 48), ("mfcc-voice", 48), ("logmel", 48), ("mocap", 24)):
        assert f"{name}: 0 cached, {computed} computed, {48 - computed} failed" in lines
    return folder


@pytest.mark.parametrize("protocol", ["loso", "session"])
@pytest.mark.parametrize(
    ("classifier", "features"),
    [("svm:C=1,gamma=0.01", "egemaps"), ("gmm:components=4", "mfcc-voice"), ("xgboost:rounds=5", "egemaps")],
)
def test_every_classifier_under_every_protocol(classifier, features, protocol, corpus, cached, tmp_path):
    affex(corpus, cached, "evaluate", "--classifier", classifier, "--features", features, "--protocol", protocol,
          "--classes", "ang,exc,neu,sad", "--out", tmp_path)  # fmt: skip
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert (found["n_utterances"], len(found["folds"])) == (48, {"loso": 6, "session": 3}[protocol])
    assert found["figures"]["uar"]["value"] > 0.5
    at_once = [note.partition(" of turns")[0] for note in found["notes"] if "speak at once" in note]
    assert at_once == (["12 pairs"] if protocol == "loso" else [])  # 4 a session, whatever its turns are cut from
    assert found["leaks"] == []


def test_the_vote_of_six_regions_and_the_voice(corpus, cached, tmp_path):
    affex(corpus, cached, "evaluate", "--features", "mocap:columns=each mfcc-voice", "--fusion", "late:bayes",
          "--classifier", "gmm:decision=vote,components=2 gmm:decision=vote,components=2,noise=0.25",
          "--classes", "ang,exc,neu,sad", "--protocol", "session", "--out", tmp_path)  # fmt: skip
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert [one["n"] for one in found["recognised"]] == [24] * 6 + [48]
    assert found["n_utterances"] == 48
    assert found["figures"]["uar"]["value"] > 0.5
