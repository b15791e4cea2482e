"""A neural network on sequences: frames, segments or pictures of one or several streams, alone or as turns of a dialog.

Each stream, which is one feature, has a *trunk* over its rows and a *pool* over time. A *fusion* joins the streams'
vectors, a recurrent layer may run over the *turns* of a dialog, and a *head* gives one score a class, or a value. The
number of epochs is found on inner speakers. Networks need far more recordings than the other classifiers do.

Attention after Zhou et al. 2019, doi:10.1145/3340555.3355713; context of a dialog after Poria et al. 2017,
doi:10.18653/v1/P17-1081.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args, get_type_hints

from affex.classifiers.base import Classifier, Context, RowsRead, Target
from affex.classifiers.estimators.spelling import AugmentationName, hidden_layers, kernel_sizes, names_among

#: The layers of a trunk, and what there is to pool over time.
TRUNKS = ("none", "conv1d", "rnn", "gru", "lstm", "bilstm", "cnn2d", "cnn3d", "stn", "layers")
POOLS = ("mean", "meanstd", "last", "self", "relation", "transformer")


@dataclass(frozen=True, kw_only=True)
class Net(Classifier):
    """A neural network on sequences.

    Parameters
    ----------
    trunk
        What runs over the rows of a stream: ``none``, ``conv1d``, ``rnn``, ``gru``, ``lstm``, ``bilstm``, ``cnn2d``
        (pictures row by row; of plain rows one picture, time by columns), ``cnn3d`` (pictures along time, too; cubes
        row by row), ``stn`` (a spatial transformer: it chooses a part of each picture for the layer behind it) or
        ``layers`` (the layers of ``ssl:layer=all`` in a sum whose weights are learned). Several are layers joined by +,
        as in ``cnn2d+gru``. All streams have the same, unless each has its own, joined by / in the order of the
        features, as in ``lstm/cnn2d+gru``.
    pool
        What makes one vector of the rows: ``mean``, ``meanstd``, ``last``, or a mean weighted by ``self``, ``relation``
        or ``transformer`` attention. As for trunks, each stream may have its own: ``self/relation``.
    fusion
        What joins streams: ``concat``, ``bilinear`` (of two) or ``scores`` (a head for each, their scores averaged).
    context
        Whose other turns of the dialog are read: ``none``, the ``speaker``'s own, or all of the ``dialog``.
    turns
        The recurrent layer over the turns, with a context: ``rnn``, ``gru``, ``lstm`` or ``bilstm``.
    head
        Units of the hidden layers before the last, joined by +, as in ``128+64``; ``none`` for no hidden layer.
    units
        Units of a trunk, of an attention, of a bilinear fusion, and of the layer over the turns.
    maps
        Maps of the first convolution of pictures; each further one has twice as many.
    depth
        Convolutions of a trunk.
    kernels
        Sizes of its convolutions in the place of `depth`, odd and joined by +, as in ``3x7+3x5``: along the rows for
        ``conv1d``; height x width for ``cnn2d``; rows x height x width for ``cnn3d``. ``auto``: 5, 3 x 3, 5 x 5 x 5. As
        for trunks, each stream may have its own: ``3x5x9+3x3x5/auto``.
    factors
        The rank of a bilinear fusion.
    activation
        ``relu``, ``tanh`` or ``sigmoid``.
    dropout
        The share of a vector's entries that are left out in training.
    pretrain
        How trunks are trained before: ``none``, or ``contrastive``: on pairs of the two streams in step against pairs
        out of step, without labels, of the training utterances (or of their segments) alone. A linear layer of `units`
        then follows each pool, in whose output they are compared.
    pretrain_epochs
        Epochs of that.
    margin
        The distance from which on a pair out of step is far enough apart.
    frozen
        Whether trunks, pools and that layer stay as they are when classes are learned.
    align
        ``none``: each stream keeps its own rows; ``nearest``: it has rows at the times of the first stream's, so that
        segments can be cut from all of them.
    loss
        ``ce`` (cross-entropy) or ``mse`` for classes, ``mse`` or ``ccc`` for values; ``auto`` is the first of them.
    optimiser
        ``adam``, or ``sgd`` with Nesterov's momentum.
    rate
        The learning rate.
    momentum
        That of ``sgd``.
    decay
        The weight decay.
    batch
        Utterances in a batch; dialogs are kept whole.
    clip
        The longest gradient.
    components
        Principal components of each stream's columns that are kept; 0 keeps the columns.
    augment
        What changes training batches at random, joined by +, as in ``noise+time``: ``noise``; ``time`` and
        ``frequency``, masks of rows and of columns (SpecAugment, Park et al. 2019,
        doi:10.21437/Interspeech.2019-2680); ``flip`` and ``rotation``, of pictures; ``none``.
    noise
        The standard deviation of that noise, in those of a column.
    widest
        The widest mask, as a share of an utterance's rows, or of the columns.
    angle
        The largest rotation, in degrees, to either side.
    most_rows
        How many rows of an utterance are read at the most, from the first; 0: all.
    segment
        Rows of a segment: each segment of an utterance is learned by itself, and the scores of an utterance's segments
        are averaged. Rows that fill no segment are left out; in an utterance with too few rows for one, the last row is
        repeated (as in Fan et al. 2016, doi:10.1145/2993148.2997632). 0: an utterance is one sequence.
    step
        Rows from the beginning of a segment to the beginning of the next; 0: as many as a segment has.
    epochs
        Most epochs; their number is that with the least mean loss on inner speakers.
    patience
        How many epochs without improvement end that search; 0 trains for `epochs` without a search.
    folds
        Inner folds on which the number of epochs is searched.
    seeds
        Networks of different seeds whose scores are averaged.
    weights
        Classes only: ``balanced``: all classes have the same total weight; ``none``: all utterances have the same.
    """

    phrase: ClassVar[str] = "a neural network on sequences"
    prepares: ClassVar[str] = "columns of each stream are z-scored"
    rows: ClassVar[RowsRead] = "each"  # type: ignore[misc]
    reads: ClassVar[Literal["utterance", "frame", "sequence"]] = "sequence"
    streams: ClassVar[int] = 0
    prefers: ClassVar[str] = "mfcc"
    scores: ClassVar[str] = "class probabilities (softmax of a network; not calibrated)"
    targets: ClassVar[tuple[Target, ...]] = ("classes", "values")
    tuned: ClassVar[bool] = True
    on_device: ClassVar[bool] = True

    trunk: str = "bilstm"
    pool: str = "mean"
    fusion: Literal["concat", "bilinear", "scores"] = "concat"
    context: Context = "none"  # type: ignore[misc]
    turns: Literal["rnn", "gru", "lstm", "bilstm"] = "bilstm"
    head: str = "none"
    units: int = 64
    maps: int = 16
    depth: int = 2
    kernels: str = "auto"
    factors: int = 4
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    dropout: float = 0.2
    pretrain: Literal["none", "contrastive"] = "none"
    pretrain_epochs: int = 20
    margin: float = 1.0
    frozen: bool = False
    align: Literal["none", "nearest"] = "none"  # type: ignore[misc]
    loss: Literal["auto", "ce", "mse", "ccc"] = "auto"
    optimiser: Literal["adam", "sgd"] = "adam"
    rate: float = 1e-3
    momentum: float = 0.9
    decay: float = 0.0
    batch: int = 32
    clip: float = 5.0
    components: int = 0
    augment: str = "none"
    noise: float = 0.1
    widest: float = 0.2
    angle: float = 10.0
    most_rows: int = 0
    segment: int = 0  # type: ignore[misc]
    step: int = 0  # type: ignore[misc]
    epochs: int = 50
    patience: int = 5
    folds: int = 2
    seeds: int = 1
    weights: Literal["balanced", "none"] = "balanced"

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name, known in ((field.name, get_args(hints[field.name])) for field in fields(self)):
            if known:
                _require_known(name, getattr(self, name), [getattr(self, name)], known)
        _require_known("trunk", self.trunk, re.split("[+/]", self.trunk), TRUNKS)
        _require_known("pool", self.pool, self.pool.split("/"), POOLS)
        for name in ("units", "maps", "depth", "factors", "batch", "pretrain_epochs", "epochs", "folds", "seeds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected 1 or more")
        for name in ("decay", "components", "noise", "angle", "most_rows", "segment", "step", "patience"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected 0 or more")
        for name in ("rate", "clip", "margin"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected more than 0")
        for name in ("dropout", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: expected 0 to less than 1")
        if not 0 <= self.widest <= 1:
            raise ValueError(f"widest={self.widest}: expected 0 to 1")
        for kernels in self.kernels.split("/"):
            kernel_sizes("kernels", kernels)
        _ = self._hidden
        self._require_fitting()

    def _require_fitting(self) -> None:
        """Refuse settings that do not fit together."""
        if "frequency" in self._augment and self.components:
            raise ValueError("augment=frequency masks columns that lie side by side; expected components=0 beside it")
        if self.segment and self.context != "none":
            raise ValueError(f"segment={self.segment}: a dialog is one sequence; expected context=none beside it")
        if self.pretrain == "none" and self.frozen:
            raise ValueError(
                "frozen=True: what was not trained before would stay random; expected pretrain=contrastive"
            )
        if self.step and not self.segment:
            raise ValueError(f"step={self.step}: expected segment= beside it")

    @property
    def _hidden(self) -> tuple[int, ...]:
        """Units of the head's hidden layers."""
        return hidden_layers("head", self.head)

    @property
    def _augment(self) -> tuple[str, ...]:
        """What changes training batches."""
        return names_among("augment", self.augment, get_args(AugmentationName))

    @property
    def unlabelled(self) -> bool:
        """Whether it learns from pairs, which take no class."""
        return self.pretrain != "none"

    @property
    def cites(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a paper that uses it cites."""
        masks = ("park2019",) if {"time", "frequency"} & {*self._augment} else ()
        pairs = ("hadsell2006",) if self.pretrain != "none" else ()
        looks = ("jaderberg2015",) if "stn" in re.split("[+/]", self.trunk) else ()
        return ("zhou2019", "poria2017", *masks, *pairs, *looks)

    def searched(self, target: Target) -> str:  # noqa: ARG002
        """Return how the number of epochs is found."""
        if not self.patience:
            return ""
        ended = f"ended by {self.patience} without improvement"
        return (
            f"the number of epochs, at most {self.epochs}, {ended}, by the least mean loss on {self.folds} inner folds"
        )

    def build(self, *, target: Target = "classes", seed: int, device: str = "cpu") -> Any:
        """Return an unfitted `NetClassifier`, or a `NetRegressor`.

        Raises
        ------
        ValueError
            If the loss is not one for the target.
        """
        from affex.classifiers.estimators.nets.estimator import NetClassifier, NetRegressor

        able = ("ce", "mse") if target == "classes" else ("mse", "ccc")
        if self.loss != "auto" and self.loss not in able:
            raise ValueError(f"loss={self.loss}: to predict {target}, expected {' or '.join(able)}")
        given = {
            "head": self._hidden,
            "augment": self._augment,
            "loss": able[0] if self.loss == "auto" else self.loss,
            "seed": seed,
            "device": device,
        }
        settings = self.own_settings | given
        for name in ("segment", "step", "align"):  # the reader of the rows cuts and aligns them
            del settings[name]
        if settings.pop("context") == "none":
            settings["turns"] = "none"
        return (NetClassifier if target == "classes" else NetRegressor)(**settings)


def _require_known(name: str, text: str, parts: Sequence[str], known: Sequence[str]) -> None:
    """Raise an error if one of the parts of a parameter's text is unknown."""
    if not set(parts) <= set(known):
        raise ValueError(f"{name}={text}: expected {', '.join(known)}")


PRESETS: dict[str, Classifier] = {"net": Net()}
