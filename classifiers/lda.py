"""Linear discriminant analysis with a shrunk covariance (scikit-learn's), one row an utterance.

The covariance of all columns is estimated once for all classes: meant for hundreds of columns, not for thousands.
"""

from dataclasses import dataclass
from typing import Any

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Lda(Classifier):
    """Linear discriminant analysis; a class is as probable beforehand as it is frequent among the training rows.

    Parameters
    ----------
    shrinkage
        How far the covariance is drawn to a diagonal one, 0 to 1; none: as far as Ledoit and Wolf find best ("A
        well-conditioned estimator for large-dimensional covariance matrices", 2004, doi:10.1016/S0047-259X(03)00096-4).
    """

    shrinkage: float | None = None

    def build(self) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the analysis."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        shrinkage = "auto" if self.shrinkage is None else self.shrinkage
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
        return make_pipeline(SimpleImputer(), StandardScaler(), model)


PRESETS = {"lda": Lda()}
