"""The matrix: rows follow utterances, and the normalisation by speaker."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpus import run, small, spec
from plain import Level, Samples
from synthetic import changed, make_table

from affex.pipeline.manifest.manifest import Dataset
from affex.pipeline.manifest.utterance import Media
from affex.pipeline.streams.stream import rows_of
from affex.pipeline.streams.table import Table, joined, load, normalised_by_speaker
from affex.pipeline.text.errors import AffexError, UsageError


@pytest.fixture
def ragged() -> Table:
    """Four utterances of two speakers with 2, 0, 3 and 1 rows; the second lacks the feature."""
    matrix = make_table(n_speakers=2, n_each=1, classes=("joy", "anger"), n_columns=2)
    X = np.arange(12, dtype=np.float32).reshape(6, 2)
    present = np.array([[True], [False], [True], [True]])
    return changed(matrix, X=X, offsets=np.array([0, 2, 2, 5, 6]), present=present)


def test_rows_follow_their_utterances(ragged):
    taken = ragged.take([3, 0, 1])
    assert taken.X[:, 0].tolist() == [10, 0, 2]
    assert taken.offsets.tolist() == [0, 1, 3, 3]
    assert [utterance.id for utterance in taken.utterances] == ["01-anger-0", "00-joy-0", "00-anger-0"]
    assert taken.present[:, 0].tolist() == [True, True, False]
    assert taken.lengths.tolist() == [1, 2, 0]


def test_taking_nothing_leaves_an_empty_matrix(ragged):
    taken = ragged.take([])
    assert len(taken) == 0
    assert taken.X.shape == (0, 2)
    assert taken.offsets.tolist() == [0]


def test_rows_of_counts_rows_within_utterances():
    assert rows_of(np.array([0, 2, 2, 5, 6]), np.array([2, 0])).tolist() == [2, 3, 4, 0, 1]


def test_every_speaker_gets_mean_0_and_deviation_1():
    normal = normalised_by_speaker(make_table(speaker_shift=50, n_frames=3))
    of_row = np.repeat(normal.speakers, normal.lengths)
    for speaker in np.unique(of_row):
        rows = normal.X[of_row == speaker].astype(np.float64)
        assert rows.mean(axis=0) == pytest.approx(0, abs=1e-6)
        assert rows.std(axis=0) == pytest.approx(1, abs=1e-6)


def test_worked_by_hand():
    matrix = make_table(n_speakers=2, n_each=1, classes=("joy", "anger"), n_columns=1)
    matrix = changed(matrix, X=np.array([[1], [3], [10], [40]], dtype=np.float32))
    assert normalised_by_speaker(matrix).X[:, 0].tolist() == [-1, 1, -1, 1]


def test_a_column_that_does_not_vary_becomes_0():
    matrix = make_table()
    X = matrix.X.copy()
    X[:, 0] = 0.1  # its mean in float32 arithmetic is not exactly 0.1
    X[:, 1] = 0.0
    normal = normalised_by_speaker(changed(matrix, X=X)).X
    assert (normal[:, :2] == 0).all()
    assert np.isfinite(normal).all()


def test_what_is_missing_stays_missing_and_counts_for_nothing():
    matrix = make_table(n_speakers=2, n_each=1, classes=("joy", "anger", "fear"), n_columns=1)
    matrix = changed(matrix, X=np.array([[1], [np.nan], [3], [np.nan], [np.nan], [np.nan]], dtype=np.float32))
    assert normalised_by_speaker(matrix).X[:, 0].tolist() == pytest.approx([-1, np.nan, 1] + 3 * [np.nan], nan_ok=True)


def test_other_speakers_change_nothing():
    matrix = make_table()
    other = matrix.speakers == "02"
    other_table = changed(matrix, X=np.where(other[:, None], 1000 * matrix.X, matrix.X))
    before, after = normalised_by_speaker(matrix).X, normalised_by_speaker(other_table).X
    assert np.array_equal(before[~other], after[~other])


def test_the_matrix_given_is_left_as_it_was():
    matrix = make_table()
    before = matrix.X.copy()
    normalised_by_speaker(matrix)
    assert np.array_equal(matrix.X, before)


# What is read from the cache

LEVEL, LONG = (
    spec("level", Level()),
    spec("long", Level(least=0.22, gain=2.0)),
)  # the first two utterances are too short
SAMPLES = spec("samples", Samples())


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return small(tmp_path, n_utterances=6)


def test_one_row_a_clip_in_the_order_of_the_corpus(dataset):
    run(dataset, LEVEL)
    turned = replace(dataset, utterances=dataset.utterances[::-1])
    matrix, other = load(dataset, [LEVEL]), load(turned, [LEVEL])
    assert matrix.columns == ("mean", "peak", "length")
    assert matrix.offsets.tolist() == list(range(7))
    assert matrix.X[:, 2].tolist() == [3200 + 160 * n for n in range(6)]
    assert other.X[:, 2].tolist() == matrix.X[::-1, 2].tolist()
    assert other.utterances == turned.utterances


def test_features_stand_side_by_side_and_what_is_missing_is_marked(dataset):
    run(dataset, LEVEL, LONG)
    matrix = load(dataset, [LEVEL, LONG])
    assert matrix.columns[2:4] == ("level.length", f"{LONG}.mean")
    assert matrix.present.tolist() == [[True, False]] * 2 + [[True, True]] * 4
    assert np.isnan(matrix.X[:2, 3:]).all()
    assert matrix.X[2:, 5] == pytest.approx(2 * matrix.X[2:, 2])


def test_the_mean_of_each_speaker_is_taken_away_and_the_scale_stays():
    matrix = make_table(speaker_shift=50, n_frames=3)
    X = matrix.X.copy()
    X[4, 1] = np.nan
    centred = normalised_by_speaker(changed(matrix, X=X), "mean").X
    speaker_of_row = np.repeat(matrix.speakers, matrix.lengths)
    for speaker in np.unique(speaker_of_row):
        before, after = X[speaker_of_row == speaker], centred[speaker_of_row == speaker]
        np.testing.assert_allclose(np.nanmean(after, axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(after, before - np.nanmean(before, axis=0), atol=1e-4)
    assert np.argwhere(np.isnan(centred)).tolist() == [[4, 1]]
    assert normalised_by_speaker(matrix, False) is matrix


def test_what_belongs_to_a_file_is_of_its_corpus_too():
    matrix = make_table(n_speakers=1)
    media = Media("a.txt", beside=("b.txt",))
    utterances = tuple(replace(u, mocap=media) for u in matrix.utterances)
    both = joined([of_corpus(replace(matrix, utterances=utterances), "x"), of_corpus(matrix, "y")])
    assert both.utterances[0].mocap.files == ("x/a.txt", "x/b.txt")


def test_frames_of_all_clips(dataset):
    run(dataset, SAMPLES)
    matrix = load(dataset, [SAMPLES])
    assert matrix.lengths.tolist() == [3200 + 160 * n for n in range(6)]
    samples, _ = soundfile.read(dataset.root / "03.wav", dtype="float32")
    assert matrix.take([3]).X[:, 0] == pytest.approx(samples)


def test_frames_are_found_by_their_clip_not_by_their_place(dataset):
    run(dataset, SAMPLES)
    other = replace(dataset, utterances=tuple(dataset.utterances[n] for n in (5, 1, 3)))
    matrix, whole = load(other, [SAMPLES]), load(dataset, [SAMPLES])
    assert np.array_equal(matrix.X, whole.take([5, 1, 3]).X)
    assert np.array_equal(matrix.offsets, whole.take([5, 1, 3]).offsets)


def test_frames_do_not_stand_side_by_side(dataset):
    run(dataset, SAMPLES, LEVEL)
    table = load(dataset, [SAMPLES, LEVEL])
    assert [len(stream.flat) for stream in table.streams] == [21600, 6]
    with pytest.raises(UsageError, match="cannot stand side by side"):
        table.X.sum()


def test_what_was_never_extracted_cannot_be_read(dataset):
    with pytest.raises(AffexError, match="level"):
        load(dataset, [LEVEL])


def of_corpus(matrix: Table, name: str) -> Table:
    """Return the matrix as one of a corpus of that name, in one session, with a wav each."""
    pairs = ((u, Media(f"{u.id}.wav")) for u in matrix.utterances)
    return replace(matrix, utterances=tuple(replace(u, corpus=name, session="1", audio=m) for u, m in pairs))


def test_two_corpora_are_joined_and_nobody_of_one_is_in_the_other(ragged):
    both = joined([of_corpus(ragged, "a"), of_corpus(ragged.take([3]), "b")])
    assert both.X[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 10]
    assert both.offsets.tolist() == [0, 2, 2, 5, 6, 7]
    assert both.present[:, 0].tolist() == [True, False, True, True, True]
    last = both.utterances[-1]
    assert (last.id, last.speaker, last.session, last.label) == ("b/01-anger-0", "b/01", "b/1", "anger")
    assert last.audio == Media("b/01-anger-0.wav")
    assert both.utterances[3].speaker == "a/01"
    assert last.dialog is None


def test_two_corpora_of_one_name_are_not_joined(ragged):
    with pytest.raises(UsageError, match=r"called the same \(toy, toy\)"):
        joined([ragged, ragged])
