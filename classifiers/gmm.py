"""Gaussian mixtures: one of diagonal covariance for each class, on frames.

A clip's frames are pooled by `pool`. The defaults are those of the literature: 64 components and the frames
of ``mfcc-voice`` as in Metallinou, Lee and Narayanan ("Audio-visual emotion recognition using Gaussian mixture
models for face and voice", ISM 2008), and a hundredth of the global variance as the floor of a component's
(Young et al., "The HTK book", 2006, HCompV).
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from classifiers.base import Classifier, Target


@dataclass(frozen=True, kw_only=True)
class Gmm(Classifier):
    """One Gaussian mixture a class.

    Parameters
    ----------
    components
        Gaussians a mixture; fewer for a class with less than ten frames for each.
    pool
        ``sum``: the log-likelihoods of a clip's frames are added up; ``vote``: each frame votes for its most
        probable class.
    iterations
        At most so many steps of expectation maximisation.
    floor
        Added to every variance; the variance of all training frames is 1.
    weights
        ``balanced``: classes are equally probable beforehand; ``none``: each as often as its training frames.
    """

    rows: ClassVar[Literal["utterance", "frame"]] = "frame"
    prefers: ClassVar[str] = "mfcc-voice"
    scores: ClassVar[str] = (
        "not calibrated: with pool=sum the posterior of a clip with its frames taken as independent, "
        "which is far too sure; with pool=vote each class's share of the frames"
    )

    components: int = 64
    pool: Literal["sum", "vote"] = "sum"
    iterations: int = 20
    floor: float = 0.01
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        if self.pool not in ("sum", "vote"):
            raise ValueError(f"pool={self.pool}: expected sum or vote")
        if self.weights not in ("balanced", "none"):
            raise ValueError(f"weights={self.weights}: expected balanced or none")
        for name, value in (("components", self.components), ("iterations", self.iterations)):
            if value < 1:
                raise ValueError(f"{name}={value}: expected 1 or more")
        if not self.floor >= 1e-4:
            # Less is lost in the rounding of float32 squares of frames that lie far out.
            raise ValueError(f"floor={self.floor}: expected 0.0001 or more")

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Any:  # noqa: ARG002 - it runs on the CPU
        """Return an unfitted `ClassMixtures`.

        Raises
        ------
        ValueError
            If it is to predict values, or to do with distances.
        """
        self._require_buildable(target, precomputed=precomputed)
        from classifiers.estimators.gmm import ClassMixtures

        settings = asdict(self) | {"seed": seed}
        del settings["pool"]  # done by whoever knows which frames are a clip's
        return ClassMixtures(**settings)


PRESETS: dict[str, Classifier] = {"gmm": Gmm()}
