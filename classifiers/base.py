"""The classifier interface: the arrow from a training fold's rows to decisions on the held-out rows.

A classifier is a frozen record of its settings. Its `build` returns an unfitted scikit-learn estimator, for example a
Pipeline. The estimator holds everything that learns (imputation, scaling, feature selection, hyperparameter search,
calibration), so a fold only has to fit it on the training speakers. A regressor predicts values.

``fit(X, y)`` receives the cached rows, **float32** with NaN for a missing value, and classes (str) or
values (float64). It receives further arguments only if it accepts them (see `classifiers.estimators.fitting`):

``groups`` (n_rows,)
    The speaker of each row.
``sample_weight`` (n_rows,) float64
    How many times each row counts.
``inner``
    Inner folds, as pairs of (train, test) row numbers, where a protocol names them.
``offsets`` (n_utterances + 1,)
    Which rows belong to which utterance; a list with one item per stream for an estimator of several streams.
``widths`` (n_features,)
    How many columns each feature has, of the features whose columns are side by side.
``dialogs`` (n_dialogs + 1,)
    Which utterances belong to which dialog, for a classifier with a context (see `pipeline.streams.readers`).

An estimator that cross-validates inside its fit (`GridSearchCV`) receives folds that keep each speaker whole.
``best_params_`` holds the hyperparameters that a search chose, or that the number of rows allowed; ``search_axes``, if
present, what was tried of each (`Axis`). ``limits_``, if present, says what the rows were too few for, with one
sentence under each key of `LIMITS`.
"""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

#: What is predicted: a class, or a number.
Target = Literal["classes", "values"]

#: Context that is used to predict an utterance, besides the utterance itself.
Context = Literal["none", "speaker", "dialog"]

#: What a classifier of utterances learns from: one row an utterance, for which frames are pooled, or each row.
RowsRead = Literal["pooled", "each"]

#: What the training rows may be too few for: a hyperparameter search (the settings are then fixed), one sigmoid per
#: class (one function then turns all decision values into scores), or a trustworthy calibration (only the order of the
#: scores then counts).
LIMITS = ("search", "sigmoids", "calibration")

#: An axis of fewer values has no inside: a choice always stands at its edge.
LEAST_VALUES = 3


@dataclass(frozen=True)
class Axis:
    """What a search tries of one hyperparameter.

    Parameters
    ----------
    name
        Its name, as among the chosen values.
    values
        The values that are tried, as JSON can hold them; of a range its least and its largest number.
    is_range
        Whether all whole numbers between the two values are tried.
    below, above
        Whether smaller and larger values could have been tried, too: no share is larger than 1.
    """

    name: str
    values: tuple[Any, ...]
    is_range: bool = False
    below: bool = True
    above: bool = True

    @property
    def is_ordered(self) -> bool:
        """Whether the axis has an inside and edges: enough numbers, or a range."""
        return all(map(_is_number, self.values)) and (self.is_range or len(set(self.values)) >= LEAST_VALUES)

    def edges(self, chosen: Any) -> list[Any]:
        """Return which of the chosen values (one, or a list with one a class) stand at an edge of an ordered axis."""
        if not self.is_ordered:
            return []
        ends = [end(self.values) for end, is_open in ((min, self.below), (max, self.above)) if is_open]
        return [value for value in (chosen if isinstance(chosen, list) else [chosen]) if value in ends]


@dataclass(frozen=True, kw_only=True)
class Classifier(ABC):
    """A classifier with its settings.

    Parameters
    ----------
    rows
        ``pooled``: it learns from one row an utterance, and the frames of an utterance are pooled to one; ``each``: it
        learns from every row of an utterance (frame, segment), and the scores of the rows are averaged.
    """

    #: Input of the classifier: one row per utterance; all frames of an utterance (each row is scored; a field
    #: `decision` says how they decide, as in `gmm.Gmm`); or sequences of rows, with each utterance as a whole.
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "utterance"
    #: How many features it reads as separate streams. With 1, the columns of several features are concatenated.
    streams: ClassVar[int] = 1
    #: How the frames of several features are aligned with the times of the first; none: each feature keeps its own.
    align: ClassVar[Literal["none", "nearest", "linear"]] = "none"
    #: The default features, in the syntax of the command line.
    prefers: ClassVar[str] = "egemaps"
    #: Its name in a sentence, with its article; empty for the name of its file.
    phrase: ClassVar[str] = ""
    #: How rows are prepared, where its estimator is no Pipeline that says so; begins with a small letter.
    prepares: ClassVar[str] = ""
    #: What becomes of the columns of a feature that an utterance lacks.
    fills: ClassVar[str] = "filled with the means of the training rows"
    #: What a paper that uses it cites: keys of ``pipeline/publishing/references.toml``, or whole BibTeX entries.
    cites: ClassVar[tuple[str, ...]] = ()
    #: Whether hyperparameters are searched on held-out training speakers; they are fixed where speakers are too few.
    tuned: ClassVar[bool] = False
    #: For sequences: how many rows a segment has, each of which is learned by itself; 0: an utterance is one sequence.
    segment: ClassVar[int] = 0
    #: How many rows lie from the beginning of a segment to the beginning of the next; 0: as many as a segment has.
    step: ClassVar[int] = 0
    #: Which other turns of the dialog it uses to predict an utterance: none, the same speaker's turns, or all turns.
    context: ClassVar[Context] = "none"

    rows: RowsRead = "pooled"

    def __post_init__(self) -> None:
        if self.rows not in get_args(RowsRead):
            raise ValueError(f"rows={self.rows}: expected pooled or each")

    #: Whether it computes on the device that it is built for; other classifiers always run on the CPU.
    on_device: ClassVar[bool] = False

    @property
    def in_threads(self) -> bool:
        """Whether several fits may run in parallel in threads of one process, and are faster there.

        This holds if a library that releases the interpreter's lock does most of the work, and if the fit changes no
        state of the process (warning filters, a library's settings) meanwhile.
        """
        return False

    @property
    def unlabelled(self) -> bool:
        """Whether it also learns from utterances without a class, which stand in training with the weight 0."""
        return False

    @property
    def needs_level(self) -> bool:
        """Whether it reads the loudness of a frame from the first column, and has a ``noise_log_likelihood``."""
        return False

    @property
    def name(self) -> str:
        """The classifier's name, which is the name of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets it can predict: those of its estimator, unless the classifier declares more."""
        from affex.classifiers.estimators.inspection import target_of

        return (target_of(self._built()),)

    @property
    def scores(self) -> str:
        """What its ``score_<class>`` columns contain, in the words of the results; it depends on the estimator."""
        from affex.classifiers.estimators.inspection import SCORES, answer_of

        return SCORES[answer_of(self._built())]

    @property
    def probabilities(self) -> bool:
        """Whether its scores are probabilities of the classes, calibrated or not; it depends on the estimator."""
        from affex.classifiers.estimators.inspection import answer_of

        try:
            return answer_of(self._built()) == "probabilities"
        except ValueError:  # its settings are for values, as ``svm:epsilon=0.1``: it has no scores of classes
            return False

    @property
    def reads_each_row(self) -> bool:
        """Whether it is a classifier of utterances that learns from each of their rows."""
        return self.reads == "utterance" and self.rows == "each"

    @property
    def averaged(self) -> str:
        """What the scores of an utterance are the mean over, ``"rows"`` or ``"segments"``; empty if it is not one."""
        return "segments" if self.segment else "rows" if self.reads_each_row else ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its settings by name, in types that JSON can hold; `rows` if it is not the default."""
        return self._with_rows(asdict(self))

    def _with_rows(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings with `rows` if it is not the default, so that runs keep their names where it is not used."""
        own = {name: value for name, value in settings.items() if name != "rows"}
        return {**own, "rows": self.rows} if self.reads_each_row else own

    @property
    def own_settings(self) -> dict[str, Any]:
        """Its settings by name without `rows`, which is for the reader of the rows and not for an estimator."""
        return {name: value for name, value in self.settings.items() if name != "rows"}

    def searched(self, target: Target) -> str:  # noqa: ARG002
        """Return what is searched on inner folds, and by which criterion, in words; empty if nothing is searched."""
        return ""

    def distances(
        self,
        X: NDArray[np.float32],  # noqa: ARG002
        others: NDArray[np.float32] | None = None,  # noqa: ARG002
        *,
        device: str,  # noqa: ARG002
    ) -> NDArray[np.float64] | None:
        """Return distances that are computed once for all folds, from rows whose scaling no fold fits.

        Parameters
        ----------
        X : (n_rows, n_columns) float32
            All rows, already z-scored (for example within speakers).
        others : (n_others, n_columns) float32, optional
            Rows to which the distances are; None for `X`.
        device
            ``"cpu"`` or ``"cuda"``.

        Returns
        -------
        (n_rows, n_others) float64
            The squared distance of every pair of rows, as the mean over the columns. An estimator built with
            ``precomputed=True`` takes them as input. None if this classifier does not use distances.
        """
        return None

    @abstractmethod
    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Return an unfitted scikit-learn estimator.

        Write ``def build(self) -> Any`` with those of the following keyword parameters that the classifier needs:

        target
            What it predicts: one of `targets`, which must then be declared.
        precomputed
            Whether it takes blocks of `distances` instead of rows: those among the training rows to fit,
            ``(n_train, n_train)``, and those to the training rows to predict, ``(n_test, n_train)``.
        seed
            Seeds all random steps. Each ``random_state`` that is left open receives this seed in any case.
        device
            ``"cpu"`` or ``"cuda"``.

        Raises
        ------
        ValueError
            If these settings do not allow an estimator.
        """

    def estimator(
        self, *, target: Target | None = None, precomputed: bool = False, seed: int = 0, device: str = "cpu"
    ) -> Any:
        """Return the unfitted estimator from `build`, called with the arguments it accepts; None is its first target.

        Raises
        ------
        ValueError
            If it cannot predict the target, does not use distances, or cannot be built with these settings.
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
        If the model is no scikit-learn classifier or regressor, or has a setting that cannot be written down.
    """

    model: Any = field(compare=False, repr=False)
    #: All settings of the estimator as JSON; equal estimators have equal settings.
    spelled: str = field(init=False)

    def __post_init__(self) -> None:
        from affex.classifiers.estimators.inspection import spelled

        super().__post_init__()
        is_class = isinstance(self.model, type)
        if is_class or not hasattr(self.model, "get_params") or not _predicts(self.model):
            expected = "expected an estimator of scikit-learn that predicts classes or values"
            raise ValueError(f"{expected}, got {_kind(self.model)}")
        object.__setattr__(self, "spelled", json.dumps(spelled(self.model), sort_keys=True))

    @property
    def name(self) -> str:
        """The class name of the estimator, of a pipeline's last step, or of the estimator inside a search."""
        from affex.classifiers.estimators.inspection import name_of

        return name_of(self.model)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The estimator's class and all its settings; `rows` if it is not the default."""
        return self._with_rows(json.loads(self.spelled))

    @property
    def open_seeds(self) -> list[str]:
        """The paths of the random seeds that the estimator leaves open."""
        from affex.classifiers.estimators.inspection import open_seeds

        return open_seeds(self.model)

    def build(self) -> Any:
        """Return an unfitted clone of the estimator."""
        from sklearn.base import clone

        return clone(self.model)


def _predicts(model: Any) -> bool:
    """Return whether an estimator predicts classes or values."""
    from sklearn.base import is_classifier, is_regressor

    return bool(is_classifier(model) or is_regressor(model))


def _kind(model: Any) -> str:
    """Return what an object is, for messages."""
    if isinstance(model, type):
        return f"the class {model.__name__}; pass an object of it, as {model.__name__}()"
    return f"an object of the class {type(model).__name__}"


def of_estimator(model: Any, rows: RowsRead = "pooled") -> Classifier:
    """Return any scikit-learn estimator as a classifier.

    Parameters
    ----------
    rows
        As `Classifier.rows`.

    Raises
    ------
    ValueError
        As `Wrapped`.
    """
    return Wrapped(model=model, rows=rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        raise ValueError(f"the search for hyperparameters needs at least 2 training speakers, found {n_groups}")
    yield from GroupKFold(min(n_splits, n_groups)).split(groups, groups=groups)
