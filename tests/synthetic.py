"""Small corpora made of numbers, and small classifiers, for the tests of the evaluation."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from affex.classifiers.base import Classifier, Target
from affex.pipeline.manifest.utterance import Utterance
from affex.pipeline.streams.table import Table

EMOTIONS = ("anger", "joy", "neutral", "sadness")


def make_table(
    *,
    n_speakers: int = 6,
    n_each: int = 4,
    n_columns: int = 5,
    n_frames: int = 1,
    classes: tuple[str, ...] = EMOTIONS,
    class_shift: float = 1.0,
    speaker_shift: float = 1.0,
    seed: int = 0,
) -> Table:
    """Every speaker says `n_each` utterances of each class; class and speaker each shift the columns."""
    rng = np.random.default_rng(seed)
    of_class = rng.normal(scale=class_shift, size=(len(classes), n_columns))
    of_speaker = rng.normal(scale=speaker_shift, size=(n_speakers, n_columns))
    utterances, rows = [], []
    for s in range(n_speakers):
        for c, label in enumerate(classes):
            for k in range(n_each):
                name = f"{s:02d}"
                utterances.append(Utterance(f"{name}-{label}-{k}", "toy", name, label, sex="fm"[s % 2]))
                rows.append(of_class[c] + of_speaker[s] + rng.normal(size=(n_frames, n_columns)))
    n = len(utterances)
    return Table.of(
        X=np.concatenate(rows).astype(np.float32),
        offsets=np.arange(n + 1, dtype=np.int64) * n_frames,
        utterances=tuple(utterances),
        columns=tuple(f"c{i}" for i in range(n_columns)),
        present=np.ones((n, 1), dtype=bool),
    )


def changed(table: Table, **fields: Any) -> Table:
    """Return a table of one stream with other rows (`X`, `offsets`, `columns`) or other fields."""
    before = {name: getattr(table, name) for name in ("X", "offsets", "utterances", "columns", "present")}
    return Table.of(**(before | fields))


def with_values(matrix: Table, seed: int = 0) -> Table:
    """Return the matrix with a valence that its columns tell, and some noise."""
    rng = np.random.default_rng(seed)
    mean = np.add.reduceat(matrix.X, matrix.offsets[:-1], axis=0)[:, 0] / matrix.lengths
    values = mean + 0.3 * rng.normal(size=len(matrix))
    pairs = zip(matrix.utterances, values.tolist(), strict=True)
    return replace(matrix, utterances=tuple(replace(utterance, valence=value) for utterance, value in pairs))


def relabelled(matrix: Table, labels: list[str | None]) -> Table:
    """Return the matrix with other labels."""
    pairs = zip(matrix.utterances, labels, strict=True)
    return replace(matrix, utterances=tuple(replace(utterance, label=label) for utterance, label in pairs))


class Scaled(BaseEstimator):
    """A model behind a scaler; both learn from the training rows."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: Any, y: Any, groups: Any = None, *, sample_weight: Any = None, inner: Any = None) -> "Scaled":
        self.scaler_ = StandardScaler().fit(X)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.model_ = self.model.fit(self.scaler_.transform(X), y, **weights)
        self.classes_ = getattr(self.model_, "classes_", None)
        self.best_params_ = {"n_rows": np.int64(len(X)), "n_speakers": len(set(groups))}
        if inner is not None:
            self.best_params_["n_inner"] = [[len(part) for part in pair] for pair in inner]
        return self

    def predict(self, X: Any) -> Any:
        return self.model_.predict(self.scaler_.transform(X))

    def predict_proba(self, X: Any) -> Any:
        return self.model_.predict_proba(self.scaler_.transform(X))

    @property
    def class_log_prior_(self) -> Any:
        return np.log(self.model_.class_prior_)

    def log_likelihood(self, X: Any) -> Any:
        return self.model_.predict_joint_log_proba(self.scaler_.transform(X)) - self.class_log_prior_


@dataclass(frozen=True, kw_only=True)
class Bayes(Classifier):
    """Gaussian naive Bayes: fast."""

    prefers: ClassVar[str] = "egemaps"
    scores: ClassVar[str] = "posterior probabilities"
    targets: ClassVar[tuple[Target, ...]] = ("classes", "values")
    smoothing: float = 1e-9

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Scaled(GaussianNB(var_smoothing=self.smoothing) if target == "classes" else Ridge())


@dataclass(frozen=True, kw_only=True)
class FrameBayes(Bayes):
    """The same on frames."""

    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "frame"
    decision: Literal["sum", "vote"] = "sum"


@dataclass(frozen=True, kw_only=True)
class Memoriser(Bayes):
    """Answers with the label of the nearest training row, which is one of the same speaker if there is one."""

    def build(self, *, target: Target = "classes", precomputed: bool = False, seed: int, device: str) -> Scaled:
        return Scaled(KNeighborsClassifier(1))
