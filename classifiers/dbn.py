"""Deep belief network: stacked Boltzmann machines, trained without labels and tuned with them, one row per utterance.

Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets" (2006, doi:10.1162/neco.2006.18.7.1527). As a
fusion of the columns of several features: Zhang et al. 2018, doi:10.1109/TCSVT.2017.2719043. Without labels it learns
from the training rows of the fold only.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier
from affex.classifiers.estimators.spelling import hidden_layers


@dataclass(frozen=True, kw_only=True)
class Dbn(Classifier):
    """Deep belief network.

    Parameters
    ----------
    layers
        Units of the hidden layers, from the rows upwards, joined by +, as in ``100+50``.
    epochs
        Passes over the training rows without labels, for each layer; 0 leaves this training out.
    rate
        Its learning rate; each column, or unit of the layer below, has a share of it.
    tuning
        Passes over the training rows with labels, by backpropagation.
    tuning_rate
        Its learning rate.
    decay
        Strength of the L2 penalty on the weights in tuning.
    batch
        Rows in a batch.
    """

    phrase: ClassVar[str] = "a deep belief network"
    cites: ClassVar[tuple[str, ...]] = ("hinton2006", "hinton2002")

    layers: int | str = "100+50"
    epochs: int = 100
    rate: float = 0.5
    tuning: int = 100
    tuning_rate: float = 1e-3
    decay: float = 1e-3
    batch: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._layers:
            raise ValueError(f"layers={self.layers}: expected units of each layer joined by +, as in 100+50")
        if self.batch < 1:
            raise ValueError(f"batch={self.batch}: expected 1 or more")
        for name in ("epochs", "tuning", "decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected 0 or more")
        for name in ("rate", "tuning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected more than 0")

    @property
    def _layers(self) -> tuple[int, ...]:
        """Units of the hidden layers."""
        return hidden_layers("layers", self.layers)

    def build(self, *, seed: int) -> Any:
        """Return a Pipeline: missing values become the column's mean, then z-scores, then the network."""
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from affex.classifiers.estimators.dbn import BeliefNetwork

        network = BeliefNetwork(**self.own_settings | {"layers": self._layers, "seed": seed})
        return make_pipeline(SimpleImputer(), StandardScaler(), network)


PRESETS = {"dbn": Dbn()}
