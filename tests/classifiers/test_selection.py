"""Selection: scikit-learn's own, without a say for units, and searched together with the rest."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectPercentile, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from toys import speakers_and_classes

from affex.classifiers.estimators.selection import SHARES, between_classes, choices, spread
from affex.classifiers.estimators.svm import COSTS, RBFMachine
from affex.classifiers.estimators.svr import RBFRegressor
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


def hard(n_idle=30):
    """Ten columns that tell something, and others that do not, in other units."""
    X, y, speakers = speakers_and_classes(n_speakers=6, n_columns=10, shift=0.6)
    noise = np.random.default_rng(1).normal(size=(len(X), n_idle))
    return np.hstack([X, 100 * noise]).astype(np.float32), y, speakers


def values_of(X):
    return X[:, :3].sum(axis=1).astype(np.float64) + np.random.default_rng(2).normal(size=len(X))


def test_spread_is_the_variance_over_the_squared_range():
    columns = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0], [5.0, 5.0, 5.0, 5.0]]).T
    assert spread(columns) == pytest.approx([3 / 16, 1 / 4, 0])
    assert spread(1000 * columns - 7) == pytest.approx([3 / 16, 1 / 4, 0])


def test_constant_columns_come_last_and_quietly(recwarn):
    X, y, _ = speakers_and_classes()
    X[:, 2] = 5
    scores = between_classes(X, y)
    assert scores[2] == 0
    assert np.delete(scores, 2) == pytest.approx(f_classif(np.delete(X, 2, axis=1).astype(float), y)[0])
    assert not recwarn.list


@pytest.mark.parametrize("select", ["variance", "anova", "pca"])
@pytest.mark.parametrize("target", ["classes", "values"])
def test_one_fit_serves_all_shares(select, target):
    X, y, _ = hard()
    X = StandardScaler().fit_transform(X)
    y = y if target == "classes" else values_of(X)
    for share, choice in zip((0.2, 0.7), choices(select, (0.2, 0.7), X, y, target), strict=True):
        alone = choices(select, (share,), X, y, target)[0]
        assert choice.transform(X).tobytes() == alone.transform(X).tobytes()
        if select == "pca":
            theirs = PCA(share, whiten=True, svd_solver="full")
        else:
            anova = f_classif if target == "classes" else f_regression
            theirs = SelectPercentile(spread if select == "variance" else anova, percentile=100 * share)
        assert choice.transform(X) == pytest.approx(theirs.fit(X, y).transform(X), abs=1e-5)


def test_whitened_directions_have_variance_1():
    X, y, _ = hard()
    (choice,) = choices("pca", (0.9,), X, y, "classes")
    assert choice.transform(X).var(axis=0, ddof=1) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("select", ["variance", "anova", "pca"])
def test_the_share_is_searched_as_scikit_learn_searches_it(select):
    X, y, speakers = hard()
    tested = speakers == "s3"
    machine = RBFMachine(select=select, gamma=1.0).fit(X[~tested], y[~tested], groups=speakers[~tested])
    score = spread if select == "variance" else f_classif
    steps = [PCA(whiten=True, svd_solver="full")] if select == "pca" else [SelectPercentile(score)]
    svc = SVC(gamma="auto", class_weight="balanced")  # 1 / n_columns kept
    pipeline = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0), *steps, svc)
    name = "pca__n_components" if select == "pca" else "selectpercentile__percentile"
    shares = [share if select == "pca" else 100 * share for share in SHARES[select]]
    search = GridSearchCV(pipeline, {name: shares, "svc__C": COSTS}, cv=GroupKFold(5), scoring="balanced_accuracy")
    search.fit(X[~tested], y[~tested], groups=speakers[~tested])
    recalls = np.array([search.cv_results_[f"split{fold}_test_score"] for fold in range(5)])
    assert np.array_equal(machine.grid_recalls_.reshape(12, 5), recalls.T)
    assert len(np.unique(recalls.mean(axis=0))) > 5
    assert shares[SHARES[select].index(machine.best_params_["keep"])] == search.best_params_[name]
    assert machine.best_params_["C"] == search.best_params_["svc__C"]
    assert machine.predict(X[tested]).tolist() == search.predict(X[tested]).tolist()


def test_where_most_columns_tell_nothing_few_are_kept():
    X, y, speakers = hard(n_idle=500)
    assert RBFMachine(select="anova", gamma=1.0, C=10.0).fit(X, y, groups=speakers).best_params_["keep"] == 0.1


@pytest.mark.parametrize("select", ["variance", "anova", "pca", "pfa"])
def test_values_are_selected_for_too(select):
    X, _, speakers = hard()
    y = values_of(X)
    machine = RBFRegressor(select=select, C=1.0, epsilon=0.1).fit(X, y, groups=speakers)
    assert machine.grid_ccc_.shape == (3, 1, 1, 4)
    assert machine.best_params_["keep"] in SHARES[select]
    assert np.corrcoef(machine.predict(X), y)[0, 1] > 0.3


def test_a_share_that_is_set_is_not_searched():
    X, y, speakers = hard()
    machine = classifier_of("svm:select=anova,keep=0.25,C=1").build(seed=0, device="cpu")
    machine.fit(X, y, groups=speakers)
    assert machine.grid_recalls_.shape == (1, 1, 4, 5)
    assert machine.best_params_["keep"] == 0.25
    assert machine.space_.rows.shape == (len(X), 10)


def test_without_selection_nothing_is_said_of_shares():
    X, y, speakers = hard()
    assert set(RBFMachine(C=1.0).fit(X, y, groups=speakers).best_params_) == {"C", "gamma"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("svm:select=best", "select=best: expected none, variance, anova, pca or pfa"),
        ("svm:keep=0.5", "keep=0.5: nothing is selected"),
        ("svm:select=anova,keep=0", "keep=0.0: expected more than 0, at most 1"),
        ("svm:select=pca,keep=1", "keep=1.0: expected more than 0, less than 1"),
    ],
)
def test_settings_without_sense_are_refused(spec, expected):
    with pytest.raises(UsageError, match=expected):
        classifier_of(spec)
