"""Gaussian mixtures: one of diagonal covariance for each class, on frames.

`decision` says how the frames of an utterance decide on its class. The defaults come from the literature: 64 components
and the frames of ``mfcc-voice`` as in Metallinou, Lee and Narayanan ("Audio-visual emotion recognition using Gaussian
mixture models for face and voice", ISM 2008), and a variance floor of a hundredth of the global variance (Young et al.,
"The HTK book", 2006, HCompV). Metallinou et al. also model background noise for the voice (`noise`); the selection of
noise frames by their low level is this project's choice.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affex.classifiers.base import Classifier, RowsRead


@dataclass(frozen=True, kw_only=True)
class Gmm(Classifier):
    """One Gaussian mixture a class.

    Parameters
    ----------
    components
        Gaussians per mixture; fewer for a class with less than ten frames per Gaussian.
    decision
        ``sum``: the log-likelihoods of an utterance's frames are added up; ``vote``: each frame votes for its most
        probable class.
    iterations
        Most steps of expectation maximisation.
    floor
        Added to every variance; the variance of all training frames is 1.
    weights
        ``balanced``: classes have equal priors; ``none``: priors follow the number of training frames.
    noise
        0: no noise model. Otherwise one more mixture models frames without speech. Frames that it explains better
        than every class are not counted (if it explains all frames of an utterance better, all of them
        count). It is trained on the quiet frames of each training speaker: those below this share of the range from
        the speaker's quiet frames to the loud ones (5th and 95th percentile of the first column, which must be the
        loudness of a frame, as in ``mfcc-voice``). The classes are then trained on the other frames.
    select
        ``pfa``: the mixtures use principal features only (Lu et al. 2007), columns that represent those that
        vary with them; ``none``: all columns.
    keep
        The share of the columns that is kept; required if columns are selected, because there is no search here.
    """

    phrase: ClassVar[str] = "Gaussian mixtures"
    prepares: ClassVar[str] = "columns of frames are z-scored"
    rows: ClassVar[RowsRead] = "each"  # type: ignore[misc]
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "frame"
    prefers: ClassVar[str] = "mfcc-voice"
    scores: ClassVar[str] = (
        "not calibrated: with decision=sum the posterior of an utterance with its frames taken as independent, "
        "which is far too sure; with decision=vote each class's share of the frames"
    )

    components: int = 64
    decision: Literal["sum", "vote"] = "sum"
    iterations: int = 20
    floor: float = 0.01
    weights: Literal["balanced", "none"] = "balanced"
    noise: float = 0.0
    select: Literal["none", "pfa"] = "none"
    keep: float | None = None

    def __post_init__(self) -> None:
        if self.decision not in ("sum", "vote"):
            raise ValueError(f"decision={self.decision}: expected sum or vote")
        if self.weights not in ("balanced", "none"):
            raise ValueError(f"weights={self.weights}: expected balanced or none")
        for name, value in (("components", self.components), ("iterations", self.iterations)):
            if value < 1:
                raise ValueError(f"{name}={value}: expected 1 or more")
        if not self.floor >= 1e-4:
            # This reduces the rounding error of float32 squares for outlying frames.
            raise ValueError(f"floor={self.floor}: expected 0.0001 or more")
        if not 0 <= self.noise < 1:
            raise ValueError(f"noise={self.noise}: expected 0 (no model of noise) to less than 1")
        if self.select not in ("none", "pfa"):
            raise ValueError(f"select={self.select}: expected none or pfa")
        if self.select == "none" and self.keep is not None:
            raise ValueError(f"keep={self.keep}: nothing is selected; expected select=pfa beside it")
        if self.select == "pfa" and (self.keep is None or not 0 < self.keep <= 1):
            raise ValueError(f"keep={self.keep}: expected the share of the columns that select=pfa keeps, at most 1")

    @property
    def probabilities(self) -> bool:
        """Whether the scores are posterior probabilities: shares of the frames are not."""
        return self.decision == "sum"

    @property
    def needs_level(self) -> bool:
        """Whether the first column separates noise from speech."""
        return self.noise > 0

    @property
    def cites(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a paper that uses it cites."""
        own = ("pedregosa2011", "reynolds2000", "metallinou2008")
        return (*own, "lu2007") if self.select == "pfa" else own

    def build(self, *, seed: int) -> Any:
        """Return an unfitted `ClassMixtures`."""
        from affex.classifiers.estimators.gmm import ClassMixtures

        settings = self.own_settings | {"seed": seed}
        del settings["decision"]  # the caller decides, because it knows which frames belong to an utterance
        return ClassMixtures(**settings)


PRESETS: dict[str, Classifier] = {"gmm": Gmm()}
