"""Networks on sequences as estimators of scikit-learn.

A fitted estimator holds arrays of numpy alone, so that equal fits have equal states and a saved model needs no pickle.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from affex.classifiers.base import Axis, Target
from affex.classifiers.estimators.distances import require_device
from affex.classifiers.estimators.nets.losses import LossName
from affex.classifiers.estimators.nets.network import Design, Network, PretrainName, TurnsName
from affex.classifiers.estimators.nets.part import ActivationName
from affex.classifiers.estimators.nets.parts import FusionName
from affex.classifiers.estimators.nets.sequences import Scale, Sequences, sequences
from affex.classifiers.estimators.nets.training import (
    OptimiserName,
    Schedule,
    Task,
    Trainer,
    best_epochs,
    outputs_of,
)
from affex.classifiers.estimators.spelling import AugmentationName
from affex.classifiers.estimators.training import (
    ONE_SPEAKER,
    Floats,
    Folds,
    Labels,
    Numbers,
    Training,
    Weights,
    balanced,
    checked,
    checked_rows,
)

#: Epochs where their number cannot be searched for.
FIXED_EPOCHS = 20


class _Net(BaseEstimator):  # type: ignore[misc]
    """Shared parts of networks for classes and for values.

    Parameters
    ----------
    trunk, pool, fusion, turns, head, units, maps, depth, kernels, factors, activation, dropout
        See `classifiers.net.Net`.
    pretrain, pretrain_epochs, margin, frozen
        See `classifiers.net.Net`. An utterance with weight 0 makes pairs, too, which take no label; a turn of a dialog
        does not.
    loss, optimiser, rate, momentum, decay, batch, clip, components, augment, noise, widest, angle, most_rows
        See `classifiers.net.Net`.
    epochs
        Most epochs; their number is that with the least mean loss on inner folds.
    patience
        How many epochs without improvement end the search; 0 trains for `epochs`.
    folds
        How many of the inner folds are used for the search.
    seeds
        How many networks, of different seeds, are averaged.
    device
        ``"cpu"`` or ``"cuda"``.
    seed
        Seeds the first network.

    Attributes
    ----------
    best_params_ : dict
        ``epochs`` as chosen.
    limits_ : dict
        What the rows were too few for; see `classifiers.base.LIMITS`.
    states_ : list of dict
        The arrays of each network.
    scales_ : list of list of dict
        For each network the mean, deviation and, if columns are reduced, components of each stream.
    row_shapes_ : list of tuple
        The shape of a row of each stream.
    """

    _target: ClassVar[Target] = "classes"
    _default_loss: ClassVar[LossName] = "ce"

    def __init__(
        self,
        trunk: str = "bilstm",
        pool: str = "mean",
        fusion: FusionName = "concat",
        turns: TurnsName = "none",
        head: tuple[int, ...] = (),
        units: int = 64,
        maps: int = 16,
        depth: int = 2,
        kernels: str = "auto",
        factors: int = 4,
        activation: ActivationName = "relu",
        dropout: float = 0.2,
        pretrain: PretrainName = "none",
        pretrain_epochs: int = 20,
        margin: float = 1.0,
        frozen: bool = False,
        loss: LossName | None = None,
        optimiser: OptimiserName = "adam",
        rate: float = 1e-3,
        momentum: float = 0.9,
        decay: float = 0.0,
        batch: int = 32,
        clip: float = 5.0,
        components: int = 0,
        augment: tuple[AugmentationName, ...] = (),
        noise: float = 0.1,
        widest: float = 0.2,
        angle: float = 10.0,
        most_rows: int = 0,
        epochs: int = 50,
        patience: int = 5,
        folds: int = 2,
        seeds: int = 1,
        weights: Weights = "balanced",
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        self.trunk = trunk
        self.pool = pool
        self.fusion = fusion
        self.turns = turns
        self.head = head
        self.units = units
        self.maps = maps
        self.depth = depth
        self.kernels = kernels
        self.factors = factors
        self.activation = activation
        self.dropout = dropout
        self.pretrain = pretrain
        self.pretrain_epochs = pretrain_epochs
        self.margin = margin
        self.frozen = frozen
        self.loss = loss
        self.optimiser = optimiser
        self.rate = rate
        self.momentum = momentum
        self.decay = decay
        self.batch = batch
        self.clip = clip
        self.components = components
        self.augment = augment
        self.noise = noise
        self.widest = widest
        self.angle = angle
        self.most_rows = most_rows
        self.epochs = epochs
        self.patience = patience
        self.folds = folds
        self.seeds = seeds
        self.weights = weights
        self.device = device
        self.seed = seed

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
        inner: Folds | None = None,
        offsets: Any = None,
        dialogs: ArrayLike | None = None,
    ) -> Self:
        """Search for the number of epochs on inner folds, then train on all utterances.

        Parameters
        ----------
        X : (n_rows, n_columns), (n_rows, height, width[, channels]), or list of them
            The rows of one stream, or of each; NaN where a value is missing.
        y : (n_utterances,)
            Classes, or values.
        groups : (n_utterances,), optional
            Speakers; inner folds keep each speaker whole. None treats every utterance as a speaker of its own.
        sample_weight : (n_utterances,), optional
            How many times each utterance counts; one with weight 0 gives context only.
        inner
            Inner folds, as pairs of (train, test) numbers of utterances, instead of folds by speaker.
        offsets : (n_utterances + 1,), or list of them, optional
            Which rows each utterance has; None takes each row as an utterance.
        dialogs : (n_dialogs + 1,), optional
            Which utterances are turns of one dialog; None takes each utterance as a dialog.

        Raises
        ------
        ValueError
            If the arguments do not fit together, or the settings do not fit the rows.
        """
        given, training = self._checked(X, y, groups, sample_weight, offsets, dialogs)
        self.row_shapes_ = given.row_shapes
        shown = given.first_rows(self.most_rows)
        # The turns beside those that count are context: some may be those of a tested speaker.
        paired = np.ones(len(shown), bool) if dialogs is None else training.weight > 0
        task = Task(shown, *self._targets(training), training.groups, paired)
        folds = training.folds(inner)[: self.folds] if self.patience else []
        self.limits_ = {"search": ONE_SPEAKER} if self.patience and not folds else {}
        self.best_params_ = {"epochs": self._epochs(task, folds)}
        self.states_, self.scales_ = [], []
        for seed in range(self.seed, self.seed + self.seeds):
            trainer = Trainer(task, self.design, self._schedule, seed, self.device)
            for _ in range(self.best_params_["epochs"]):
                trainer.epoch()
            self.states_.append(dict(trainer.state))
            self.scales_.append([vars(how) for how in trainer.scales])
        return self

    @property
    def search_axes(self) -> tuple[Axis, ...]:
        """The numbers of epochs among which the search chooses, if there is one; there is none below 1."""
        return (Axis("epochs", (1, self.epochs), is_range=True, below=False),) if self.patience else ()

    def _checked(
        self, X: Any, y: ArrayLike, groups: Any, sample_weight: Any, offsets: Any, dialogs: Any
    ) -> tuple[Sequences, Training]:
        require_device(self.device)
        if offsets is None:
            training = checked(self, X, y, groups, sample_weight, target=self._target)
            return sequences(training.X, None, dialogs), training
        given = sequences(X, offsets, dialogs)
        # The rows are checked above; here the targets, of which there is one an utterance.
        training = checked(self, np.zeros((len(given), 1)), y, groups, sample_weight, target=self._target)
        self.n_features_in_ = _n_columns(given.row_shapes)
        return given, training

    def _epochs(self, task: Task, folds: list[tuple[Numbers, Numbers]]) -> int:
        if not folds:
            return min(self.epochs, FIXED_EPOCHS) if self.patience else self.epochs
        how = self.design, self._schedule, self.seed, self.device
        trainers = [Trainer(task.only(train), *how) for train, _ in folds]
        return best_epochs(trainers, [test for _, test in folds], task.weight, self.epochs, self.patience)

    def _targets(self, training: Training) -> tuple[NDArray[Any], Floats, int]:
        """Return targets for the network, the weight of each utterance, and the number of outputs."""
        raise NotImplementedError

    @property
    def design(self) -> Design:
        """What its networks are built of."""
        return Design(**{name: getattr(self, name) for name in Design.__dataclass_fields__})

    @property
    def _schedule(self) -> Schedule:
        settings = {name: getattr(self, name) for name in Schedule.__dataclass_fields__}
        return Schedule(**settings | {"loss": self.loss or self._default_loss})

    def _outputs(self, X: Any, offsets: Any, dialogs: Any, n_outputs: int) -> list[Floats]:
        """Return each network's outputs for all utterances, ``(n_utterances, n_outputs)``."""
        check_is_fitted(self)
        given = sequences(checked_rows(self, X) if offsets is None else X, offsets, dialogs)
        if given.row_shapes != [tuple(shape) for shape in self.row_shapes_]:
            raise ValueError(f"X: expected rows of the shapes {self.row_shapes_}, found {given.row_shapes}")
        given = given.first_rows(self.most_rows)
        return [
            self._outputs_of(given, state, [Scale(**how) for how in scales], n_outputs)
            for state, scales in zip(self.states_, self.scales_, strict=True)
        ]

    def _outputs_of(self, given: Sequences, state: Mapping[str, Any], scales: list[Scale], n_outputs: int) -> Floats:
        shapes = [how.shape(shape) for how, shape in zip(scales, given.row_shapes, strict=True)]
        network = Network(self.design, shapes, n_outputs).with_state(state).to(self.device)
        return outputs_of(network, given, scales, self.batch, self.device)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class NetClassifier(ClassifierMixin, _Net):  # type: ignore[misc]
    """A network that gives each utterance one probability a class."""

    def _targets(self, training: Training) -> tuple[NDArray[Any], Floats, int]:
        codes = np.searchsorted(self.classes_, training.y).clip(max=len(self.classes_) - 1)
        counted = training.counted
        weight = np.zeros(len(codes))
        weight[counted] = balanced(codes[counted], training.weight[counted], self.weights)
        return codes.astype(np.int64), weight, len(self.classes_)

    def predict_proba(self, X: Any, offsets: Any = None, dialogs: Any = None) -> Floats:
        """Return the mean of the networks' softmax, ``(n_utterances, n_classes)``."""
        from scipy.special import softmax

        check_is_fitted(self)
        outputs = self._outputs(X, offsets, dialogs, len(self.classes_))
        found: Floats = np.mean([softmax(one, axis=1) for one in outputs], axis=0)
        return found

    def predict(self, X: Any, offsets: Any = None, dialogs: Any = None) -> Labels:
        """Return the most probable class of each utterance."""
        best = self.predict_proba(X, offsets, dialogs).argmax(axis=1)
        classes: Labels = self.classes_[best]
        return classes


class NetRegressor(RegressorMixin, _Net):  # type: ignore[misc]
    """A network that gives each utterance one value.

    Attributes
    ----------
    mean_, deviation_ : float
        Of the training values; the network learns values of mean 0 and standard deviation 1.
    """

    _target: ClassVar[Target] = "values"
    _default_loss: ClassVar[LossName] = "mse"

    def _targets(self, training: Training) -> tuple[NDArray[Any], Floats, int]:
        self.mean_ = float(np.average(training.y, weights=training.weight))
        self.deviation_ = float(np.sqrt(np.average((training.y - self.mean_) ** 2, weights=training.weight))) or 1.0
        scaled = (training.y - self.mean_) / self.deviation_
        return scaled.astype(np.float32), training.weight, 1

    def predict(self, X: Any, offsets: Any = None, dialogs: Any = None) -> Floats:
        """Return the value of each utterance, ``(n_utterances,)``."""
        found: Floats = np.mean(self._outputs(X, offsets, dialogs, 1), axis=0)[:, 0] * self.deviation_ + self.mean_
        return found


def _n_columns(row_shapes: list[tuple[int, ...]]) -> int:
    return int(sum(np.prod(shape) for shape in row_shapes))
