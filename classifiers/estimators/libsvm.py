"""Direct calls of libsvm: from a kernel to a fitted machine, without the checks of scikit-learn.

A search fits hundreds of small machines, and the checks would cost more than the fits. `fitted` equals `SVC` on a
precomputed kernel to the bit, and calls the same function as `SVC`. That function is private to scikit-learn. It is
therefore compared once with `SVC`, which is used instead if another release has changed the function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

Floats = NDArray[np.float64]
Labels = NDArray[Any]

#: Arguments that `SVC` passes to libsvm, to fit (its defaults) and to predict; 0 stands for classification.
LEARNS: Mapping[str, Any] = MappingProxyType(
    {"svm_type": 0, "kernel": "precomputed", "gamma": 0.0, "nu": 0.0, "epsilon": 0.0, "cache_size": 200.0}
)
PREDICTS: Mapping[str, Any] = MappingProxyType({"svm_type": 0, "kernel": "precomputed", "gamma": 0.0})


@dataclass(frozen=True, eq=False)
class Bare:
    """A fitted machine, as libsvm returns it.

    Parameters
    ----------
    classes_ : (n_classes,)
    parts
        Support, support vectors (none), their counts, coefficients, intercepts, and two empty arrays.
    """

    classes_: Labels
    parts: tuple[Any, ...]

    def predict(self, kernel: Floats) -> Labels:
        """Return the class of each row of a kernel, ``(n_rows,)``, as `SVC.predict`."""
        from sklearn.svm import _libsvm

        decided: Labels = self.classes_.take(_libsvm.predict(kernel, *self.parts, **PREDICTS).astype(np.intp))
        return decided

    def decision_function(self, kernel: Floats) -> Floats:
        """Return decision values, ``(n_rows, n_classes)``, ``(n_rows,)`` for two, as `SVC.decision_function`."""
        from sklearn.svm import _libsvm
        from sklearn.utils.multiclass import _ovr_decision_function

        values: Floats = _libsvm.decision_function(kernel, *self.parts, **PREDICTS)
        if len(self.classes_) == 2:
            return -values.ravel()
        shared: Floats = _ovr_decision_function(values < 0, -values, len(self.classes_))
        return shared


def fitted(cost: float, kernel: Floats, classes: Labels, weight: Floats) -> "Bare | SVC":
    """Return a machine fitted to a kernel.

    Parameters
    ----------
    kernel : (n_rows, n_rows) float64
        In C order, finite.
    classes : (n_rows,)
        At least two different classes.
    weight : (n_rows,) float64
        Factor of the cost of each row, above 0.
    """
    found = _bare(cost, kernel, classes, weight) if is_supported() else None
    return SVC(C=cost, kernel="precomputed").fit(kernel, classes, sample_weight=weight) if found is None else found


def _bare(cost: float, kernel: Floats, classes: Labels, weight: Floats) -> Bare | None:
    """Return a machine; None if its coefficients are not finite, for which `SVC` has an error message."""
    from sklearn.svm import _libsvm

    names, codes = np.unique(classes, return_inverse=True)
    learned = _libsvm.fit(kernel, codes.astype(np.float64), C=cost, sample_weight=weight, **LEARNS)
    support, vectors, counts, coefficients, intercepts, *probabilities = learned[:7]
    if not (np.isfinite(coefficients).all() and np.isfinite(intercepts).all()):
        return None
    return Bare(names, (support, vectors, counts, coefficients, intercepts, *probabilities))


@lru_cache(maxsize=1)
def is_supported() -> bool:
    """Return whether this release of scikit-learn calls libsvm as expected: both ways agree to the bit."""
    place = np.arange(12.0)
    kernel = np.exp(-0.1 * (place[:, None] - place) ** 2)
    try:
        return all(_agree(kernel, np.arange(12) * n % 12 // (12 // n)) for n in (2, 3))
    except Exception:  # another release may raise any exception
        return False


def _agree(kernel: Floats, classes: Labels) -> bool:
    weight = np.linspace(0.5, 1.5, len(classes))
    theirs = SVC(kernel="precomputed").fit(kernel, classes, sample_weight=weight)
    ours = _bare(1.0, kernel, classes, weight)
    return ours is not None and all(
        np.array_equal(getattr(ours, name)(kernel), getattr(theirs, name)(kernel))
        for name in ("predict", "decision_function")
    )
