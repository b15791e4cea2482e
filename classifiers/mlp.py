"""A small neural network on standardised rows (scikit-learn's multi-layer perceptron), one row per utterance."""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier
from affex.classifiers.estimators.spelling import hidden_layers


@dataclass(frozen=True, kw_only=True)
class Mlp(Classifier):
    """A network with hidden layers of rectified linear units.

    Parameters
    ----------
    hidden
        Units of the hidden layers, joined by +, as in ``128+64+32``; ``none`` for no hidden layer.
    alpha
        Strength of the L2 penalty.
    epochs
        Most passes over the training rows.
    """

    phrase: ClassVar[str] = "a multi-layer perceptron"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011",)

    hidden: int | str = 100
    alpha: float = 1.0
    epochs: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._layers

    @property
    def _layers(self) -> tuple[int, ...]:
        """Units of the hidden layers."""
        return hidden_layers("hidden", self.hidden)

    def build(self, *, seed: int) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the network."""
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = MLPClassifier(self._layers, alpha=self.alpha, max_iter=self.epochs, random_state=seed)
        return make_pipeline(SimpleImputer(), StandardScaler(), model)


PRESETS = {"mlp": Mlp()}
