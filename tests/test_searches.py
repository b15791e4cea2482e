"""What a search tried, and the warning where its choice stands at the edge of that."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.ensemble import VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - it makes the import below possible
from sklearn.linear_model import LassoCV, LogisticRegression, LogisticRegressionCV, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from synthetic import make_table

from affex.classifiers.base import Axis, of_estimator
from affex.classifiers.estimators.fitting import best_params
from affex.classifiers.estimators.searching import search_axes
from affex.pipeline.evaluation import searches
from affex.pipeline.evaluation.evaluate import evaluate
from affex.pipeline.evaluation.settings import Plan
from affex.pipeline.evaluation.summary import from_json, summarise, to_json
from affex.pipeline.specs.classifiers import classifier_of

GRID = {"C": [0.1, 1.0, 10.0], "kernel": ["linear", "rbf"]}


@pytest.mark.parametrize(
    ("chosen", "edges"),
    [(0.1, [0.1]), (1.0, []), (10.0, [10.0]), ([0.1, 1.0, 10.0], [0.1, 10.0]), (None, [])],
)
def test_the_edges_of_an_axis(chosen, edges):
    assert Axis("C", (0.1, 10.0, 1.0)).edges(chosen) == edges


@pytest.mark.parametrize(
    "axis",
    [
        Axis("C", (0.1, 1.0)),
        Axis("C", (0.1, 0.1, 1.0)),
        Axis("kernel", ("linear", "rbf", "poly")),
        Axis("max_depth", (None, 3, 5)),
        Axis("on", (False, True, True)),
    ],
)
def test_an_axis_without_an_inside_has_no_edges(axis):
    assert not [edge for value in axis.values for edge in axis.edges(value)]


def test_an_end_that_cannot_be_passed_is_no_edge():
    axis = Axis("rounds", (1, 100), is_range=True, below=False)
    assert [axis.edges(value) for value in (1, 50, 100)] == [[], [], [100]]


@pytest.mark.parametrize(
    ("spec", "target", "axes"),
    [
        ("svm", "classes", [Axis("C", (0.1, 1.0, 10.0, 100.0)), Axis("gamma", (0.1, 0.3, 1.0, 3.0))]),
        ("svm:C=1,select=anova", "classes",
         [Axis("gamma", (0.1, 0.3, 1.0, 3.0)), Axis("keep", (0.1, 0.3, 1.0), above=False)]),
        ("svm:gamma=1,select=pca", "values",
         [Axis("C", (0.1, 1.0, 10.0)), Axis("epsilon", (0.1, 0.3)), Axis("keep", (0.5, 0.8, 0.95))]),
        ("svm:C=1,gamma=1", "classes", []),
        ("xgboost:rounds=50", "classes", [Axis("rounds", (1, 50), is_range=True, below=False)]),
        ("net:epochs=9", "classes", [Axis("epochs", (1, 9), is_range=True, below=False)]),
        ("net:patience=0", "classes", []),
        ("gmm", "classes", []),
        ("logistic", "classes", []),
    ],
)  # fmt: skip
def test_what_the_classifiers_of_the_house_try(spec, target, axes):
    assert search_axes(classifier_of(spec).estimator(target=target)) == tuple(axes)


@pytest.mark.parametrize(
    ("estimator", "axes"),
    [
        (GridSearchCV(SVC(), GRID), [("C", (0.1, 1.0, 10.0)), ("kernel", ("linear", "rbf"))]),
        (GridSearchCV(SVC(), [GRID, {"C": [100.0]}]), [("C", (0.1, 1.0, 10.0, 100.0)), ("kernel", ("linear", "rbf"))]),
        (make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": np.array([1, 2])})), [("C", (1, 2))]),
        (HalvingGridSearchCV(SVC(), GRID), [("C", (0.1, 1.0, 10.0)), ("kernel", ("linear", "rbf"))]),
        (LogisticRegressionCV(Cs=[1, 10]), [("C", (1, 10))]),
        (LogisticRegressionCV(Cs=3), [("C", (1e-4, 1.0, 1e4))]),
        (RidgeCV(alphas=(0.5, 5.0)), [("alpha", (0.5, 5.0))]),
        (LassoCV(), []),
        (LogisticRegression(), []),
        (
            VotingClassifier([("a", GridSearchCV(SVC(), {"C": [1]})), ("b", GridSearchCV(SVC(), {"C": [2]}))]),
            [("a__C", (1,)), ("b__C", (2,))],
        ),
    ],
)
def test_what_searches_of_scikit_learn_try(estimator, axes):
    assert [(axis.name, axis.values) for axis in search_axes(estimator)] == axes


def test_a_distribution_has_a_text_and_no_edges():
    (axis,) = search_axes(RandomizedSearchCV(SVC(), {"C": loguniform(1, 10)}))
    assert axis.values[0]["class"] == "scipy.stats.loguniform"
    assert not axis.is_ordered


def test_the_sentence_counts_the_folds_that_searched():
    chosen = [
        ({"C": 10.0}, {}),
        ({"C": 10.0}, {}),
        ({"C": 1.0}, {}),
        ({"C": 10.0}, {"search": "one speaker"}),
        ({}, {}),
    ]
    assert list(searches.sentences([Axis("C", (10.0, 0.1, 1.0))], chosen)) == [
        "the search stands at the edge of its grid in 2 of 5 folds: C=10, of 0.1, 1, 10; what lies beyond was not tried"
    ]


@pytest.mark.parametrize(
    ("model", "edge"), [(GridSearchCV(SVC(), {"C": [1, 10, 100]}), 1), (classifier_of("xgboost:rounds=2"), 2)]
)
def test_a_run_warns_and_keeps_what_was_tried(model, edge):
    classifier = of_estimator(model) if isinstance(model, GridSearchCV) else model
    table = make_table(n_speakers=3, class_shift=9.0, speaker_shift=0.0)  # all trials are perfect, the first is taken
    found = summarise(evaluate(table, Plan(corpus="toy", features=("made",), keys=("0" * 64,), classifier=classifier)))
    (axis,) = found.searched
    assert [fold.best_params[axis.name] for fold in found.folds] == [edge] * 3
    (note,) = [note for note in found.notes if note.startswith("the search stands at the edge")]
    assert f"3 of 3 folds: {axis.name}={edge}, of " in note
    assert from_json(to_json(found)) == found


def test_axes_have_the_names_of_the_choices():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.array(["a", "b"] * 20)
    made = [("one", GridSearchCV(SVC(), {"C": [1, 2]}, cv=2)), ("other", RidgeClassifierCV(alphas=[1, 2]))]
    for estimator in (VotingClassifier(made), made[0][1], made[1][1], make_pipeline(StandardScaler(), made[0][1])):
        names = {axis.name for axis in search_axes(estimator)}
        assert names <= set(best_params(estimator.fit(X, y)))
        assert names
