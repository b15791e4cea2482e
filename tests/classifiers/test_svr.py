"""Support-vector regression: scikit-learn's own predictions and choices, by Lin's CCC over all that is left out."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from toys import speakers_and_values

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.kernel import GAMMAS
from affex.classifiers.estimators.svr import COSTS, EPSILONS, RBFRegressor, ccc
from affex.classifiers.estimators.training import ONE_SPEAKER
from affex.pipeline.specs.classifiers import classifier_of
from affex.pipeline.text.errors import UsageError


def plain(n_columns, C=1.0, epsilon=0.1, gamma=1.0):
    machine = SVR(kernel="rbf", C=C, epsilon=epsilon, gamma=gamma / n_columns)
    rows = make_pipeline(StandardScaler(), SimpleImputer(strategy="constant", fill_value=0), machine)
    return TransformedTargetRegressor(rows, transformer=StandardScaler())


def hard():
    """Values half hidden by noise, in columns of many units, with holes."""
    X, y, speakers = speakers_and_values(n_speakers=6, noise=1.0)
    X[np.random.default_rng(1).random(X.shape) < 0.05] = np.nan
    return X * np.linspace(0.1, 100, X.shape[1], dtype=np.float32), y, speakers


def lin(true, predicted):
    return ccc(true, predicted, np.ones(len(true)))


def test_ccc_of_cases_worked_by_hand():
    x = np.array([1.0, 2.0, 3.0])
    assert lin(x, x) == pytest.approx(1)
    assert lin(x, -x + 4) == pytest.approx(-1)
    assert lin(x, x + 1) == pytest.approx(2 * 2 / 3 / (2 / 3 + 2 / 3 + 1))
    assert lin(x, 2 * x) == pytest.approx(2 * 4 / 3 / (2 / 3 + 8 / 3 + 4))
    assert lin(x, np.full(3, 2.0)) == 0
    assert ccc(x, 2 * x, np.array([1.0, 0.0, 2.0])) == pytest.approx(lin(x[[0, 2, 2]], 2 * x[[0, 2, 2]]))


def test_it_predicts_what_scikit_learn_does():
    X, y, speakers = hard()
    tested = speakers == "s3"
    machine = RBFRegressor(C=3.0, epsilon=0.2, gamma=0.5).fit(X[~tested], y[~tested], groups=speakers[~tested])
    theirs = plain(8, 3.0, 0.2, 0.5).fit(X[~tested], y[~tested])
    assert machine.predict(X[tested]) == pytest.approx(theirs.predict(X[tested]), abs=1e-8)
    assert machine.best_params_ == {"C": 3.0, "epsilon": 0.2, "gamma": 0.5}


def test_with_one_inner_fold_it_chooses_what_grid_search_does():
    X, y, speakers = hard()
    inner = [(np.flatnonzero(speakers > "s1"), np.flatnonzero(speakers <= "s1"))]
    machine = RBFRegressor().fit(X, y, inner=inner)
    grid = {
        "regressor__svr__C": COSTS,
        "regressor__svr__epsilon": EPSILONS,
        "regressor__svr__gamma": [gamma / 8 for gamma in GAMMAS],
    }
    search = GridSearchCV(plain(8), grid, cv=inner, scoring=make_scorer(lin)).fit(X, y)
    assert machine.grid_ccc_.ravel() == pytest.approx(search.cv_results_["mean_test_score"], abs=1e-9)
    assert list(search.best_params_.values()) == pytest.approx(
        [machine.best_params_["C"], machine.best_params_["epsilon"], machine.best_params_["gamma"] / 8]
    )
    assert machine.predict(X) == pytest.approx(search.predict(X), abs=1e-8)


def test_ccc_is_taken_over_all_that_inner_folds_leave_out():
    X, y, speakers = hard()
    machine = RBFRegressor().fit(X, y, groups=speakers)
    for c, e, g in [(0, 0, 0), (1, 1, 2), (2, 0, 3)]:
        left_out = cross_val_predict(plain(8, COSTS[c], EPSILONS[e], GAMMAS[g]), X, y, cv=list(inner_folds(speakers)))
        assert machine.grid_ccc_[0, c, e, g] == pytest.approx(lin(y, left_out), abs=1e-9)
    _, c, e, g = np.unravel_index(machine.grid_ccc_.argmax(), machine.grid_ccc_.shape)
    assert machine.best_params_ == {"C": COSTS[c], "epsilon": EPSILONS[e], "gamma": GAMMAS[g]}


def test_the_unit_of_the_values_does_not_matter():
    X, y, speakers = hard()
    one, other = (RBFRegressor().fit(X, values, groups=speakers) for values in (y, 1024 * y))  # exact in floats
    assert one.best_params_ == other.best_params_
    assert other.predict(X) == pytest.approx(1024 * one.predict(X), rel=1e-12)


def test_distances_serve_in_the_place_of_rows():
    X, y, speakers = speakers_and_values()
    Z = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    preset = classifier_of("svm:gamma=0.5")
    D = preset.distances(Z, device="cpu")
    tested = speakers == "s2"
    machine = preset.build(target="values", precomputed=True, seed=0, device="cpu")
    machine.fit(D[np.ix_(~tested, ~tested)], y[~tested], groups=speakers[~tested])
    settings = {name: machine.best_params_[name] for name in ("C", "epsilon")}
    theirs = TransformedTargetRegressor(SVR(gamma=0.5 / 8, **settings), transformer=StandardScaler())
    expected = theirs.fit(Z[~tested], y[~tested]).predict(Z[tested])
    assert machine.predict(D[np.ix_(tested, ~tested)]) == pytest.approx(expected, abs=1e-6)


def test_a_weight_of_2_is_the_row_twice():
    X, y, speakers = hard()
    times = np.random.default_rng(0).integers(0, 3, len(X))
    inner = [(np.flatnonzero(speakers != name), np.flatnonzero(speakers == name)) for name in ("s0", "s1", "s2")]
    repeated = np.repeat(np.arange(len(X)), times)
    inner_repeated = [tuple(np.flatnonzero(np.isin(repeated, part)) for part in pair) for pair in inner]
    weighted = RBFRegressor(epsilon=0.1).fit(X, y, sample_weight=times, inner=inner)
    written_out = RBFRegressor(epsilon=0.1).fit(X[repeated], y[repeated], inner=inner_repeated)
    assert weighted.grid_ccc_ == pytest.approx(written_out.grid_ccc_, abs=5e-3)
    assert weighted.predict(X) == pytest.approx(written_out.predict(X), abs=0.05)


def test_where_nothing_can_be_searched_for_settings_are_scikit_learns_defaults():
    X, y, speakers = hard()
    y[speakers == "s0"] = 1.0
    inner = [(np.flatnonzero(speakers != "s0"), np.flatnonzero(speakers == "s0"))]
    constant = RBFRegressor().fit(X, y, inner=inner)
    alone = RBFRegressor().fit(X, y, groups=np.zeros(len(X)))
    assert constant.limits_ == {"search": "all that inner folds leave out has one value"}
    assert alone.limits_ == {"search": ONE_SPEAKER}
    for machine in (constant, alone):
        assert machine.best_params_ == {"C": 1.0, "epsilon": 0.1, "gamma": 1.0}
        assert np.array_equal(machine.predict(X), RBFRegressor(C=1, epsilon=0.1, gamma=1).fit(X, y).predict(X))


def test_a_tube_is_for_values():
    with pytest.raises(ValueError, match=r"epsilon=0.2 is for values"):
        classifier_of("svm:epsilon=0.2").build(seed=0, device="cpu")
    with pytest.raises(UsageError, match=r"epsilon=-1.0: expected 0 or more"):
        classifier_of("svm:epsilon=-1")
