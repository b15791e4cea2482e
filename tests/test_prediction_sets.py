"""Abstaining and prediction sets: closed forms, what is promised, and that no label of a tested speaker is used."""

import csv
import io
import math
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_runs
import numpy as np
import pytest
from synthetic import EMOTIONS, Bayes, make_table, relabelled, with_values

from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.abstaining import abstaining_of, area_of, by_coverage
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.prediction_sets import is_enough, prediction_sets, sets_of, thresholds
from affex.pipeline.evaluation.results import Result, Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.evaluation.task import require_target
from affex.pipeline.pages import run as run_page
from affex.pipeline.publishing import methods
from affex.pipeline.reporting import report
from affex.pipeline.streams.table import Table
from affex.pipeline.text.errors import UsageError

PLAN = Plan(corpus="emodb", features=("egemaps",), keys=("",), classifier=Bayes(), settings=Settings(dataset="emodb"))


def scores(confidence: list[float], right: list[bool], speakers: list[str]) -> Scores:
    """Scores of two classes whose decision, always a, has a confidence, and is right or not."""
    n = len(confidence)
    true = np.where(right, "a", "b")
    values = np.stack([confidence, 1 - np.array(confidence)], axis=1)
    ids = np.array([f"u{i}" for i in range(n)])
    return Scores(ids, np.array(speakers), np.array(speakers), true, np.full(n, "a"), ("a", "b"), values)


def with_sets(table: Table, alpha: float, **settings: Any) -> Result:
    found = evaluate(table, replace(PLAN, settings=Settings(**settings)), inner=True)
    return replace(found, alpha=alpha)


# Abstaining


def test_risk_and_coverage_by_hand():
    accuracies = by_coverage(np.array([0.9, 0.5, 0.8, 0.6]), np.array([True, False, True, False]))
    assert accuracies == pytest.approx([1, 1, 2 / 3, 1 / 2])
    assert area_of(accuracies) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


def test_equal_confidence_is_a_random_order():
    right = np.array([True, False, False, True, True])
    assert by_coverage(np.full(5, 0.5), right) == pytest.approx([0.6] * 5)
    mixed = by_coverage(np.array([0.9, 0.5, 0.5, 0.5, 0.1]), right)
    assert mixed == pytest.approx([1, (1 + 1 / 3) / 2, (1 + 2 / 3) / 3, 2 / 4, 3 / 5])


def test_the_area_lies_between_the_best_order_and_the_worst():
    rng = np.random.default_rng(0)
    n, right = 400, rng.random(400) < 0.7
    speakers = [f"s{i % 8}" for i in range(n)]
    sure = (0.5 + 0.4 * right + 0.05 * rng.random(n)).tolist()
    best = abstaining_of(scores(sure, right.tolist(), speakers), "speaker")
    blind = abstaining_of(scores(rng.random(n).tolist(), right.tolist(), speakers), "speaker")
    assert best.area.value == pytest.approx(best.at_best)
    assert blind.area.value == pytest.approx(blind.at_random, abs=0.08)
    share = right.mean()
    assert {at.accuracy: at.coverage for at in best.reaching}[0.9] == pytest.approx(share / 0.9, abs=2 / n)
    assert best.curve[-1].accuracy.value == pytest.approx(share)
    assert [at.coverage for at in best.curve][::9] == [0.1, 1.0]
    assert all(at.accuracy.low <= at.accuracy.value for at in best.curve if at.accuracy.low is not None)


def test_every_run_of_classes_has_it_and_one_of_values_has_none():
    summary = summarise(evaluate(make_table(), PLAN))
    assert summary.abstaining.curve[-1].accuracy == summary.interval("war")
    values = evaluate(with_values(make_table()), replace(PLAN, protocol=Protocol("valence", target="valence")))
    assert summarise(values).abstaining is None


# Sets


def test_the_threshold_is_that_of_one_utterance_of_each_speaker_by_hand():
    given = np.array([0.9, 0.1, 0.5, 0.7, 0.3])
    speakers = np.array(["a", "b", "b", "c", "a"])
    places = np.array([[0.0, 0.0, 0.9], [0.6, 0.5, 0.2]])  # a: .9 then .3; b: .1 then .5; c: .7
    assert thresholds(given, speakers, 0.25, places).tolist() == [0.1, 0.3]  # all 3 of 3
    assert thresholds(given, speakers, 0.5, places).tolist() == [0.7, 0.5]  # the 2nd of 3
    assert thresholds(given, speakers, 0.24, places).tolist() == [-np.inf] * 2


@pytest.mark.parametrize(("alpha", "least"), [(0.1, 9), (0.2, 4), (0.05, 19), (0.3, 3), (0.01, 99)])
def test_too_few_speakers_promise_nothing(alpha, least):
    assert least == math.ceil(1 / alpha - 1 - 1e-9)
    for n, promised in ((least - 1, False), (least, True)):
        found = thresholds(np.linspace(0, 1, n), np.arange(n), alpha, np.zeros((1, n)))
        assert is_enough(n, alpha) == np.isfinite(found[0]) == promised


def test_with_too_few_speakers_sets_are_all_classes_and_that_is_said(tmp_path):
    result = with_sets(make_table(n_speakers=5), 0.1)
    assert sets_of(result.scores, result.inner, 0.1).all()
    report.write(result, tmp_path)
    text = " ".join((tmp_path / "report.txt").read_text().split())
    assert "in 5 of 5 folds every prediction set is all classes: alpha 0.1 needs 9 calibration speakers" in text
    assert "and there are 4" in text
    alone = replace(result, inner=())
    assert sets_of(alone.scores, alone.inner, 0.5).all(), "a fold without inner scores"


def test_what_is_reported_of_sets_is_what_the_table_holds(tmp_path):
    result = with_sets(make_table(n_speakers=12), 0.2)
    summary = report.write(result, tmp_path, "ba515", Settings(dataset="emodb"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sets.csv").read_text())))
    own: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        assert int(row["size"]) == sum(int(row[f"in_{name}"]) for name in EMOTIONS)
        own.setdefault(row["speaker"], []).append((int(row[f"in_{row['true']}"]), int(row["size"])))
    means = np.array([np.mean(pairs, axis=0) for pairs in own.values()])
    found = summary.sets
    assert (found.coverage.value, found.size.value) == pytest.approx(means.mean(axis=0))
    assert (found.coverage_sd, found.size_sd) == pytest.approx(means.std(axis=0, ddof=1))
    assert (found.n_calibration, found.n_all) == ((11, 11), 0)
    assert sum(found.sizes.values()) == len(rows)
    assert runs.read(tmp_path).summary == summary
    page = run_page.write(runs.read(tmp_path), run_page.Beside()).read_text()
    assert '<h2 id="sets">Prediction sets</h2>' in page
    assert '<h2 id="abstaining">Abstaining</h2>' in page
    assert "at least 80% of random utterances of new speakers have their class in the set" in page
    assert "A prediction set holds every class with a large enough score" in methods.paragraph(summary)
    assert "dunn2023" in methods.bibtex(summary)


def test_the_decided_class_is_in_its_set():
    result = with_sets(make_table(n_speakers=8), 0.5)
    sets = sets_of(result.scores, result.inner, 0.5)
    decided = [result.scores.classes.index(name) for name in result.scores.predicted]
    assert sets[np.arange(len(sets)), decided].all()


def test_other_seeds_draw_other_utterances():
    result = with_sets(make_table(n_speakers=8), 0.3)
    first, again, other = (sets_of(result.scores, result.inner, 0.3, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("norm", [False, "enrol:n=4,draws=2"])
def test_the_canary_no_label_of_the_tested_speaker_changes_its_sets(norm):
    table, speaker = make_table(n_speakers=7), "03"
    mixed = [EMOTIONS[(EMOTIONS.index(u.label) + 1) % 4] if u.speaker == speaker else u.label for u in table.utterances]
    results = [with_sets(one, 0.2, speaker_norm=norm) for one in (table, relabelled(table, mixed))]
    own, changed = (sets_of(one.scores, one.inner, 0.2)[one.scores.clusters == speaker] for one in results)
    assert (own == changed).all()
    others, changed = (sets_of(one.scores, one.inner, 0.2)[one.scores.clusters != speaker] for one in results)
    assert (others != changed).any(), "it is training speaker of the others"


def test_inner_scores_of_a_fold_have_nothing_of_the_tested_speaker():
    result = with_sets(make_table(n_speakers=6), 0.2)
    for fold in result.inner:
        assert fold.folds[0] not in fold.clusters
        assert len(np.unique(fold.clusters)) == 5


def test_made_corpora_are_covered_as_promised():
    benchmark = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "prediction_sets.py"))
    found = benchmark["coverage"](60, 11, 3, 4)
    for alpha in (0.1, 0.2):
        held, error, _ = found[alpha, "ours"]
        assert 1 - alpha - 2 * error <= held
        assert held <= 1 - alpha + 1 / 11 + 0.03 + 2 * error, "the decided class adds a little"


def test_sets_of_values_and_of_fusions_are_refused():
    valence = replace(PLAN, protocol=Protocol("valence", target="valence"), settings=Settings(sets=0.1))
    with pytest.raises(UsageError, match=r"SETS=0\.1 gives sets of classes, and TARGET=valence has values"):
        require_target(valence)
    for wrong in (1.0, -0.1, True, "a"):
        with pytest.raises(UsageError, match="a number from 0 to less than 1"):
            Settings(sets=wrong)


def test_a_stored_run_without_the_sets_asked_for_is_not_enough(tmp_path):
    found = made_runs.result()
    report.write(found, tmp_path, "basis")
    assert report.kept(tmp_path, "basis")
    assert report.kept(tmp_path, "basis", Settings(inner=True, sets=0.1)) is None
    report.write(with_sets(make_table(), 0.1), tmp_path, "basis")
    assert report.kept(tmp_path, "basis", Settings(inner=True, sets=0.1))
    assert report.kept(tmp_path, "basis", Settings(inner=True, sets=0.2)) is None


def test_a_summary_without_sets_says_so():
    result = evaluate(make_table(), PLAN)
    assert prediction_sets(result.scores, (), 0.0, "speaker") is None
    assert summarise(result).sets is None
