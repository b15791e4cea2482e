"""Logistic regression on standardised rows (scikit-learn's), one row per utterance; each class weighs the same."""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Logistic(Classifier):
    """Logistic regression.

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty.
    """

    phrase: ClassVar[str] = "logistic regression"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011",)

    C: float = 1.0

    def build(self) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the regression."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)
        return make_pipeline(SimpleImputer(), StandardScaler(), model)


PRESETS = {"logistic": Logistic()}
