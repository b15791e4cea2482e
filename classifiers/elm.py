"""Extreme learning machine: a hidden layer with random weights, and ridge regression on it, one row per utterance.

Huang, Zhu and Siew, "Extreme learning machine: Theory and applications" (2006, doi:10.1016/j.neucom.2005.12.126). With
SOFT=1 the raters' shares of the classes are the targets of the regression.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affex.classifiers.base import Classifier, Target


@dataclass(frozen=True, kw_only=True)
class Elm(Classifier):
    """Extreme learning machine.

    Parameters
    ----------
    units
        Units of the hidden layer.
    activation
        ``sigmoid``, ``tanh`` or ``relu``.
    alpha
        Strength of the L2 penalty on the output's weights.
    """

    phrase: ClassVar[str] = "an extreme learning machine"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011", "huang2006")
    scores: ClassVar[str] = "shares of the classes by ridge regression (not below 0, scaled to a sum of 1)"
    targets: ClassVar[tuple[Target, ...]] = ("classes", "values")

    units: int = 1000
    activation: Literal["sigmoid", "tanh", "relu"] = "sigmoid"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.units < 1:
            raise ValueError(f"units={self.units}: expected 1 or more")
        if self.activation not in ("sigmoid", "tanh", "relu"):
            raise ValueError(f"activation={self.activation}: expected sigmoid, tanh or relu")
        if not self.alpha > 0:
            raise ValueError(f"alpha={self.alpha}: expected more than 0")

    @property
    def probabilities(self) -> bool:
        """The shares of a ridge regression are cut off at 0 and scaled: they are no probabilities."""
        return False

    def build(self, *, target: Target = "classes", seed: int) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, the random layer, the ridge."""
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from affex.classifiers.estimators.elm import RandomLayer, RidgeShares

        ridge = (RidgeShares if target == "classes" else Ridge)(self.alpha)
        return make_pipeline(SimpleImputer(), StandardScaler(), RandomLayer(self.units, self.activation, seed), ridge)


PRESETS = {"elm": Elm()}
