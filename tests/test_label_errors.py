"""Likely label errors: confident learning by hand, on flipped labels, and in the files of a run; nothing is dropped."""

import csv
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic import EMOTIONS, make_table, relabelled, with_values
from test_cli import affex
from test_evaluate import BAYES, VALENCE, evaluate

from affex.pipeline.evaluation import runs
from affex.pipeline.evaluation.label_errors import confident, label_errors_of, margins, suspects
from affex.pipeline.evaluation.results import Scores
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.pages import run_tables
from affex.pipeline.reporting import report, tables


def scores_of(rows: list[list[float]], labels: str, classes: str = "abc") -> Scores:
    values, n = np.array(rows), len(labels)
    ids = np.array([f"u{number}" for number in range(n)])
    predicted = np.array(list(classes))[values.argmax(axis=1)]
    return Scores(
        ids, np.array(["s"] * n), np.array(["f"] * n), np.array(list(labels)), predicted, tuple(classes), values
    )


#: The bars are the means over the labels: a .6, b .6, c .5.
ROWS = [
    [0.8, 0.1, 0.1],  # a: sure of a
    [0.4, 0.6, 0.0],  # a: sure of b
    [0.1, 0.7, 0.2],  # b: sure of b
    [0.2, 0.5, 0.3],  # b: sure of none
    [0.45, 0.0, 0.55],  # c: sure of c
    [0.3, 0.25, 0.45],  # c: sure of none
]


def test_the_confident_joint_by_hand():
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert confident(np.array(ROWS), labels).tolist() == [0, 1, 1, -1, 2, -1]
    found = label_errors_of(scores_of(ROWS, "aabbcc"), about(), ())
    assert found.confident == ((1, 1, 0), (0, 1, 0), (0, 0, 1))
    assert (found.n, found.of) == (1, 6)
    assert found.expected == pytest.approx(0.2 + 0.4 + 0.3 + 0.45)


def test_of_several_classes_that_reach_their_bars_the_most_probable_counts():
    rows = np.array([[0.45, 0.55], [0.3, 0.7], [0.3, 0.7], [0.5, 0.5]])
    # The bars: a (.45 + .3) / 2, b (.7 + .5) / 2.
    assert confident(rows, np.array([0, 0, 1, 1])).tolist() == [0, 1, 1, 0]


def test_a_class_without_a_label_is_never_sure():
    assert confident(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([0, 0])).tolist() == [-1, 0]


def test_margins_and_the_order_by_hand():
    scores = scores_of(ROWS, "aabbcc")
    assert margins(scores.values, np.array([0, 0, 1, 1, 2, 2])) == pytest.approx([0.7, -0.2, 0.5, 0.2, 0.1, 0.15])
    listed = [*suspects(scores)]
    assert [one.number for one in listed] == [1, 4, 5, 3, 2, 0]
    assert [one.likely for one in listed] == [True, *[False] * 5]
    first = listed[0]
    assert (first.label, first.other, first.p_label, first.p_other) == ("a", "b", 0.4, 0.6)


def about():
    return evaluate(make_table(n_speakers=2), BAYES).about


def flipped(matrix, share: float, seed: int):
    """Return the matrix with so many labels turned to another class, and their numbers."""
    rng = np.random.default_rng(seed)
    labels = [utterance.label for utterance in matrix.utterances]
    chosen = rng.permutation(len(labels))[: round(share * len(labels))]
    for number in chosen:
        labels[number] = rng.choice([name for name in EMOTIONS if name != labels[number]])
    return relabelled(matrix, labels), chosen


def test_flipped_labels_stand_at_the_top():
    """Half of 5 % flipped labels among the top 10 %, on made corpora that a model recognises as well as EMO-DB."""
    at_top, accuracy = [], []
    for seed in range(6):
        matrix, chosen = flipped(
            make_table(n_speakers=8, n_each=10, class_shift=1.1, n_columns=8, seed=seed), 0.05, seed
        )
        scores = evaluate(matrix, BAYES).scores
        top = [one.number for one in suspects(scores)][: round(0.1 * len(scores))]
        at_top.append(np.isin(chosen, top).mean())
        accuracy.append((scores.predicted == scores.true).mean())
    assert 0.6 < np.mean(accuracy) < 0.9
    assert np.mean(at_top) >= 0.5


def test_with_right_labels_and_calibrated_scores_as_many_are_listed_as_expected():
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.full(4, 0.5), 20_000)
    labels = (rng.random(20_000)[:, None] > values.cumsum(axis=1)).sum(axis=1)
    found = label_errors_of(scores_of(values.tolist(), "".join("abcd"[k] for k in labels), "abcd"), about(), ())
    assert found.n == pytest.approx(found.expected, rel=0.04)
    wrong = np.where(rng.random(20_000) < 0.1, rng.integers(4, size=20_000), labels)
    found = label_errors_of(scores_of(values.tolist(), "".join("abcd"[k] for k in wrong), "abcd"), about(), ())
    assert found.n > found.expected + 250


def test_without_probabilities_it_says_why():
    values = evaluate(with_values(make_table(n_speakers=3)), VALENCE)
    assert summarise(values).label_errors.reason == "values are predicted, and they have no probabilities"
    result = evaluate(make_table(n_speakers=3), BAYES)
    timid = replace(result, about=replace(result.about, probabilities=False))
    found = summarise(timid).label_errors
    assert found.n is None
    assert "the scores are no probabilities" in tables.label_error_words(found)


def test_the_list_is_a_file_of_the_run_and_changes_no_figure(tmp_path):
    matrix, _ = flipped(make_table(n_speakers=5), 0.1, 0)
    result = evaluate(matrix, BAYES)
    summary = report.write(result, tmp_path / "run")
    assert summary.n_utterances == len(matrix)  # nothing is dropped
    rows = [*csv.DictReader((tmp_path / "run" / runs.LABEL_ERRORS).read_text().splitlines())]
    assert len(rows) == len(matrix)
    assert sum(row["likely_wrong"] == "yes" for row in rows) == summary.label_errors.n > 0
    margin = [float(row["margin"]) for row in rows][: summary.label_errors.n]
    assert margin == sorted(margin)
    assert f"{summary.label_errors.n} of 80 are likely wrong" in (tmp_path / "run" / report.REPORT).read_text()
    assert from_json(to_json(summary)) == summary
    found = runs.read(tmp_path / "run")
    table = run_tables.label_errors(found.scores, "speaker")
    assert [row[0] for row in table.rows] == [row["id"] for row in rows][: len(table.rows)]


def test_the_scores_of_the_list_are_of_models_that_did_not_learn_from_the_utterance():
    """A model that remembers all it learned would be sure of every label that it was trained on."""
    matrix, chosen = flipped(make_table(n_speakers=6, class_shift=3), 0.1, 1)
    scores = evaluate(matrix, BAYES).scores
    likely = {one.number for one in suspects(scores) if one.likely}
    assert len(likely & set(chosen.tolist())) >= 0.7 * len(chosen)


@pytest.mark.slow
def test_flipped_labels_of_emodb_stand_at_the_top(test_data, tmp_path):
    data = test_data("emodb")
    told = affex(
        "features", "--dataset", "emodb", "--data", str(data), "--features", "egemaps", "--cache", str(tmp_path)
    )
    assert told.returncode == 0
    path = Path(__file__).parents[1] / "benchmarks" / "label_errors.py"
    spec = importlib.util.spec_from_file_location("measured_labels", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.emodb(str(data), str(tmp_path), "egemaps")
    plan = replace(BAYES, corpus="emodb", classifier=module.classifier_of("svm:C=10,gamma=1"))
    at_top = [module.measured(table, plan, 0.05, 0.1, seed)[0] for seed in range(5)]
    assert np.mean(at_top) >= 0.5
