"""Support-vector machine with a Gaussian kernel, balanced class weights, on one row an utterance.

C and gamma are searched inside the training speakers. `predict` is the machine's own decision; probabilities
are calibrated on the decision values of inner folds, so on speakers that those machines never heard.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from classifiers.base import Classifier, Target


@dataclass(frozen=True, kw_only=True)
class Svm(Classifier):
    """A support-vector machine.

    Parameters
    ----------
    C
        Cost of a training row on the wrong side; none: searched in .1 1 10 100.
    gamma
        Width of the kernel, times 1 / n_columns; none: searched in .1 .3 1 3.
    """

    prefers: ClassVar[str] = "compare"
    scores: ClassVar[str] = (
        "probabilities, calibrated by sigmoids on inner folds over the training speakers; "
        "the largest may belong to another class than the machine's own decision"
    )

    C: float | None = None
    gamma: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("C", self.C), ("gamma", self.gamma)):
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value}: expected more than 0, or none to search for it")

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Any:  # noqa: ARG002 - nothing random in it
        """Return an unfitted `RBFMachine`."""
        self._require_buildable(target, precomputed=precomputed)
        from classifiers.estimators.svm import RBFMachine

        return RBFMachine(C=self.C, gamma=self.gamma)


PRESETS: dict[str, Classifier] = {"svm": Svm()}
