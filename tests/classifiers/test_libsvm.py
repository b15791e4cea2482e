"""libsvm called as scikit-learn calls it: the same machines to the bit, and a way out where that has changed."""

import numpy as np
import pytest
from sklearn.svm import SVC
from toys import speakers_and_classes

from affex.classifiers.estimators import libsvm
from affex.classifiers.estimators.svm import RBFMachine


@pytest.fixture
def changed(monkeypatch):
    """As in a release of scikit-learn that knows one of the settings under another name."""
    monkeypatch.setattr(libsvm, "LEARNS", {**libsvm.LEARNS, "old_name": 0})
    libsvm.is_supported.cache_clear()
    yield
    libsvm.is_supported.cache_clear()


def kernel(n: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return np.exp(-0.5 * ((X[:, None] - X) ** 2).sum(axis=-1))


def test_this_release_is_known():
    assert libsvm.is_supported()


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("cost", [0.1, 100.0])
def test_it_is_scikit_learns_machine_to_the_bit(n_classes, cost):
    rng, K = np.random.default_rng(1), kernel(90)
    classes, weight = rng.permutation(np.arange(90) % n_classes) + 3, rng.random(90) + 0.1
    theirs = SVC(C=cost, kernel="precomputed").fit(K, classes, sample_weight=weight)
    ours = libsvm.fitted(cost, K, classes, weight)
    assert isinstance(ours, libsvm.Bare)
    assert np.array_equal(ours.classes_, theirs.classes_)
    assert np.array_equal(ours.predict(K[:20].copy()), theirs.predict(K[:20]))
    assert np.array_equal(ours.decision_function(K[:20].copy()), theirs.decision_function(K[:20]))


def test_where_it_is_called_otherwise_scikit_learns_machine_stands_in(changed):
    K = kernel(30)
    assert not libsvm.is_supported()
    assert isinstance(libsvm.fitted(1.0, K, np.arange(30) % 3, np.ones(30)), SVC)


def test_both_ways_search_and_calibrate_alike(monkeypatch):
    X, y, speakers = speakers_and_classes(shift=0.5)
    bare = RBFMachine().fit(X, y, groups=speakers)
    monkeypatch.setattr(libsvm, "is_supported", lambda: False)
    checked = RBFMachine().fit(X, y, groups=speakers)
    assert bare.best_params_ == checked.best_params_
    assert bare.predict_proba(X).tobytes() == checked.predict_proba(X).tobytes()
