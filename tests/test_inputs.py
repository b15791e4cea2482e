"""What the features of a run lack: failures by reason, frames without a face, in a file that is verified."""

from dataclasses import replace
from pathlib import Path

import pytest
from corpus import run, small, spec
from plain import Seen

from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media, Utterance
from affex.pipeline.reporting import coverage, inputs
from affex.pipeline.reporting.inputs import FailureReason, Failures, Inputs
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import FeatureSpec
from affex.pipeline.specs.pooling import FOUND
from affex.pipeline.streams.table import load


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Dataset, FeatureSpec]:
    """Nine utterances: of the first six some frames have a face, two have no rows, one has no file."""
    dataset, seen = small(tmp_path, n_utterances=8), spec("seen", Seen())
    lacking = Utterance("gone", "small", "s0", "a", audio=Media("gone.wav"))
    dataset = replace(dataset, utterances=(*dataset.utterances, lacking))
    run(dataset, seen)
    return dataset, seen


def test_failures_by_reason(corpus):
    found = inputs.failures_of(*corpus)
    assert (found.corpus, found.feature, found.n_utterances, found.n_failed) == ("small", "seen", 9, 3)
    assert found.reasons[0] == FailureReason(2, "06", "nobody is there")
    (missing,) = found.reasons[1:]
    assert (missing.n, missing.first) == (1, "gone")
    assert "gone.wav" not in missing.message


def test_messages_that_differ_in_numbers_and_names_are_one_reason():
    utterances = [Utterance(id_, "c", "s", audio=Media(f"x/{id_}.wav")) for id_ in ("a", "b", "c", "d")]
    failed = {
        "a": "x/a.wav is empty (0 bytes)",
        "b": "too short: 0.2 s, and it needs at least 0.5 s",
        "c": "too short: 0.31 s, and it needs at least 0.5 s",
        "d": "x/d.wav is empty (0 bytes)",
    }
    assert inputs._reasons(utterances[1:], failed) == (
        FailureReason(2, "b", "too short: 0.2 s, and it needs at least 0.5 s"),
        FailureReason(1, "d", "the file is empty (0 bytes)"),
    )
    assert inputs._reasons(utterances[::3], failed) == (FailureReason(2, "a", "the file is empty (0 bytes)"),)


def test_coverage_is_that_of_the_command(corpus):
    dataset, seen = corpus
    (found,) = inputs.inputs_of([dataset], [seen, replace(seen, pool=("mean",))]).coverage
    table = load(dataset, [seen])
    assert (found.feature, found.source) == ("seen", "seen")
    assert (found.all, found.speakers) == (coverage.of_all(table), coverage.of_speakers(table))


@pytest.mark.parametrize(
    ("name", "source"),
    [("faces", "faces"), ("person", "person"), ("face", "person"), ("pixels", "person"), ("mfcc", None)],
)
def test_which_feature_knows_the_faces(name, source):
    found = inputs._with_found(discovery.feature_presets()[name])
    assert found == (source and discovery.feature_presets()[source])
    assert found is None or FOUND in found.columns


def test_what_is_written_comes_back_and_nothing_else_does(corpus, tmp_path: Path):
    dataset, seen = corpus
    found = inputs.inputs_of([dataset], [seen], "0" * 64)
    inputs.write(tmp_path, found)
    assert inputs.read(tmp_path, "0" * 64) == found
    assert inputs.read(tmp_path, "1" * 64) is None
    path = tmp_path / inputs.FILE
    path.write_text(path.read_text().replace("nobody", "somebody"))
    assert inputs.read(tmp_path, "0" * 64) is None


def test_a_fusion_has_what_its_members_lack_once():
    one, other = (Failures("c", feature, 3, 0, ()) for feature in ("a", "b"))
    parts = [Inputs("1", (one,), ()), Inputs("2", (one, other), ())]
    assert inputs.together("3", parts) == Inputs("3", (one, other), ())
