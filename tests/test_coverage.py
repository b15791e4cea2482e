"""The share of frames with a face, by speaker and utterance."""

import json
from pathlib import Path

import pytest
from corpus import run, small, spec
from plain import Seen

from affex.pipeline.cli.command import cli
from affex.pipeline.reporting import coverage, tables
from affex.pipeline.specs import discovery
from affex.pipeline.specs.features import feature_specs
from affex.pipeline.streams.table import Table, load
from affex.pipeline.text.errors import AffexError, UsageError


@pytest.fixture
def matrix(tmp_path: Path) -> Table:
    """Seven utterances of four speakers: n of the 5 frames of utterance n have no face; the last one has no rows."""
    dataset, seen = small(tmp_path, n_utterances=7), spec("seen", Seen())
    run(dataset, seen)
    return load(dataset, [seen])


def test_clips(matrix):
    utterances = coverage.of_utterances(matrix)
    assert [utterance.name for utterance in utterances] == [f"0{n}" for n in range(7)]
    assert [utterance.share for utterance in utterances] == [1, 0.8, 0.6, 0.4, 0.2, 0, None]
    assert [utterance.n_without for utterance in utterances] == [0] * 6 + [1]
    assert [utterance.n_faceless for utterance in utterances] == [0] * 5 + [1, 0]


def test_speakers_by_their_frames(matrix):
    s0, s1, s2, s3 = coverage.of_speakers(matrix)
    assert (s0.n_utterances, s0.n_frames, s0.n_found, s0.share) == (2, 10, 6, 0.6)
    assert s1.share == 0.4
    assert (s2.name, s2.n_utterances, s2.n_without, s2.n_frames, s2.share) == ("s2", 2, 1, 5, 0.6)
    assert s3.n_utterances == 1
    every = coverage.of_all(matrix)
    assert (every.n_utterances, every.n_without, every.n_frames, every.n_found, every.share) == (7, 1, 30, 15, 0.5)


def test_what_is_shown(matrix, monkeypatch):
    monkeypatch.setattr(coverage, "SHOWN", 3)
    lines = tables.as_text(
        lambda console: coverage.show(console, coverage.of_corpus("mine", "seen", matrix))
    ).splitlines()
    cells = [line.split() for line in lines]
    assert ["all", "7", "1", "1", "30", "15", "50.0%"] in cells
    assert ["s2", "2", "1", "0", "5", "3", "60.0%"] in cells
    utterances = [row[0] for row in cells if row and row[0].startswith("0")]
    assert utterances == ["06", "05", "04"]  # the least first
    assert lines[-1] == "... and 4 more utterances, each with at least that share"


def test_the_verb(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(discovery.feature_presets(), "seen", Seen())
    dataset = small(tmp_path, n_utterances=3)
    rows = (f"data/{utterance.audio.path},{utterance.speaker},a\n" for utterance in dataset.utterances)
    (tmp_path / "mine.csv").write_text("file,speaker,label\n" + "".join(rows), encoding="utf-8")
    corpus = ["--dataset", "csv", "--data", str(tmp_path / "mine.csv"), "--cache", str(tmp_path / "cache")]
    with pytest.raises(AffexError, match=r"seen\.h5 is not there. Run `make features DATASET=csv DATA="):
        cli(["coverage", *corpus, "--features", "seen"], standalone_mode=False)
    cli(["features", *corpus, "--features", "seen", "--scheduler", "inline"], standalone_mode=False)
    cli(["coverage", *corpus, "--features", "seen"], standalone_mode=False)
    output = capsys.readouterr().out
    assert "mine: seen" in output
    assert "80.0%" in output
    cli(["coverage", *corpus, "--features", "seen", "--json"], standalone_mode=False)
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["corpus"], found["feature"], found["all"]["n_utterances"]) == ("mine", "seen", 3)
    assert [utterance["share"] for utterance in found["utterances"]] == [1, 0.8, 0.6]
    assert len(found["speakers"]) == 3


def test_a_feature_that_looks_for_no_face():
    coverage.require_found(spec("seen", Seen()))
    with pytest.raises(UsageError, match="mfcc has no column that shows in which frames a face was found"):
        coverage.require_found(feature_specs("mfcc")[0])
