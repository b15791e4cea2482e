"""A small neural network on standardised rows (scikit-learn's multi-layer perceptron), one row per utterance."""

from dataclasses import dataclass
from typing import Any

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Mlp(Classifier):
    """A network with one hidden layer of rectified linear units.

    Parameters
    ----------
    hidden
        Units of the hidden layer.
    alpha
        Strength of the L2 penalty.
    epochs
        Most passes over the training rows.
    """

    hidden: int = 100
    alpha: float = 1.0
    epochs: int = 1000

    def build(self, *, seed: int) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the network."""
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = MLPClassifier((self.hidden,), alpha=self.alpha, max_iter=self.epochs, random_state=seed)
        return make_pipeline(SimpleImputer(), StandardScaler(), model)


PRESETS = {"mlp": Mlp()}
