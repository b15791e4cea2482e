"""Motion capture from files to the cache: what is computed again, what fails, and how it is said."""

from dataclasses import replace
from pathlib import Path

import dialogs
import numpy as np
import pytest
from corpus import run, write_wav
from test_cli import affex

from affex.features.capture.markers import REGIONS
from affex.pipeline.caching import cache, feature_rows
from affex.pipeline.corpora.iemocap import find
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.summary import Summary
from affex.pipeline.extraction import motions
from affex.pipeline.extraction.extract import _batches
from affex.pipeline.extraction.work import Job
from affex.pipeline.manifest.manifest import Dataset, from_line, to_line
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.specs.features import feature_specs

DIALOG = "Ses01F_impro01"
(MOCAP,) = feature_specs("mocap")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dialogs.dialog(tmp_path / "data", DIALOG)
    return Dataset("iemocap", tmp_path / "data", tmp_path / "cache" / "iemocap", find(tmp_path / "data"))


def file_of(dataset: Dataset, what: str = "rotated", turn: str = "F000") -> Path:
    return dataset.root / f"Session1/sentences/MOCAP_{what}/{DIALOG}/{DIALOG}_{turn}.txt"


def test_only_the_turns_of_the_marked_actor_have_rows_and_the_others_say_why(dataset):
    [summary] = run(dataset, MOCAP)
    assert summary.computed == 5
    why = "it has no motion capture: Ses01M is not the actor who wears the markers in this dialog"
    assert summary.failures == {f"{DIALOG}_M{n:03d}": why for n in range(5)}
    table = feature_rows.load(cache.FeatureFile(dataset.folder, MOCAP).path, cache.recipe(MOCAP.feature).key)
    assert table.ids == tuple(f"{DIALOG}_F{n:03d}" for n in range(5))
    assert np.isfinite(table.values).all()
    assert table.times[: table.offsets[1]].tolist() == pytest.approx([0, 0.025, 0.05, 0.075])


def test_a_turn_whose_file_is_missing_says_where_it_was_looked_for(dataset):
    file_of(dataset).unlink()
    [summary] = run(replace(dataset, utterances=find(dataset.root)), MOCAP)
    assert summary.failures[f"{DIALOG}_F000"] == (
        "it has no motion capture: the release has no file of it (looked for in sentences/MOCAP_rotated)"
    )


@pytest.mark.parametrize("what", ["rotated", "head", "hand"])
def test_a_change_of_any_file_of_a_turn_computes_that_turn_again(dataset, what):
    run(dataset, MOCAP)
    path = file_of(dataset, what)
    path.write_text(path.read_text().replace("0.00833", "0.00834"))
    [summary] = run(dataset, MOCAP)
    assert dict(summary.reasons) == {"its media bytes or its span changed": 1}
    assert (summary.cached, summary.computed) == (4, 1)


def test_a_file_of_the_head_that_comes_later_computes_its_turn_again(dataset):
    moved = file_of(dataset, "head").rename(dataset.root / "away.txt")
    run(replace(dataset, utterances=find(dataset.root)), MOCAP)
    moved.rename(file_of(dataset, "head"))
    [summary] = run(replace(dataset, utterances=find(dataset.root)), MOCAP)
    assert (summary.cached, summary.computed) == (4, 1)


def test_a_file_that_cannot_be_read_is_named(dataset):
    file_of(dataset, "hand").unlink()  # after the corpus was looked through
    [summary] = run(dataset, MOCAP)
    failure = summary.failures[f"{DIALOG}_F000"]
    assert "MOCAP_hand" in failure
    assert "cannot be read: No such file or directory" in failure


@pytest.mark.parametrize("what", ["rotated", "head", "hand"])
def test_a_file_that_changes_while_it_is_read_gives_no_rows(dataset, what, monkeypatch):
    read = motions.read_motion

    def reading(root, media):
        motion = read(root, media)
        with (root / media.files[["rotated", "head", "hand"].index(what)]).open("a") as file:
            file.write("\n")
        return motion

    monkeypatch.setattr(motions, "read_motion", reading)
    [summary] = run(dataset, MOCAP)
    assert summary.computed == 0
    assert summary.failures[f"{DIALOG}_F000"].endswith("changed while it was read")
    monkeypatch.undo()
    [summary] = run(dataset, MOCAP)
    assert summary.computed == 5


def test_a_file_cut_in_the_middle_of_a_line_is_a_failure_that_says_so(dataset):
    path = file_of(dataset)
    path.write_text(path.read_text()[:-1000])
    [summary] = run(dataset, MOCAP)
    assert summary.computed == 4
    failure = summary.failures[f"{DIALOG}_F000"]
    assert "_F000.txt, line 14: " in failure
    assert "and the other lines have 167: the file seems to be cut short there" in failure


def test_trouble_of_another_kind_is_recorded_and_tried_again(dataset, monkeypatch):
    def broken(root, media):
        raise RuntimeError("a library's own trouble")

    monkeypatch.setattr(motions, "read_motion", broken)
    [summary] = run(dataset, MOCAP)
    assert "RuntimeError: a library's own trouble" in summary.failures[f"{DIALOG}_F000"]
    monkeypatch.undo()
    [summary] = run(dataset, MOCAP)
    assert summary.computed == 5


def test_several_features_read_a_turn_once(dataset, monkeypatch):
    read, seen = motions.read_motion, []
    monkeypatch.setattr(motions, "read_motion", lambda root, media: seen.append(media.path) or read(root, media))
    run(dataset, MOCAP, *feature_specs("markers"))
    assert len(seen) == len(set(seen)) == 5


def test_turns_travel_in_small_batches():
    long, short = 2_000_000, 100_000  # bytes: 13 s and less than one
    for size, expected in ((long, [10, 10, 10, 10]), (short, [16, 16, 8])):
        jobs = [Job(str(n), Media("a.txt"), size, 1, (0,)) for n in range(40)]
        assert [len(batch) for batch in _batches(jobs, "mocap")] == expected


def test_a_manifest_keeps_what_belongs_to_a_file_and_why_there_is_none(dataset):
    for utterance in dataset.utterances:
        assert from_line(to_line(utterance)) == utterance


def test_failures_are_final_until_the_bytes_change(dataset):
    file_of(dataset).write_text("no header\n")
    [first] = run(dataset, MOCAP)
    assert first.failures[f"{DIALOG}_F000"].endswith(
        "has no header; expected a row of names that begins with 'Frame# Time', a row of axes, then one row per frame"
    )
    [again] = run(dataset, MOCAP, runner=lambda: pytest.fail("nothing is to be done"))
    assert again.failures == first.failures


# From the shipped layout to figures


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """A release of two sessions in which the faces tell what the turns are, and the voices nothing."""
    root = dialogs.iemocap(tmp_path_factory.mktemp("release"), [1, 2])
    for number, utterance in enumerate(find(root)):
        write_wav(root / utterance.audio.path, 0.3, seed=number)
    return root


def evaluated(release: Path, folder: Path, *arguments: str) -> tuple[Summary, str]:
    """Return the summary of a run by the command, and what it printed."""
    told = affex("evaluate", "--dataset", "iemocap", "--data", str(release), "--partial", "--out", str(folder / "out"),
                 *arguments, AFFEX_CACHE=str(folder / "cache"), AFFEX_SCHEDULER="inline")  # fmt: skip
    assert told.returncode == 0, told.stderr
    return runs.read(folder / "out").summary, told.stdout


def test_six_regions_and_the_voice_vote_where_the_speaker_has_a_face(release, tmp_path):
    settings = ("--classifier", "gmm:decision=vote,components=1", "--speaker-norm", "mean", "--fusion", "late:bayes")
    found, output = evaluated(release, tmp_path, "--features", "mocap:columns=each mfcc-voice", *settings)
    *regions, voice = found.recognised
    assert [one.member for one in regions] == [f"mocap:columns={name} gmm spkmean" for name in REGIONS]
    assert [one.n for one in found.recognised] == [20] * 6 + [40]  # half of the turns are the unmarked actor's
    assert min(np.mean(list(one.informedness.values())) for one in regions) > 0.5
    assert np.mean(list(voice.informedness.values())) < 0.3
    assert found.n_utterances == 40
    assert found.uar > 0.4
    assert found.transductive.startswith("transductive: every column has the mean of each speaker taken away")
    assert "mocap: 0 cached, 20 computed, 20 failed" in output
    assert "Ses01M is not the actor who wears the markers in this dialog" in output


def test_head_hands_and_principal_markers_stand_side_by_side(release, tmp_path):
    features = ["markers:pool=mean+std", "headmotion:pool=mean", "hands:pool=std", "mocap-slices:pool=mean"]
    found, _ = evaluated(release, tmp_path, "--features", " ".join(features), "--classifier",
                      "svm:select=pfa,keep=0.1,C=10,gamma=1", "--speaker-norm", "mean")  # fmt: skip
    assert found.n_utterances == 20
    assert found.left_out["without features"] == 20
    assert found.uar > 0.4
    assert all(fold.best_params["keep"] == 0.1 for fold in found.folds)
