"""Deep belief network: parts from z-scored rows to scores, through stacked Boltzmann machines.

Each layer is a restricted Boltzmann machine that is trained, without labels, on the means of the layer below. Then the
stack is a network with sigmoid units and a softmax, which backpropagation tunes with labels.

Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets" (2006, doi:10.1162/neco.2006.18.7.1527).
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from affex.classifiers.estimators.rbm import Schedule, batches, random_rbm, require_finite, trained
from affex.classifiers.estimators.training import balanced, checked

Floats = NDArray[np.float64]


@dataclass(eq=False, repr=False)
class BeliefNetwork(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A stack of restricted Boltzmann machines under a softmax.

    Parameters
    ----------
    layers
        Units of each hidden layer, from the rows upwards.
    epochs, rate
        Of the training without labels, of each layer; 0 epochs leave it out.
    tuning, tuning_rate
        Of the training with labels, by Adam on the cross-entropy.
    decay
        Strength of the L2 penalty on the weights in tuning.
    batch
        Rows in a batch.
    seed
        Seeds weights, batches and samples.

    Attributes
    ----------
    classes_ : (n_classes,)
    weights_ : list of (n_below, n_units) float64
        Of each layer; the last is the softmax.
    biases_ : list of (n_units,) float64
    """

    layers: tuple[int, ...] = (100, 50)
    epochs: int = 100
    rate: float = 0.5
    tuning: int = 100
    tuning_rate: float = 1e-3
    decay: float = 1e-3
    batch: int = 32
    seed: int = 0

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train layer by layer, then tune the whole.

        Parameters
        ----------
        X : (n_rows, n_columns)
            z-scored rows without NaN.
        y : (n_rows,)
            Classes.
        sample_weight : (n_rows,)
            How many times each row counts; None: once. Tuning gives all classes the same total weight, too.

        Raises
        ------
        ValueError
            If the arguments do not fit together, or the weights grow without limit.
        """
        training = checked(self, X, y, None, sample_weight)
        counted = training.counted
        rows, weight = training.X[counted].astype(np.float64), training.weight[counted]
        rng = np.random.default_rng(self.seed)
        self.weights_, self.biases_ = self._pretrained(rows, weight, rng)
        self._tune(rows, np.searchsorted(self.classes_, training.y[counted]), weight, rng)
        return self

    def _pretrained(self, rows: Floats, weight: Floats, rng: np.random.Generator) -> tuple[list[Floats], list[Floats]]:
        """Return weights and biases of the hidden layers, and of a softmax that says nothing yet."""
        weights, biases = [], []
        for number, n_units in enumerate(self.layers):
            machine = random_rbm(rows.shape[1], n_units, rng, gaussian=number == 0)
            machine = trained(machine, rows, weight, Schedule(self.epochs, self.rate, self.batch), rng)
            rows = machine.hidden_means(rows)
            weights.append(machine.weights)
            biases.append(machine.hidden)
        weights.append(np.zeros((rows.shape[1], len(self.classes_))))
        biases.append(np.zeros(len(self.classes_)))
        return weights, biases

    def _tune(self, rows: Floats, codes: NDArray[np.int64], weight: Floats, rng: np.random.Generator) -> None:
        """Tune all weights by backpropagation, on one thread, so that equal fits are equal to the bit."""
        import torch

        from affex.classifiers.estimators.nets.training import single_thread

        weight = balanced(codes, weight)
        with single_thread():
            weights = [torch.tensor(own, requires_grad=True) for own in self.weights_]
            biases = [torch.tensor(own, requires_grad=True) for own in self.biases_]
            given, target, share = torch.tensor(rows), torch.tensor(codes), torch.tensor(weight / weight.mean())
            groups = [{"params": weights, "weight_decay": self.decay}, {"params": biases, "weight_decay": 0.0}]
            optimiser = torch.optim.Adam(groups, lr=self.tuning_rate)
            for _, own in batches(weight, Schedule(self.tuning, self.tuning_rate, self.batch), rng):
                above = given[own]
                for across, bias in zip(weights[:-1], biases[:-1], strict=True):
                    above = torch.sigmoid(above @ across + bias)
                losses = torch.nn.functional.cross_entropy(
                    above @ weights[-1] + biases[-1], target[own], reduction="none"
                )
                optimiser.zero_grad()
                (share[own] * losses).mean().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        self.weights_ = [own.detach().numpy().copy() for own in weights]
        self.biases_ = [own.detach().numpy().copy() for own in biases]
        for layer in self.weights_:
            require_finite(layer, self.rate)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class, ``(n_rows, n_classes) float64``."""
        check_is_fitted(self)
        above = validate_data(self, X, reset=False).astype(np.float64)
        for across, bias in zip(self.weights_[:-1], self.biases_[:-1], strict=True):
            above = expit(above @ across + bias)
        found: Floats = softmax(above @ self.weights_[-1] + self.biases_[-1], axis=1)
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class, ``(n_rows,)``."""
        best = self.predict_proba(X).argmax(axis=1)
        decided: NDArray[Any] = self.classes_[best]
        return decided
