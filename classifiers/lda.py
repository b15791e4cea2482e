"""Linear discriminant analysis with a shrunk covariance (scikit-learn's), one row per utterance.

All classes share one covariance of all columns: suitable for hundreds of columns, not for thousands.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Lda(Classifier):
    """Linear discriminant analysis; the prior of a class is its share of the training rows.

    Parameters
    ----------
    shrinkage
        How far the covariance is shrunk to a diagonal one, 0 to 1; none: as far as Ledoit and Wolf find best ("A
        well-conditioned estimator for large-dimensional covariance matrices", 2004, doi:10.1016/S0047-259X(03)00096-4).
    """

    phrase: ClassVar[str] = "linear discriminant analysis with a shrunk covariance"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011", "ledoit2004")

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
