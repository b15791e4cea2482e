"""Fisher vectors of frames, and a support-vector machine on them.

Each fold learns a mixture of Gaussians from the frames of its training speakers. An utterance becomes one row: how its
frames would change the mixture (Perronnin, Sanchez and Mensink 2010, doi:10.1007/978-3-642-15561-1_11; see
`classifiers.estimators.fisher`). It reads frames of any number, in any order, such as descriptors of `features.sift`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from affex.classifiers.base import Classifier, RowsRead, Target
from affex.classifiers.svm import Svm


@dataclass(frozen=True, kw_only=True)
class Fisher(Classifier):
    """A support-vector machine on Fisher vectors.

    Parameters
    ----------
    gaussians
        Gaussians of the mixture; fewer with less than ten training frames for each.
    components
        Principal components of the z-scored columns that the mixture sees, at most; 0 for all columns as they are.
    most_frames
        From how many training frames, evenly spread, components and mixture are learned, at most.
    C
        As in `classifiers.svm`; none: searched.
    gamma
        As in `classifiers.svm`; none: searched.
    weights
        As in `classifiers.svm`.
    """

    phrase: ClassVar[str] = "Fisher vectors of the frames and a support-vector machine with a Gaussian (RBF) kernel"
    prepares: ClassVar[str] = "columns of frames are z-scored and reduced to principal components"
    rows: ClassVar[RowsRead] = "each"  # type: ignore[misc]
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "sequence"
    prefers: ClassVar[str] = "sift"
    scores: ClassVar[str] = Svm.scores
    targets: ClassVar[tuple[Target, ...]] = ("classes",)
    tuned: ClassVar[bool] = True
    on_device: ClassVar[bool] = True
    cites: ClassVar[tuple[str, ...]] = ("perronnin2010", "pedregosa2011", "chang2011")

    gaussians: int = 16
    components: int = 32
    most_frames: int = 50000
    C: float | None = None
    gamma: float | None = None
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        for name, value, least in (
            ("gaussians", self.gaussians, 1),
            ("components", self.components, 0),
            ("most_frames", self.most_frames, 100),
        ):
            if value < least:
                raise ValueError(f"{name}={value}: expected {least} or more")
        _ = self._svm

    @property
    def _svm(self) -> Svm:
        """The machine on Fisher vectors; it refuses settings that make no sense."""
        return Svm(C=self.C, gamma=self.gamma, weights=self.weights)

    def searched(self, target: Target) -> str:
        """Return the grid over what is left open, and the criterion."""
        return self._svm.searched(target)

    def build(self, *, seed: int, device: str = "cpu") -> Any:
        """Return an unfitted `FisherMachine`."""
        from affex.classifiers.estimators.fisher import FisherMachine

        return FisherMachine(**self.own_settings, device=device, seed=seed)


PRESETS: dict[str, Classifier] = {"fisher": Fisher()}
