"""Features of MOSI and MOSEI come in without the recordings: the labels say which part of which recording is whose."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from corpus import Listener, pointer, write_wav
from foreign import failures, imported, known, rows_of

from affex.pipeline.caching import imports
from affex.pipeline.caching.dataset import opened
from affex.pipeline.cli.command import cli
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.audit import audit
from affex.pipeline.evaluation.folds import folds
from affex.pipeline.evaluation.settings import Settings
from affex.pipeline.exchange import exporting, importing
from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.media import csd
from affex.pipeline.specs.corpora import corpus_of
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.text.console import Terminal
from affex.pipeline.text.errors import AffexError
from affex.pipeline.workspace import experiment
from affex.pipeline.workspace.workspace import Running, open_workspace

RECORDINGS, SEGMENTS = 6, 8
WAVS = "Raw/Audio/WAV_16000/Full"
STEP = 0.25  # s


def sentiments(recording: int) -> np.ndarray:
    """Return the labels of a recording's segments: as many negative as positive."""
    return np.random.default_rng(recording).permutation(np.tile([-2.0, 2.0], SEGMENTS // 2))


def spans(recording: int) -> np.ndarray:
    """Return where segments lie: 1.5 s each, from a place that is the recording's own."""
    starts = 1.0 + recording + 2.0 * np.arange(SEGMENTS)
    return np.stack([starts, starts + 1.5], axis=1)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Return a folder that holds labels and nothing else."""
    (tmp_path / "labels").mkdir()
    entries = ((f"v_{n}-x", csd.Entry(sentiments(n)[:, None], spans(n))) for n in range(RECORDINGS))
    csd.write(tmp_path / "labels" / "CMU_MOSI_Opinion_Labels.csd", "Opinion Segment Labels", entries, {})
    return tmp_path / "labels"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return what others measured of the whole recordings: the number of each step, and what it was labelled as."""

    def entry(recording: int) -> csd.Entry:
        times = np.arange(0.0, spans(recording)[-1, 1] + 2, STEP)
        intervals = np.stack([times, times + STEP], axis=1)
        values = np.stack([np.arange(len(times)), np.random.default_rng(recording).normal(size=len(times))], axis=1)
        for (start, end), sentiment in zip(spans(recording), sentiments(recording), strict=True):
            values[(times >= start) & (times < end), 1] += 5 * sentiment
        return csd.Entry(values.astype(np.float32), intervals)

    csd.write(tmp_path / "COVAREP.csd", "COVAREP", ((f"v_{n}-x", entry(n)) for n in range(RECORDINGS)), {})
    return tmp_path / "COVAREP.csd"


def mosi(root: Path, cache: Path) -> Dataset:
    return opened("mosi", root, cache, partial=True, console=Listener())


def steps(found: dict[str, list], id_: str) -> list[float]:
    """Return the numbers of the steps that an utterance has."""
    return [row[0] for row in found[id_][0]]


def test_rows_of_whole_recordings_fall_on_the_segments_that_the_labels_name(labels, theirs, tmp_path):
    dataset = mosi(labels, tmp_path / "cache")
    spec, outputs = imported(theirs, dataset)
    found = rows_of(dataset, spec)
    assert f"{RECORDINGS * SEGMENTS} of {RECORDINGS * SEGMENTS} utterances have rows in it." in outputs
    assert steps(found, "v_0-x[0]") == [4, 5, 6, 7, 8, 9]  # from 1 to 2.5 s, a step each 0.25 s
    assert found["v_0-x[0]"][1] == [0.125, 0.375, 0.625, 0.875, 1.125, 1.375]
    assert steps(found, "v_3-x[2]") == [32, 33, 34, 35, 36, 37]
    assert failures(dataset, spec) == {}


@pytest.mark.parametrize("at_hand", [1, RECORDINGS])
def test_rows_stay_when_recordings_come(at_hand, labels, theirs, tmp_path):
    without = mosi(labels, tmp_path / "cache")
    spec, _ = imported(theirs, without)
    before = rows_of(without, spec)
    for n in range(at_hand):
        write_wav(labels / WAVS / f"v_{n}-x.wav", 30, seed=n)
    some = mosi(labels, tmp_path / "cache")
    assert sum(utterance.audio is not None for utterance in some.utterances) == at_hand * SEGMENTS
    assert len(imports.stock(some, spec).places) == RECORDINGS * SEGMENTS
    again, outputs = imported(theirs, some)  # and what is imported now is the same
    assert f"{RECORDINGS * SEGMENTS} of {RECORDINGS * SEGMENTS} utterances have rows in it." in outputs
    assert (again, rows_of(some, again)) == (spec, before)


def test_what_was_aligned_to_the_labels_counts_from_each_segments_beginning(labels, tmp_path):
    entries = (
        (f"v_{n}-x[{k}]", csd.Entry(np.array([[1.0], [2.0]]), np.array([[start, start + 0.5], [start + 0.5, end]])))
        for n in range(RECORDINGS)
        for k, (start, end) in enumerate(spans(n))
    )
    csd.write(tmp_path / "aligned.csd", "aligned", entries, {})
    dataset = mosi(labels, tmp_path / "cache")
    spec, _ = imported(tmp_path / "aligned.csd", dataset)
    assert set(map(str, rows_of(dataset, spec).values())) == {"([[1.0], [2.0]], [0.25, 1.0])"}


@pytest.mark.parametrize("key", ["v_0-x", "v_0-x.mp4", "Raw/Video/Full/v_0-x.mp4"])
def test_a_recording_goes_by_its_name_in_the_labels_or_by_a_files(key, labels, tmp_path):
    (tmp_path / "t.csv").write_text(f"video;start;end;x\n{key};1;2.5;7\n{key};3;4.5;8\n")
    dataset = mosi(labels, tmp_path / "cache")
    spec, _ = imported(tmp_path / "t.csv", dataset)
    assert rows_of(dataset, spec) == {"v_0-x[0]": ([[7]], None), "v_0-x[1]": ([[8]], None)}


def test_what_the_labels_place_nowhere_is_told_so(tmp_path):
    root = corpus_of("mosei").example(tmp_path / "mosei")
    shutil.rmtree(root / "Raw")
    spans = np.array([[0.0, 1.0], [5.0, 5.0]])
    csd.write(root / "CMU_MOSEI_Labels.csd", "All Labels", [("v", csd.Entry(np.zeros((2, 7)), spans))], {})
    dataset = opened("mosei", root, tmp_path / "cache", partial=True, console=Listener())
    csd.write(tmp_path / "t.csd", "t", [("v", csd.Entry(np.ones((1, 1)), np.array([[0.0, 1.0]])))], {})
    spec, _ = imported(tmp_path / "t.csd", dataset)
    assert rows_of(dataset, spec) == {"v[0]": ([[1]], None)}
    assert failures(dataset, spec) == {
        "v[1]": "the imported file has no rows under its id, and no recording contains it: in the labels it begins "
        "at 5.000 s and ends at 5.000 s"
    }


def test_imported_features_alone_are_judged(labels, theirs, tmp_path, capsys):
    dataset = mosi(labels, tmp_path / "cache")
    importing.import_(theirs, dataset, "covarep", Listener())
    settings = Settings(
        dataset="mosi",
        features="covarep",
        classifier="svm:C=1,gamma=0.1",
        protocol="group-k:k=3",
        target="polarity",
        classes="negative,positive",
    )
    with open_workspace([dataset], Terminal(), Running("inline", 1)) as workspace:
        folder = experiment.run(workspace, settings)
    found = runs.read(folder).summary
    assert (found.n_utterances, found.uar) == (RECORDINGS * SEGMENTS, 1.0)
    assert "48 of 48 utterances could not be compared by their sound (no sound" in " ".join(found.notes)
    assert "failed" not in capsys.readouterr().out.replace("0 failed", "")  # nobody asked for the prints that failed


def test_parts_of_recordings_that_overlap_are_found_without_the_recordings():
    def segment(n: int, start: float, end: float) -> Utterance:
        return Utterance(f"v[{n}]", "mosi", f"s{n}", "a", origin=Media("v", start, end))

    utterances = [segment(0, 0.0, 2.0), segment(1, 1.0, 3.0)]
    findings = audit(utterances, np.array(["a", "a"]), folds(Protocol("loso"), utterances))
    (overlap,) = [finding for finding in findings if finding.kind == "overlap"]
    assert overlap.fatal
    assert overlap.pairs[0].note == "1.00 s of one file in common"


def test_what_was_imported_goes_out_by_recording_in_its_time(labels, theirs, tmp_path):
    dataset = mosi(labels, tmp_path / "cache")
    spec, _ = imported(theirs, dataset)
    before = rows_of(dataset, spec)
    exporting.export(dataset, spec, tmp_path / "out.csd", "", Listener(), by_recording=True)
    with csd.reading(tmp_path / "out.csd") as sequence:
        assert sorted(sequence.entries) == [f"v_{n}-x" for n in range(RECORDINGS)]
        assert sequence.entries["v_2-x"].intervals[0].tolist() == [3.0, 3.25]
    again, _ = imported(tmp_path / "out.csd", dataset, "again")
    assert rows_of(dataset, known(dataset, "again")) == before
    assert again.feature != spec.feature


def test_media_that_are_not_there_are_no_feature(labels, tmp_path):
    with open_workspace([mosi(labels, tmp_path / "cache")], Terminal(quiet=True), Running("inline", 1)) as workspace:
        from affex.pipeline.workspace.workspace import extracted

        with pytest.raises(AffexError, match="No utterance has any of the features"):
            extracted(workspace, feature_specs("gemaps"))


def test_a_file_that_was_never_fetched_is_not_imported(labels, tmp_path):
    with pytest.raises(AffexError, match=r"theirs\.csd was never fetched.*`git lfs pull`"):
        imported(pointer(tmp_path / "theirs.csd"), mosi(labels, tmp_path / "cache"))


def test_a_folder_of_files_that_were_never_fetched_is_not_imported(labels, tmp_path):
    (tmp_path / "vectors").mkdir()
    np.save(tmp_path / "vectors" / "v_0-x.npy", np.arange(3.0))
    pointer(tmp_path / "vectors" / "v_1-x.npy")
    with pytest.raises(AffexError, match=r"v_1-x\.npy was never fetched.*`git lfs pull`"):
        imported(tmp_path / "vectors", mosi(labels, tmp_path / "cache"))


def test_it_is_the_first_example_of_import_and_works_as_it_stands(labels, theirs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(cli, ["import", "--help"]).output
    (line,) = [line.split() for line in shown.splitlines() if "affex import" in line][:1]
    assert " ".join(line) == "affex import CMU_MOSI_COVAREP.csd --dataset mosi --data labels --called covarep"
    theirs.rename(tmp_path / "CMU_MOSI_COVAREP.csd")
    done = CliRunner().invoke(cli, [*line[1:], "--partial"])
    assert done.exit_code == 0, done.output
    assert f"covarep: {RECORDINGS * SEGMENTS} utterances (frames, 2 columns), 0 without rows" in done.output
