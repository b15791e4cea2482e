"""Nearest neighbours among standardised rows (scikit-learn's), one row per utterance."""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Knn(Classifier):
    """Nearest neighbours.

    Parameters
    ----------
    neighbours
        How many of the nearest training rows vote.
    """

    phrase: ClassVar[str] = "nearest neighbours"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011",)
    scores: ClassVar[str] = "each class's share of the nearest training rows"

    neighbours: int = 5

    def build(self) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the neighbours."""
        from sklearn.impute import SimpleImputer
        from sklearn.neighbors import KNeighborsClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = KNeighborsClassifier(self.neighbours, algorithm="brute")
        return make_pipeline(SimpleImputer(), StandardScaler(), model)


PRESETS = {"knn": Knn()}
