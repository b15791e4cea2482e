"""What a classifier is: the arrow from a training fold's rows to decisions on the rows left out.

A classifier is a frozen record of its settings; `build` turns it into a scikit-learn estimator that holds
everything that learns (imputation, scaling, the search for hyperparameters, calibration), so that fitting
it on the training speakers is all that a fold has to do. The estimator's ``fit(X, y, groups=None)`` takes
the speaker of every row: inner folds are grouped by it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Classifier(ABC):
    """A classifier with its settings."""

    #: One row a clip, or all frames of a clip (rows scored one by one, then pooled by `pool`).
    rows: ClassVar[Literal["utterance", "frame"]] = "utterance"
    #: The features it is given when nobody names any, as the command line spells them.
    prefers: ClassVar[str]
    #: What its ``score_<class>`` columns are, said in the results.
    scores: ClassVar[str]

    @property
    def name(self) -> str:
        """The classifier's own name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def build(self, *, seed: int, device: str) -> Any:
        """Return an unfitted scikit-learn estimator.

        Parameters
        ----------
        seed
            Seeds all that is random in it.
        device
            ``"cpu"`` or ``"cuda"``.
        """


def inner_folds(groups: NDArray[Any], n_splits: int = 5) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (train, test) row numbers of folds that keep each group whole (``GroupKFold``).

    Parameters
    ----------
    groups : (n_rows,)
        The speaker of each row.
    n_splits
        How many folds; fewer where there are fewer groups.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            f"the search for hyperparameters needs at least 2 training speakers to tell apart, found {n_groups}"
        )
    yield from GroupKFold(min(n_splits, n_groups)).split(groups, groups=groups)
