"""Words by TF-IDF and logistic regression (scikit-learn's), on counts of words, one row per utterance.

Salton and Buckley, "Term-weighting approaches in automatic text retrieval" (1988, doi:10.1016/0306-4573(88)90021-0).
How rare a word is, is learned from the training utterances only.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Tfidf(Classifier):
    """Logistic regression on words weighted by TF-IDF; each class weighs the same.

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty.
    """

    phrase: ClassVar[str] = "logistic regression on words weighted by TF-IDF"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011", "salton1988")
    prefers: ClassVar[str] = "text"

    C: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.C > 0:
            raise ValueError(f"C={self.C}: expected more than 0")

    def build(self) -> Any:
        """Return a Pipeline: missing values become 0, then TF-IDF, rows of length 1, then the regression."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        model = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)
        zeros = SimpleImputer(strategy="constant", fill_value=0, keep_empty_features=True)
        return make_pipeline(zeros, TfidfTransformer(), model)


PRESETS = {"tfidf": Tfidf()}
