"""The price of normalisation: tested speakers are normalised by other utterances of theirs, and by nothing else."""

import csv
import io
import re
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest
from synthetic import EMOTIONS, Bayes, changed, make_table, relabelled, with_values

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import enrolment
from affex.pipeline.evaluation.evaluate import build, evaluate, fit
from affex.pipeline.evaluation.finished_folds import FinishedFolds
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise, to_json
from affex.pipeline.evaluation.task import Task, prepare
from affex.pipeline.models import models
from affex.pipeline.reporting import report, tables
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.streams.enrolment import by_others, enrolment_of
from affex.pipeline.streams.table import Table, normalised_by_speaker
from affex.pipeline.text.errors import UsageError

ALL = "enrol:n=all"
PLAN = Plan(corpus="toy", features=("rows",), classifier=Bayes(), settings=Settings(speaker_norm=ALL))


def plan(spec: str = ALL, **fields: Any) -> Plan:
    return replace(PLAN, settings=Settings(speaker_norm=spec, **fields))


def rows_tested(task: Task, point: int = -1, draw: int = 0) -> np.ndarray:
    """The rows by which all utterances of a task are tested."""
    return task.examples.tested(np.arange(len(task.utterances)), point, draw).X


def poisoned(table: Table, row: int, by: float = 1e6) -> Table:
    X = table.X.copy()
    X[row] = by
    return changed(table, X=X)


# The statistics


def test_a_row_is_scaled_by_the_others_of_its_speaker_by_hand():
    others = np.array([[1, 5, 2], [3, 5, 2], [5, 5, 8]], np.float32)
    row = np.array([[4, 9, 5]], np.float32)
    deviations = np.sqrt([8 / 3, 0, 8])
    assert by_others(row, others)[0] == pytest.approx([1 / deviations[0], 0, 1 / deviations[2]], abs=1e-6)


def test_no_row_is_further_out_than_one_of_its_own_statistics_could_be():
    rng = np.random.default_rng(0)
    values = rng.standard_cauchy((6, 400)).astype(np.float32)
    own = by_others(values, values)
    assert np.abs(own).max() <= np.sqrt(5) * (1 + 1e-6)
    far = by_others(np.full((1, 400), 1e9, np.float32), values)
    assert far == pytest.approx(np.sqrt(5))
    lacking = np.concatenate([values[:3], np.full((2, 400), np.nan, np.float32)])
    assert by_others(np.full((1, 400), 1e9, np.float32), lacking) == pytest.approx(np.sqrt(2))


def test_a_missing_value_stays_one_and_no_other_rows_give_zero():
    row = np.array([[np.nan, 3.0]], np.float32)
    assert np.isnan(by_others(row, np.ones((3, 2), np.float32))[0, 0])
    assert by_others(row, row[:0])[0].tolist() == pytest.approx([np.nan, 0.0], nan_ok=True)
    assert by_others(row + 7, np.array([[1.0, 2.0]], np.float32))[0, 1] == 0


@pytest.mark.parametrize("n_frames", [1, 3])
def test_every_utterance_is_scaled_by_the_others_and_never_by_itself(n_frames):
    table = make_table(n_speakers=3, n_each=2, n_frames=n_frames)
    found, owner = rows_tested(prepare(table, plan_of(n_frames))), np.repeat(np.arange(len(table)), table.lengths)
    for i in range(len(table)):
        others = [j for j in range(len(table)) if j != i and table.speakers[j] == table.speakers[i]]
        X = table.X.astype(np.float64)
        enrolled = X[np.isin(owner, others)]
        expected = (X[owner == i] - enrolled.mean(axis=0)) / enrolled.std(axis=0)
        limit = np.sqrt(len(enrolled) - 1)
        assert found[owner == i] == pytest.approx(np.clip(expected, -limit, limit), abs=1e-5)


def plan_of(n_frames: int) -> Plan:
    return replace(PLAN, classifier=classifier_of("gmm:components=1")) if n_frames > 1 else PLAN


def test_training_speakers_are_scaled_by_all_of_theirs():
    table = make_table()
    assert np.array_equal(prepare(table, PLAN).examples.X, normalised_by_speaker(table).X)


def test_as_many_are_enrolled_as_asked_for_each_draw_others_and_fewer_are_the_first_of_more():
    table = make_table(n_speakers=3, n_each=6)
    enrolled = prepare(table, plan("enrol:n=2+5+all,draws=3")).examples.enrolled
    two, five, every = enrolled.members
    assert [len(two), len(five), len(every)] == [3, 3, 1]
    for i, name in enumerate(table.speakers):
        own = set(np.flatnonzero(table.speakers == name).tolist())
        assert {len(draw[i]) for draw in two} == {2}
        assert {len(set(draw[i].tolist())) for draw in five} == {5}
        assert all(a[i].tolist() == b[i][:2].tolist() for a, b in zip(two, five, strict=True))
        assert set(every[0][i].tolist()) == own - {i}
        assert all(set(draw[i].tolist()) <= own - {i} for draw in five)
    assert len({tuple(draw[0].tolist()) for draw in five}) == 3


def test_draws_depend_on_the_seed_and_not_on_other_speakers():
    table = make_table(n_speakers=4, n_each=6)
    spec = "enrol:n=3,draws=1"

    def drawn(of: Table, seed: int) -> list[list[int]]:
        return [one.tolist() for one in prepare(of, plan(spec, seed=seed)).examples.enrolled.members[0][0]]

    assert drawn(table, 1) != drawn(table, 2)
    first = np.flatnonzero(table.speakers != "03")
    assert drawn(table.take(first), 1) == drawn(table, 1)[: len(first)]


# Nothing leaks


@pytest.mark.parametrize("spec", ["enrol:n=3,draws=2", ALL])
def test_poison_in_a_test_row_changes_no_training_row_of_others_and_as_tested_only_what_it_helps_to_scale(spec):
    table = make_table(n_speakers=3, n_each=3)
    before, after = (prepare(one, plan(spec)) for one in (table, poisoned(table, 4)))
    changed_rows = np.flatnonzero((rows_tested(before) != rows_tested(after)).any(axis=1))
    members = before.examples.enrolled.members[-1][0]
    assert changed_rows.tolist() == [i for i in range(len(table)) if i == 4 or 4 in members[i]]
    own = np.flatnonzero(table.speakers == table.speakers[4])
    trained = (before.examples.X != after.examples.X).any(axis=1)
    assert set(np.flatnonzero(trained)) <= set(own)


def test_poison_in_an_utterance_that_nobody_enrols_changes_only_itself():
    table = make_table(n_speakers=3, n_each=3)
    labels = ["neutral" if i % 2 else "joy" for i in range(len(table))]
    table, spec = relabelled(table, labels), "enrol:n=all,from=neutral"
    before, after = (rows_tested(prepare(one, plan(spec))) for one in (table, poisoned(table, 4)))
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [4]


@pytest.mark.parametrize("spec", ["enrol:n=3,draws=2", ALL])
def test_labels_of_tested_speakers_change_no_row(spec):
    table = make_table(n_speakers=4, n_each=3)
    mixed = [EMOTIONS[(EMOTIONS.index(u.label) + 1) % 4] if u.speaker == "02" else u.label for u in table.utterances]
    before, after = (prepare(one, plan(spec)) for one in (table, relabelled(table, mixed)))
    for point, draw in enrolment.each_draw(before.examples.enrolled):
        assert np.array_equal(rows_tested(before, point, draw), rows_tested(after, point, draw))


def test_the_canary_the_tested_speaker_leaves_no_trace_in_what_was_fitted():
    table = make_table()
    for speaker in ("00", "03"):
        other = np.repeat(table.speakers == speaker, table.lengths)[:, None]
        mixed = [
            EMOTIONS[(EMOTIONS.index(u.label) + 1) % 4] if u.speaker == speaker else u.label for u in table.utterances
        ]
        corrupted = relabelled(changed(table, X=np.where(other, 7 - 1000 * table.X, table.X)), mixed)
        states = [fitted_state(one, speaker) for one in (table, corrupted)]
        assert states[0] == states[1]


def fitted_state(table: Table, speaker: str) -> str:
    settings = plan("enrol:n=3,draws=2")
    task = prepare(table, settings)
    fold = next(fold for fold in task.folds if fold.name == speaker)
    return joblib.hash(fit(build(settings, task.examples), task.examples, fold, settings))


def test_a_tested_speaker_in_training_is_refused():
    protocol = Protocol("random-k", "random-k")
    with pytest.raises(UsageError, match=r"in fold part 1 speaker \S+ is in training as well"):
        prepare(make_table(), replace(PLAN, protocol=protocol))


# Planted offsets


def test_offsets_of_speakers_vanish_the_more_the_more_are_enrolled():
    table = make_table(n_speakers=8, n_each=8, n_columns=8, speaker_shift=6.0, class_shift=1.2)
    plain = evaluate(table, replace(PLAN, settings=Settings()))
    result = evaluate(table, plan("enrol:n=2+6+all,draws=3"))
    summary = summarise(replace(plain, enrolled=result.enrolled))
    none, two, six, every = summary.enrolment.points
    values = [point.figures["uar"].mean.value for point in (none, two, six, every)]
    assert values == sorted(values)
    assert every.gain.low > 0.2
    assert (none.n, none.gain, every.called, every.draws, six.draws) == (0, None, "all others", 1, 3)
    whole = summarise(evaluate(table, replace(PLAN, settings=Settings(speaker_norm=True))))
    assert values[-1] == pytest.approx(whole.uar, abs=0.02)


@pytest.mark.parametrize("classifier", ["svm:C=1,gamma=1", "logistic"])
def test_trained_once_each_point_is_what_a_run_of_its_own_gives(classifier):
    table = make_table(n_speakers=4, n_each=4)
    several, one = (
        evaluate(table, replace(plan(spec), classifier=classifier_of(classifier)))
        for spec in ("enrol:n=3+5,draws=2", "enrol:n=3,draws=2")
    )
    assert np.array_equal(several.enrolled.decided[0], one.enrolled.decided[0])
    assert np.array_equal(one.enrolled.decided[0][0], one.scores.predicted)
    assert np.array_equal(several.enrolled.decided[1][0], several.scores.predicted)


def test_distances_of_drawn_rows_decide_as_the_rows_themselves_would():
    table = make_table(n_speakers=4, n_each=4)
    task, settings = prepare(table, PLAN), replace(PLAN, classifier=classifier_of("svm:C=1,gamma=1"))
    X, fold = task.examples.X, task.folds[1]
    whole = replace(task.examples, distances=settings.classifier.distances(X, device="cpu"))
    own = enrolment.as_tested(whole, fold, settings)
    rows = task.examples.tested(fold.test).X
    expected = ((rows[fold.test][:, None] - X[fold.train]) ** 2).mean(axis=2)
    assert own.distances[np.ix_(fold.test, fold.train)] == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(own.distances[fold.train], whole.distances[fold.train])


def test_values_are_enrolled_alike():
    table = with_values(make_table(n_speakers=5, speaker_shift=4.0))
    result = evaluate(table, replace(plan(), protocol=Protocol("valence", target="valence")))
    summary = summarise(result)
    assert summary.enrolment.figure == "ccc"
    assert summary.ccc == pytest.approx(summary.enrolment.points[0].figures["ccc"].mean.value)


# What is said


def test_a_runs_figures_are_means_over_draws_with_their_spread():
    table = make_table(n_speakers=5)
    summary = summarise(evaluate(table, plan("enrol:n=3,draws=4")))
    (point,) = summary.enrolment.points
    of = point.figures["uar"]
    assert len(of.each) == 4
    assert summary.uar == pytest.approx(np.mean(of.each))
    assert of.spread == pytest.approx(np.std(of.each, ddof=1))
    assert summary.interval("uar") == of.mean
    assert any("means over the draws" in note for note in summary.notes)


def test_speakers_with_too_few_others_are_counted_and_a_lone_utterance_is_all_zero():
    table = make_table(n_speakers=4, n_each=1)
    few = table.take([0, *range(4, 16)])
    result = evaluate(few, plan("enrol:n=5,draws=2"))
    assert rows_tested(prepare(few, plan("enrol:n=5,draws=2")))[0].tolist() == [0] * 5
    assert "for 13 of 13 test utterances the speaker has fewer than 5 others: all of these are enrolled" in result.notes
    assert any(note.startswith("1 of 13 test utterances have no others of their speaker") for note in result.notes)
    (point,) = summarise(result).enrolment.points
    assert (point.n_fewer, point.n_without) == (13, 1)


def test_enrolling_neutral_utterances_says_that_it_needs_their_labels():
    summary = summarise(evaluate(make_table(), plan("enrol:n=3,draws=2,from=neutral")))
    assert tables.mark(summary) == " (enrolled on 3 other utterances of the speaker labelled neutral)"
    assert any("only utterances labelled neutral are enrolled" in note for note in summary.notes)
    assert "the label of each (neutral)" in summary.enrolment.points[0].needs
    with pytest.raises(UsageError, match="Did you mean neutral"):
        prepare(make_table(), plan("enrol:n=3,from=neutrl"))


def test_every_figure_is_marked_as_enrolled_and_not_as_transductive(tmp_path):
    result = evaluate(make_table(), plan("enrol:n=3,draws=2"))
    summary = report.write(result, tmp_path / "run")
    text = (tmp_path / "run" / "report.txt").read_text()
    assert "enrolled on 3 other utterances of the speaker" in text
    assert "transductive" not in text
    assert re.search(r"^ 3 +0\.\d{3} ", text, re.M), "the table of the price"
    assert summary.transductive == ""
    lines = list(csv.DictReader(io.StringIO((tmp_path / "run" / "enrolment.csv").read_text())))
    assert [(line["enrolled"], line["draw"]) for line in lines] == [("3", "1"), ("3", "2")]
    assert np.mean([float(line["uar"]) for line in lines]) == pytest.approx(summary.uar)
    assert to_json(summary)["enrolment"]["points"][0]["figures"]["uar"]["each"] == pytest.approx(
        [float(line["uar"]) for line in lines]
    )


def test_a_fold_with_draws_is_kept_to_the_bit(tmp_path):
    table, outcomes = make_table(n_speakers=3), {}
    from affex.pipeline.evaluation.evaluate import evaluate_task

    task = prepare(table, plan("enrol:n=3,draws=2"))
    evaluate_task(task, plan("enrol:n=3,draws=2"), keep=outcomes.__setitem__)
    kept = FinishedFolds(tmp_path / ".folds", "basis", inner=False)
    kept.keep(0, task.folds[0], outcomes[0])
    assert np.array_equal(kept.read(task.folds)[0].drawn, outcomes[0].drawn)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("enrol:n=0", "leave it out"),
        ("enrol:n=1", "2 or more, or all"),
        ("enrol:n=10+5", "expected rising numbers"),
        ("enrol:n=ten", "n=ten in 'enrol:n=ten'"),
        ("enrol:draws=0", "a whole number from 1 to 100"),
        ("enrol:m=3", "There is no parameter of enrol 'm'"),
    ],
)
def test_a_spec_that_makes_no_sense_says_what_would(spec, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        Settings(speaker_norm=spec)


def test_specs_of_one_meaning_are_one_setting():
    assert Settings(speaker_norm="enrol").speaker_norm == Settings(speaker_norm="enrol:n=10,draws=5").speaker_norm
    assert str(enrolment_of("enrol:n=5+all,from=neu")) == "enrol:n=5+all,draws=5,from=neu"


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="leave out SPEAKER_NORM"):
        Settings(enrol=True, speaker_norm=True)
    with pytest.raises(UsageError, match="Fit it with SPEAKER_NORM=1"):
        models.fit(make_table(), PLAN)
