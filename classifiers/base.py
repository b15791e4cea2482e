"""What a classifier is: the arrow from a training fold's rows to decisions on the rows left out.

A classifier is a frozen record of its settings; `build` turns it into a scikit-learn estimator that holds
everything that learns (imputation, scaling, selection, the search for hyperparameters, calibration), so that
fitting it on the training speakers is all that a fold has to do. The word stays where values are predicted in
the place of classes: then it builds a regressor.

The estimator's ``fit(X, y, groups=None, *, sample_weight=None, inner=None)`` takes the speaker of every row:
inner folds are grouped by it, unless ``inner`` names them as pairs of (train, test) row numbers. A weight of 2
counts as the row twice would. ``best_params_`` says what the search chose, or what the rows
could bear; ``limits_``, where there is one, for what the rows were too few, a sentence under each of `LIMITS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

#: What is predicted: a class, or a number.
Target = Literal["classes", "values"]

#: What training rows may be too few for: a search for settings (they are fixed then), a sigmoid for each class (one
#: function then makes scores of all decision values), a calibration that can be trusted (only the order then counts).
LIMITS = ("search", "sigmoids", "calibration")


@dataclass(frozen=True, kw_only=True)
class Classifier(ABC):
    """A classifier with its settings."""

    #: One row an utterance, or all frames of an utterance (rows scored one by one, then pooled by `pool`).
    rows: ClassVar[Literal["utterance", "frame"]] = "utterance"
    #: The features it is given when nobody names any, as the command line spells them.
    prefers: ClassVar[str]
    #: What its ``score_<class>`` columns are, said in the results.
    scores: ClassVar[str]
    #: What it can predict.
    targets: ClassVar[tuple[Target, ...]] = ("classes",)
    #: Whether settings are searched for on speakers left out of those learned from.
    tuned: ClassVar[bool] = False
    #: Whether it uses other utterances of the dialog.
    context: ClassVar[bool] = False

    #: Whether it computes on the device that it is built for; others always do on the CPU.
    on_device: ClassVar[bool] = False

    @property
    def in_threads(self) -> bool:
        """Whether several may be fitted side by side in threads of one process, and do better there.

        So it is where most of the work is a library's that releases the interpreter's lock, and nothing that is
        changed meanwhile (warning filters, a library's settings) is the process's.
        """
        return False

    @property
    def needs_level(self) -> bool:
        """Whether it takes the first column for how loud a frame is, and has a ``noise_log_likelihood``."""
        return False

    @property
    def name(self) -> str:
        """The classifier's own name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    def distances(self, X: NDArray[np.float32], *, device: str) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return what can be computed once for all folds, from rows whose scaling no fold fits.

        Parameters
        ----------
        X : (n_rows, n_columns) float32
            All rows, z-scored already (within speakers, say).
        device
            ``"cpu"`` or ``"cuda"``.

        Returns
        -------
        (n_rows, n_rows) float64
            The squared distance of every two rows, mean over the columns: what an estimator built with
            ``precomputed=True`` takes. None where this classifier has no use for it.
        """
        return None

    @abstractmethod
    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Any:
        """Return an unfitted scikit-learn estimator.

        Parameters
        ----------
        target
            What it predicts: one of `targets`.
        precomputed
            Whether it takes blocks of `distances` in the place of rows: to fit those among the training rows,
            ``(n_train, n_train)``, to predict those to the training rows, ``(n_test, n_train)``.
        seed
            Seeds all that is random in it.
        device
            ``"cpu"`` or ``"cuda"``.

        Raises
        ------
        ValueError
            If it cannot be built so.
        """

    def _require_buildable(self, target: Target, *, precomputed: bool) -> None:
        if target not in self.targets:
            raise ValueError(f"{self.name} predicts {' or '.join(self.targets)}, not {target}")
        if precomputed and type(self).distances is Classifier.distances:
            raise ValueError(f"{self.name} learns from rows; it has no use for distances between them")


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
