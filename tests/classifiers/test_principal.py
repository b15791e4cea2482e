"""Principal feature analysis: closed forms, scikit-learn's checks, and its place inside the folds."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from toys import speakers_and_classes

from affex.classifiers.base import inner_folds
from affex.classifiers.estimators.principal import PrincipalFeatures
from affex.classifiers.estimators.selection import SHARES
from affex.classifiers.estimators.svm import RBFMachine


@parametrize_with_checks([PrincipalFeatures(), PrincipalFeatures(keep=0.9)])
def test_scikit_learn_finds_nothing_amiss(estimator, check):
    check(estimator)


def groups(n_rows=400, n_groups=4, n_each=5, noise=0.05, seed=0):
    """Return columns of which each group's say the same but for a little noise, some of them with the other sign."""
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(n_rows, n_groups)) * np.arange(n_groups, 0, -1) ** 0.2  # else directions may mix
    signs = np.resize([1, -1], n_groups * n_each)
    rows = np.repeat(sources, n_each, axis=1) * signs + noise * rng.normal(size=(n_rows, n_groups * n_each))
    return rows, np.repeat(np.arange(n_groups), n_each)


@pytest.mark.parametrize("seed", range(3))
def test_of_columns_that_say_the_same_one_is_kept(seed):
    rows, group = groups(seed=seed)
    found = PrincipalFeatures(keep=4 / 20).fit(rows)
    assert group[found.support_].tolist() == [0, 1, 2, 3]
    assert found.n_directions_ == 4
    assert np.array_equal(found.transform(rows), rows[:, found.support_])


def test_the_column_kept_is_the_one_nearest_the_centre():
    rng = np.random.default_rng(1)
    source, other = rng.normal(size=(2, 5000))
    tilts = np.array([-0.4, -0.1, 0.02, 0.1, 0.4])  # how much of the other there is in a column
    of_source = source[:, None] + tilts * other[:, None]
    found = PrincipalFeatures(keep=1 / 5).fit(of_source)
    loadings = np.abs(np.linalg.svd(of_source - of_source.mean(axis=0), full_matrices=False)[2][0])
    assert np.flatnonzero(found.support_).tolist() == [np.abs(loadings - loadings.mean()).argmin()]


def test_columns_that_do_not_vary_are_never_kept_and_repeated_ones_once():
    rows, _ = groups(n_groups=2, n_each=1, noise=0)
    rows = np.column_stack([rows, rows[:, 0], np.ones(len(rows)), -rows[:, 1]])
    for keep in (0.4, 0.6, 1.0):
        found = PrincipalFeatures(keep=keep).fit(rows)
        assert not found.support_[3]
    assert PrincipalFeatures(keep=0.6).fit(rows).support_.sum() == 2
    assert PrincipalFeatures(keep=1.0).fit(rows).support_.sum() == 4


@pytest.mark.parametrize("keep", [0, -0.1, 1.1])
def test_a_share_without_sense_is_refused(keep):
    with pytest.raises(ValueError, match=f"keep={keep}: expected more than 0, at most 1"):
        PrincipalFeatures(keep=keep).fit(np.eye(5))


def test_it_is_fitted_anew_in_every_inner_fold():
    """What the machine finds on each inner fold is what a pipeline of scikit-learn's finds there."""
    X, y, speakers = speakers_and_classes(n_columns=20, shift=0.7)
    machine = RBFMachine(select="pfa", C=1.0, gamma=1.0).fit(X, y, groups=speakers)
    for (train, test), recalls in zip(inner_folds(speakers), machine.grid_recalls_[:, 0, 0].T, strict=True):
        for share, recall in zip(SHARES["pfa"], recalls, strict=True):
            svc = SVC(gamma="auto", class_weight="balanced")
            pipeline = make_pipeline(StandardScaler(), PrincipalFeatures(share), svc).fit(X[train], y[train])
            output = pipeline.predict(X[test])
            assert recall == pytest.approx(np.mean([(output == y[test])[y[test] == name].mean() for name in set(y)]))
    assert machine.best_params_["keep"] in SHARES["pfa"]


def test_who_is_tested_leaves_no_trace_in_what_is_kept():
    X, y, speakers = speakers_and_classes(n_columns=20)
    train, test = next(GroupKFold(6).split(X, groups=speakers))
    spoilt = X.copy()
    spoilt[test] = np.random.default_rng(0).normal(size=spoilt[test].shape) * 1000
    one, other = (
        RBFMachine(select="pfa", C=1.0, gamma=1.0).fit(rows[train], y[train], groups=speakers[train])
        for rows in (X, spoilt)
    )
    assert np.array_equal(one.space_.choice.support_, other.space_.choice.support_)
