"""Deep Boltzmann machine of several modalities under a logistic regression, one row per utterance.

Each feature is a modality. The machine learns without labels, from the training rows of the fold only; what an
utterance lacks is inferred from what it has. Srivastava and Salakhutdinov, "Multimodal learning with deep Boltzmann
machines" (2014, JMLR 15, pages 2949 to 2980); for affect: Pang, Zhu and Ngo 2015, doi:10.1109/TMM.2015.2482228.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from affex.classifiers.base import Classifier


@dataclass(frozen=True, kw_only=True)
class Dbm(Classifier):
    """Deep Boltzmann machine of several modalities under a logistic regression.

    Parameters
    ----------
    hidden
        Units of the hidden layer of each modality.
    joint
        Units of the joint hidden layer, whose means the regression reads.
    epochs
        Passes over the training rows, first layer by layer, then of the whole; 0 leaves the machine random.
    rate
        The learning rate; each column, or unit of the layer below, has a share of it.
    batch
        Rows in a batch.
    iterations
        How often the mean field computes all layers in turn.
    chains
        Markov chains of the persistent contrastive divergence.
    C
        Inverse strength of the regression's L2 penalty.
    """

    phrase: ClassVar[str] = "a logistic regression on the joint layer of a deep Boltzmann machine"
    prepares: ClassVar[str] = (
        "columns are z-scored, what an utterance lacks is inferred by mean field, and the joint layer's means are "
        "z-scored"
    )
    fills: ClassVar[str] = "inferred by mean field from what the utterance has"
    cites: ClassVar[tuple[str, ...]] = ("pedregosa2011", "srivastava2014", "salakhutdinov2009")

    hidden: int = 50
    joint: int = 50
    epochs: int = 100
    rate: float = 0.5
    batch: int = 32
    iterations: int = 10
    chains: int = 50
    C: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "joint", "batch", "iterations", "chains"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 or more")
        if self.epochs < 0:
            raise ValueError(f"epochs={self.epochs}: expected 0 or more")
        for name in ("rate", "C"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected more than 0")

    def build(self, *, seed: int) -> Any:
        """Return a Pipeline: z-scores, the joint layer, z-scores of its means, the regression."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from affex.classifiers.estimators.dbm import JointLayer

        layer = JointLayer(**{name: value for name, value in self.own_settings.items() if name != "C"}, seed=seed)
        regression = LogisticRegression(C=self.C, class_weight="balanced", max_iter=1000)
        return make_pipeline(StandardScaler(), layer, StandardScaler(), regression)


PRESETS = {"dbm": Dbm()}
