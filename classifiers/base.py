"""What a classifier is: the arrow from a training fold's rows to decisions on the rows left out.

A classifier is a frozen record of its settings; `build` returns an unfitted scikit-learn estimator, a Pipeline for
example, that holds everything that learns (imputation, scaling, selection, the search for hyperparameters,
calibration), so that fitting it on the training speakers is all that a fold has to do. A regressor predicts values.

Its ``fit(X, y)`` is given rows as they are cached, **float32**, NaN where a value is missing, and classes (str) or
values (float64). It is handed more only where it takes it (see `classifiers.estimators.fitting`):

``groups`` (n_rows,)
    The speaker of each row.
``sample_weight`` (n_rows,) float64
    How many times each row counts.
``inner``
    Inner folds, as pairs of (train, test) row numbers, where a protocol names them.
``offsets`` (n_utterances + 1,)
    Which rows are an utterance's; a list, one item a stream, where it reads several.
``dialogs`` (n_dialogs + 1,)
    Which utterances are one dialog, where it has a context (see `pipeline.streams.readers`).

Whatever cross-validates inside, as a `GridSearchCV` does, is handed folds that keep each speaker whole.
``best_params_`` holds what a search chose, or what the rows could bear; ``limits_``, where there is one, for what the
rows were too few, a sentence under each of `LIMITS`.
"""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

#: What is predicted: a class, or a number.
Target = Literal["classes", "values"]

#: What an utterance is predicted from besides itself.
Context = Literal["none", "speaker", "dialog"]

#: What training rows may be too few for: a search for settings (they are fixed then), a sigmoid for each class (one
#: function then makes scores of all decision values), a calibration that can be trusted (only the order then counts).
LIMITS = ("search", "sigmoids", "calibration")


@dataclass(frozen=True, kw_only=True)
class Classifier(ABC):
    """A classifier with its settings."""

    #: One row an utterance; all frames of an utterance (rows scored one by one, then pooled by `pool`); or sequences of
    #: rows, each utterance's whole.
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "utterance"
    #: How many features it takes as streams of their own; with 1, columns of several stand side by side.
    streams: ClassVar[int] = 1
    #: How the frames of several features are brought to the times of the first; none: each keeps its own.
    align: ClassVar[Literal["none", "nearest", "linear"]] = "none"
    #: The features it is given when none is named, as the command line spells them.
    prefers: ClassVar[str] = "egemaps"
    #: Whether settings are searched for on speakers left out of those learned from, and fixed where there are too few.
    tuned: ClassVar[bool] = False
    #: What else of the dialog an utterance is predicted from: nothing, the speaker's own turns, or all turns.
    context: ClassVar[Context] = "none"

    #: Whether it computes on the device that it is built for; others always do on the CPU.
    on_device: ClassVar[bool] = False

    @property
    def in_threads(self) -> bool:
        """Whether several may be fitted side by side in threads of one process, and do better there.

        So it is where most of the work is a library's that releases the interpreter's lock, and nothing that is
        changed meanwhile (warning filters, a library's settings) is the process's.
        """
        return False

    @property
    def needs_level(self) -> bool:
        """Whether it takes the first column for how loud a frame is, and has a ``noise_log_likelihood``."""
        return False

    @property
    def name(self) -> str:
        """The classifier's own name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it can predict; what its estimator does, unless the classifier declares more."""
        from affex.classifiers.estimators.inspection import target_of

        return (target_of(self._built()),)

    @property
    def scores(self) -> str:
        """What its ``score_<class>`` columns are, as the results say it; by what its estimator offers."""
        from affex.classifiers.estimators.inspection import SCORES, answer_of

        return SCORES[answer_of(self._built())]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its settings by name, as JSON can hold them."""
        return asdict(self)

    def distances(self, X: NDArray[np.float32], *, device: str) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return what can be computed once for all folds, from rows whose scaling no fold fits.

        Parameters
        ----------
        X : (n_rows, n_columns) float32
            All rows, z-scored already (within speakers, say).
        device
            ``"cpu"`` or ``"cuda"``.

        Returns
        -------
        (n_rows, n_rows) float64
            The squared distance of every two rows, mean over the columns: what an estimator built with
            ``precomputed=True`` takes. None where this classifier has no use for it.
        """
        return None

    @abstractmethod
    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Return an unfitted scikit-learn estimator.

        Write ``def build(self) -> Any``, with those of these parameters that the classifier needs, by keyword:

        target
            What it predicts: one of `targets`, which then must be declared.
        precomputed
            Whether it takes blocks of `distances` in the place of rows: to fit those among the training rows,
            ``(n_train, n_train)``, to predict those to the training rows, ``(n_test, n_train)``.
        seed
            Seeds all that is random in it. Each ``random_state`` that is left open is given the seed anyway.
        device
            ``"cpu"`` or ``"cuda"``.

        Raises
        ------
        ValueError
            If it cannot be built so.
        """

    def estimator(
        self, *, target: Target | None = None, precomputed: bool = False, seed: int = 0, device: str = "cpu"
    ) -> Any:
        """Return the unfitted estimator that `build` makes, handed what it takes; None is its first target.

        Raises
        ------
        ValueError
            If it cannot predict the target, has no use for distances, or cannot be built so.
        """
        if target is not None and target not in self.targets:
            raise ValueError(f"{self.name} predicts {' or '.join(self.targets)}, not {target}")
        if precomputed and type(self).distances is Classifier.distances:
            raise ValueError(f"{self.name} learns from rows; it has no use for distances between them")
        chosen = {} if target is None else {"target": target}
        return self._built(**chosen, precomputed=precomputed, seed=seed, device=device)

    def _built(self, **given: Any) -> Any:
        from affex.classifiers.estimators.inspection import seeded

        declared = inspect.getattr_static(self, "targets")
        first = "classes" if isinstance(declared, property) else declared[0]
        given = {"target": first, "precomputed": False, "seed": 0, "device": "cpu"} | given
        taken = inspect.signature(self.build).parameters
        return seeded(self.build(**{name: value for name, value in given.items() if name in taken}), given["seed"])


@dataclass(frozen=True, kw_only=True)
class Wrapped(Classifier):
    """Any scikit-learn estimator as a classifier, named by its class.

    Parameters
    ----------
    model
        The estimator; each fold fits a clone of it.

    Raises
    ------
    ValueError
        If it is no scikit-learn classifier or regressor, or has a setting that cannot be written down.
    """

    model: Any = field(compare=False, repr=False)
    #: All settings of the estimator, as JSON: equal for equal estimators.
    spelled: str = field(init=False)

    def __post_init__(self) -> None:
        from sklearn.base import is_classifier, is_regressor

        from affex.classifiers.estimators.inspection import spelled

        instance = hasattr(self.model, "get_params") and not isinstance(self.model, type)
        if not instance or not (is_classifier(self.model) or is_regressor(self.model)):
            kind = type(self.model).__name__
            raise ValueError(f"expected an estimator of scikit-learn that predicts classes or values, got a {kind}")
        object.__setattr__(self, "spelled", json.dumps(spelled(self.model), sort_keys=True))

    @property
    def name(self) -> str:
        """The name of the estimator's class: of a pipeline's last step, of what a search searches."""
        from affex.classifiers.estimators.inspection import name_of

        return name_of(self.model)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The estimator's class and all its settings."""
        found: Mapping[str, Any] = json.loads(self.spelled)
        return found

    @property
    def open_seeds(self) -> list[str]:
        """The paths of the seeds that the estimator leaves open."""
        from affex.classifiers.estimators.inspection import open_seeds

        return open_seeds(self.model)

    def build(self) -> Any:
        """Return an unfitted clone of the estimator."""
        from sklearn.base import clone

        return clone(self.model)


def of_estimator(model: Any) -> Classifier:
    """Return any scikit-learn estimator as a classifier.

    Raises
    ------
    ValueError
        As `Wrapped`.
    """
    return Wrapped(model=model)


def inner_folds(groups: NDArray[Any], n_splits: int = 5) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (train, test) row numbers of folds that keep each group whole (``GroupKFold``).

    Parameters
    ----------
    groups : (n_rows,)
        The speaker of each row.
    n_splits
        How many folds; fewer where there are fewer groups.

    Raises
    ------
    ValueError
        If there are fewer than two groups.
    """
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            f"the search for hyperparameters needs at least 2 training speakers to tell apart, found {n_groups}"
        )
    yield from GroupKFold(min(n_splits, n_groups)).split(groups, groups=groups)
