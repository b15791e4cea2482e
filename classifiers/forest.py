"""Random forest (Breiman 2001, doi:10.1023/A:1010933404324; scikit-learn's), one row per utterance."""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Forest(Classifier):
    """Random forest; each class weighs the same.

    Parameters
    ----------
    trees
        How many trees vote.
    leaf
        Fewest training rows in a leaf.
    """

    phrase: ClassVar[str] = "a random forest"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011", "breiman2001")

    trees: int = 300
    leaf: int = 1

    def build(self, *, seed: int) -> Any:
        """Return a Pipeline: missing values become the column's mean, then the forest."""
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline

        model = RandomForestClassifier(
            self.trees, min_samples_leaf=self.leaf, class_weight="balanced", random_state=seed
        )
        return make_pipeline(SimpleImputer(), model)


PRESETS = {"forest": Forest()}
