"""The base of features by a network: from another feature's rows to pictures, and from these to a network's numbers.

Pictures of several utterances fill the network's batches, and each utterance gets its rows back. A subclass says which
pictures: of faces (`features.networks.embedding`), or of sound (`features.networks.sounds`).
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from affex.features.base import ChainedFeature, Rows, Runtime
from affex.features.networks import finding
from affex.features.networks.base import AskedEmbedder, Embedder, Inputs, Network, Precision
from affex.features.networks.batches import Batches
from affex.features.networks.prefetch import ahead
from affex.features.networks.weights import WeightFile


@dataclass(frozen=True)
class Model:
    """The network, and the number of threads that prepare pictures while it runs."""

    embedder: Embedder | AskedEmbedder
    threads: int


@dataclass(frozen=True)
class Vectors:
    """The vectors of a feature's network, to ask another process for."""

    feature: "NetworkFeature"

    def batches(self, device: str, weights: str) -> Batches:
        """Return the network, loaded on a device."""
        return self.feature.embedder(self.feature.weight_file(Runtime(weights=weights)), device).batches


@dataclass(frozen=True)
class Plan:
    """The rows of an utterance that the network gets as pictures, and the picture and time of each row it gives.

    Parameters
    ----------
    shown : (n_shown,) int
        Numbers of the rows that are read.
    rows : (n_rows,) int
        For each row, an index into `shown`.
    times : (n_rows,) float64, s
    """

    shown: NDArray[np.intp]
    rows: NDArray[np.intp]
    times: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NetworkFeature(ChainedFeature):
    """A network's vectors of pictures.

    Parameters
    ----------
    precision
        The number format in which the network computes: see `features.networks.base.Precision`.
    weights
        The weight file or its folder, the same on every worker; empty to search as `features.networks.finding` does.
        Not part of the identity.
    digest
        The sha256 of its weight file.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "opencv-python-headless")
    on_device: ClassVar[bool] = True
    framewise = True
    #: The published file of its weights, if there is one.
    published: ClassVar[WeightFile | None] = None
    #: Whether a user's own file may take the place of the published one.
    takes_own: ClassVar[bool] = True

    precision: Precision = "float32"
    weights: str = field(default="", compare=False)
    digest: str = ""

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise ValueError(f"precision={self.precision}: expected {', '.join(get_args(Precision))}")
        # The user's own file is identified by its bytes; a published file need not be downloaded yet.
        found, published = self._own_digest(), self.published.sha256 if self.published else ""
        expected = found if self.takes_own else published
        # A preset has the published digest before a user's file is named.
        if expected and self.digest not in ("", expected, published if self.takes_own else ""):
            raise ValueError(f"digest={self.digest}: {self.weights or self.name} has the sha256 {expected}")
        if self.digest and not re.fullmatch("[0-9a-f]{64}", self.digest):
            raise ValueError(f"digest={self.digest}: expected a sha256, 64 hexadecimal digits")
        object.__setattr__(self, "digest", expected or self.digest or published)

    def _own_digest(self) -> str:
        """Return the sha256 of the file that `weights` names, unless it has the name of the published file."""
        path = Path(self.weights)
        if self.published and (path.name == self.published.name or not path.is_file()):
            return ""
        return finding.digest_of(self.weights)

    @property
    @abstractmethod
    def network(self) -> Network:
        """The identity of the network."""

    @abstractmethod
    def embedder(self, path: Path, device: str) -> Embedder:
        """Return the network with the weights of a verified file, ready to run."""

    @abstractmethod
    def pictures(self, utterances: Iterable[Rows], plans: list[Plan]) -> Iterator[Callable[[], Inputs]]:
        """Yield for each picture a function that makes it, (height, width, channels), and append each utterance's plan.

        The functions run on other threads while the network computes.

        Raises
        ------
        ExtractionError
            If an utterance has no row for the network.
        """

    @property
    def asks(self) -> bool:
        """Whether its network may run in another process: it may, unless it reads other numbers than uint8."""
        return self.network.dtype == "uint8"

    @property
    def n_views(self) -> int | None:
        """The number of pictures that `pictures` yields for each that a plan shows; None if none of them are merged."""
        return None

    def merged(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one row for each picture that a plan shows, of the vectors ``(n, n_views, width)`` of its views.

        Raises
        ------
        NotImplementedError
            If the feature merges none.
        """
        raise NotImplementedError(f"{self.name} merges no vectors, and got {len(vectors)}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The network's scores by their names, then its other numbers: ``face_000`` to ``face_127``, for example."""
        return self.network.columns

    @property
    def own_digest(self) -> str:
        """The sha256 of a user's own weight file; empty with the published one, or none."""
        return "" if self.published and self.digest == self.published.sha256 else self.digest

    def require(self, runtime: Runtime) -> None:
        """Check that its weights are available; a published file is downloaded if necessary."""
        self.weight_file(runtime)

    def load(self, runtime: Runtime) -> Model:
        """Return the network on the device."""
        if runtime.ask is not None:
            return Model(AskedEmbedder(self.network, partial(runtime.ask, Vectors(self))), runtime.threads)
        return Model(self.embedder(self.weight_file(runtime), runtime.device), runtime.threads)

    def weight_file(self, runtime: Runtime) -> Path:
        """Return the verified path of its weights."""
        if self.published and not self.own_digest:
            return finding.published(self.published, self.weights, runtime.weights)
        return finding.own(self.name, self.digest, self.weights, runtime.weights)

    def extract_many(self, utterances: Iterable[Rows], model: Any) -> list[Rows]:
        """Return the network's numbers of several utterances, whose pictures share batches.

        Raises
        ------
        ExtractionError
            If an utterance has no row for the network.
        """
        plans: list[Plan] = []
        made = ahead(_made, self.pictures(utterances, plans), model.threads)
        batches = iter(lambda: tuple(islice(made, model.embedder.batch)), ())
        parts = list(self._whole(model.embedder.embed(np.stack(batch)) for batch in batches))
        n_columns, n_shown = len(self.columns), sum(len(plan.shown) for plan in plans)
        vectors = np.concatenate([np.empty((0, n_columns), np.float32), *parts])
        each = len(vectors) // max(1, n_shown)  # rows of a picture: several if it gives maps
        ends = np.cumsum([len(plan.shown) for plan in plans])[:-1]
        shares = np.split(vectors.reshape(n_shown, each, n_columns), ends)
        return [
            Rows(own[plan.rows].reshape(-1, n_columns), np.repeat(plan.times, each))
            for own, plan in zip(shares, plans, strict=True)
        ]

    def _whole(self, parts: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of pictures from vectors of their views, which a batch may part."""
        n_views = self.n_views
        if n_views is None:
            yield from parts
            return
        rest = np.empty((0, self.network.width), np.float32)
        for part in parts:
            waiting = np.concatenate([rest, part])
            n_whole = len(waiting) // n_views
            rest = waiting[n_whole * n_views :]
            yield self.merged(waiting[: n_whole * n_views].reshape(n_whole, n_views, waiting.shape[1]))


def _made(picture: Callable[[], Inputs]) -> Inputs:
    return picture()
