"""Spaces: from rows to scaled rows with the selected columns, and their distances to the training rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affex.classifiers.base import Target
from affex.classifiers.estimators.distances import squared_distances
from affex.classifiers.estimators.selection import Select, choices, chosen
from affex.classifiers.estimators.training import Labels, Rows, fitted_scale, standardised

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Space:
    """A fitted scaling and selection, and the training rows they were fitted on.

    Parameters
    ----------
    scale, choice
        Fitted transformers; None for `choice` keeps all columns.
    rows : (n_train, n_kept)
        The training rows, scaled, with the columns kept.
    device
        Where distances are computed, ``"cpu"`` or ``"cuda"``.
    """

    scale: Any
    choice: Any
    rows: Rows
    device: str

    def distances(self, X: Rows | None = None) -> Floats:
        """Return squared distances to the training rows, mean over the columns kept.

        Parameters
        ----------
        X : (n_rows, n_columns), optional
            Raw rows; None means the training rows themselves.

        Returns
        -------
        (n_rows, n_train) float64
        """
        if X is None:
            found = squared_distances(self.rows, device=self.device)
        else:
            placed = chosen(self.choice, standardised(self.scale, X))
            found = squared_distances(placed, self.rows, device=self.device)
        found /= max(1, self.rows.shape[1])
        return found


def spaces(
    X: Rows,
    y: Labels,
    weight: Floats,
    *,
    target: Target,
    select: Select,
    keeps: Sequence[float | None],
    device: str,
) -> Iterator[Space]:
    """Yield the space of training rows for each share of columns to be kept; they are scaled once."""
    scale = fitted_scale(X, weight)
    scaled = standardised(scale, X)
    for choice in choices(select, keeps, scaled, y, target):
        yield Space(scale, choice, chosen(choice, scaled), device)
