"""Calibration: by hand, of made-up forecasters, and why there is none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import brier_score_loss
from sklearn.svm import LinearSVC
from synthetic import Bayes, make_table, with_values

from affex.classifiers.base import of_estimator
from affex.pipeline.corpora.base import Protocol
from affex.pipeline.evaluation import intervals, reliability, runs
from affex.pipeline.evaluation.calibration import Calibration, calibration_of
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.reliability import Bin
from affex.pipeline.evaluation.results import FoldSummary, Scores
from affex.pipeline.evaluation.settings import Plan, Settings
from affex.pipeline.evaluation.summary import summarise
from affex.pipeline.fusion import fusion
from affex.pipeline.reporting import pictures, report
from affex.pipeline.specs.classifiers import classifier_of

PLAN = Plan(corpus="toy", features=("made",), classifier=Bayes(), keys=("0123456789ab",))


@pytest.fixture(scope="module", autouse=True)
def _no_pictures():
    """Draw none: they take most of the time that it takes to write a run, and no test here looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "of_result", lambda *_: {})
        yield


def scores(true: str, predicted: str, values: list[list[float]], speakers: str) -> Scores:
    names = np.array(list(speakers))
    labels = np.array(list(true)), np.array(list(predicted))
    return Scores(names, names, names, *labels, tuple(sorted(set(true))), np.array(values))


def test_bins_by_hand():
    found = reliability.bins_of(np.array([0.0, 0.05, 0.4, 0.35, 1.0]), np.array([False, True, True, False, True]))
    assert len(found) == reliability.BINS
    assert found[0] == Bin(0.0, 0.1, 2, pytest.approx(0.025), 0.5)
    assert found[3] == Bin(0.3, 0.4, 2, pytest.approx(0.375), 0.5)
    assert found[9] == Bin(0.9, 1.0, 1, 1.0, 1.0)
    assert {(one.n, one.confidence, one.correct) for place, one in enumerate(found) if place not in (0, 3, 9)} == {
        (0, None, None)
    }


def test_the_brier_score_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    values, true = rng.dirichlet(np.ones(3), 50), rng.integers(0, 3, 50)
    assert reliability.brier(values, true) == pytest.approx(brier_score_loss(true, values, scale_by_half=False))
    assert reliability.brier(np.eye(3), np.arange(3)) == 0
    assert reliability.brier(np.eye(3), np.array([1, 2, 0])) == 2


def test_the_calibration_of_a_result_by_hand():
    made = scores("abab", "aabb", [[0.8, 0.2], [0.8, 0.2], [0.1, 0.9], [0.6, 0.4]], "xxyz")
    found = calibration_of(made, replace(PLAN.about(), probabilities=True), ())
    # .8 twice, one right: .3 too sure, for 2 of 4; .9 wrong; .4 right, though another class has .6.
    assert found.error.value == pytest.approx((2 * 0.3 + 0.9 + 0.6) / 4)
    assert found.brier == pytest.approx(2 * (0.04 + 0.64 + 0.81 + 0.36) / 4)
    without = [(0.9 + 0.6) / 2, (0.6 + 0.6) / 3, (0.6 + 0.9) / 3]
    assert found.error.standard_error == pytest.approx(intervals.standard_error(np.array(without)))
    assert found.reason == ""


def test_a_forecaster_whose_probabilities_hold_has_no_error_and_one_who_is_too_sure_has():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 20_000)
    right = rng.random(len(sure)) < sure
    assert reliability.calibration_error(sure, right) < 0.02
    assert reliability.calibration_error(np.ones(len(sure)), right) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("svm", True), ("xgboost", True), ("logistic", True), ("lda", True), ("forest", True), ("knn", True),
        ("mlp", True), ("net", True), ("tfidf", True), ("gmm", True), ("gmm:decision=vote", False), ("elm", False),
    ],
)  # fmt: skip
def test_which_classifiers_give_probabilities(spec, expected):
    assert classifier_of(spec).probabilities is expected


@pytest.mark.parametrize(
    ("model", "expected"), [(LogisticRegression(), True), (LinearSVC(), False), (RidgeClassifier(), False)]
)
def test_which_estimators_give_probabilities(model, expected):
    assert of_estimator(model).probabilities is expected


def test_why_there_is_no_calibration():
    made, about = scores("ab", "ab", [[0.8, 0.2], [0.2, 0.8]], "xy"), PLAN.about()
    limits = {"calibration": "1 training speaker"}
    folds = (FoldSummary("x", 1, 1, limits=limits), FoldSummary("y", 1, 1))
    reasons = [
        calibration_of(replace(made, classes=()), about, ()),
        calibration_of(made, replace(about, probabilities=False), ()),
        calibration_of(made, about, folds),
    ]
    assert [one.reason for one in reasons] == [
        "values are predicted, and they have no probabilities",
        "the scores are no probabilities (posterior probabilities)",
        "in 1 of 2 folds the scores are no probabilities (1 training speaker)",
    ]
    assert all(one == Calibration(reason=one.reason) for one in reasons)


def test_a_result_has_its_calibration_and_weighted_scores_have_none():
    table = make_table()
    found = summarise(evaluate(table, PLAN))
    assert found.calibration.error.value == pytest.approx(found.figure("calibration_error").value)
    assert sum(one.n for one in found.calibration.bins) == len(table)
    weighted = summarise(evaluate(table, replace(PLAN, settings=Settings(reweight=True))))
    assert "square root of the class's frequency" in weighted.calibration.reason
    values = evaluate(with_values(table), replace(PLAN, protocol=Protocol("loso", target="valence")))
    assert summarise(values).calibration.reason.startswith("values")


def test_a_fusion_has_probabilities_by_its_rule(tmp_path: Path):
    table = make_table(n_speakers=4)
    members = []
    for name, model in (("one", LogisticRegression()), ("other", LogisticRegression(C=0.1)), ("hard", LinearSVC())):
        report.write(evaluate(table, replace(PLAN, classifier=of_estimator(model)), inner=True), tmp_path / name)
        members.append(runs.read(tmp_path / name))
    soft, with_hard = members[:2], members[1:]
    assert {rule: fusion.about(soft, rule).probabilities for rule in fusion.RULES} == {
        "mean": True, "product": True, "vote": False, "weights": True, "accuracy": True, "bayes": True, "svm": True,
        "chain": True, "lstm": True,
    }  # fmt: skip
    assert not fusion.about(with_hard, "mean").probabilities
    fused = summarise(fusion.late(with_hard, "weights")).calibration
    assert fused.reason.startswith("in 4 of 4 folds the scores are no probabilities (")
