"""Hidden Markov models with Gaussian emissions: one for each class, on the frames of an utterance in order.

Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition" (1989,
doi:10.1109/5.18626). Several features are the streams of one model (model-level fusion): their frames are aligned by
time with those of the first, all streams share one chain of states, and a state's density is the product of the
streams' densities, each with an exponent (Dupont and Luettin 2000, doi:10.1109/6046.865479). With ``FUSION=late:chain``
a second model decodes the turns of a dialog from the scores, as in Metallinou et al. 2012 (doi:10.1109/T-AFFC.2011.40).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affex.classifiers.base import Classifier, RowsRead, Target


@dataclass(frozen=True, kw_only=True)
class Hmm(Classifier):
    """One hidden Markov model a class.

    Parameters
    ----------
    states
        States of a model; fewer for a class with less than ten frames for each. With 1, order does not count.
    topology
        ``left-right``: an utterance begins in the first state, and a state is followed by itself or the next one;
        ``ergodic``: every state may follow every state.
    exponents
        The exponent of each stream's density when utterances are scored, joined by / in the order of the features, as
        in ``1/0.5``; a single one holds for all. 0 leaves a stream out. ``auto``: those with the greatest UAR on inner
        speakers, of exponents in steps of a quarter of their sum (of more than two streams, of a part for each).
    components
        Principal components of each stream's columns that are kept; 0 keeps the columns.
    iterations
        Most steps of expectation maximisation.
    floor
        Added to every variance; the variance of all training frames is 1.
    weights
        ``balanced``: classes have equal priors; ``none``: priors follow the number of training utterances.
    """

    phrase: ClassVar[str] = "hidden Markov models with Gaussian emissions"
    prepares: ClassVar[str] = "columns of each stream are z-scored"
    rows: ClassVar[RowsRead] = "each"  # type: ignore[misc]
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "sequence"
    streams: ClassVar[int] = 0
    align: ClassVar[Literal["none", "nearest", "linear"]] = "linear"
    prefers: ClassVar[str] = "mfcc"
    cites: ClassVar[tuple[str, ...]] = ("rabiner1989", "dupont2000", "potamianos2003")
    scores: ClassVar[str] = (
        "not calibrated: the posterior of an utterance with its frames taken as independent given the states, which is "
        "far too sure"
    )

    states: int = 3
    topology: Literal["left-right", "ergodic"] = "left-right"
    exponents: str = "1"
    components: int = 0
    iterations: int = 20
    floor: float = 0.01
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        if self.topology not in ("left-right", "ergodic"):
            raise ValueError(f"topology={self.topology}: expected left-right or ergodic")
        if self.weights not in ("balanced", "none"):
            raise ValueError(f"weights={self.weights}: expected balanced or none")
        for name, least in (("states", 1), ("iterations", 1), ("components", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}: expected {least} or more")
        if not self.floor >= 1e-4:
            raise ValueError(f"floor={self.floor}: expected 0.0001 or more")
        _ = self._exponents

    @property
    def _exponents(self) -> "tuple[float, ...] | Literal['auto']":
        if self.exponents == "auto":
            return "auto"
        expected = f"exponents={self.exponents}: expected auto, or numbers, 0 or more, joined by /, not all of them 0"
        try:
            found = tuple(float(text) for text in str(self.exponents).split("/"))
        except ValueError as error:
            raise ValueError(expected) from error
        if not all(0 <= one < float("inf") for one in found) or not any(found):
            raise ValueError(expected)
        return found

    def searched(self, target: Target) -> str:  # noqa: ARG002
        """Return how exponents are found."""
        return "exponents of the streams, by the UAR on inner folds" if self._exponents == "auto" else ""

    def build(self, *, seed: int) -> Any:
        """Return an unfitted `ClassChains`."""
        from affex.classifiers.estimators.hmm import ClassChains

        return ClassChains(**self.own_settings | {"exponents": self._exponents, "seed": seed})


PRESETS: dict[str, Classifier] = {"hmm": Hmm()}
